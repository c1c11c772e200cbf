/*
 * Two calls and what they made, compared; the trees are written as text: a(bc(d)) is an a that made b and c, which
 * made d.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/call_diff.h"
#include "tracer/review/call_diff_text.h"
#include "tracer/review/calls.h"
#include "tracer/review/show.h"
#include "tracer/trace/reader.h"

static struct trace_probe probes[26];
static char names[26][2];

static void make_probes(void)
{
	for (int i = 0; i < 26; i++) {
		names[i][0] = (char)('a' + i);
		probes[i] = (struct trace_probe){ .function = names[i], .index = (unsigned)i };
	}
}

static struct call *new_call(char name, struct call *up)
{
	struct call *call = arena_alloc(&nodes, sizeof(*call));

	*call = (struct call){ .probe = &probes[name - 'a'],
			       .outcome = OUTCOME_RETURNED,
			       .up = up };
	if (!up)
		return call;
	call->prev = up->last;
	*(up->last ? &up->last->next : &up->first) = call;
	up->last = call;
	return call;
}

static struct call *tree(const char *text)
{
	struct call *root = new_call(*text++, NULL), *call = root;

	for (; *text; text++) {
		if (*text == '(')
			continue;
		if (*text == ')')
			call = call->up;
		else
			call = new_call(*text, text[-1] == '(' ? call : call->up);
	}
	return root;
}

/* "a0 b1 -c1 ": pairs with their levels, what only one has with its sign. */
static void on_pair(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	char *text = ctx;

	assert_string_equal(a->probe->function, b->probe->function);
	sprintf(text + strlen(text), "%s%u ", a->probe->function, level);
}

static void on_only(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	char *text = ctx;

	assert_true(!a != !b);
	sprintf(text + strlen(text), "%c%s%u ", a ? '-' : '+', (a ? a : b)->probe->function, level);
}

static void on_value(void *ctx, const struct call_value *value, unsigned level)
{
	char *text = ctx;

	sprintf(text + strlen(text), "%s%u%s ", value->path, level, value->is_entry ? "!" : "");
}

static void on_end(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	(void)a;
	(void)b;
	(void)level;
	strcat(ctx, "end ");
}

static const struct call_diff_visitor visitor = { on_pair, on_only, on_value, on_end };

static const struct {
	const char *a, *b, *expected;
	bool differ;
} cases[] = {
	{ "a", "a", "a0 ", false },
	{ "a(bc(d))", "a(bc(d))", "a0 b1 c1 d2 ", false },
	{ "a(bc)", "a(b)", "a0 b1 -c1 ", true },
	{ "a(b)", "a(bc(d))", "a0 b1 +c1 ", true },
	{ "a(bcd)", "a(bd)", "a0 b1 -c1 d1 ", true },
	{ "a(bd)", "a(bcd)", "a0 b1 +c1 d1 ", true },
	{ "a(b(c)d)", "a(b(e)d)", "a0 b1 -c2 +e2 d1 ", true },
	{ "a(xy)", "a(yx)", "a0 -x1 y1 +x1 ", true },
	{ "a", "a(bcd)", "a0 +b1 +c1 +d1 ", true },
	{ "a(b(c(d(e))))", "a(b(c(d(f))))", "a0 b1 c2 d3 -e4 +f4 ", true },
	{ "a(bbb)", "a(bb)", "a0 b1 b1 -b1 ", true },
	{ "a(b(c)b(d))", "a(b(c)b(d))", "a0 b1 c2 b1 d2 ", false },
};

static void calls_made(void **state)
{
	(void)state;
	make_probes();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[256] = "";
		bool differ = call_diff(tree(cases[i].a), tree(cases[i].b), &visitor, text);

		if (strcmp(text, cases[i].expected) != 0 || differ != cases[i].differ)
			fail_msg("%s %s: '%s'", cases[i].a, cases[i].b, text);
	}
	arena_free(&nodes);
}

