#include "tracer/review/call_graph.h"

#include <stdbool.h>
#include <stdlib.h>

#include "tracer/base/hash.h"
#include "tracer/review/call_tree.h"

/* An index that was given to something, by what it is. */
struct slot {
	const void *key[2]; /* a node: its probe; an edge: both probes */
	size_t index;
	UT_hash_handle hh;
};

struct slots {
	struct slot *items; /* there is room for all */
	size_t n;
	struct slot *by_key;
};

/* The index of a key, the next one if it is new; -1 without memory. */
static long slot_of(struct slots *slots, const void *first, const void *second)
{
	struct slot *slot, *next = &slots->items[slots->n];

	next->key[0] = first;
	next->key[1] = second;
	HASH_FIND(hh, slots->by_key, next->key, sizeof(next->key), slot);
	if (slot)
		return (long)slot->index;
	next->index = slots->n;
	HASH_ADD(hh, slots->by_key, key, sizeof(next->key), next);
	return hash_added(next) ? (long)slots->n++ : -1;
}

static bool is_recursive(const struct call_node *node)
{
	for (const struct call_node *it = node->up; it; it = it->up)
		if (it->probe == node->probe)
			return true;
	return false;
}

static bool add(struct call_graph *graph, struct slots *nodes, struct slots *edges,
		const struct call_node *from)
{
	long to = slot_of(nodes, from->probe, NULL);

	if (to < 0)
		return false;
	struct graph_node *node = &graph->nodes[to];

	node->probe = from->probe;
	node->calls += from->calls;
	node->errors += from->errors;
	node->open += from->open;
	node->total_ns += is_recursive(from) ? 0 : from->total_ns;
	if (!from->up->probe)
		return true;
	long index = slot_of(edges, from->up->probe, from->probe);

	if (index < 0)
		return false;
	struct graph_edge *edge = &graph->edges[index];

	edge->from = (size_t)slot_of(nodes, from->up->probe, NULL);
	edge->to = (size_t)to;
	edge->calls += from->calls;
	return true;
}

struct call_graph *call_graph_new(const struct call_tree *tree)
{
	const struct call_node *root = call_tree_root(tree);
	struct call_graph *graph = calloc(1, sizeof(*graph));
	struct slots nodes = { 0 }, edges = { 0 };
	size_t n = 1;

	for (const struct call_node *it = root; (it = call_node_next(it));)
		n++;
	nodes.items = calloc(n, sizeof(*nodes.items));
	edges.items = calloc(n, sizeof(*edges.items));
	if (graph) {
		graph->nodes = calloc(n, sizeof(*graph->nodes));
		graph->edges = calloc(n, sizeof(*graph->edges));
	}
	bool enough = graph && graph->nodes && graph->edges && nodes.items && edges.items;

	for (const struct call_node *it = root; enough && (it = call_node_next(it));)
		enough = add(graph, &nodes, &edges, it);
	if (enough) {
		graph->n_nodes = nodes.n;
		graph->n_edges = edges.n;
		graph->total_ns = root->total_ns;
	} else {
		call_graph_free(graph);
		graph = NULL;
	}
	HASH_CLEAR(hh, nodes.by_key);
	HASH_CLEAR(hh, edges.by_key);
	free(nodes.items);
	free(edges.items);
	return graph;
}

void call_graph_free(struct call_graph *graph)
{
	if (!graph)
		return;
	free(graph->nodes);
	free(graph->edges);
	free(graph);
}
