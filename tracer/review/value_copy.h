/**
 * Own copies of recorded values: what the reader shows is gone with the next event.
 */
#ifndef REVIEW_VALUE_COPY_H
#define REVIEW_VALUE_COPY_H

#include <stddef.h>

struct value_node;

/**
 * Levels of structs, arrays and pointers that are reviewed; what lies deeper is left out and shown
 * as such. jq reads no more than 256 levels of JSON, of which a value may need three.
 */
enum { VALUE_NESTING_MAX = 64 };

/**
 * A copy in one piece of memory, for free(); its size is added to `*size`.  NULL without memory.
 */
struct value_node *value_copy(const struct value_node *value, size_t *size);

#endif
