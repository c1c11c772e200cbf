#include "tracer/base/arena.h"
#include "tracer/base/sanitizer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	_Alignas(max_align_t) unsigned char data[];
};

#ifdef __SANITIZE_ADDRESS__
enum { BLOCK_SIZE = 1 }; /* a block for each object: the sanitizer sees where it ends */
#else
enum { BLOCK_SIZE = 16 * 1024 };
#endif

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	size_t align = _Alignof(max_align_t);

	if (size > (size_t)1 << 40)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	if (!block || block->cap - block->used < size) {
		size_t cap = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		block = malloc(sizeof(*block) + cap);
		if (!block)
			return NULL;
		block->used = 0;
		block->cap = cap;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	void *p = block->data + block->used;

	block->used += size;
	return memset(p, 0, size);
}

void *arena_memdup(struct arena *arena, const void *p, size_t len)
{
	void *copy = arena_alloc(arena, len);

	return copy && len ? memcpy(copy, p, len) : copy;
}

char *arena_strndup(struct arena *arena, const char *s, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap, again;
	char *s = NULL;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);

	if (n >= 0)
		s = arena_alloc(arena, (size_t)n + 1);
	if (s)
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return s;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *keep = arena->blocks;

	if (!keep)
		return;
	while (keep->next) {
		struct arena_block *block = keep;

		keep = block->next;
		free(block);
	}
	keep->used = 0;
	arena->blocks = keep;
}

void arena_free(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}
