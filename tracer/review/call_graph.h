/**
 * The call graph of a trace: a node for each function, an edge for each pair that called one
 * another, summed up from a call tree.
 */
#ifndef REVIEW_CALL_GRAPH_H
#define REVIEW_CALL_GRAPH_H

#include <stddef.h>
#include <stdint.h>

struct call_tree;
struct trace_probe;

struct graph_node {
	const struct trace_probe *probe;
	uint64_t calls, errors, open;
	uint64_t total_ns; /**< a call within another of the same function is not counted twice */
};

struct graph_edge {
	size_t from, to; /**< indexes of nodes */
	uint64_t calls;
};

struct call_graph {
	struct graph_node *nodes; /**< in the order of the tree */
	size_t n_nodes;
	struct graph_edge *edges;
	size_t n_edges;
	uint64_t total_ns; /**< of the tree */
};

/** NULL without memory. */
struct call_graph *call_graph_new(const struct call_tree *tree);
void call_graph_free(struct call_graph *graph);

#endif
