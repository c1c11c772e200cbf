#include "tracer/review/call_tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/review/calls.h"
#include "tracer/review/stats.h"

/* A text there is once. */
struct key {
	UT_hash_handle hh;
	char text[];
};

/* What tells a node from others. */
struct place {
	const struct call_node *up;
	const struct trace_probe *probe;
	const char *key;
};

struct entry {
	struct call_node node; /* first: a node is a pointer to it */
	struct place place;
	size_t number; /* how many there were before it */
	bool is_pruned;
	UT_hash_handle hh;
};

struct call_tree {
	call_key_fn *key;
	void *ctx;
	call_slowest_fn *watch; /* may be NULL */
	void *watch_ctx;
	struct arena arena;
	struct call_node root;
	struct entry *entries;
	struct key *keys;
	size_t n;
	uint64_t left_out;

	/* While a call is added: the node of the call that call_walk() is in. */
	struct call_node *at;
	unsigned below; /* how many calls it is below that one's, without a node of their own */
	int error;
};

struct call_tree *call_tree_new(call_key_fn *key, void *ctx)
{
	struct call_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->key = key;
	tree->ctx = ctx;
	return tree;
}

void call_tree_free(struct call_tree *tree)
{
	if (!tree)
		return;
	for (struct entry *it = tree->entries; it; it = it->hh.next)
		free(it->node.data);
	HASH_CLEAR(hh, tree->entries);
	HASH_CLEAR(hh, tree->keys);
	arena_free(&tree->arena);
	free(tree);
}

void call_tree_watch(struct call_tree *tree, call_slowest_fn *watch, void *ctx)
{
	tree->watch = watch;
	tree->watch_ctx = ctx;
}

/* NULL without memory. */
static const char *intern(struct call_tree *tree, const char *text)
{
	struct key *found;
	size_t len = strlen(text);

	HASH_FIND_STR(tree->keys, text, found);
	if (found)
		return found->text;
	found = arena_alloc(&tree->arena, sizeof(*found) + len + 1);
	if (!found)
		return NULL;
	memcpy(found->text, text, len);
	HASH_ADD_STR(tree->keys, text, found);
	return hash_added(found) ? found->text : NULL;
}

static struct call_node *add_node(struct call_tree *tree, const struct place *place)
{
	struct call_node *up = tree->at;
	struct entry *entry = arena_alloc(&tree->arena, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->place = *place;
	HASH_ADD(hh, tree->entries, place, sizeof(entry->place), entry);
	if (!hash_added(entry))
		return NULL;
	entry->node.probe = place->probe;
	entry->node.key = place->key;
	entry->node.depth = up->depth + 1;
	entry->node.up = up;
	*(up->last ? &up->last->next : &up->first) = &entry->node;
	up->last = &entry->node;
	entry->number = tree->n++;
	return &entry->node;
}

/* The node of a call that one of `tree->at` made; NULL if it gets none, or without memory. */
static struct call_node *find_node(struct call_tree *tree, const struct call *call)
{
	const char *key = tree->key ? tree->key(tree->ctx, call) : NULL;
	struct place place = { .up = tree->at, .probe = call->probe };
	struct entry *found;

	if (key && !(place.key = intern(tree, key))) {
		tree->error = -ENOMEM;
		return NULL;
	}
	HASH_FIND(hh, tree->entries, &place, sizeof(place), found);
	if (found)
		return &found->node;
	if (tree->at->depth >= CALL_TREE_DEPTH_MAX || tree->n >= CALL_TREE_NODES_MAX)
		return NULL;
	struct call_node *node = add_node(tree, &place);

