/**
 * The call tree of a trace: calls with the same way from an outermost function are one node.
 *
 *	root -> f -> g      all calls of g made by an f that nobody recorded called
 *	     -> g           all calls of g that nobody recorded called
 *
 * It grows with the ways there are, not with the calls.  A trace may have as many ways as it likes:
 * calls deeper than CALL_TREE_DEPTH_MAX, and those of new ways once there are CALL_TREE_NODES_MAX
 * nodes, get no node; their own time is that of the node above them.
 */
#ifndef REVIEW_CALL_TREE_H
#define REVIEW_CALL_TREE_H

#include <stddef.h>
#include <stdint.h>

struct call;
struct call_tree;
struct trace_probe;

enum {
	CALL_TREE_DEPTH_MAX = 256,
	CALL_TREE_NODES_MAX = 20000, /* more than anybody looks at, and some MB */
};

struct call_node {
	const struct trace_probe *probe; /**< NULL: the root */
	const char *key;                 /**< what it was split by; NULL: by nothing */
	unsigned depth;                  /**< 1 below the root */
	uint64_t calls, errors;          /**< `errors`: see call_failed() */
	uint64_t open;                   /**< calls that had not ended when the trace did */
	/**
	 * Of calls that ended; `self_ns` without the calls they made that are in the trace.  The root
	 * has `calls` and `total_ns` of what was added.
	 */
	uint64_t total_ns, self_ns, max_ns;
	uint64_t slowest; /**< number of the call that took `max_ns`; 0: none ended */
	void *data;       /**< the owner's; call_tree_free() frees it */

	struct call_node *up, *first, *last, *next; /**< children in the order of their first call */
};

/** What a call is split by besides its function: a text, borrowed only; NULL: nothing. */
typedef const char *call_key_fn(void *ctx, const struct call *call);

/** `key` may be NULL.  NULL without memory. */
struct call_tree *call_tree_new(call_key_fn *key, void *ctx);
void call_tree_free(struct call_tree *tree);

/** Told of each call that took longer than all before it of its node. */
typedef void call_slowest_fn(void *ctx, struct call_node *node, const struct call *call);
void call_tree_watch(struct call_tree *tree, call_slowest_fn *watch, void *ctx);

/**
 * Add a call and all that it made; a part (calls.h) below the calls that made it, to which these are
 * added later.  0 or -ENOMEM.
 */
int call_tree_add(struct call_tree *tree, const struct call *call);

/** Above all that was added; its children are the functions that were called from none. */
const struct call_node *call_tree_root(const struct call_tree *tree);
/** Calls that have no node of their own. */
uint64_t call_tree_left_out(const struct call_tree *tree);

/**
 * Order all children by total time, the longest first; where it is the same, by the first call.  0
 * or -ENOMEM.
 */
int call_tree_sort(struct call_tree *tree);

/**
 * Keep the `max` nodes that took longest, those that are below kept ones only, and order children as
 * call_tree_sort() does. `*ret` is how many nodes are gone.  0 or -ENOMEM.
 */
int call_tree_prune(struct call_tree *tree, size_t max, size_t *ret);

/** The next node in depth-first order, parents first; NULL after the last.  Starts with the root. */
const struct call_node *call_node_next(const struct call_node *node);

#endif
