/**
 * The names that expressions over recorded calls may use.
 */
#ifndef REVIEW_FILTER_NAMES_H
#define REVIEW_FILTER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/review/filter_bound.h"

struct cexpr;
struct trace_probe;

/** Which fact about a call the name stands for: "$duration". */
bool filter_special(const char *name, enum special *ret);

/** Add to the error there is: the names near the one that was not found, and which there are. */
void filter_hint_names(const struct cexpr *unknown, const struct trace_probe *const *probes,
		       size_t n_probes);

#endif
