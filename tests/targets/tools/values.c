/**
 * Print what was recorded of a target in the form of oracle.py, values as `virtrace report` shows
 *them.
 *
 *	values TRACE
 */
#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/print_c.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

#include <stdlib.h>
#include <string.h>

enum { PROBES_MAX = 64 };

struct state {
	const struct trace_probe *probes[PROBES_MAX];
	unsigned count[PROBES_MAX]; /* calls seen of each */
	struct {
		uint64_t id;
		unsigned n;
	} open[1024];
	size_t n_open;
	struct print_options options;
};

/* Clones count together, as they are one function in the source. */
static size_t name_len(const struct trace_probe *probe)
{
	return strcspn(probe->function, ".");
}

static unsigned next_number(struct state *state, const struct trace_probe *probe)
{
	size_t len = name_len(probe), i = 0;

	while (i < PROBES_MAX - 1 && state->probes[i] &&
	       (name_len(state->probes[i]) != len ||
		memcmp(state->probes[i]->function, probe->function, len)))
		i++;
	state->probes[i] = probe;
	return ++state->count[i];
}

static void print_values(const struct state *state, const char *call, const char *what,
			 const struct value_node *values)
{
	for (size_t i = 0; values && i < values->n; i++) {
		printf("%s %s %s = ", call, what, call_capture_name(values, i));
		print_c(stdout, &values->items[i], &state->options);
		putchar('\n');
	}
}

/* Up to main(): what called that is nobody's source. */
static void print_stack(const struct state *state, const char *name, const struct call *call)
{
	bool in_main = false;

	for (size_t i = 0; i < call->n_stack && !in_main; i++) {
		const struct code_place *place;

		for (unsigned k = 0;
		     (place = code_map_find(state->options.code, call->stack[i], k)); k++) {
			const char *function = place->function ? place->function : "?";

			printf("%s bt %.*s %s\n", name, (int)strcspn(function, "."), function,
			       place->source ? basename(place->source) : "?");
			in_main = strcmp(function, "main") == 0;
		}
	}
}

static bool enter(void *ctx, const struct call *call)
{
	struct state *state = ctx;
	unsigned n = next_number(state, call->probe);
	char name[256];

	snprintf(name, sizeof(name), "%.*s#%u", (int)name_len(call->probe), call->probe->function,
		 n);
	if (state->n_open == sizeof(state->open) / sizeof(*state->open))
		abort();
	state->open[state->n_open].id = call->id;
	state->open[state->n_open++].n = n;
	print_values(state, name, "in", call->entry);
	print_stack(state, name, call);
	return true;
}

static void leave(void *ctx, const struct call *call)
{
	struct state *state = ctx;
	char name[256];

	while (state->n_open && state->open[--state->n_open].id != call->id)
		;
	snprintf(name, sizeof(name), "%.*s#%u", (int)name_len(call->probe), call->probe->function,
		 state->open[state->n_open].n);
	if (call->outcome == OUTCOME_RETURNED)
		print_values(state, name, "out", call->ret);
	else
		printf("%s %s\n", name, call_outcome_name(call->outcome));
}

static int read_calls(struct calls *calls, struct state *state)
{
	static const struct call_visitor visitor = { enter, leave };
	const struct call *tree;
	int r;

	while ((r = calls_next(calls, &tree)) > 0)
		if (state)
			call_walk(tree, &visitor, state);
	return r;
}

int main(int argc, char **argv)
{
	static struct state state = { .options = { .elements = 200, .repeats = 10 } };
	struct reader *readers[2];
	struct calls *calls[2];

	if (argc != 2)
		return 2;
	for (int i = 0; i < 2; i++) {
		if (reader_open(argv[1], &readers[i]) < 0 ||
		    !(calls[i] = calls_of_reader(readers[i]))) {
			fprintf(stderr, "values: %s\n", err_text());
			return 1;
		}
	}
	// Names of code come later in the trace than the calls that use them.
	state.options.code = calls_code(calls[0]);
	if (read_calls(calls[0], NULL) < 0 || read_calls(calls[1], &state) < 0) {
		fprintf(stderr, "values: %s\n", err_text());
		return 1;
	}
	if (calls_summary(calls[1])->lost)
		printf("%llu events lost\n", (unsigned long long)calls_summary(calls[1])->lost);
	for (int i = 0; i < 2; i++) {
		calls_free(calls[i]);
		reader_close(readers[i]);
	}
	return 0;
}
