/*
 * Joining events to calls: each case is a script of events, and the trees that must come of it.
 *
 *	E id parent depth tid time     entry              R id parent depth tid time     return
 *	U, O, X, L …                   closed: unwound, open, exited, return lost
 *
 * A tree is written id(children)status, trees apart by a blank.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/writer.h"

static const struct trace_probe probe = { .function = "f", .module = "m" };
static const struct trace_probe other = { .function = "g", .module = "m" };

/* A source that reads the script. */
struct script {
	const char *at;
	int end;
	struct value_node values;
};

static int next_event(void *ctx, struct trace_event *ret)
{
	static const struct {
		char letter;
		enum trace_event_kind kind;
		int closed;
	} kinds[] = {
		{ 'E', TRACE_ENTRY, 0 },	      { 'R', TRACE_RETURN, 0 },
		{ 'r', TRACE_RETURN, 0 },
		{ 'U', TRACE_CLOSED, CLOSED_UNWOUND }, { 'O', TRACE_CLOSED, CLOSED_OPEN },
		{ 'X', TRACE_CLOSED, CLOSED_EXITED },	      { 'L', TRACE_CLOSED, CLOSED_LOST },
	};
	struct script *script = ctx;
	unsigned long id, parent, time;
	unsigned depth;
	char letter;
	int tid, used = 0;

	if (sscanf(script->at, " %c %lu %lu %u %d %lu%n", &letter, &id, &parent, &depth, &tid,
		   &time, &used) < 6)
		return script->end;
	script->at += used;
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (kinds[i].letter == letter) {
			ret->kind = kinds[i].kind;
			ret->closed = kinds[i].closed;
		}
	}
	ret->call = id;
	ret->parent = parent;
	ret->depth = depth;
	ret->tid = tid;
	ret->time_ns = time;
	ret->probe = letter == 'r' ? &other : &probe;
	script->values = *node_of(STRUCT(0, NULL), "");
	ret->values = ret->kind == TRACE_CLOSED ? NULL : &script->values;
	return 1;
}

static bool open_call(void *ctx, const struct call *call)
{
	fprintf(ctx, "%s%lu%s", call->prev ? "," : "", (unsigned long)call->id,
		call->first ? "(" : "");
	return true;
}

static void close_call(void *ctx, const struct call *call)
{
	fprintf(ctx, "%s%s", call->first ? ")" : "",
		call->outcome == OUTCOME_RETURNED ? "" : call_outcome_name(call->outcome));
}

static const struct call_visitor writer = { open_call, close_call };

/* The trees of a script as text; `*end` is what came after the last one. */
static const char *join(const char *events, bool deferred, int *end, struct calls_summary *summary)
{
	static char text[1024];
	struct script script = { .at = events, .end = *end };
	struct calls *calls = calls_new(next_event, &script, deferred);
	FILE *out = fmemopen(text, sizeof(text), "w");
	const struct call *root;

	while ((*end = calls_next(calls, &root)) > 0) {
		if (ftell(out))
			putc(' ', out);
		call_walk(root, &writer, out);
	}
	*summary = *calls_summary(calls);
	fclose(out);
	calls_free(calls);
	arena_free(&nodes);
	return text;
}

