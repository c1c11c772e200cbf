/**
 * Delivering calls
 *
 * Once all that is held is more than HELD_MAX bytes, each call that ends within another one makes parts
 * be shed: the eldest that has ended of those the outermost call made, or an inner one around it. An
 * open call keeps what it has captured itself. Where that alone is more than OPEN_MAX bytes, as in a trace made to do harm,
 * trees that wait for a call around them are delivered without it, and if there are none reading ends.
 */
#include "tracer/review/calls.h"

#include <errno.h>

#include "tracer/base/err.h"
#include "tracer/review/calls_state.h"
#include "tracer/trace/reader.h"

/* Take back what was delivered; a part does not belong to the call that made it any more. */
static struct held *take_delivered(struct calls *calls)
{
	struct held *held = calls->delivered;

	if (calls->outermost)
		calls->outermost->up = &calls->top;
	calls->outermost = NULL;
	calls->delivered = NULL;
	if (held)
		held->call.up = NULL;
	return held;
}

void calls_free_delivered(struct calls *calls)
{
	struct held *held = take_delivered(calls);

	if (held)
		calls_free_tree(calls, &held->call);
}

void calls_set_eager(struct calls *calls)
{
	calls->is_eager = true;
}

/* What is to be delivered now of a call that has not ended, if any. */
static struct held *next_part(struct calls *calls)
{
	struct held *shed = calls->shed;

	if (!shed || calls->ended || calls->held_size <= HELD_MAX) {
		calls->shed = NULL;
		return NULL;
	}
	struct held *part = shed;
	struct call *up = shed->call.up;
	unsigned levels = 0;

	for (; levels < SHED_LEVELS && up != &calls->top; levels++, up = up->up)
		if (held_of(up->first)->has_ended)
			part = held_of(up->first);
	return levels < SHED_LEVELS ? part : NULL;
}

static void deliver_part(struct calls *calls, struct held *held)
{
	struct call *up = held->call.up;

	held_of(up)->size -= held->size < held_of(up)->size ? held->size : held_of(up)->size;
	up->parts++;
	up->parts_ns += call_duration(&held->call);
	calls_unlink(&held->call);
	held->call.is_part = true;
	held->call.up = up; /* to look at: up to the outermost one */
	for (;; up = up->up) {
		held->call.n_opened += !up->is_split;
		up->is_split = true;
		if (up->up == &calls->top)
			break;
	}
	up->up = NULL;
	calls->outermost = up;
	calls->delivered = held;
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

static bool is_within(const struct call *call, const struct call *around)
{
	while (call && call != around)
		call = call->up;
	return call;
}

/* One event taken in; or none is any more, with `calls->end`. */
static void take_event(struct calls *calls)
{
	struct trace_event event;
	int r = calls->source(calls->ctx, &event);

	if (r > 0)
		r = calls_event(calls, &event);
	else
		calls->ended = true;
	if (r == -ENOMEM)
		err_set(r, "out of memory for calls that have not ended");
	if (r >= 0 && calls->held_size > OPEN_MAX && !calls_settle(calls)) {
		r = err_set(-E2BIG, "calls that have not ended fill %d MiB: what comes later is left out", OPEN_MAX >> 20);
		calls->ended = true;
	}
	calls->end = r;
}

/* Read until there is something to deliver; false at the end, with `calls->end`. */
static bool read_tree(struct calls *calls)
{
	struct held *ready, *part = NULL;

	while (!(ready = next_ready(calls)) && !(part = next_part(calls)) && !calls->ended) {
		take_event(calls);
		if (calls->end == -ENOMEM)
			return false;
	}
	if (!part || is_within(&calls->shed->call, &part->call))
		calls->shed = NULL;
	if (ready)
		deliver(calls, ready);
	else if (part)
		deliver_part(calls, part);
	return ready || part;
}

int calls_next(struct calls *calls, const struct call **ret)
{
	calls_free_delivered(calls);
	if (!read_tree(calls))
		return calls->end;
	call_walk(&calls->delivered->call, &(struct call_visitor){ count_open, NULL }, calls);
	*ret = &calls->delivered->call;
	return 1;
}

/* An event of a damaged trace may name a call that has ended long ago: it finds nothing. Its memory is the keeper's matter. */
static bool forget(void *ctx, const struct call *call)
{
	struct calls *calls = ctx;
	struct held *held = held_of(call);

	if (held->is_known)
		HASH_DEL(calls->by_id, held);
	held->is_known = false;
	calls->held_size -= held->own;
	held->own = 0;
	return true;
}

size_t calls_keep(struct calls *calls)
{
	struct held *kept = take_delivered(calls);

	call_walk(&kept->call, &(struct call_visitor){ forget, NULL }, calls);
	return kept->size;
}

void calls_drop(struct calls *calls, const struct call *root)
{
	calls_free_tree(calls, &held_of(root)->call);
}
