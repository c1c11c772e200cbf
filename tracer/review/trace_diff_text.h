/**
 * The difference of two traces as text.
 */
#ifndef REVIEW_TRACE_DIFF_TEXT_H
#define REVIEW_TRACE_DIFF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct show;
struct trace_diff_result;
struct trace_probe;

/** What the traces are: their names, and their probes in this order. */
struct trace_diff_text {
	const char *name[2];
	const struct trace_probe *const *probes[2];
	size_t n_probes[2];
	const char *by; /**< the expression that calls were paired by, or NULL */
};

/** Below lines that name the traces.  Whether they differ, or could not be compared to their ends. */
bool trace_diff_text(struct show *show, const struct trace_diff_text *text,
		     const struct trace_diff_result *result);

#endif
