/**
 * A condition bound to the captures of one function: shared by filter.c, which binds, and
 * filter_eval.c.
 */
#ifndef REVIEW_FILTER_BOUND_H
#define REVIEW_FILTER_BOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/review/operand.h"

struct call;
struct cexpr;
struct schema;

enum bound_kind {
	BOUND_ABSENT,   /**< a name this function does not have */
	BOUND_CAPTURE,  /**< `in`, `out`: which ones, -1 for none */
	BOUND_MEMBER,   /**< of `a`, named `expr->text` */
	BOUND_DEREF,    /**< what `a` points at, as recorded */
	BOUND_INDEX,    /**< a [ b ] */
	BOUND_CONSTANT, /**< `constant`: an enumerator, true, false, NULL, a size */
	BOUND_CAST,     /**< `a` as a number of type `constant.type` */
	BOUND_SPECIAL,  /**< `special`: a fact about the call */
	BOUND_OTHER,    /**< literals and operators: as `expr` says, over `a` and `b` */
};

enum special {
	SPECIAL_DEPTH,
	SPECIAL_DURATION,
	SPECIAL_FUNCTION,
	SPECIAL_ID,
	SPECIAL_MODULE,
	SPECIAL_STATUS,
	SPECIAL_THREAD,
	SPECIAL_TID,
};

struct bound {
	enum bound_kind kind;
	const struct cexpr *expr;
	const struct bound *a, *b;
	const struct schema *schema; /**< of values; NULL for others */
	uint64_t element_size;       /**< of a value that is a pointer: of what it points at; 0: not known */
	int in, out;
	enum special special;
	struct operand constant;
};

/** Truth: 1, 0, or -1 if a value it needs is not there. */
int bound_test(const struct bound *bound, const struct call *call);
struct operand bound_value(const struct bound *bound, const struct call *call);

#endif
