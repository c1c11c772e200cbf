/**
 * Where the types of two traces differ: what became of members and enumerators, matched by name.
 */
#ifndef REVIEW_TYPE_DIFF_H
#define REVIEW_TYPE_DIFF_H

#include <stddef.h>

struct trace_probe;

enum {
	TYPE_DIFF_NESTING = 64, /**< levels of types in types */
	TYPE_DIFF_TYPES = 1000, /**< pairs of types looked at of one function */
};

/**
 * One difference: `a` and `b` are its C types, or an enumerator's values; NULL where it is not.
 * `type` is the struct or enum, or the function if `name` is an expression that was captured.
 */
typedef void type_diff_fn(void *ctx, const char *type, const char *name, const char *a,
			  const char *b);

/** Compare what two versions of a function have captured. */
void type_diff(const struct trace_probe *a, const struct trace_probe *b, type_diff_fn *visit,
	       void *ctx);

#endif
