/**
 * Calls that are being joined: shared by calls.c, which joins events to calls, and calls_next.c, which
 * delivers them.
 */
#ifndef REVIEW_CALLS_STATE_H
#define REVIEW_CALLS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/review/calls.h"

enum {
	READY_MAX = 64 << 20,  /* bytes of complete trees that wait for an earlier one */
	SHED_LEVELS = 1000,    /* calls around one; more deeply nested ones are not shed */
	HELD_MAX = 160 << 20,  /* bytes of all, before parts of trees are delivered */
	OPEN_MAX = 176 << 20,  /* and of those that cannot be delivered yet, before no more are read */
	LOST_NOTES_MAX = 1000, /* reasons told apart */
};

enum tree_state { TREE_OPEN, TREE_WAITING, TREE_READY };

struct held {
	struct call call; /* first: a call is a pointer to it */
	enum tree_state state; /* of the tree, if this is its outermost call */
	size_t own;            /* bytes of it alone */
	size_t size;           /* and of the calls it made that have ended */
	size_t ready_size;     /* what a READY tree counts in calls.ready_size */
	bool has_ended;
	bool is_known; /* in calls.by_id */
	void *entry, *ret, *stack;
	struct qmp_exchange *qmp;
	struct held *below; /* of a WAITING tree: the next in its thread's stack */
	UT_hash_handle hh;
};

struct thread {
	pid_t tid;
	const char *name;
	struct held *waiting;
	UT_hash_handle hh;
};

/* A text there is once. */
struct word {
	UT_hash_handle hh;
	char text[];
};

struct calls {
	calls_source_fn *source;
	void *ctx;
	bool deferred;
	struct call top;
	struct held *by_id;
	struct held *delivered;
	struct thread *threads;
	struct word *words;
	struct arena arena; /* threads, words */
	struct code_map *code;
	struct qmp_joiner *qmp;
	size_t ready_size;
	size_t held_size; /* of all calls */
	struct call *outermost; /* of the part that was delivered */
	struct held *shed; /* the call that ended last within another one; NULL: not since a delivery */
	bool draining; /* deliver what is READY, in front or not */
	bool is_eager; /* always */
	bool ended;
	int end;
	struct calls_summary summary;
	ARRAY(struct lost_note) lost;
};

static inline struct held *held_of(const struct call *call)
{
	return (struct held *)call;
}

/** Take the next event in.  0, or a negative errno. */
int calls_event(struct calls *calls, const struct trace_event *event);

/** Wait for no more parents: false if there was nothing that waited. */
bool calls_settle(struct calls *calls);

/** From the calls made by the same caller. */
void calls_unlink(struct call *call);
/** Without recursion, leaves first.  `root` is not linked any more. */
void calls_free_tree(struct calls *calls, struct call *root);
void calls_free_delivered(struct calls *calls);

#endif
