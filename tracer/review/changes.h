/**
 * --changed: the calls in which an expression is worth something else than in the call before.
 *
 * The call before is one of the same function, with the same key (by.h).  A value that is not there
 * (unreadable, optimized out, of a call that did not return) is compared with nothing.  What is kept
 * of the calls before is bounded.
 */
#ifndef REVIEW_CHANGES_H
#define REVIEW_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/review/operand.h"

struct by;
struct call;
struct changes;
struct trace_probe;

enum {
	CHANGES_MAX = 20000,           /**< functions with keys */
	CHANGES_BYTES_MAX = 64 << 20, /**< of their values */
};

/** A change; valid until the next changes_look(). */
struct change {
	uint64_t before_id;                 /**< of the call before */
	const char *before, *after;         /**< the values as text, harmless, whole */
	const struct value_node *old, *new; /**< the same, if they are recorded values */
	const char *key;                    /**< NULL: none */
};

/** `by` is borrowed, `source` must live as long.  -EINVAL with a message for what is no expression over this trace. */
int changes_new(const char *source, const struct trace_probe *const *probes, size_t n_probes,
		struct by *by, struct changes **ret);
void changes_free(struct changes *changes);

/** Bind the expression to the trace's probes, which have become more; calls seen before stay. Errors as changes_new(). */
int changes_bind(struct changes *changes, const struct trace_probe *const *probes, size_t n_probes);

/** Look at the next call: 1 and the change; 0 if there is none; -ENOMEM. */
int changes_look(struct changes *changes, const struct call *call, struct change *ret);

/** Calls that could not be compared, as there were too many different keys or too long values. */
uint64_t changes_left_out(const struct changes *changes);

#endif
