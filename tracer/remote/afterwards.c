/*
 * When a handler may go
 *
 * A thread that was let go by the death of its tracer has the signal that it stopped for in hand: nothing in /proc shows it, and it
 * looks for the handler when it gets a CPU.  So each thread has to be seen
 *
 *	- to sleep in a system call, which nobody does who is about to get a signal of an instruction; or
 *	- in a stop that was asked for after that: what it had in hand it has taken before (kernel/signal.c, get_signal), and it stands in
 *	  the handler, which needs not be installed any more.  A stop costs a thread that runs nothing.
 *
 * A signal that is blocked and waits needs the handler for as long as it does.
 */
#include "tracer/remote/afterwards.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <time.h>

#include "tracer/remote/event.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/thread.h"

enum { TRIES = 100, TRIES_FOR_CALL = 2000, TRACER_WAIT_MS = 2000 };

static void sleep_us(long us)
{
	struct timespec ts = { 0, us * 1000 };

	nanosleep(&ts, NULL);
}

static bool sleeps_in_call(const struct proc *proc, pid_t tid)
{
	char text[256];
	long nr;

	proc_read(text, sizeof(text), "/proc/%d/task/%d/syscall", (int)proc->pid, (int)tid);
	return sscanf(text, "%ld", &nr) == 1 && nr >= 0;
}

static bool is_untraced(pid_t tid)
{
	uint64_t tracer = 0;

	for (int ms = 0; ms < TRACER_WAIT_MS; ms++) {
		if (proc_status(tid, "TracerPid", 10, &tracer) < 0 || !tracer)
			return true;
		sleep_us(1000);
	}
	return false;
}

static bool waits_for(pid_t tid, int sig)
{
	uint64_t own = 0;

	proc_status(tid, "SigPnd", 16, &own);
	return own >> (sig - 1) & 1;
}

/* Nobody else serves it: what it stops for meanwhile it gets at once. */
static bool stop(struct proc *proc, struct thread *thread)
{
	struct event event;

	/* The option: without it a stop at a system call looks like a SIGTRAP, and would be passed on as one. */
	if (ptrace(PTRACE_SEIZE, thread->tid, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0)
		return false;
	for (int i = 0; i < TRIES; i++) {
		if (pause_thread(proc, thread))
			return true;
		if (event_of(thread->tid, &event) < 0 || event.kind == EVENT_EXITED || event.kind == EVENT_KILLED)
			return false;
		if (event.kind == EVENT_GROUP_STOP)
			return true;
		if (event.kind != EVENT_NONE)
			thread_resume(proc, thread, event.kind == EVENT_SIGNAL || event.kind == EVENT_TRAP ? event.value : 0);
	}
	return false;
}

static bool is_seen_clear(struct proc *proc, struct thread *thread)
{
	if (sleeps_in_call(proc, thread->tid) || proc_is_dead(proc_state(thread->tid, thread->tid)))
		return true;
	if (!stop(proc, thread))
		return proc_is_dead(proc_state(thread->tid, thread->tid));
	thread_detach(proc, thread, 0);
	return true;
}

/* Whoever is made from now on has nothing in hand. */
static bool nobody_has(struct proc *proc, int sig)
{
	struct thread *thread, *next;

	proc_list_threads(proc);
	HASH_ITER(hh, proc->threads, thread, next)
		if (!is_untraced(thread->tid))
			return false;
	HASH_ITER(hh, proc->threads, thread, next)
		if (!is_seen_clear(proc, thread))
			return false;
	HASH_ITER(hh, proc->threads, thread, next)
		if (waits_for(thread->tid, sig))
			return false;
	return true;
}

/* It runs, or stands in some stop. */
static bool let_go(struct proc *proc, struct thread *thread)
{
	struct event event;

	for (int i = 0; i < TRIES; i++) {
		if (pause_thread(proc, thread))
			return thread_detach(proc, thread, 0) == 0;
		if (event_of(thread->tid, &event) < 0)
			return false;
		if (event.kind != EVENT_NONE)
			return thread_detach(proc, thread, event.kind == EVENT_SIGNAL || event.kind == EVENT_TRAP ? event.value : 0) == 0;
	}
	return false;
}

static int set_action(struct proc *proc, int sig, uint64_t action)
{
	const struct rcall call = { .proc = proc };
	struct candidate list[CANDIDATES_MAX];

	for (int i = 0; i < TRIES_FOR_CALL; i++) {
		size_t n = pause_candidates(proc, list);
		struct thread *thread = n && list[0].wait < WAIT_KEPT ? proc_thread(proc, list[0].tid) : NULL;

		if (thread && !stop(proc, thread))
			return -EAGAIN;
		if (thread && rcall_set_action_and_detach(&call, thread, sig, action) == 0)
			return 0;
		if (thread && !let_go(proc, thread))
			return -EAGAIN;
		sleep_us(100);
	}
	return -EAGAIN;
}

int afterwards_set_action(pid_t pid, int sig, uint64_t action)
{
	struct proc *proc;
	int r = proc_open(pid, &proc);

	if (r < 0)
		return r;
	return nobody_has(proc, sig) ? set_action(proc, sig, action) : -EAGAIN;
}
