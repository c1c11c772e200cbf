/**
 * A C expression bound to a function: names are parameters, file and global variables, types.
 *
 * Bound once (expr_bind), evaluated at each hit without allocation (expr_eval).  Conversions,
 * integer promotion, pointer arithmetic and comparison are C's; a comparison of a char pointer or
 * array with a string literal compares text.
 */
#ifndef SYMBOLS_EXPR_H
#define SYMBOLS_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/schema.h"

struct arena;
struct expr;
struct frame;
struct function;
struct type;

enum { VALUE_MAX = 4096 }; /* bytes of an object held outside memory: structs in registers, saved parameters */

/** Parameters as they were at entry: they are gone from the registers at return. */
struct saved {
	uint16_t len;
	uint8_t bytes[VALUE_MAX];
};

enum expr_when {
	EXPR_ENTRY,
	EXPR_RETURN, /**< $ret may be used; parameters have their saved entry values, memory is read anew */
};

struct value {
	const struct type *type; /**< of the expression, as bound */
	enum status status;      /**< OK, NULL, UNREADABLE (addr says where), OPTIMIZED_OUT */
	bool in_memory;          /**< an object at `addr`; else its `bytes` */
	uint64_t addr;
	/* A bit-field in memory: as in struct member.  bit_size 0 for all other values. */
	unsigned bit_offset, bit_size;
	size_t len;
	uint8_t bytes[VALUE_MAX];
};

/**
 * Bind `source` to `function`.  `-EINVAL` with a caret message if the syntax is bad; `-ENOENT` with
 * one (near matches offered) if it means nothing in this function (a name or member is unknown, a
 * type does not fit), so that presets can leave it out.
 */
int expr_bind(const char *source, const struct function *function, enum expr_when when, struct expr **ret);

/**
 * Bind `source` to an object, a struct or union, instead of a function: names are its members, and what they stand
 * for lives in `arena`.  Fails as expr_bind() does.
 */
int expr_bind_object(const char *source, const struct type *object, struct arena *arena, struct expr **ret);

const struct type *expr_type(const struct expr *expr);
bool expr_uses_return(const struct expr *expr); /**< mentions $ret */
bool expr_is_passed(const struct expr *expr); /**< a parameter, $ret, or a member of one */

/** Which parameters of the function an expression reads: bit i = parameter i. */
uint64_t expr_params(const struct expr *expr);

/** `saved` may be NULL at entry. */
void expr_eval(const struct expr *expr, const struct frame *frame, const struct saved *saved, struct value *ret);

/** The value of an expression that was bound to an object, for the one at `addr`. */
void expr_eval_object(const struct expr *expr, const struct frame *frame, uint64_t addr, struct value *ret);

/**
 * Truth of an expression: 1, 0, or -1 if it could not be evaluated (a NULL in the way, unreadable
 * …).
 */
int expr_test(const struct expr *expr, const struct frame *frame, const struct saved *saved);

#endif
