#include "tracer/review/value_copy.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/trace/value.h"

/* One piece of memory that fills up; while it is NULL the same walk only counts what is needed. */
struct piece {
	char *start;
	size_t used;
};

static void *take(struct piece *piece, size_t size)
{
	size_t at = piece->used;

	piece->used += (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	return piece->start ? piece->start + at : NULL;
}

static void copy_node(struct piece *piece, const struct value_node *from, struct value_node *to,
		      unsigned level)
{
	size_t n = level < VALUE_NESTING_MAX ? from->n : 0;
	uint8_t *bytes = from->bytes ? take(piece, from->len + 1) : NULL;
	struct value_node *items = n ? take(piece, n * sizeof(*items)) : NULL;

	if (to) {
		*to = *from;
		to->bytes = bytes;
		to->items = items;
		to->n = n;
	}
	if (bytes) {
		memcpy(bytes, from->bytes, from->len);
		bytes[from->len] = '\0';
	}
	for (size_t i = 0; i < n; i++)
		copy_node(piece, &from->items[i], items ? &items[i] : NULL, level + 1);
}

struct value_node *value_copy(const struct value_node *value, size_t *size)
{
	struct piece piece = { NULL, 0 };

	take(&piece, sizeof(*value));

	copy_node(&piece, value, NULL, 0);
	piece.start = malloc(piece.used);
	if (!piece.start)
		return NULL;
	*size += piece.used;
	piece.used = 0;
	struct value_node *copy = take(&piece, sizeof(*copy));

	copy_node(&piece, value, copy, 0);
	return copy;
}
