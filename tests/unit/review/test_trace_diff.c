/*
 * Two traces compared. A trace is written as text, a call after the other: "f1 g2 f3" are calls of f, g and f that
 * captured 1, 2 and 3; what lies between parentheses was made by the call before.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/base/err.h"
#include "tracer/review/by.h"
#include "tracer/review/calls.h"
#include "tracer/review/select.h"
#include "tracer/review/show.h"
#include "tracer/review/trace_diff.h"
#include "tracer/review/trace_diff_text.h"
#include "tracer/trace/reader.h"

enum { N_PROBES = 3, DEPTH = 8 };

/* Each trace has probes of its own. */
static struct trace_probe probes[2][N_PROBES];
static const struct trace_probe *probe_lists[2][N_PROBES];

/* A source of events: of a text, or calls without end of one function. */
struct script {
	const char *at;
	struct trace_probe *probes;
	uint64_t next_id, open[DEPTH], time;
	struct trace_probe *open_probes[DEPTH];
	unsigned depth;
	bool is_leaf;
	uint64_t n_calls; /* instead of a text */
	struct value_node value, values;
};

static int make(void **state)
{
	static const char *const names[] = { "f", "g", "h" };

	(void)state;
	for (int side = 0; side < 2; side++) {
		for (unsigned i = 0; i < N_PROBES; i++) {
			probes[side][i] = (struct trace_probe){ .function = names[i], .index = i,
								.entry = STRUCT(4, capture("n", int_schema(4, true))),
								.ret = STRUCT(0, NULL) };
			probe_lists[side][i] = &probes[side][i];
		}
	}
	return 0;
}

static int drop(void **state)
{
	(void)state;
	arena_free(&nodes);
	return 0;
}

static int put_entry(struct script *script, int probe, int n, struct trace_event *ret)
{
	ret->kind = TRACE_ENTRY;
	ret->probe = &script->probes[probe];
	ret->call = ++script->next_id;
	ret->depth = script->depth;
	ret->parent = script->depth ? script->open[script->depth - 1] : 0;
	script->open[script->depth] = ret->call;
	script->open_probes[script->depth++] = &script->probes[probe];
	script->value = (struct value_node){ .schema = ret->probe->entry->members[0]->target, .u = (uint64_t)(int64_t)n };
	script->values = (struct value_node){ .schema = ret->probe->entry, .items = &script->value, .n = 1 };
	ret->values = &script->values;
	return 1;
}

static int put_return(struct script *script, struct trace_event *ret)
{
	ret->kind = TRACE_RETURN;
	ret->call = script->open[--script->depth];
	ret->probe = script->open_probes[script->depth];
	ret->depth = script->depth;
	script->values = (struct value_node){ .schema = ret->probe->ret };
	ret->values = &script->values;
	return 1;
}

static int next_event(void *ctx, struct trace_event *ret)
{
	struct script *script = ctx;

	*ret = (struct trace_event){ .tid = 1, .time_ns = script->time += 10 };
	if (script->is_leaf && (!script->at || *script->at != '(')) {
		script->is_leaf = false;
		return put_return(script, ret);
	}
	script->is_leaf = false;
	if (!script->at) {
		script->is_leaf = true;
		return script->n_calls-- ? put_entry(script, 0, 1, ret) : 0;
	}
	while (*script->at == ' ' || *script->at == '(')
		script->at++;
	if (*script->at == ')') {
		script->at++;
		return put_return(script, ret);
	}
	if (!*script->at)
		return 0;
	if (*script->at == '!')
		return err_set(-EBADMSG, "damaged");
	int probe = *script->at - 'f', n = (int)strtol(script->at + 1, (char **)&script->at, 10);

	script->is_leaf = true;
	return put_entry(script, probe, n, ret);
}

static struct calls *calls[2];
static struct by *by[2];
static struct trace_diff *diff;
static struct selection selection;

static const struct trace_diff_result *run(struct script scripts[2], const char *by_expr, int expected)
{
	struct trace_diff_source sources[2];

	for (int i = 0; i < 2; i++) {
		scripts[i].probes = probes[i];
		calls[i] = calls_new(next_event, &scripts[i], false);
		if (by_new(by_expr, probe_lists[i], N_PROBES, false, &by[i]) < 0)
			fail_msg("%s", err_text());
		sources[i] = (struct trace_diff_source){ calls[i], &selection, by[i] };
	}
	diff = trace_diff_new(sources, false);
	assert_int_equal(trace_diff_run(diff), expected);
	return trace_diff_result(diff);
}

static const struct trace_diff_result *compare(const char *a, const char *b, const char *by_expr)
{
	static struct script scripts[2];

	scripts[0] = (struct script){ .at = a };
	scripts[1] = (struct script){ .at = b };
	return run(scripts, by_expr, 0);
}

static void finish(void)
{
	trace_diff_free(diff);
	for (int i = 0; i < 2; i++) {
		by_free(by[i]);
		calls_free(calls[i]);
	}
}

static void same(void **state)
{
	const struct trace_diff_result *result = compare("f1 g2(h3) f4", "f1 g2(h3) f4", NULL);

	(void)state;
	assert_int_equal(result->pairs, 3);
	assert_int_equal(result->differing.n, 0);
	assert_int_equal(result->only[0].n + result->only[1].n + result->uncompared, 0);
	assert_int_equal(result->n_values, 0);
	assert_int_equal(result->n_functions, 3);
	finish();
}

