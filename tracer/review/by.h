/**
 * --by: calls told apart by what an expression is worth, `path` or `$thread`.
 *
 * A function that does not have the expression's names belongs to the nearest call around it that
 * has them: below virDomainGetBlockInfo(disk), all is of that disk.  A trace may have as many values
 * as it likes: those that come when BY_MAX are known, or BY_BYTES_MAX bytes of them, are "(others)".
 */
#ifndef REVIEW_BY_H
#define REVIEW_BY_H

#include <stdbool.h>
#include <stddef.h>

struct by;
struct call;
struct operand;
struct trace_probe;

enum {
	BY_MAX = 10000,
	BY_BYTES_MAX = 16 << 20,
	BY_AROUND_MAX = 100, /**< calls around one that are asked */
};

/** One value. */
struct by_key {
	const char *text; /**< harmless; two different values have two texts */
	size_t index;     /**< how many there were before it */
};

/**
 * `utf8`: texts may have other characters than ASCII.  `source` must live as long; NULL: all calls
 * have the key "". -EINVAL with a message for what is no expression over this trace.
 */
int by_new(const char *source, const struct trace_probe *const *probes, size_t n_probes, bool utf8,
	   struct by **ret);
void by_free(struct by *by);

/** Bind the expression to the trace's probes, which have become more; what was found before stays. Errors as by_new(). */
int by_bind(struct by *by, const struct trace_probe *const *probes, size_t n_probes);

/**
 * The key of a call, or of the nearest one around it that has one; NULL if none has. It lives as
 * long as `by`.  0 or -ENOMEM.
 */
int by_find(struct by *by, const struct call *call, const struct by_key **ret);
/** Of this call alone, not those around it. */
int by_find_own(struct by *by, const struct call *call, const struct by_key **ret);

/** Whether some values became "(others)". */
bool by_is_full(const struct by *by);
/** The expression; NULL: none. */
const char *by_source(const struct by *by);

#endif
