/**
 * Joining events to calls
 *
 * All trees hang below `top` in the order of their entry. A tree is
 *
 *	OPEN      its outermost call has not ended: calls are added to it
 *	WAITING   its outermost call has a parent that may still come (below)
 *	READY     complete: delivered once it stands first, or once READY_MAX bytes wait for others
 *
 * Where a probe is deferred (its filter needs $ret), the entry of a call is written when the call
 * returns: behind the events of the calls it made. These come with a parent nobody knows, and if
 * the filter says no, nobody ever will. A thread's calls being a stack, the parent can come as long
 * as the thread's events are deeper than it; `waiting` of a thread holds its trees that wait, the
 * deeper ones on top, and each event of the thread shows whether those on top got their parent, or
 * never will.
 */
#include "tracer/review/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "tracer/base/err.h"
#include "tracer/review/calls_state.h"
#include "tracer/review/code.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/review/value_copy.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"
#include "tracer/trace/writer.h"

const char *call_outcome_name(enum call_outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_OPEN] = "open",
		[OUTCOME_RETURNED] = "returned",
		[OUTCOME_UNWOUND] = "unwound",
		[OUTCOME_EXITED] = "exited",
		[OUTCOME_LOST] = "lost",
	};

	return names[outcome];
}

uint64_t call_duration(const struct call *call)
{
	bool has_ended = call->outcome != OUTCOME_OPEN && call->ended_ns > call->entered_ns;

	return has_ended ? call->ended_ns - call->entered_ns : 0;
}

const char *call_capture_name(const struct value_node *values, size_t i)
{
	const char *name = i < values->schema->n_members ? values->schema->members[i]->name : NULL;

	return name ? name : "";
}

const struct value_node *call_capture(const struct value_node *values, const char *name)
{
	for (size_t i = 0; values && i < values->n; i++)
		if (!strcmp(call_capture_name(values, i), name))
			return &values->items[i];
	return NULL;
}

void call_walk(const struct call *root, const struct call_visitor *visitor, void *ctx)
{
	const struct call *call = root;

	for (;;) {
		bool inside = visitor->enter(ctx, call);

		if (inside && call->first) {
			call = call->first;
			continue;
		}
		if (inside && visitor->leave)
			visitor->leave(ctx, call);
		while (call != root && !call->next) {
			call = call->up;
			if (visitor->leave)
				visitor->leave(ctx, call);
		}
		if (call == root)
			return;
		call = call->next;
	}
}

void calls_unlink(struct call *call)
{
	struct call *up = call->up;

	*(call->prev ? &call->prev->next : &up->first) = call->next;
	*(call->next ? &call->next->prev : &up->last) = call->prev;
	call->up = call->prev = call->next = NULL;
}

/* Calls come nearly in order: look for the place from behind. */
static void link_call(struct call *call, struct call *up)
{
	struct call *prev = up->last;

	while (prev && prev->entered_ns > call->entered_ns)
		prev = prev->prev;
	call->up = up;
	call->prev = prev;
	call->next = prev ? prev->next : up->first;
	*(call->prev ? &call->prev->next : &up->first) = call;
	*(call->next ? &call->next->prev : &up->last) = call;
}

static void free_call(struct calls *calls, struct held *held)
{
	if (held->is_known)
		HASH_DEL(calls->by_id, held);
	calls->held_size -= held->own;
	if (held->qmp && calls->qmp)
		qmp_ended(calls->qmp, held->qmp);
	qmp_release(held->qmp);
	free(held->entry);
	free(held->ret);
	free(held->stack);
	free(held);
}

void calls_free_tree(struct calls *calls, struct call *root)
{
	struct call *call = root;

	while (call) {
		struct call *up = call->up;

		if (call->first) {
			call = call->first;
			continue;
		}
		if (up)
			calls_unlink(call);
		free_call(calls, held_of(call));
		call = up;
	}
}

static const char *word(struct calls *calls, const char *text)
{
	struct word *found = NULL;

	if (!text)
		return NULL;
	HASH_FIND_STR(calls->words, text, found);
	if (!found) {
		size_t len = strlen(text);

		found = arena_alloc(&calls->arena, sizeof(*found) + len + 1);
		if (!found)
			return NULL;
		memcpy(found->text, text, len);
		HASH_ADD_STR(calls->words, text, found);
	}
	return found->text;
}

static struct thread *find_thread(struct calls *calls, pid_t tid)
{
	struct thread *thread;

