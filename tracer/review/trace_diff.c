/**
 * Pairing
 *
 * A `lane` has the calls of one function and key that wait for the other one of their pair: all of
 * the same trace, in order.  A tree is kept while calls in it wait; `tree.refs` counts them.
 */
#include "tracer/review/trace_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/review/by.h"
#include "tracer/review/call_diff.h"
#include "tracer/review/calls.h"
#include "tracer/review/operand.h"
#include "tracer/review/print_c.h"
#include "tracer/review/select.h"
#include "tracer/trace/reader.h"

enum { LANES_MAX = 100000, TEXT_MAX = 200 };

struct tree {
	const struct call *root;
	size_t refs, size;
	int side;
};

struct waiting {
	const struct call *call;
	struct tree *tree;
	struct waiting *next;
};

struct lane {
	struct waiting *first, *last;
	int side;        /* of those that wait */
	uint64_t n;      /* waiting */
	bool is_broken;  /* some did not wait: behind those that do nothing can be paired */
	const char *function, *key;
	UT_hash_handle hh;
	char text[]; /* function, NUL, key */
};

struct side {
	struct trace_diff_source source;
	bool ended;
	uint64_t taken; /* trees */
	size_t waiting; /* bytes of trees kept */
};

struct function_sum {
	struct function_diff sum;
	UT_hash_handle hh;
};

struct value_sum {
	struct value_diff_sum sum;
	UT_hash_handle hh;
	char text[];
};

struct trace_diff {
	struct side sides[2];
	struct print_options print;
	struct arena arena;
	struct lane *lanes;
	struct function_sum *functions;
	struct value_sum *values;
	ARRAY(struct function_diff) function_list;
	ARRAY(struct value_diff_sum) value_list;
	struct trace_diff_result result;
	const struct call *root; /* of the tree being taken */
	struct tree *tree;       /* the same; NULL: nothing of it waits yet */
	int at;                  /* its side */
	bool has_parts; /* what is being taken is not the whole tree (calls.h) */
	int error;
};

struct trace_diff *trace_diff_new(const struct trace_diff_source sources[2], bool utf8)
{
	struct trace_diff *diff = calloc(1, sizeof(*diff));

	if (!diff)
		return NULL;
	diff->sides[0].source = sources[0];
	diff->sides[1].source = sources[1];
	diff->print = (struct print_options){
		.elements = TEXT_MAX, .repeats = 10, .is_brief = true, .utf8 = utf8
	};
	return diff;
}

static void release(struct trace_diff *diff, struct tree *tree)
{
	if (--tree->refs)
		return;
	diff->sides[tree->side].waiting -= tree->size;
	calls_drop(diff->sides[tree->side].source.calls, tree->root);
	free(tree);
}

static void pop(struct trace_diff *diff, struct lane *lane)
{
	struct waiting *waiting = lane->first;

	lane->first = waiting->next;
	lane->n--;
	release(diff, waiting->tree);
	free(waiting);
}

void trace_diff_free(struct trace_diff *diff)
{
	if (!diff)
		return;
	for (struct lane *lane = diff->lanes; lane; lane = lane->hh.next)
		while (lane->first)
			pop(diff, lane);
	HASH_CLEAR(hh, diff->lanes);
	HASH_CLEAR(hh, diff->functions);
	HASH_CLEAR(hh, diff->values);
	array_free(&diff->function_list);
	array_free(&diff->value_list);
	arena_free(&diff->arena);
	free(diff);
}

/* "FUNCTION\0KEY"; NULL without memory, or if there may be no more. */
static struct lane *find_lane(struct trace_diff *diff, const struct call *call,
			      const struct by_key *key)
{
	const char *function = call->probe->function, *text = key ? key->text : "";
	size_t n = strlen(function) + 1, len = n + strlen(text) + 1;
	char *name = malloc(len);
	struct lane *lane = NULL;

	if (!name)
		return NULL;
	memcpy(name, function, n);
	memcpy(name + n, text, len - n);
	HASH_FIND(hh, diff->lanes, name, len, lane);
	if (!lane && HASH_COUNT(diff->lanes) < LANES_MAX)
		lane = arena_alloc(&diff->arena, sizeof(*lane) + len);
	if (lane && !lane->function) {
		memcpy(lane->text, name, len);
		lane->function = lane->text;
		lane->key = by_source(diff->sides[0].source.by) && key ? lane->text + n : NULL;
		HASH_ADD_KEYPTR(hh, diff->lanes, lane->text, len, lane);
	}
	free(name);
	return lane && hash_added(lane) ? lane : NULL;
}

