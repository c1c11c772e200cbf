/**
 * An arena: many small objects, one free.
 *
 * What is taken from an arena lives until arena_free() or arena_reset(); there is no way to give one
 * object back.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *blocks; /**< newest first */
};

/** Zeroed memory, aligned for any type; NULL without memory. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_strndup(struct arena *arena, const char *s, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *arena_memdup(struct arena *arena, const void *p, size_t len);

/** Forget all objects but keep one block for the next ones: cheap, for per-event arenas. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#endif