	HASH_FIND(hh, calls->threads, &tid, sizeof(tid), thread);
	if (thread)
		return thread;
	thread = arena_alloc(&calls->arena, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->tid = tid;
	HASH_ADD(hh, calls->threads, tid, sizeof(thread->tid), thread);
	return thread;
}

static void set_ready(struct calls *calls, struct held *held)
{
	held->state = TREE_READY;
	held->ready_size = held->size;
	calls->ready_size += held->ready_size;
}

/*
 * An event of a thread tells about those that wait: it may be the entry of the parent, `entered`.
 */
static void settle_waiting(struct calls *calls, struct thread *thread,
			   const struct trace_event *event, struct held *entered)
{
	while (thread->waiting) {
		struct held *top = thread->waiting;
		bool is_sibling =
			top->call.depth == event->depth && top->call.parent == event->parent;

		if (event->depth > top->call.depth || is_sibling)
			return;
		thread->waiting = top->below;
		if (entered && top->call.parent == event->call && top->call.depth > event->depth) {
			calls_unlink(&top->call);
			link_call(&top->call, &entered->call);
			entered->size += top->size;
		} else {
			set_ready(calls, top);
		}
	}
}

bool calls_settle(struct calls *calls)
{
	size_t before = calls->ready_size;

	for (struct thread *thread = calls->threads; thread; thread = thread->hh.next)
		for (; thread->waiting; thread->waiting = thread->waiting->below)
			set_ready(calls, thread->waiting);
	return calls->ready_size != before;
}

/* The call of this number; the latest one, where a damaged trace has several. */
static struct held *find_call(struct calls *calls, uint64_t id)
{
	struct held *held;

	HASH_FIND(hh, calls->by_id, &id, sizeof(id), held);
	return held;
}

static void make_known(struct calls *calls, struct held *held)
{
	struct held *old = find_call(calls, held->call.id);

	if (old) {
		HASH_DEL(calls->by_id, old);
		old->is_known = false;
	}
	HASH_ADD(hh, calls->by_id, call.id, sizeof(held->call.id), held);
	held->is_known = true;
}

static struct held *new_call(struct calls *calls, const struct trace_event *event,
			     const struct thread *thread)
{
	struct held *held = calloc(1, sizeof(*held));

	if (!held)
		return NULL;
	held->size = sizeof(*held) + event->n_stack * sizeof(*event->stack);
	held->entry = event->values ? value_copy(event->values, &held->size) : NULL;
	if (event->n_stack)
		held->stack = malloc(event->n_stack * sizeof(*event->stack));
	if ((event->values && !held->entry) || (event->n_stack && !held->stack)) {
		free_call(calls, held);
		return NULL;
	}
	if (event->n_stack)
		memcpy(held->stack, event->stack, event->n_stack * sizeof(*event->stack));
	held->call = (struct call){
		.id = event->call,
		.parent = event->parent,
		.depth = event->depth,
		.is_guess = event->is_guess,
		.tid = event->tid,
		.thread = thread->name,
		.probe = event->probe,
		.entered_ns = event->time_ns,
		.entry = held->entry,
		.stack = held->stack,
		.n_stack = event->n_stack,
	};
	return held;
}

/* A caller is not deeper than what it called: links that say otherwise could make a circle. */
static struct held *find_parent(struct calls *calls, const struct trace_event *event)
{
	struct held *parent = event->parent ? find_call(calls, event->parent) : NULL;