static void values(void **state)
{
	const struct trace_diff_result *result = compare("f1 g2(h3) f4 g2(h3)", "f1 g2(h7) f5 g2(h8)", NULL);

	(void)state;
	assert_int_equal(result->pairs, 4);
	assert_int_equal(result->differing.n, 3);
	assert_string_equal(result->differing.function, "g");
	assert_int_equal(result->differing.id[0], 2);
	assert_int_equal(result->n_values, 2);
	assert_string_equal(result->values[0].function, "h");
	assert_string_equal(result->values[0].path, "n");
	assert_int_equal(result->values[0].pairs, 2);
	assert_int_equal(result->values[0].id[1], 3);
	assert_string_equal(result->values[0].text[0], "3");
	assert_string_equal(result->values[0].text[1], "7");
	assert_string_equal(result->values[1].function, "f");
	finish();
}

/* The n-th call of a function has its counterpart wherever it is. */
static void order(void **state)
{
	const struct trace_diff_result *result = compare("f1 f2 f3 g1 g2 h9", "g1 h9 g2 f1 f2", NULL);

	(void)state;
	assert_int_equal(result->pairs, 5);
	assert_int_equal(result->differing.n, 0);
	assert_int_equal(result->only[0].n, 1);
	assert_int_equal(result->only[0].id[0], 3);
	assert_string_equal(result->only[0].function, "f");
	assert_int_equal(result->only[1].n, 0);
	finish();
}

static void by_key(void **state)
{
	const struct trace_diff_result *result = compare("f1 f2 f1 f3", "f2 f1 f1 f1", "n");

	(void)state;
	assert_int_equal(result->pairs, 3);
	assert_int_equal(result->differing.n, 0);
	assert_int_equal(result->only[0].n, 1);
	assert_string_equal(result->only[0].key, "3");
	assert_int_equal(result->only[1].n, 1);
	assert_int_equal(result->only[1].id[1], 4);
	finish();
}

/* Two calls of one tree that wait, one is paired, one is not: both live as long as they are needed. */
static void parts_of_trees(void **state)
{
	(void)state;
	selection.function = "h";
	const struct trace_diff_result *result = compare("g1(h1 h2 h3) g2(h4)", "f0 f0 f0 h1 h2", NULL);

	assert_int_equal(result->pairs, 2);
	assert_int_equal(result->differing.n, 0);
	assert_int_equal(result->only[0].n, 2);
	assert_int_equal(result->only[0].id[0], 4);
	finish();
	selection.function = NULL;
}

/* Only in one: what waits is bounded, what cannot be paired for sure is not. */
static void too_much_waits(void **state)
{
	enum { N = 1000000 };
	struct script scripts[2] = { { .n_calls = N }, { 0 } };
	/* the other trace goes on as long, but calls f only in its end */
	static char text[3 * N + 10];

	(void)state;

	for (size_t i = 0; i < N; i++)
		memcpy(text + 3 * i, "g1 ", 3);
	memcpy(text + 3 * N, "f1 f2", 6);
	scripts[1].at = text;
	const struct trace_diff_result *result = run(scripts, NULL, 0);

	assert_true(result->uncompared > 0);
	assert_true(result->pairs >= 1 && result->pairs <= 2);
	assert_int_equal(result->functions[0].calls[0] + result->functions[1].calls[0], N);
	finish();
}

static void damaged(void **state)
{
	struct script scripts[2] = { { .at = "f1 f2 !" }, { .at = "f1 f2 f3" } };
	const struct trace_diff_result *result = run(scripts, NULL, -EBADMSG);

	(void)state;
	assert_string_equal(err_text(), "damaged");
	assert_int_equal(result->pairs, 2);
	assert_int_equal(result->only[1].n, 1);
	finish();
}

static const char *shown(const struct trace_diff_result *result, const char *by_expr, bool *differ)
{
	static char buf[4096];
	FILE *out = fmemopen(buf, sizeof(buf), "w");
	struct show show = { .page = { .out = out, .width = 30 } };
	struct trace_diff_text text = { .name = { "old\033", "new" }, .by = by_expr };

	for (int i = 0; i < 2; i++) {
		text.probes[i] = probe_lists[i];
		text.n_probes[i] = N_PROBES;
	}
	*buf = '\0';
	*differ = trace_diff_text(&show, &text, result);
	fclose(out);
	return buf;
}

static void as_text(void **state)
{
	bool differ;

	(void)state;
	assert_string_equal(shown(compare("f1 g2(h3) f4", "f1 g2(h7)", NULL), NULL, &differ),
			    "\n"
			    "               CALLS                     AVG  CHANGE    FUNCTION\n"
			    "       2 ->        1      10 ns ->     10 ns    +0 %    f\n"
			    "       1 ->        1      30 ns ->     30 ns    +0 %    g\n"
			    "       1 ->        1      10 ns ->     10 ns    +0 %    h\n"
			    "\n"
			    "   CALLS  VALUE\n"
			    "       1  h n: 3 -> 7   first #3 #3\n"
			    "\n"
			    "# 2 pairs of calls compared, 1 differ, the first: #2 #2 g\n"
			    "#   virtrace diff $'old\\033' '#2' new '#2'\n"
			    "# only in old\\033: 1 calls, the first: #4 f\n");
	assert_true(differ);
	finish();
	shown(compare("f1 g2", "f1 g2", NULL), NULL, &differ);
	assert_false(differ);
	finish();
	assert_non_null(strstr(shown(compare("f1", "f1 f2", "n"), "n", &differ),
			       "# only in new: 1 calls, the first: #2 f n=2\n"));
	assert_true(differ);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same),	   cmocka_unit_test(values),	     cmocka_unit_test(order),
		cmocka_unit_test(by_key),  cmocka_unit_test(parts_of_trees), cmocka_unit_test(too_much_waits),
		cmocka_unit_test(damaged), cmocka_unit_test(as_text),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
