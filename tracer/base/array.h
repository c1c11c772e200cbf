/**
 * Typed growable arrays.
 *
 *	ARRAY(int) tids = { 0 };
 *	int *slot = array_push(&tids);		// a zeroed item, or NULL without memory
 *	array_free(&tids);
 *
 * Items move when the array grows: keep indexes, not pointers.
 */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stdlib.h>
#include <string.h>

#define ARRAY(type)                                                                                \
	struct {                                                                                   \
		type *items;                                                                       \
		size_t n, cap;                                                                     \
	}

#define array_push(arr)                                                                            \
	(array_grow((void **)&(arr)->items, &(arr)->cap, (arr)->n, sizeof(*(arr)->items)) < 0      \
		 ? NULL                                                                            \
		 : &(arr)->items[(arr)->n++])

/** Make room for `more` items: to push them allocates nothing then.  0 or -1 without memory. */
#define array_reserve(arr, more) array_widen((void **)&(arr)->items, &(arr)->cap, (arr)->n + (more), sizeof(*(arr)->items))

#define array_free(arr) (free((arr)->items), memset((arr), 0, sizeof(*(arr))))

#define array_foreach(arr, it)                                                                     \
	for ((it) = (arr)->items; (arr)->n && (it) < (arr)->items + (arr)->n; (it)++)

static inline int array_widen(void **items, size_t *cap, size_t n, size_t size)
{
	size_t wide = *cap ? *cap : 8;

	while (wide < n)
		wide *= 2;
	void *p = wide == *cap ? *items : reallocarray(*items, wide, size);

	if (!p)
		return -1;
	*items = p;
	*cap = wide;
	return 0;
}

/** Make room for one more item behind `n` and zero it.  0 or -1 without memory. */
static inline int array_grow(void **items, size_t *cap, size_t n, size_t size)
{
	if (n == *cap && array_widen(items, cap, n + 1, size) < 0)
		return -1;
	memset((char *)*items + n * size, 0, size);
	return 0;
}

#endif