	return parent && parent->call.depth <= event->depth ? parent : NULL;
}

static int on_entry(struct calls *calls, const struct trace_event *event, struct thread *thread)
{
	struct held *parent = find_parent(calls, event);
	struct held *held = new_call(calls, event, thread);

	if (!held)
		return -ENOMEM;
	if (qmp_entered(calls->qmp, &held->call, &held->qmp) < 0) {
		free_call(calls, held);
		return -ENOMEM;
	}
	held->call.qmp = held->qmp;
	if (held->qmp)
		held->size += qmp_is_sender(held->qmp, &held->call) ? held->qmp->request.len : held->qmp->reply.len;
	calls->summary.calls++;
	calls->summary.guesses += held->call.is_guess;
	held->own = held->size;
	calls->held_size += held->own;
	settle_waiting(calls, thread, event, held);
	link_call(&held->call, parent ? &parent->call : &calls->top);
	make_known(calls, held);
	return 0;
}

/* The outermost call of a tree has ended: what becomes of the tree. */
static void on_tree_end(struct calls *calls, struct held *held, struct thread *thread)
{
	if (!calls->deferred || !held->call.parent) {
		set_ready(calls, held);
		return;
	}
	held->state = TREE_WAITING;
	held->below = thread->waiting;
	thread->waiting = held;
}

static enum call_outcome outcome_of(const struct trace_event *event)
{
	if (event->kind == TRACE_RETURN)
		return OUTCOME_RETURNED;
	switch (event->closed) {
	case CLOSED_UNWOUND:
		return OUTCOME_UNWOUND;
	case CLOSED_EXITED:
		return OUTCOME_EXITED;
	case CLOSED_LOST:
		return OUTCOME_LOST;
	default:
		return OUTCOME_OPEN;
	}
}

static int on_end(struct calls *calls, const struct trace_event *event, struct thread *thread)
{
	struct held *held = find_call(calls, event->call);

	settle_waiting(calls, thread, event, NULL);
	/* The values of a return are of its probe's schema: whoever asks for those of the call relies on it. */
	if (!held || held->has_ended ||
	    (event->kind == TRACE_RETURN && event->probe != held->call.probe)) {
		calls->summary.orphans++;
		return 0;
	}
	held->has_ended = true;
	if (held->qmp && qmp_is_sender(held->qmp, &held->call))
		qmp_ended(calls->qmp, held->qmp);
	held->call.outcome = outcome_of(event);
	held->call.ended_ns = event->time_ns;
	held->call.return_source = word(calls, event->return_source);
	if (event->kind == TRACE_RETURN && event->values) {
		size_t size = 0;

		held->call.ret = held->ret = value_copy(event->values, &size);
		if (!held->ret)
			return -ENOMEM;
		held->own += size;
		held->size += size;
		calls->held_size += size;
	}
	calls->summary.unwound += held->call.outcome == OUTCOME_UNWOUND;
	calls->summary.exited += held->call.outcome == OUTCOME_EXITED;
	calls->summary.lost_returns += held->call.outcome == OUTCOME_LOST;
	calls->shed = NULL;
	if (held->call.up == &calls->top) {
		on_tree_end(calls, held, thread);
	} else {
		held_of(held->call.up)->size += held->size;
		calls->shed = held;
	}
	return 0;
}

static void on_lost(struct calls *calls, const struct trace_event *event)
{
	const char *probe = word(calls, event->module), *reason = word(calls, event->text);
	struct lost_note *note;

	calls->summary.lost += event->count;
	array_foreach(&calls->lost, note) {
		if (note->probe == probe && note->reason == reason) {
			note->count += event->count;
			return;
		}
	}
	note = calls->lost.n < LOST_NOTES_MAX ? array_push(&calls->lost) : NULL;
	if (note)
		*note = (struct lost_note){ probe, reason, event->count };
}

static int on_frame(struct calls *calls, const struct trace_event *event)
{
	struct code_place place = { event->text, event->module, event->source, event->inlined };

	return code_map_add(calls->code, event->addr, event->index, &place);
}

int calls_event(struct calls *calls, const struct trace_event *event)
{
	struct calls_summary *summary = &calls->summary;
	struct thread *thread = find_thread(calls, event->tid);

	if (!thread)
		return -ENOMEM;
	if (!summary->first_ns || event->time_ns < summary->first_ns)
		summary->first_ns = event->time_ns;
	if (event->time_ns > summary->last_ns)
		summary->last_ns = event->time_ns;
	switch (event->kind) {
	case TRACE_ENTRY:
		return on_entry(calls, event, thread);
	case TRACE_RETURN:
	case TRACE_CLOSED:
		return on_end(calls, event, thread);
	case TRACE_THREAD:
		thread->name = word(calls, event->text);
		return 0;
	case TRACE_FRAME:
		return on_frame(calls, event);
	case TRACE_LOST:
		on_lost(calls, event);
		return 0;
	}
	return 0;
}

struct calls *calls_new(calls_source_fn *source, void *ctx, bool deferred)
{
	struct calls *calls = calloc(1, sizeof(*calls));

	if (!calls)
		return NULL;
	calls->source = source;
	calls->ctx = ctx;
	calls->deferred = deferred;
	calls->code = code_map_new();
	calls->qmp = qmp_joiner_new();
	if (!calls->code || !calls->qmp) {
		calls_free(calls);
		return NULL;
	}
	return calls;
}

static int next_of_reader(void *ctx, struct trace_event *ret)
{
	return reader_next(ctx, ret);
}

struct calls *calls_of_reader(struct reader *reader)
{
	return calls_new(next_of_reader, reader, reader_has_deferred(reader));
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	calls_free_delivered(calls);
	while (calls->top.first) {
		struct call *root = calls->top.first;

		calls_unlink(root);
		calls_free_tree(calls, root);
	}
	HASH_CLEAR(hh, calls->threads);
	HASH_CLEAR(hh, calls->words);
	HASH_CLEAR(hh, calls->by_id);
	code_map_free(calls->code);
	qmp_joiner_free(calls->qmp);
	array_free(&calls->lost);
	arena_free(&calls->arena);
	free(calls);
}

const struct calls_summary *calls_summary(const struct calls *calls)
{
	return &calls->summary;
}

size_t calls_lost(const struct calls *calls, const struct lost_note **ret)
{
	*ret = calls->lost.items;
	return calls->lost.n;
}

const struct code_map *calls_code(const struct calls *calls)
{
	return calls->code;
}
