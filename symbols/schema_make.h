/**
 * From a C type to the schema of what is captured of its values, within limits.  Private to
 * symbols/.
 */
#ifndef SYMBOLS_SCHEMA_MAKE_H
#define SYMBOLS_SCHEMA_MAKE_H

#include "symbols/schema.h"

struct arena;
struct decoders;
struct limits;
struct type;

enum {
	OBJECT_LIMIT_MIN = 64, /* any scalar, and then some */
	OBJECT_LIMIT_MAX = 64 * 1024, /* fetch.c reads an object as a whole onto the stack, */
	DEPTH_LIMIT_MAX = 8,          /* once for each level of pointers */
};

/**
 * The capture of an expression `text` of this type, with views of what it points at if there are decoders
 * (may be NULL).  `is_passed`: of an object that was passed by value, whose last array of no stated
 * length is empty.  -ENOENT if nothing of it can be captured,
 * -E2BIG, -ENOMEM.
 */
int schema_make_capture(const char *text, const struct type *type, bool is_passed,
			const struct limits *limits, const struct decoders *decoders, struct arena *arena,
			const struct schema **ret);

#endif
