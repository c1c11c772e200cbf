/**
 * Which calls of a trace the user wants to see: all that is given must hold.
 */
#ifndef REVIEW_SELECT_H
#define REVIEW_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/base/array.h"

struct call;
struct filter;
struct trace_probe;

struct selection {
	const char *condition; /**< --if; NULL: any */
	const char *function;  /**< --function: a glob; NULL: any */
	long tid;              /**< --tid; 0: any */
	ARRAY(uint64_t) ids;   /**< #ID; none: any */
	bool may_come;         /**< `function` need not be there yet: more functions may come */
	struct filter *filter; /**< of `condition`, by selection_prepare() */
};

/**
 * Bind the condition to a trace's probes, instead of those it was bound to before.  0, or a
 * negative errno with a message; -EINVAL is the user's mistake.
 */
int selection_prepare(struct selection *selection, const struct trace_probe *const *probes,
		      size_t n_probes);
void selection_fini(struct selection *selection);

/** Add a call's number: "#12" or "12".  0 or -EINVAL. */
int selection_add_id(struct selection *selection, const char *text);

bool selection_is_all(const struct selection *selection);
/** Whether `function`, if it is given, is among the probes. */
bool selection_finds_function(const struct selection *selection, const struct trace_probe *const *probes,
			      size_t n_probes);
/** Whether calls of a function may be selected, by its name. */
bool selection_has_function(const struct selection *selection, const struct trace_probe *probe);
bool selection_has(const struct selection *selection, const struct call *call);

#endif
