/*
 * The call tree of calls made by hand; sums are compared with those of a search over all calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tracer/review/call_graph.h"
#include "tracer/review/call_tree.h"
#include "tracer/review/calls.h"
#include "tracer/trace/reader.h"

enum { N_PROBES = 3, N_CALLS = 300 };

static const struct trace_probe probes[N_PROBES] = {
	{ .function = "a", .module = "libvirt.so.0", .index = 0 },
	{ .function = "b", .module = "libvirt.so.0", .index = 1 },
	{ .function = "c", .module = "libvirt.so.0", .index = 2 },
};

static struct call calls[N_CALLS];

static void link_below(struct call *call, struct call *up)
{
	call->up = up;
	call->prev = up->last;
	*(up->last ? &up->last->next : &up->first) = call;
	up->last = call;
}

static struct call call_of(unsigned i, int probe, uint64_t from, uint64_t to)
{
	return (struct call){ .id = i + 1,
			      .probe = &probes[probe],
			      .entered_ns = from,
			      .ended_ns = to,
			      .outcome = OUTCOME_RETURNED };
}

/* Calls one in another at random; each has its own times, which need not nest. */
static void make_calls(void)
{
	srand(1);
	for (unsigned i = 0; i < N_CALLS; i++) {
		calls[i] = call_of(i, rand() % N_PROBES, 0, (uint64_t)rand() % 1000);
		if (i)
			link_below(&calls[i], &calls[(unsigned)rand() % i]);
	}
}

/* "a;b;c": the functions on the way to a call. */
static void way_of_call(const struct call *call, char *text)
{
	*text = '\0';
	if (call->up)
		way_of_call(call->up, text);
	strcat(strcat(text, ";"), call->probe->function);
}

static void way_of_node(const struct call_node *node, char *text)
{
	*text = '\0';
	if (!node->probe)
		return;
	way_of_node(node->up, text);
	strcat(strcat(text, ";"), node->probe->function);
}

static uint64_t self_of(const struct call *call)
{
	uint64_t below = 0;

	for (unsigned i = 0; i < N_CALLS; i++)
		below += calls[i].up == call ? call_duration(&calls[i]) : 0;
	return below < call_duration(call) ? call_duration(call) - below : 0;
}

static void check_sums(const struct call_node *node)
{
	char way[2 * N_CALLS + 2], other[2 * N_CALLS + 2];
	uint64_t n = 0, total = 0, self = 0, max = 0;

	way_of_node(node, way);
	for (unsigned i = 0; i < N_CALLS; i++) {
		way_of_call(&calls[i], other);
		if (strcmp(way, other) != 0)
			continue;
		n++;
		total += call_duration(&calls[i]);
		self += self_of(&calls[i]);
		max = call_duration(&calls[i]) > max ? call_duration(&calls[i]) : max;
	}
	assert_int_equal(node->calls, n);
	assert_int_equal(node->total_ns, total);
	assert_int_equal(node->self_ns, self);
	assert_int_equal(node->max_ns, max);
	assert_int_equal(call_duration(&calls[node->slowest - 1]), max);
}

static void sums(void **state)
{
	struct call_tree *tree = call_tree_new(NULL, NULL);
	uint64_t n = 0;

	(void)state;
	make_calls();
	assert_int_equal(call_tree_add(tree, &calls[0]), 0);
	for (const struct call_node *it = call_tree_root(tree)->first; it; it = call_node_next(it)) {
		check_sums(it);
		n += it->calls;
	}
	assert_int_equal(n, N_CALLS);
	assert_int_equal(call_tree_left_out(tree), 0);
	assert_int_equal(call_tree_root(tree)->calls, 1);
	assert_int_equal(call_tree_root(tree)->total_ns, call_duration(&calls[0]));
	call_tree_free(tree);
}

