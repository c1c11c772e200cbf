/**
 * Delivering calls
 */
#include "tracer/review/calls.h"

#include <errno.h>

#include "tracer/base/err.h"
#include "tracer/review/calls_state.h"
#include "tracer/trace/reader.h"

void calls_set_eager(struct calls *calls)
{
	calls->is_eager = true;
}

/* The tree to deliver now, if any. */
static struct held *next_ready(struct calls *calls)
{
	struct call *root = calls->top.first;

	if (calls->ended)
		return root ? held_of(root) : NULL;
	if (calls->is_eager && !calls->ready_size)
		return NULL;
	calls->draining |= calls->is_eager || calls->ready_size > READY_MAX;
	while (root && calls->draining && held_of(root)->state != TREE_READY)
		root = root->next;
	if (root && held_of(root)->state == TREE_READY)
		return held_of(root);
	calls->draining = false;
	return NULL;
}

static void deliver(struct calls *calls, struct held *held)
{
	if (held->state == TREE_READY)
		calls->ready_size -= held->ready_size;
	calls_unlink(&held->call);
	held->call.parent = 0;
	calls->delivered = held;
}

static bool count_open(void *ctx, const struct call *call)
{
	struct calls *calls = ctx;

	calls->summary.open += call->outcome == OUTCOME_OPEN;
	return true;
}

int calls_next(struct calls *calls, const struct call **ret)
{
	struct held *ready;

	if (calls->delivered)
		calls_free_tree(calls, &calls->delivered->call);
	calls->delivered = NULL;
	while (!(ready = next_ready(calls)) && !calls->ended) {
		struct trace_event event;
		int r = calls->source(calls->ctx, &event);

		if (r > 0)
			r = calls_event(calls, &event);
		else
			calls->ended = true;
		if (r == -ENOMEM)
			return err_set(r, "out of memory for calls that have not ended");
		calls->end = r;
	}
	if (!ready)
		return calls->end;
	deliver(calls, ready);
	call_walk(&ready->call, &(struct call_visitor){ count_open, NULL }, calls);
	*ret = &ready->call;
	return 1;
}

/* An event of a damaged trace may name a call that has ended long ago: it finds nothing. */
static bool forget(void *ctx, const struct call *call)
{
	struct calls *calls = ctx;
	struct held *held = held_of(call);

	if (held->is_known)
		HASH_DEL(calls->by_id, held);
	held->is_known = false;
	return true;
}

size_t calls_keep(struct calls *calls)
{
	struct held *kept = calls->delivered;

	call_walk(&kept->call, &(struct call_visitor){ forget, NULL }, calls);
	calls->delivered = NULL;
	return kept->size;
}

void calls_drop(struct calls *calls, const struct call *root)
{
	calls_free_tree(calls, &held_of(root)->call);
}
