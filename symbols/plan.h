/**
 * A plan: what to fetch at the entry and at the return of one function, and the schema of the bytes
 * this makes.
 *
 * Made before attaching by one walk over the types; run at each hit by fetch_entry() and
 * fetch_return(), which format nothing, look up nothing and allocate nothing.  Their output is the
 * payload of a trace event, exactly as `entry` and `ret` describe it.
 */
#ifndef SYMBOLS_PLAN_H
#define SYMBOLS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/expr.h"
#include "symbols/schema.h"

struct arena;
struct decoders;
struct frame;
struct function;

/** Limits on what is captured; each has an option of `record`. */
struct limits {
	uint32_t string;  /**< --string-limit: bytes of text behind a char pointer, at most STRING_LIMIT_MAX */
	uint32_t array;   /**< --array-limit: elements of an array */
	uint32_t object;  /**< --struct-limit: bytes of one struct or union */
	uint32_t depth;   /**< --depth: levels of pointers followed; 1 = what a parameter points at */
};
#define LIMITS_DEFAULT ((struct limits){ .string = 256, .array = 200, .object = 4096, .depth = 1 })

/**
 * What the user wants of a function.  NULL lists mean the default: all parameters in, pointees and
 * $ret out. A capture of an expression counts as the first level of pointers: deeper ones are
 * followed if `depth` is above 1.
 */
struct plan_request {
	const char *const *in;  /**< expressions captured at entry, NULL-terminated */
	const char *const *out; /**< captured at return, and at entry too where they mean something there */
	const char *filter;     /**< record the call only if true; with $ret it is tested at return */
	bool lenient;           /**< presets: what is unknown in this function is a warning and left out, not an error */
	struct limits limits;
	const struct decoders *decoders; /**< views of what pointers point at; NULL: none */
};

struct capture {
	const char *text; /**< the expression */
	const struct expr *expr;
	const struct schema *schema; /**< kind CAPTURE, named `text` */
	const struct type *type;
};

struct plan {
	const struct function *function;
	const struct capture *in, *out;
	size_t n_in, n_out;
	const struct expr *filter;
	bool filter_at_return;
	uint64_t saved_params;    /**< parameters `out` or the filter needs later: bit i = parameter i, */
	const struct expr *const *savers; /**< and savers[i] reads it at entry */
	const struct schema *entry; /**< STRUCT of the `in` captures */
	const struct schema *ret;   /**< STRUCT of the `out` captures */
	size_t entry_max, return_max; /**< largest payloads in bytes */
	struct limits limits;
	const char *const *warnings;  /**< what was left out and why, one line each */
	size_t n_warnings;
};

enum {
	STRING_LIMIT_MAX = 1024 * 1024,
	PAYLOAD_MAX = 4 * STRING_LIMIT_MAX, /* a plan whose payload could be larger is refused with advice */
};

/**
 * Make the plan of a function.  It lives in the function's module's arena, with strings copied. By
 * default: at entry every parameter; at return `$ret`, and for each pointer parameter p `*p`, or
 * `**p` where p is a pointer to a pointer to an object; not for void, function and incomplete
 * pointees, nor const char strings.  What is shown as more than a pointer is captured again as such: p
 * where it is a `char *` or decoded, `*p` where that is decoded.
 */
int plan_new(const struct function *function, const struct plan_request *request, const struct plan **ret);

/** Output of a fetch: the caller's memory, at least entry_max or return_max large. */
struct payload {
	uint8_t *data;
	size_t len, cap;
};

/**
 * Run the plan over a frame that stands at the function's entry: append the payload, fill `saved`.
 * Returns 1, or 0 if the filter says that the call is not wanted, -1 if it could not be evaluated (nothing is appended then).
 */
int fetch_entry(const struct plan *plan, const struct frame *frame, struct saved *saved, struct payload *out);

/** The same at one of its `ret`s, or at the return address. */
int fetch_return(const struct plan *plan, const struct frame *frame, const struct saved *saved, struct payload *out);

/**
 * Append one value: the walk that both of the above are made of; for tests and other users of
 * schemas.
 */
void fetch_value(const struct schema *capture, const struct value *value, const struct frame *frame,
		 const struct limits *limits, struct payload *out);

#endif