static void note_first(struct first_diff *first, const struct lane *lane, const struct call *a,
		       const struct call *b)
{
	if (first->n++)
		return;
	first->id[0] = a ? a->id : 0;
	first->id[1] = b ? b->id : 0;
	first->function = lane->function;
	first->key = lane->key;
}

/* "FUNCTION\0PATH\0entry" */
static struct value_sum *find_value(struct trace_diff *diff, const struct call_value *value)
{
	const char *function = value->a_call->probe->function;
	size_t n = strlen(function) + 1, m = strlen(value->path) + 1, len = n + m + 1;
	char *name = malloc(len);
	struct value_sum *sum = NULL;

	if (!name)
		return NULL;
	memcpy(name, function, n);
	memcpy(name + n, value->path, m);
	name[n + m] = (char)value->is_entry;
	HASH_FIND(hh, diff->values, name, len, sum);
	if (!sum && HASH_COUNT(diff->values) < TRACE_DIFF_VALUES)
		sum = arena_alloc(&diff->arena, sizeof(*sum) + len);
	if (sum && !sum->sum.function) {
		memcpy(sum->text, name, len);
		sum->sum = (struct value_diff_sum){ .function = sum->text,
						    .path = sum->text + n,
						    .is_entry = value->is_entry };
		HASH_ADD_KEYPTR(hh, diff->values, sum->text, len, sum);
	}
	free(name);
	return sum && hash_added(sum) ? sum : NULL;
}

static const char *value_text(struct trace_diff *diff, const struct value_node *value)
{
	const struct operand operand = { .value = value };
	char *text = value ? operand_text(&operand, &diff->print) : NULL;
	const char *kept = text ? arena_strdup(&diff->arena, text) : NULL;

	free(text);
	return kept;
}

static void on_value(void *ctx, const struct call_value *value, unsigned level)
{
	struct trace_diff *diff = ctx;
	struct value_sum *sum = find_value(diff, value);

	(void)level;
	if (!sum) {
		diff->result.more_values++;
		return;
	}
	if (sum->sum.pairs++)
		return;
	sum->sum.id[0] = value->a_call->id;
	sum->sum.id[1] = value->b_call->id;
	sum->sum.text[0] = value_text(diff, value->a);
	sum->sum.text[1] = value_text(diff, value->b);
}

static void on_call(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	(void)ctx;
	(void)a;
	(void)b;
	(void)level;
}

static void compare_pair(struct trace_diff *diff, const struct lane *lane, const struct call *a,
			 const struct call *b)
{
	static const struct call_diff_visitor visitor = { on_call, on_call, on_value, on_call };

	diff->result.pairs++;
	if (call_diff(a, b, &visitor, diff))
		note_first(&diff->result.differing, lane, a, b);
}

/* A call has to wait for one of the other trace. */
static int wait_for_other(struct trace_diff *diff, struct lane *lane, const struct call *call)
{
	struct side *side = &diff->sides[diff->at];
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (waiting && !diff->tree)
		diff->tree = calloc(1, sizeof(*diff->tree));
	if (!waiting || !diff->tree) {
		free(waiting);
		return err_set(-ENOMEM, "out of memory");
	}
	if (!diff->tree->refs) { /* one for us, while the tree is taken */
		diff->tree->root = diff->root;
		diff->tree->side = diff->at;
		diff->tree->size = calls_keep(side->source.calls);
		diff->tree->refs = 1;
		side->waiting += diff->tree->size;
	}
	diff->tree->refs++;
	*waiting = (struct waiting){ .call = call, .tree = diff->tree };
	*(lane->first ? &lane->last->next : &lane->first) = waiting;
	lane->last = waiting;
	lane->side = diff->at;
	lane->n++;
	return 0;
}

static int pair_call(struct trace_diff *diff, struct lane *lane, const struct call *call)
{
	int other = !diff->at;

	if (lane->first && lane->side == other) {
		const struct call *waiting = lane->first->call;

		compare_pair(diff, lane, diff->at ? waiting : call, diff->at ? call : waiting);
		pop(diff, lane);
		return 0;
	}
	if (diff->sides[other].ended && !lane->is_broken) {
		note_first(&diff->result.only[diff->at], lane, diff->at ? NULL : call,
			   diff->at ? call : NULL);
		return 0;
	}
	lane->is_broken |= diff->sides[diff->at].waiting > TRACE_DIFF_WAITING;
	if (lane->is_broken) {
		diff->result.uncompared++;
		return 0;
	}
	return wait_for_other(diff, lane, call);
}

