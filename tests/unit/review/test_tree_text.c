/*
 * The call tree as a person sees it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/call_tree.h"
#include "tracer/review/calls.h"
#include "tracer/review/show.h"
#include "tracer/review/tree_text.h"
#include "tracer/trace/reader.h"

static const struct trace_probe probes[] = {
	{ .function = "getInfo", .module = "libvirt.so.0" }, { .function = "find\033", .module = "libvirt.so.0" }, { .function = "read", .module = "libvirt.so.0" }, { .function = "fail", .module = "libvirt.so.0" }
};

static void link_below(struct call *call, struct call *up)
{
	call->up = up;
	call->prev = up->last;
	*(up->last ? &up->last->next : &up->first) = call;
	up->last = call;
}

static struct call call_of(uint64_t id, int probe, uint64_t ns)
{
	return (struct call){ .id = id,
			      .probe = &probes[probe],
			      .entered_ns = 1000,
			      .ended_ns = 1000 + ns,
			      .outcome = OUTCOME_RETURNED };
}

/* getInfo -> find, read -> fail; twice. `key` of the second ones is another. */
static struct call_tree *make_tree(call_key_fn *key)
{
	struct call_tree *tree = call_tree_new(key, NULL);
	static const int minus = -1;

	for (unsigned i = 0; i < 2; i++) {
		struct call get = call_of(1 + 4 * i, 0, 31200000), find = call_of(2 + 4 * i, 1, 900),
			    read = call_of(3 + 4 * i, 2, 20000000),
			    fail = call_of(4 + 4 * i, 3, 10);

		fail.ret = node_of(STRUCT(4, member("$ret", 0, int_schema(4, true))), &minus);
		find.outcome = i ? OUTCOME_RETURNED : OUTCOME_OPEN;
		link_below(&find, &get);
		link_below(&read, &get);
		link_below(&fail, &read);
		assert_int_equal(call_tree_add(tree, &get), 0);
	}
	assert_int_equal(call_tree_sort(tree), 0);
	return tree;
}

static void assert_shows(const struct call_tree *tree, const char *by, bool exact,
			 const char *expected)
{
	static char text[1 << 16];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = { .page = { .out = out, .width = 60 }, .exact = exact };

	*text = '\0';
	tree_text(&show, tree, by);
	fclose(out);
	assert_string_equal(text, expected);
}

static void for_people(void **state)
{
	struct call_tree *tree = make_tree(NULL);

	(void)state;
	assert_shows(tree, NULL, false,
		     "    TOTAL      SELF    CALLS  FUNCTION\n"
		     "  62.4 ms   22.4 ms        2  getInfo\n"
		     "  40.0 ms   40.0 ms        2  |- read\n"
		     "    20 ns     20 ns        2  |  `- fail   ! 2 failed\n"
		     "   900 ns    900 ns        2  `- find\\033   ! 1 open at the end\n");
	call_tree_free(tree);
	arena_free(&nodes);
}

static void for_programs(void **state)
{
	struct call_tree *tree = make_tree(NULL);

	(void)state;
	assert_shows(tree, NULL, true,
		     "       TOTAL_NS         SELF_NS    CALLS  FUNCTION\n"
		     "       62400000        22399100        2  getInfo\n"
		     "       40000000        39999980        2  |- read\n"
		     "             20              20        2  |  `- fail   ! 2 failed\n"
		     "            900             900        2  `- find\\033   ! 1 open at the end\n");
	call_tree_free(tree);
	arena_free(&nodes);
}

/* Of every second call of read. */
static const char *key_of(void *ctx, const struct call *call)
{
	(void)ctx;
	if (call->probe != &probes[2])
		return NULL;
	return call->id < 5 ? "\"vda\""
			    : "\"a name so long that nobody would read it all, though it tells one from another\"";
}

static void split(void **state)
{
	struct call_tree *tree = make_tree(key_of);

	(void)state;
	assert_shows(tree, "path", false,
		     "    TOTAL      SELF    CALLS  FUNCTION\n"
		     "  62.4 ms   22.4 ms        2  getInfo\n"
		     "  20.0 ms   20.0 ms        1  |- read path=\"vda\"\n"
		     "    10 ns     10 ns        1  |  `- fail   ! 1 failed\n"
		     "  20.0 ms   20.0 ms        1  |- read path=\"a name so long that nobody would read it all, "
		     "though it ...\n"
		     "    10 ns     10 ns        1  |  `- fail   ! 1 failed\n"
		     "   900 ns    900 ns        2  `- find\\033   ! 1 open at the end\n");
	call_tree_free(tree);
	arena_free(&nodes);
}

/* A function that calls itself a hundred times does not run out of the page; what has no node is told. */
static void deep(void **state)
{
	enum { N = 300 };
	static struct call calls[N];
	static char text[1 << 16];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = { .page = { .out = out } };
	struct call_tree *tree = call_tree_new(NULL, NULL);

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		calls[i] = call_of(i + 1, 2, N - i);
		if (i)
			link_below(&calls[i], &calls[i - 1]);
	}
	assert_int_equal(call_tree_add(tree, &calls[0]), 0);
	tree_text(&show, tree, NULL);
	fclose(out);
	assert_non_null(strstr(text, "(level 256) read\n# 44 calls have no line: deeper than 256"));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_true(strcspn(line, "\n") < 160);
	call_tree_free(tree);
}

static void nothing(void **state)
{
	struct call_tree *tree = call_tree_new(NULL, NULL);

	(void)state;
	assert_shows(tree, NULL, false, "");
	call_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_people), cmocka_unit_test(for_programs),
		cmocka_unit_test(split),      cmocka_unit_test(deep),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