static const struct {
	const char *what, *events, *trees;
	bool deferred;
	unsigned orphans;
} cases[] = {
	{ "nothing", "", "", false, 0 },
	{ "one call", "E 1 0 0 7 10 R 1 0 0 7 20", "1", false, 0 },
	{ "nested", "E 1 0 0 7 10 E 2 1 1 7 20 R 2 1 1 7 30 E 3 1 1 7 31 R 3 1 1 7 32 R 1 0 0 7 40",
	  "1(2,3)", false, 0 },
	{ "threads, in the order of entry", "E 1 0 0 7 10 E 2 0 0 8 20 R 2 0 0 8 30 R 1 0 0 7 40",
	  "1 2", false, 0 },
	{ "open at the end", "E 1 0 0 7 10 E 2 0 0 8 20 R 2 0 0 8 30", "1open 2", false, 0 },
	{ "inner one open", "E 1 0 0 7 10 E 2 1 1 7 20 R 1 0 0 7 30", "1(2open)", false, 0 },
	{ "closed", "E 1 0 0 7 1 E 2 1 1 7 2 U 2 1 1 7 3 X 1 0 0 7 4 E 3 0 0 8 5 O 3 0 0 8 6",
	  "1(2unwound)exited 3open", false, 0 },
	{ "return lost", "E 1 0 0 7 1 E 2 1 1 7 2 L 2 1 1 7 3 R 1 0 0 7 4", "1(2lost)", false, 0 },
	{ "parent not recorded", "E 2 1 1 7 10 R 2 1 1 7 20", "2", false, 0 },
	{ "return without entry", "R 1 0 0 7 10 E 2 0 0 7 20 R 2 0 0 7 30", "2", false, 1 },
	{ "returned twice", "E 1 0 0 7 10 R 1 0 0 7 20 E 2 0 0 7 30 R 2 0 0 7 40 R 2 0 0 7 50",
	  "1 2", false, 1 },
	{ "return of another function", "E 1 0 0 7 10 r 1 0 0 7 20", "1open", false, 1 },
	{ "same number twice", "E 1 0 0 7 10 E 1 0 0 7 20 R 1 0 0 7 30", "1open 1", false, 0 },
	{ "its own parent", "E 1 1 0 7 10 R 1 1 0 7 20", "1", false, 0 },
	{ "each other's parents", "E 1 2 1 7 10 E 2 1 2 7 20 R 2 1 2 7 30 R 1 2 1 7 40", "1(2)",
	  false, 0 },
	{ "a circle, deferred", "E 3 5 2 7 10 R 3 5 2 7 20 E 5 3 1 7 30 R 5 3 1 7 40", "5(3)", true, 0 },
	{ "a circle of four, deferred",
	  "E 3 5 2 7 10 E 4 3 3 7 11 R 3 5 2 7 20 E 5 4 1 7 30 R 5 4 1 7 40", "5(3(4open))", true, 0 },
	{ "its own parent, deferred", "E 1 1 0 7 10 R 1 1 0 7 20", "1", true, 0 },
	/* Deferred: the outer call's events come behind those of the calls it made. */
	{ "deferred",
	  "E 2 1 1 7 20 R 2 1 1 7 30 E 3 1 1 7 31 R 3 1 1 7 32 E 1 0 0 7 10 R 1 0 0 7 40", "1(2,3)",
	  true, 0 },
	{ "deferred twice",
	  "E 3 2 2 7 30 R 3 2 2 7 40 E 2 1 1 7 20 R 2 1 1 7 50 E 1 0 0 7 10 R 1 0 0 7 60",
	  "1(2(3))", true, 0 },
	{ "deferred and left out", "E 2 1 1 7 20 R 2 1 1 7 30 E 4 0 0 7 50 R 4 0 0 7 60", "2 4",
	  true, 0 },
	{ "left out, then another with calls",
	  "E 2 1 1 7 20 R 2 1 1 7 30 E 4 3 1 7 50 R 4 3 1 7 60 E 3 0 0 7 40 R 3 0 0 7 70", "2 3(4)",
	  true, 0 },
	{ "outer one kept, inner one left out",
	  "E 1 0 0 7 10 E 3 2 2 7 30 R 3 2 2 7 40 R 1 0 0 7 60", "1 3", true, 0 },
	{ "inner calls at two depths of one deferred call",
	  "E 2 1 1 7 20 R 2 1 1 7 25 E 4 3 2 7 40 R 4 3 2 7 45 E 3 1 1 7 30 R 3 1 1 7 50 E 1 0 0 7 "
	  "10 R 1 0 0 7 60",
	  "1(2,3(4))", true, 0 },
	{ "never heard of again", "E 2 1 1 7 20 R 2 1 1 7 30 E 9 0 0 8 40 R 9 0 0 8 50", "2 9",
	  true, 0 },
};

static void scripts_make_trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct calls_summary summary;
		int end = 0;
		const char *trees = join(cases[i].events, cases[i].deferred, &end, &summary);

		if (strcmp(trees, cases[i].trees) != 0 || summary.orphans != cases[i].orphans ||
		    end)
			fail_msg("%s: expected '%s', found '%s', %u orphans, end %d", cases[i].what,
				 cases[i].trees, trees, (unsigned)summary.orphans, end);
	}
}

