/**
 * How much is looked up
 *
 * A value costs as much as there are places in its tree that have the same one: mostly a handful. A value that
 * thousands of places have is left out, and so is all that comes once WORK_MAX places have been looked at: some seconds.
 */
#include "tracer/review/export/html_ways.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/explain.h"
#include "tracer/review/export/json.h"
#include "tracer/review/leaf.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/trace/reader.h"

enum {
	WORK_MAX = 20000000, /* places */
	SAME_MAX = 1000,     /* places that have a value */
	LEAVES_MAX = 200,    /* values of one side of a call */
	OTHERS_MAX = 1000,   /* calls that are told of beside those of the page */
};

struct html_ways {
	FILE *out;
	uint64_t wall_offset_ns;
	struct explainer *explainer; /* of this tree: */
	uint64_t tree;
	const struct call *root;
	uint64_t work; /* of those before */
	/* Of this line: */
	struct json json;
	ARRAY(const struct explain_step *) steps;
	ARRAY(unsigned) numbers; /* by index of a step: its place in `steps`, counted from 1; 0: it is not there */
	ARRAY(const char *) ends;
	ARRAY(const struct call *) others;
	const struct call *top, *call; /* the outermost one, the one that is written now */
	enum explain_kind side;
	unsigned leaves; /* of this side */
	int error;
};

struct html_ways *html_ways_new(FILE *out, uint64_t wall_offset_ns)
{
	struct html_ways *ways = calloc(1, sizeof(*ways));

	if (!ways)
		return NULL;
	ways->out = out;
	ways->wall_offset_ns = wall_offset_ns;
	return ways;
}

static void free_ends(struct html_ways *ways)
{
	const char **end;

	array_foreach(&ways->ends, end)
		free((char *)*end);
	ways->ends.n = 0;
}

void html_ways_free(struct html_ways *ways)
{
	if (!ways)
		return;
	explainer_free(ways->explainer);
	free_ends(ways);
	array_free(&ways->steps);
	array_free(&ways->numbers);
	array_free(&ways->ends);
	array_free(&ways->others);
	free(ways);
}

/* Numbers of this line */

/* NULL without memory. */
static unsigned *number_of(struct html_ways *ways, unsigned index)
{
	unsigned *slot = NULL;

	while (ways->numbers.n <= index) {
		slot = array_push(&ways->numbers);
		if (!slot)
			return NULL;
	}
	return &ways->numbers.items[index];
}

static void put_step_number(struct html_ways *ways, const struct explain_step *step)
{
	unsigned *number = number_of(ways, step->index);

	if (number && !*number) {
		const struct explain_step **slot = array_push(&ways->steps);

		if (slot)
			*slot = step;
		*number = (unsigned)ways->steps.n;
	}
	if (number && *number)
		json_uint(&ways->json, *number - 1);
	else
		ways->error = -ENOMEM;
}

/* There are few sentences, but their texts may be gone with the next one. */
static void put_end_number(struct html_ways *ways, const char *end)
{
	size_t i = 0;

	while (i < ways->ends.n && strcmp(ways->ends.items[i], end) != 0)
		i++;
	if (i == ways->ends.n) {
		const char **slot = array_push(&ways->ends);

		if (slot)
			*slot = strdup(end);
		if (!slot || !*slot) {
			ways->ends.n -= slot != NULL;
			ways->error = -ENOMEM;
			return;
		}
	}
	json_uint(&ways->json, i);
}

/* Ways */

static void put_way(struct html_ways *ways, const struct leaf *leaf)
{
	struct explanation way = { 0 };
	int r = explain_leaf(ways->explainer, ways->call, ways->side, leaf, &way);
	char *path = r == -ENOMEM ? NULL : leaf_path(leaf);

	if (!path) {
		ways->error = -ENOMEM;
		return;
	}
	json_key(&ways->json, path);
	json_array(&ways->json);
	for (size_t i = 0; i < way.n_steps; i++)
		put_step_number(ways, way.steps[i]);
	put_end_number(ways, r < 0 ? err_text() : way.end);
	json_end(&ways->json);
	free(path);
}

static bool is_tired(const struct html_ways *ways)
{
	return ways->work + (ways->explainer ? explainer_work(ways->explainer) : 0) >= WORK_MAX;
}

static void try_leaf(void *ctx, const struct leaf *leaf)
{
	struct html_ways *ways = ctx;

	if (ways->leaves++ < LEAVES_MAX && !ways->error && !is_tired(ways) &&
	    explain_places(ways->explainer, leaf->value) <= SAME_MAX)
		put_way(ways, leaf);
}

static void put_side(struct html_ways *ways, enum explain_kind side, const struct value_node *captures)
{
	ways->side = side;
	ways->leaves = 0;
	json_object(&ways->json);
	leaf_visit(captures, try_leaf, ways);
	json_end(&ways->json);
}