static void order(void **state)
{
	struct call_tree *tree = call_tree_new(NULL, NULL);
	const struct call_node *first = call_tree_root(tree)->first;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct call call = call_of(i, (int)i, 0, i == 1 ? 50 : 20);

		assert_int_equal(call_tree_add(tree, &call), 0);
	}
	first = call_tree_root(tree)->first;
	assert_string_equal(first->probe->function, "a");
	assert_string_equal(first->next->probe->function, "b");
	assert_string_equal(first->next->next->probe->function, "c");
	assert_int_equal(call_tree_sort(tree), 0);
	first = call_tree_root(tree)->first;
	assert_string_equal(first->probe->function, "b");
	assert_string_equal(first->next->probe->function, "a");
	assert_string_equal(first->next->next->probe->function, "c");
	assert_null(first->next->next->next);
	call_tree_free(tree);
}

static void outcomes(void **state)
{
	struct call_tree *tree = call_tree_new(NULL, NULL);
	struct call open = call_of(0, 0, 10, 0), unwound = call_of(1, 0, 10, 15);
	const struct call_node *node;

	(void)state;
	open.outcome = OUTCOME_OPEN;
	unwound.outcome = OUTCOME_UNWOUND;
	assert_int_equal(call_tree_add(tree, &open), 0);
	node = call_tree_root(tree)->first;
	assert_int_equal(node->slowest, 0);
	assert_int_equal(call_tree_add(tree, &unwound), 0);
	assert_int_equal(node->calls, 2);
	assert_int_equal(node->open, 1);
	assert_int_equal(node->total_ns, 5);
	assert_int_equal(node->slowest, 2);
	call_tree_free(tree);
}

static const char *key_of(void *ctx, const struct call *call)
{
	char *text = ctx;

	if (call->id == 1)
		return NULL;
	sprintf(text, "%d", (int)call->id % 2);
	return text;
}

static void split(void **state)
{
	char text[16];
	struct call_tree *tree = call_tree_new(key_of, text);
	const struct call_node *node;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct call call = call_of(i, 0, 0, 1);

		assert_int_equal(call_tree_add(tree, &call), 0);
	}
	strcpy(text, "overwritten");
	node = call_tree_root(tree)->first;
	assert_null(node->key);
	assert_int_equal(node->calls, 1);
	assert_string_equal(node->next->key, "0");
	assert_int_equal(node->next->calls, 3);
	assert_string_equal(node->next->next->key, "1");
	assert_int_equal(node->next->next->calls, 2);
	assert_null(node->next->next->next);
	call_tree_free(tree);
}

/* What is deeper counts for the deepest, and is told. */
static void too_deep(void **state)
{
	enum { DEPTH = CALL_TREE_DEPTH_MAX + 1000 };
	static struct call deep[DEPTH];
	struct call_tree *tree = call_tree_new(NULL, NULL);
	const struct call_node *node;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < DEPTH; i++) {
		deep[i] = call_of(i, 0, i, 2 * DEPTH - i);
		if (i)
			link_below(&deep[i], &deep[i - 1]);
	}
	assert_int_equal(call_tree_add(tree, &deep[0]), 0);
	for (node = call_tree_root(tree); node->first; node = node->first)
		n++;
	assert_int_equal(n, CALL_TREE_DEPTH_MAX);
	assert_int_equal(call_tree_left_out(tree), DEPTH - CALL_TREE_DEPTH_MAX);
	/* The time of those left out is the last one's own. */
	assert_int_equal(node->self_ns, node->total_ns);
	call_tree_free(tree);
}

static const char *id_of(void *ctx, const struct call *call)
{
	sprintf(ctx, "%d", (int)call->id);
	return ctx;
}

static void too_many(void **state)
{
	char text[16];
	struct call_tree *tree = call_tree_new(id_of, text);
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < CALL_TREE_NODES_MAX + 10; i++) {
		struct call call = call_of(i, 0, 0, 1);

		assert_int_equal(call_tree_add(tree, &call), 0);
	}
	for (const struct call_node *it = call_tree_root(tree)->first; it; it = call_node_next(it))
		n++;
	assert_int_equal(n, CALL_TREE_NODES_MAX);
	assert_int_equal(call_tree_left_out(tree), 10);
	assert_int_equal(call_tree_root(tree)->calls, CALL_TREE_NODES_MAX + 10);
	assert_int_equal(call_tree_sort(tree), 0);
	call_tree_free(tree);
}