static void damage_comes_after_all_calls(void **state)
{
	struct calls_summary summary;
	int end = -EBADMSG;

	(void)state;
	assert_string_equal(join("E 1 0 0 7 10 E 2 0 0 8 20 R 2 0 0 8 30", false, &end, &summary),
			    "1open 2");
	assert_int_equal(end, -EBADMSG);
	assert_int_equal(summary.open, 1);
	assert_int_equal(summary.calls, 2);
	assert_int_equal(summary.first_ns, 10);
	assert_int_equal(summary.last_ns, 30);
}

/* Events that are made up as they are asked for. */
struct generator {
	unsigned long n, at;
	bool nested;
};

static int next_generated(void *ctx, struct trace_event *ret)
{
	struct generator *g = ctx;
	unsigned long id = g->nested ? (g->at < g->n ? g->at : 2 * g->n - 1 - g->at) : g->at / 2;

	if (g->at == 2 * g->n)
		return 0;
	memset(ret, 0, sizeof(*ret));
	ret->kind = (g->nested ? g->at < g->n : g->at % 2 == 0) ? TRACE_ENTRY : TRACE_RETURN;
	ret->call = id + 1;
	ret->parent = g->nested ? id : 0;
	ret->depth = g->nested ? (unsigned)id : 0;
	ret->tid = 7;
	ret->time_ns = ++g->at;
	ret->probe = &probe;
	return 1;
}

static bool count(void *ctx, const struct call *call)
{
	(void)call;
	++*(unsigned long *)ctx;
	return true;
}

static unsigned long count_generated(struct generator g)
{
	struct calls *calls = calls_new(next_generated, &g, false);
	const struct call_visitor counter = { count, NULL };
	const struct call *root;
	unsigned long n = 0;

	while (calls_next(calls, &root) > 0)
		call_walk(root, &counter, &n);
	calls_free(calls);
	return n;
}

/*
 * Neither the depth nor the number of calls may need a stack, or time that grows faster than they
 * do.
 */
static void many_calls(void **state)
{
	(void)state;
	assert_int_equal(count_generated((struct generator){ .n = 300000, .nested = true }),
			 300000);
	assert_int_equal(count_generated((struct generator){ .n = 1000000 }), 1000000);
}

/*
 * The first call never ends: what comes after it must be delivered before the end, for memory's
 * sake.
 */
struct endless {
	unsigned long n, delivered;
	struct value_node *big;
	bool was_held;
};

static int next_of_endless(void *ctx, struct trace_event *ret)
{
	struct endless *e = ctx;
	unsigned long id = e->n++ / 2;

	memset(ret, 0, sizeof(*ret));
	ret->kind = e->n % 2 || id == 0 ? TRACE_ENTRY : TRACE_RETURN;
	ret->call = id + (id == 0 ? e->n : 2);
	ret->tid = id ? 8 : 7;
	ret->time_ns = e->n;
	ret->probe = &probe;
	ret->values = e->big;
	/* 100 000 values of 16 KiB would be 1.6 GB. */
	e->was_held |= id > 20000 && !e->delivered;
	return id < 100000;
}

static void memory_is_bounded(void **state)
{
	static const char big[16384];
	struct endless e = { .big = node_of(text_schema(sizeof(big)), big) };
	struct calls *calls = calls_new(next_of_endless, &e, false);
	const struct call *root;

	(void)state;
	e.big->bytes = (const uint8_t *)big;
	e.big->len = sizeof(big);
	while (calls_next(calls, &root) > 0)
		e.delivered++;
	assert_false(e.was_held);
	assert_true(e.delivered > 99000);
	calls_free(calls);
	arena_free(&nodes);
}

/* All that the reader shows is gone with its next event. */
static int next_volatile(void *ctx, struct trace_event *ret)
{
	static char text[16];
	static uint64_t stack[2];
	static struct value_node node;
	int *n = ctx;
	struct trace_event events[] = {
		{ .kind = TRACE_THREAD, .tid = 7, .text = text },
		{ .kind = TRACE_FRAME, .addr = 0x10, .text = text, .module = text },
		{ .kind = TRACE_ENTRY,
		  .call = 1,
		  .tid = 7,
		  .time_ns = 5,
		  .probe = &probe,
		  .values = &node,
		  .stack = stack,
		  .n_stack = 2 },
		{ .kind = TRACE_LOST, .module = text, .text = text, .count = 3 },
		{ .kind = TRACE_RETURN,
		  .call = 1,
		  .tid = 7,
		  .time_ns = 9,
		  .probe = &probe,
		  .values = &node,
		  .return_source = text },
		{ .kind = TRACE_LOST, .module = text, .text = text, .count = 4 },
	};

	memset(text, *n < 6 ? 0 : 'x', sizeof(text) - 1);
	snprintf(text, sizeof(text), *n == 3 || *n == 5 ? "lost" : "text%d", *n);
	stack[0] = stack[1] = (uint64_t)*n;
	node = *node_of(STRUCT(4, member("a", 0, int_schema(4, true))), n);
	if (*n == 6)
		return 0;
	*ret = events[(*n)++];
	return 1;
}

