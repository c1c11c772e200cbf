#include "tracer/review/select.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/filter.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"

enum { NAMES_SHOWN = 40 };

/* A function that is asked for must be there: a misspelt name would else look like "no calls". */
static int no_function(const char *glob, const struct trace_probe *const *probes, size_t n_probes)
{
	char name[256];

	err_set(-EINVAL, "this trace has no function '%s'; it has:", glob);
	for (size_t i = 0; i < n_probes && i < NAMES_SHOWN; i++)
		err_hint(-EINVAL, "  %s", text_harmless(name, sizeof(name), probes[i]->function));
	return -EINVAL;
}

bool selection_finds_function(const struct selection *selection, const struct trace_probe *const *probes,
			      size_t n_probes)
{
	size_t i = 0;

	while (i < n_probes && !selection_has_function(selection, probes[i]))
		i++;
	return i < n_probes || !selection->function;
}

int selection_prepare(struct selection *selection, const struct trace_probe *const *probes,
		      size_t n_probes)
{
	filter_free(selection->filter);
	selection->filter = NULL;
	if (!selection->may_come && !selection_finds_function(selection, probes, n_probes))
		return no_function(selection->function, probes, n_probes);
	if (!selection->condition)
		return 0;
	return filter_new(selection->condition, probes, n_probes, &selection->filter);
}

void selection_fini(struct selection *selection)
{
	filter_free(selection->filter);
	selection->filter = NULL;
	array_free(&selection->ids);
}

int selection_add_id(struct selection *selection, const char *text)
{
	const char *digits = text + (*text == '#');
	char *end;

	errno = 0;
	unsigned long long id = strtoull(digits, &end, 10);

	if (!isdigit((unsigned char)*digits) || *end || errno || !id)
		return err_set(-EINVAL, "'%s' is no number of a call, as #12", text);
	uint64_t *item = array_push(&selection->ids);

	if (!item)
		return err_set(-ENOMEM, "out of memory");
	*item = id;
	return 0;
}

bool selection_is_all(const struct selection *selection)
{
	return !selection->condition && !selection->function && !selection->tid &&
	       !selection->ids.n;
}

static bool has_id(const struct selection *selection, uint64_t id)
{
	const uint64_t *item;

	array_foreach(&selection->ids, item)
		if (*item == id)
			return true;
	return !selection->ids.n;
}

bool selection_has_function(const struct selection *selection, const struct trace_probe *probe)
{
	return !selection->function || !fnmatch(selection->function, probe->function, 0);
}

bool selection_has(const struct selection *selection, const struct call *call)
{
	return (!selection->tid || selection->tid == call->tid) && has_id(selection, call->id) &&
	       selection_has_function(selection, call->probe) &&
	       (!selection->filter || filter_matches(selection->filter, call));
}