/* What is inside a bigger tree is compared without its neighbours. */
static void part_of_a_tree(void **state)
{
	char text[256] = "";
	struct call *a = tree("a(b(c)d)"), *b = tree("a(xb(c)y)");

	(void)state;
	assert_false(call_diff(a->first, b->first->next, &visitor, text));
	assert_string_equal(text, "b0 c1 ");
	arena_free(&nodes);
}

static void count_visits(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	(void)level;
	*(unsigned *)ctx += a && b ? 1 : 1000000;
}

/* Nesting and number of calls are the traced program's choice. */
static void large_trees(void **state)
{
	enum { N = 200000 };
	const struct call_diff_visitor counter = { count_visits, count_visits, on_value, count_visits };
	struct call *a = tree("a"), *b = tree("a"), *x = a, *y = b;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		x = new_call('b', x);
		y = new_call('b', y);
		new_call('c', a);
		new_call('c', b);
	}
	assert_int_equal(call_count(a), 2 * N + 1);
	assert_false(call_diff(a, b, &counter, &n));
	assert_int_equal(n, 2 * N + 1);
	arena_free(&nodes);
}

static struct value_node *side(const char *const *names_of, const int *values, size_t n)
{
	struct value_node *node = arena_alloc(&nodes, sizeof(*node));
	const struct schema **members = arena_alloc(&nodes, (n + 1) * sizeof(const struct schema *));

	for (size_t i = 0; i < n; i++)
		members[i] = capture(names_of[i], int_schema(4, true));
	node->schema = struct_schema(SCHEMA_STRUCT, 0, members);
	fill_items(node, n);
	for (size_t i = 0; i < n; i++)
		fill_node((struct value_node *)&node->items[i], members[i]->target, &values[i]);
	return node;
}

static void values_of_calls(void **state)
{
	static const char *const in[] = { "x", "y", "gone" }, *const out[] = { "y", "$ret" };
	struct call *a = tree("a"), *b = tree("a");
	char text[256] = "";

	(void)state;
	a->entry = side(in, (int[]){ 1, 2, 3 }, 3);
	a->ret = side(out, (int[]){ 5, 0 }, 2);
	b->entry = side(in, (int[]){ 1, 7 }, 2);
	b->ret = side(out, (int[]){ 5, -1 }, 2);
	assert_true(call_diff(a, b, &visitor, text));
	assert_string_equal(text, "a0 y0! $ret0 ");
	*text = '\0';
	b->ret = NULL;
	b->outcome = OUTCOME_UNWOUND;
	assert_true(call_diff(a, b, &visitor, text));
	assert_string_equal(text, "a0 y0! end ");
	arena_free(&nodes);
}

static void as_text(void **state)
{
	static const char *const out[] = { "$ret" };
	struct call *a = tree("a(bc)"), *b = tree("a(bd(e))");
	static char buf[4096];
	FILE *f = fmemopen(buf, sizeof(buf), "w");
	struct show show = { .page = { .out = f, .width = 20 } };

	(void)state;
	setenv("TZ", "UTC", 1);
	a->id = 381;
	b->id = 388;
	a->ended_ns = 1970000;
	b->ended_ns = 1310000;
	a->first->ret = side(out, (int[]){ 0 }, 1);
	b->first->ret = side(out, (int[]){ -1 }, 1);
	assert_true(call_diff_text(&show, &(struct call_diff_side){ a, "old\033", 0 },
				   &(struct call_diff_side){ b, "new", 1000000 }));
	fclose(f);
	assert_string_equal(buf, "--- #381 a  00:00:00.000000  old\\033\n"
				 "+++ #388 a  00:00:00.001000  new\n"
				 "  1.97 ms ->   1.31 ms   -34 %  a   #381 #388\n"
				 "     0 ns ->      0 ns            b   #0 #0\n"
				 "                                  ~ $ret: 0 -> -1\n"
				 "                                  - c   #0\n"
				 "                                  + d   #0 and the 1 calls it made\n");
	arena_free(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_made),	   cmocka_unit_test(part_of_a_tree),
		cmocka_unit_test(large_trees),	   cmocka_unit_test(values_of_calls),
		cmocka_unit_test(as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