static void values_are_copied(void **state)
{
	int n = 0;
	struct calls *calls = calls_new(next_volatile, &n, false);
	const struct lost_note *lost;
	const struct call *call;

	(void)state;
	assert_int_equal(calls_next(calls, &call), 1);
	assert_string_equal(call->thread, "text0");
	assert_string_equal(call->return_source, "text4");
	assert_int_equal(call->n_stack, 2);
	assert_int_equal(call->stack[1], 2);
	assert_int_equal(call_capture(call->entry, "a")->u, 2);
	assert_int_equal(call_capture(call->ret, "a")->u, 4);
	assert_int_equal(call_duration(call), 4);
	assert_int_equal(calls_next(calls, &call), 0);
	assert_string_equal(code_map_function(calls_code(calls), 0x10), "text1");
	assert_int_equal(calls_lost(calls, &lost), 1);
	assert_int_equal(lost->count, 7);
	assert_int_equal(calls_summary(calls)->lost, 7);
	calls_free(calls);
	arena_free(&nodes);
}

/*
 * A call that makes more calls than are held: an outermost one, one in it, and N in that, each of which makes one more.
 */
struct many {
	unsigned n, step;
	uint64_t next_id;
	struct value_node values;
};

enum { MANY = 400000 };

static int many_events(void *ctx, struct trace_event *ret)
{
	struct many *many = ctx;
	unsigned step = many->step++;

	*ret = (struct trace_event){ .tid = 1, .probe = &probe, .values = &many->values, .time_ns = step + 1 };
	if (step < 2) { /* 1(2( */
		ret->kind = TRACE_ENTRY;
		ret->call = step + 1;
		ret->parent = step;
		ret->depth = step;
		return 1;
	}
	if (many->n == MANY) { /* )) */
		unsigned end = step - 4 * MANY - 2;

		ret->kind = TRACE_RETURN;
		ret->call = 2 - end;
		ret->depth = 1 - end;
		return end < 2;
	}
	switch ((step - 2) % 4) { /* N(N+1) */
	case 0:
	case 1:
		ret->kind = TRACE_ENTRY;
		ret->call = 3 + 2 * many->n + (step - 2) % 4;
		ret->parent = (step - 2) % 4 ? ret->call - 1 : 2;
		break;
	case 2:
	case 3:
		ret->kind = TRACE_RETURN;
		ret->call = 3 + 2 * many->n + 3 - (step - 2) % 4;
		break;
	}
	ret->depth = 2 + (unsigned)((ret->call - 3) % 2);
	many->n += (step - 2) % 4 == 3;
	return 1;
}

static bool count_one(void *ctx, const struct call *call)
{
	(void)call;
	++*(uint64_t *)ctx;
	return true;
}

