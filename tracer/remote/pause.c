#include "tracer/remote/pause.h"

#include <stdlib.h>

#include "tracer/base/clock.h"
#include "tracer/remote/event.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/thread.h"
#include "tracer/remote/urgency.h"

enum { STOP_WAIT_MS = 20 }; /* for an answer to PTRACE_INTERRUPT: it may be in an uninterruptible call */

static int by_wait(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->wait != y->wait ? (x->wait > y->wait) - (x->wait < y->wait) : x->tid - y->tid;
}

/* In the place of the worst, if there are too many. */
static void add(struct candidate *list, size_t *n, const struct candidate *candidate)
{
	struct candidate *place = list;

	if (*n < CANDIDATES_MAX) {
		list[(*n)++] = *candidate;
		return;
	}
	for (size_t i = 1; i < *n; i++)
		if (list[i].wait > place->wait)
			place = &list[i];
	if (place->wait > candidate->wait)
		*place = *candidate;
}

size_t pause_candidates(struct proc *proc, struct candidate *list)
{
	struct thread *thread, *next;
	size_t n = 0;

	HASH_ITER(hh, proc->threads, thread, next) {
		struct waiting waiting;

		if (thread->kind != THREAD_OWN)
			continue;
		waits_look(proc, thread->tid, &waiting);
		add(list, &n, &(struct candidate){ thread->tid, waiting.wait });
	}
	qsort(list, n, sizeof(*list), by_wait);
	return n;
}

bool pause_thread(struct proc *proc, struct thread *thread)
{
	uint64_t asked_ns = clock_ns(CLOCK_MONOTONIC), waited_ns = urgency_waited_ns();
	struct event event;

	if (thread_interrupt(thread) < 0 || event_wait(thread->tid, STOP_WAIT_MS, &event) < 0 || event.kind != EVENT_PAUSED)
		return false;
	thread->interrupted = false;
	/* It may have waited for a CPU until it stopped, and we until we saw that: the latter counts. */
	waited_ns = urgency_waited_ns() - waited_ns;
	thread->held_since_ns = event.seen_ns - asked_ns > waited_ns ? event.seen_ns - waited_ns : asked_ns;
	proc->stopped = thread;
	if (!thread_fault_waits(thread))
		return true;
	thread_resume(proc, thread, 0);
	return false;
}

void pause_end(struct proc *proc, struct thread *thread)
{
	if (!thread)
		return;
	thread_undo_eintr(proc, thread);
	thread_resume(proc, thread, 0);
}

struct thread *pause_for_writing(struct proc *proc)
{
	struct candidate list[CANDIDATES_MAX];

	if (!proc->poke || proc->stopped)
		return NULL;
	size_t n = pause_candidates(proc, list);

	for (size_t i = 0; i < n; i++) {
		struct thread *thread = proc_thread(proc, list[i].tid);

		if (thread && pause_thread(proc, thread))
			return thread;
	}
	return NULL;
}