	if (!node)
		tree->error = -ENOMEM;
	return node;
}

static void count(const struct call_tree *tree, struct call_node *node, const struct call *call)
{
	uint64_t ns = call_duration(call);

	node->calls++;
	node->errors += call_failed(call);
	node->open += call->outcome == OUTCOME_OPEN;
	node->total_ns += ns;
	if (call->outcome != OUTCOME_OPEN && (!node->slowest || ns > node->max_ns)) {
		node->slowest = call->id;
		node->max_ns = ns;
		if (tree->watch)
			tree->watch(tree->watch_ctx, node, call);
	}
}

/* Time of a call without that of the calls it made, whose times a damaged trace may get wrong. */
static uint64_t self_time(const struct call *call)
{
	uint64_t rest = call_duration(call);

	rest -= call->parts_ns < rest ? call->parts_ns : rest;
	for (const struct call *it = call->first; it; it = it->next) {
		uint64_t ns = call_duration(it);

		rest -= ns < rest ? ns : rest;
	}
	return rest;
}

static bool enter(void *ctx, const struct call *call)
{
	struct call_tree *tree = ctx;

	if (tree->error)
		return false;
	struct call_node *node = tree->below ? NULL : find_node(tree, call);

	if (tree->error)
		return false;
	if (!node) {
		tree->below++;
		tree->left_out++;
		tree->at->self_ns += self_time(call);
		return true;
	}
	count(tree, node, call);
	node->self_ns += self_time(call);
	tree->at = node;
	return true;
}

static void leave(void *ctx, const struct call *call)
{
	struct call_tree *tree = ctx;

	(void)call;
	if (tree->error)
		return;
	if (tree->below)
		tree->below--;
	else
		tree->at = tree->at->up;
}

/* The way to a part; those on it are counted when they have ended. */
static void find_way(struct call_tree *tree, const struct call *call)
{
	const struct call *way[CALL_TREE_DEPTH_MAX];
	unsigned n = 0;

	for (const struct call *up = call->up; up && n < CALL_TREE_DEPTH_MAX; up = up->up)
		way[n++] = up;
	while (n && !tree->below && !tree->error) {
		struct call_node *node = find_node(tree, way[--n]);

		if (node)
			tree->at = node;
		else
			tree->below++;
	}
}

int call_tree_add(struct call_tree *tree, const struct call *call)
{
	tree->at = &tree->root;
	tree->below = 0;
	tree->error = 0;
	if (call->is_part)
		find_way(tree, call);
	if (!tree->error)
		call_walk(call, &(struct call_visitor){ enter, leave }, tree);
	if (tree->error)
		return err_set(tree->error, "out of memory for the call tree");
	if (call->is_part)
		return 0;
	tree->root.calls++;
	tree->root.total_ns += call_duration(call);
	return 0;
}

const struct call_node *call_tree_root(const struct call_tree *tree)
{
	return &tree->root;
}

uint64_t call_tree_left_out(const struct call_tree *tree)
{
	return tree->left_out;
}

static int by_time(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;

	if (x->node.total_ns != y->node.total_ns)
		return x->node.total_ns > y->node.total_ns ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static void sort_children(struct call_node *up, struct call_node **nodes)
{
	struct call_node **end = nodes, **at = &up->first;

	for (struct call_node *it = up->first; it; it = it->next)
		if (!((struct entry *)it)->is_pruned)
			*end++ = it;
	qsort(nodes, (size_t)(end - nodes), sizeof(*nodes), by_time);
	for (up->last = NULL; nodes < end; at = &(*at)->next)
		*at = up->last = *nodes++;
	*at = NULL;
}

/* `nodes` has room for all; returns how many are left. */
static size_t sort_all(struct call_tree *tree, struct call_node **nodes)
{
	struct call_node *node = &tree->root;
	size_t n = 0;

	for (; node; node = (struct call_node *)call_node_next(node), n++)
		sort_children(node, nodes);
	return n - 1;
}

int call_tree_sort(struct call_tree *tree)
{
	size_t n;

	return call_tree_prune(tree, SIZE_MAX, &n);
}

int call_tree_prune(struct call_tree *tree, size_t max, size_t *ret)
{
	struct call_node **nodes = calloc(tree->n + 1, sizeof(*nodes));
	size_t n = 0;

	if (!nodes)
		return err_set(-ENOMEM, "out of memory for the call tree");
	for (const struct call_node *it = &tree->root; (it = call_node_next(it)); n++)
		nodes[n] = (struct call_node *)it;
	qsort(nodes, n, sizeof(*nodes), by_time);
	for (size_t i = max; i < n; i++)
		((struct entry *)nodes[i])->is_pruned = true;
	*ret = n - sort_all(tree, nodes);
	free(nodes);
	return 0;
}

const struct call_node *call_node_next(const struct call_node *node)
{
	if (node->first)
		return node->first;
	while (node && !node->next)
		node = node->up;
	return node ? node->next : NULL;
}