static bool count_call(void *ctx, const struct call *call)
{
	struct trace_diff *diff = ctx;
	struct function_sum *sum;

	diff->has_parts |= call->parts || call->is_part;
	HASH_FIND_STR(diff->functions, call->probe->function, sum);
	if (!sum) {
		sum = arena_alloc(&diff->arena, sizeof(*sum));
		if (!sum)
			return true;
		sum->sum.function = call->probe->function;
		HASH_ADD_KEYPTR(hh, diff->functions, sum->sum.function,
				strlen(sum->sum.function), sum);
		if (!hash_added(sum))
			return true;
	}
	sum->sum.calls[diff->at]++;
	if (call->outcome != OUTCOME_OPEN) {
		sum->sum.ended[diff->at]++;
		sum->sum.total_ns[diff->at] += call_duration(call);
	}
	return true;
}

static int take_call(struct trace_diff *diff, const struct call *call)
{
	const struct by_key *key;
	int r = by_find(diff->sides[diff->at].source.by, call, &key);

	if (r < 0)
		return r;
	diff->has_parts = false;
	call_walk(call, &(struct call_visitor){ count_call, NULL }, diff);
	struct lane *lane = diff->has_parts ? NULL : find_lane(diff, call, key);

	if (lane)
		return pair_call(diff, lane, call);
	diff->result.uncompared++;
	return 0;
}

static bool look_at(void *ctx, const struct call *call)
{
	struct trace_diff *diff = ctx;

	if (diff->error)
		return false;
	if (!selection_has(diff->sides[diff->at].source.selection, call))
		return true;
	diff->error = take_call(diff, call);
	return false;
}

/* 1, 0 at the end, or negative. */
static int take_tree(struct trace_diff *diff, int at)
{
	struct side *side = &diff->sides[at];
	const struct call *root;
	int r = calls_next(side->source.calls, &root);

	if (r <= 0) {
		side->ended = true;
		return r;
	}
	side->taken++;
	diff->at = at;
	diff->root = root;
	call_walk(root, &(struct call_visitor){ look_at, NULL }, diff);
	if (diff->tree)
		release(diff, diff->tree);
	diff->tree = NULL;
	return diff->error ? diff->error : 1;
}

/* The trace that fewer trees were taken of. */
static int next_side(const struct trace_diff *diff)
{
	const struct side *a = &diff->sides[0], *b = &diff->sides[1];

	if (a->ended || b->ended)
		return a->ended;
	return a->taken > b->taken;
}

/* Those that still wait have no counterpart. */
static void count_waiting(struct trace_diff *diff)
{
	for (struct lane *lane = diff->lanes; lane; lane = lane->hh.next) {
		struct first_diff *only = &diff->result.only[lane->side];

		if (!lane->n)
			continue;
		if (lane->is_broken) {
			diff->result.uncompared += lane->n;
			continue;
		}
		bool is_first = !only->n || lane->first->call->id < only->id[lane->side];
		uint64_t n = only->n + lane->n;

		if (is_first) {
			only->n = 0;
			note_first(only, lane, lane->side ? NULL : lane->first->call,
				   lane->side ? lane->first->call : NULL);
		}
		only->n = n;
	}
}

static void list_results(struct trace_diff *diff)
{
	struct trace_diff_result *result = &diff->result;

	for (struct function_sum *it = diff->functions; it; it = it->hh.next) {
		struct function_diff *function = array_push(&diff->function_list);

		if (function)
			*function = it->sum;
	}
	for (struct value_sum *it = diff->values; it; it = it->hh.next) {
		struct value_diff_sum *value = array_push(&diff->value_list);

		if (value)
			*value = it->sum;
	}
	result->functions = diff->function_list.items;
	result->n_functions = diff->function_list.n;
	result->values = diff->value_list.items;
	result->n_values = diff->value_list.n;
}

int trace_diff_run(struct trace_diff *diff)
{
	int r = 0, failed = 0;

	while (r != -ENOMEM && !(diff->sides[0].ended && diff->sides[1].ended)) {
		r = take_tree(diff, next_side(diff));
		failed = r < 0 ? r : failed;
	}
	count_waiting(diff);
	list_results(diff);
	return failed;
}

const struct trace_diff_result *trace_diff_result(const struct trace_diff *diff)
{
	return &diff->result;
}