static bool put_call(void *ctx, const struct call *call)
{
	struct html_ways *ways = ctx;

	ways->call = call;
	json_array(&ways->json);
	json_uint(&ways->json, call->id);
	put_side(ways, EXPLAIN_ENTRY, call->entry);
	put_side(ways, EXPLAIN_RETURN, call->ret);
	json_end(&ways->json);
	return true;
}

/* Steps */

static bool is_within(const struct call *call, const struct call *top)
{
	while (call && call != top)
		call = call->up;
	return call;
}

/* There are few: ways lead into a call, or to what it was passed. */
static void note_other(struct html_ways *ways, const struct call *call)
{
	const struct call **other;

	if (ways->top == ways->root || is_within(call, ways->top))
		return;
	array_foreach(&ways->others, other)
		if (*other == call)
			return;
	if (ways->others.n == OTHERS_MAX)
		return;
	other = array_push(&ways->others);
	if (other)
		*other = call;
	else
		ways->error = -ENOMEM;
}

static void put_time(struct html_ways *ways, uint64_t time_ns)
{
	json_printf(&ways->json, "%" PRIu64, time_ns + ways->wall_offset_ns);
}

static void put_other(struct html_ways *ways, const struct call *call)
{
	struct json *json = &ways->json;
	const struct qmp_exchange *qmp = call->qmp;

	json_array(json);
	json_uint(json, call->id);
	json_string(json, call->probe->function);
	json_int(json, call->tid);
	json_string(json, call->thread);
	put_time(ways, call->entered_ns);
	put_time(ways, call->ended_ns);
	if (qmp) {
		json_array(json);
		json_string(json, qmp->name);
		json_string(json, qmp->id);
		json_uint(json, qmp->reply.call);
		json_int(json, qmp->reply.tid);
		put_time(ways, qmp->reply.time_ns);
		json_end(json);
	} else {
		json_null(json);
	}
	json_end(json);
}

static void put_match(struct html_ways *ways, const struct explain_match *match)
{
	struct json *json = &ways->json;

	note_other(ways, match->place.call);
	json_string(json, explain_kind_name(match->place.kind));
	json_uint(json, match->place.call->id);
	json_string(json, match->place.path);
	json_string(json, explain_trust_name(match->trust));
	json_array(json);
	for (size_t i = 0; i < match->n_reasons; i++)
		json_string(json, match->reasons[i]);
	json_end(json);
}

static void put_step(struct html_ways *ways, const struct explain_step *step)
{
	struct json *json = &ways->json;

	json_array(json);
	put_match(ways, &step->match);
	json_array(json);
	for (size_t i = 0; i < step->n_rivals; i++) {
		json_array(json);
		put_match(ways, &step->rivals[i]);
		json_end(json);
	}
	json_end(json);
	json_uint(json, step->n_more);
	json_end(json);
}

static void put_needed(struct html_ways *ways)
{
	const struct explain_step **step;
	const struct call **other;
	const char **end;

	json_key(&ways->json, "steps");
	json_array(&ways->json);
	array_foreach(&ways->steps, step) {
		put_step(ways, *step);
		ways->numbers.items[(*step)->index] = 0;
	}
	json_end(&ways->json);
	json_key(&ways->json, "ends");
	json_array(&ways->json);
	array_foreach(&ways->ends, end)
		json_string(&ways->json, *end);
	json_end(&ways->json);
	json_key(&ways->json, "others");
	json_array(&ways->json);
	array_foreach(&ways->others, other)
		put_other(ways, *other);
	json_end(&ways->json);
	ways->steps.n = ways->others.n = 0;
	free_ends(ways);
}

/* The tree of a call as calls_next() gave it. */
static const struct call *root_of(const struct call *call)
{
	while (call->up && !call->is_part)
		call = call->up;
	return call;
}

static int look_at_tree(struct html_ways *ways, const struct call *call, uint64_t tree)
{
	if (ways->explainer && ways->tree == tree)
		return 0;
	if (ways->explainer)
		ways->work += explainer_work(ways->explainer);
	explainer_free(ways->explainer);
	ways->explainer = NULL;
	ways->numbers.n = 0;
	ways->tree = tree;
	ways->root = root_of(call);
	return explainer_new(ways->root, &ways->explainer);
}

int html_ways_put(struct html_ways *ways, const struct call *call, uint64_t tree)
{
	int r = is_tired(ways) ? 0 : look_at_tree(ways, call, tree);

	if (r < 0 || is_tired(ways))
		return r;
	ways->top = call;
	ways->json = (struct json){ .out = ways->out, .for_doubles = true };
	json_object(&ways->json);
	json_key(&ways->json, "ways");
	json_object(&ways->json);
	json_key(&ways->json, "of");
	json_array(&ways->json);
	call_walk(call, &(struct call_visitor){ put_call, NULL }, ways);
	json_end(&ways->json);
	put_needed(ways);
	json_end(&ways->json);
	json_end(&ways->json);
	putc('\n', ways->out);
	return ways->error ? err_set(ways->error, "out of memory") : 0;
}