static void more_calls_than_are_held(void **state)
{
	struct many many = { 0 };
	const struct call *root;
	uint64_t parts = 0, calls_seen = 0, last_id = 2, parts_ns = 0;
	int r;

	(void)state;
	many.values = *node_of(STRUCT(0, NULL), "");
	struct calls *calls = calls_new(many_events, &many, false);

	while ((r = calls_next(calls, &root)) == 1) {
		call_walk(root, &(struct call_visitor){ count_one, NULL }, &calls_seen);
		if (root->id == 1)
			break;
		parts++;
		parts_ns += call_duration(root);
		assert_true(root->is_part);
		assert_true(root->id > last_id);
		last_id = root->id;
		assert_int_equal(root->parent, 2);
		assert_int_equal(root->up->id, 2);
		assert_int_equal(root->up->up->id, 1);
		assert_null(root->up->up->up);
		assert_true(root->up->outcome == OUTCOME_OPEN);
		assert_int_equal(root->first->id, root->id + 1);
		assert_ptr_equal(root->first->up, root);
	}
	assert_int_equal(r, 1);
	assert_true(parts > MANY / 10);
	assert_int_equal(calls_seen, 2 + 2 * MANY);
	assert_false(root->is_part);
	assert_int_equal(root->parts, 0);
	assert_int_equal(root->first->parts, parts);
	assert_int_equal(root->first->parts_ns, parts_ns);
	assert_null(root->up);
	assert_int_equal(calls_next(calls, &root), 0);
	assert_int_equal(calls_summary(calls)->calls, 2 + 2 * MANY);
	assert_int_equal(calls_summary(calls)->open, 0);
	calls_free(calls);

	/* kept, and given up half way */
	many = (struct many){ .values = many.values };
	calls = calls_new(many_events, &many, false);
	assert_int_equal(calls_next(calls, &root), 1);
	assert_true(root->is_part);
	assert_true(calls_keep(calls) > 0);
	assert_null(root->up);
	const struct call *kept = root;

	assert_int_equal(calls_next(calls, &root), 1);
	assert_ptr_not_equal(root, kept);
	calls_drop(calls, kept);
	calls_free(calls);
	arena_free(&nodes);
}

/* Calls with a MiB each, where MANY_SMALL come before them: in one another, or each in a thread of its own. */
enum heavy_kind { NEVER_END, PARENT_NEVER_COMES, WITHIN_ONE };
enum { HEAVY = 400, HEAVY_BYTES = 1 << 20, MANY_SMALL = 20000 };

struct heavy {
	enum heavy_kind kind;
	unsigned step;
	struct value_node small, large;
};

static int heavy_events(void *ctx, struct trace_event *ret)
{
	struct heavy *heavy = ctx;
	unsigned step = heavy->step++, n_small = heavy->kind == WITHIN_ONE ? MANY_SMALL : 0;
	unsigned n_events = heavy->kind == NEVER_END ? 1 : 2, n = (step - 1) / n_events;
	bool is_end = (step - 1) % n_events;

	*ret = (struct trace_event){ .tid = 1, .probe = &probe, .call = 1, .time_ns = step + 1, .values = &heavy->small };
	if (step == 0)
		return 1;
	ret->call = n + 2;
	ret->kind = is_end ? TRACE_RETURN : TRACE_ENTRY;
	ret->parent = heavy->kind == WITHIN_ONE ? 1 : heavy->kind == PARENT_NEVER_COMES ? 1000000 : 0;
	ret->depth = ret->parent ? 1 : 0;
	ret->tid = heavy->kind == WITHIN_ONE ? 1 : (pid_t)(2 + n);
	if (!is_end && n >= n_small)
		ret->values = &heavy->large;
	return n < n_small + HEAVY;
}

static size_t deliver_heavy(enum heavy_kind kind, int *end)
{
	static uint8_t bytes[HEAVY_BYTES];
	struct heavy heavy = { .kind = kind, .small = *node_of(STRUCT(0, NULL), "") };
	const struct call *root;
	uint64_t n = 0;

	heavy.large = heavy.small;
	heavy.large.bytes = bytes;
	heavy.large.len = HEAVY_BYTES;
	struct calls *calls = calls_new(heavy_events, &heavy, kind == PARENT_NEVER_COMES);

	while ((*end = calls_next(calls, &root)) == 1)
		call_walk(root, &(struct call_visitor){ count_one, NULL }, &n);
	calls_free(calls);
	arena_free(&nodes);
	return n;
}

static void more_than_may_be_held(void **state)
{
	int end;

	(void)state;
	size_t n = deliver_heavy(NEVER_END, &end);

	assert_int_equal(end, -E2BIG);
	assert_in_range(n, 150, 250); /* those that were read: a bounded number, and all of them */
	assert_int_equal(deliver_heavy(PARENT_NEVER_COMES, &end), 1 + HEAVY);
	assert_int_equal(end, 0);
	assert_int_equal(deliver_heavy(WITHIN_ONE, &end), 1 + MANY_SMALL + HEAVY);
	assert_int_equal(end, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_make_trees),
		cmocka_unit_test(damage_comes_after_all_calls),
		cmocka_unit_test(many_calls),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(values_are_copied),
		cmocka_unit_test(more_calls_than_are_held),
		cmocka_unit_test(more_than_may_be_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