/* The longest are kept, and none below one that is gone. */
static void prune(void **state)
{
	struct call_tree *tree = call_tree_new(NULL, NULL);
	struct call above = call_of(0, 0, 0, 10), below = call_of(1, 1, 0, 500);
	struct call other = call_of(2, 2, 0, 100), longest = call_of(3, 1, 0, 400);
	const struct call_node *root = call_tree_root(tree);
	size_t gone;

	(void)state;
	link_below(&below, &above);
	assert_int_equal(call_tree_add(tree, &above), 0);
	assert_int_equal(call_tree_add(tree, &other), 0);
	assert_int_equal(call_tree_add(tree, &longest), 0);
	assert_int_equal(call_tree_prune(tree, 4, &gone), 0);
	assert_int_equal(gone, 0);
	assert_int_equal(call_tree_prune(tree, 3, &gone), 0);
	assert_int_equal(gone, 2);
	assert_string_equal(root->first->probe->function, "b");
	assert_string_equal(root->first->next->probe->function, "c");
	assert_ptr_equal(root->last, root->first->next);
	assert_null(root->last->next);
	assert_int_equal(call_tree_prune(tree, 0, &gone), 0);
	assert_int_equal(gone, 2);
	assert_null(root->first);
	assert_null(root->last);
	call_tree_free(tree);
}

static void note_id(void *ctx, struct call_node *node, const struct call *call)
{
	++*(unsigned *)ctx;
	free(node->data);
	node->data = strdup((char[]){ (char)('0' + call->id), '\0' });
}

static void watch(void **state)
{
	static const uint64_t times[] = { 5, 3, 9, 9, 7 };
	struct call_tree *tree = call_tree_new(NULL, NULL);
	unsigned told = 0;

	(void)state;
	call_tree_watch(tree, note_id, &told);
	for (unsigned i = 0; i < 5; i++) {
		struct call call = call_of(i, 0, 0, times[i]);

		assert_int_equal(call_tree_add(tree, &call), 0);
	}
	assert_int_equal(told, 2);
	assert_string_equal(call_tree_root(tree)->first->data, "3");
	call_tree_free(tree);
}

/* a(100) -> a(40) -> b(10); c(5) -> b(1): the inner a is part of the outer one's time. */
static void graph(void **state)
{
	struct call_tree *tree = call_tree_new(NULL, NULL);
	struct call a = call_of(0, 0, 0, 100), inner = call_of(1, 0, 0, 40),
		    b = call_of(2, 1, 0, 10), c = call_of(3, 2, 0, 5), d = call_of(4, 1, 0, 1);

	(void)state;
	link_below(&inner, &a);
	link_below(&b, &inner);
	link_below(&d, &c);
	assert_int_equal(call_tree_add(tree, &a), 0);
	assert_int_equal(call_tree_add(tree, &c), 0);
	struct call_graph *graph = call_graph_new(tree);

	assert_int_equal(graph->n_nodes, 3);
	assert_int_equal(graph->total_ns, 105);
	assert_ptr_equal(graph->nodes[0].probe, &probes[0]);
	assert_int_equal(graph->nodes[0].calls, 2);
	assert_int_equal(graph->nodes[0].total_ns, 100);
	assert_ptr_equal(graph->nodes[1].probe, &probes[1]);
	assert_int_equal(graph->nodes[1].calls, 2);
	assert_int_equal(graph->nodes[1].total_ns, 11);
	assert_int_equal(graph->n_edges, 3);
	static const struct graph_edge edges[] = { { 0, 0, 1 }, { 0, 1, 1 }, { 2, 1, 1 } };

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(graph->edges[i].from, edges[i].from);
		assert_int_equal(graph->edges[i].to, edges[i].to);
		assert_int_equal(graph->edges[i].calls, edges[i].calls);
	}
	call_graph_free(graph);
	call_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),	    cmocka_unit_test(order),	cmocka_unit_test(outcomes),
		cmocka_unit_test(split),    cmocka_unit_test(too_deep), cmocka_unit_test(too_many),
		cmocka_unit_test(prune),    cmocka_unit_test(watch),	cmocka_unit_test(graph),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
