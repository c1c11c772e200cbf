/**
 * Expressions over recorded calls, conditions most of all: `$ret < 0 && path == "vda"`, `info->allocation > 1 << 30`.
 *
 * Names are what was captured, matched by structure: `info->capacity` is found in the capture
 * `*info`. Where something was captured at both ends of a call, what it was at return counts.
 * Besides there are $function, $module, $thread, $status (texts), $duration (ns), $id, $tid and
 * $depth. A value that a call does not have makes what is asked of it neither true nor false, as
 * NULL does in SQL: such a call is not selected.
 */
#ifndef REVIEW_FILTER_H
#define REVIEW_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/review/operand.h"

struct call;
struct filter;
struct trace_probe;

/**
 * -EINVAL with a caret message for bad syntax, and for a name that none of the functions has (with
 * those there are). `probes` must live as long as the filter.
 */
int filter_new(const char *source, const struct trace_probe *const *probes, size_t n_probes,
	       struct filter **ret);
void filter_free(struct filter *filter);

/** Whether it is true for a call; counts the calls for which that cannot be said. */
bool filter_matches(struct filter *filter, const struct call *call);
/** How many of these there were, of functions that have all that the expression names. */
uint64_t filter_undecided(const struct filter *filter);

/** Whether the function of a call has all that the expression names, there or not. */
bool filter_applies(const struct filter *filter, const struct call *call);
/** What the expression is worth; it points into the call. */
struct operand filter_value(const struct filter *filter, const struct call *call);

#endif
