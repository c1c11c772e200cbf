/*
 * A stop is harmless to a thread that runs, and to one in a system call that the kernel begins
 * again by itself.  Making it do another system call on the way is not, where the kernel keeps the
 * state of the interrupted one aside (timed waits: nanosleep, poll, futex): that state is lost
 * then.  /proc/TID/syscall tells what a sleeping thread is doing.
 */
#include "tracer/remote/pause.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "tracer/base/clock.h"
#include "tracer/remote/event.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/thread.h"
#include "tracer/remote/urgency.h"

enum { STOP_WAIT_MS = 20 }; /* for an answer to PTRACE_INTERRUPT: it may be in an uninterruptible call */

static bool is_untimed_futex(unsigned long op, unsigned long timeout)
{
	unsigned long command = op & FUTEX_CMD_MASK;

	return (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) && !timeout;
}

static enum harm harm_of_call(long nr, unsigned long a1, unsigned long a3)
{
	switch (nr) {
	case SYS_futex:
		return is_untimed_futex(a1, a3) ? HARM_NONE_IDLE : HARM_EINTR;
	case SYS_read:
	case SYS_write:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_accept:
	case SYS_accept4:
	case SYS_wait4:
	case SYS_waitid:
	case SYS_pause:
	case SYS_ppoll:
	case SYS_pselect6:
	case SYS_rt_sigsuspend:
		return HARM_NONE;
	case SYS_restart_syscall: /* of one of these */
	case SYS_poll:
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_rt_sigtimedwait:
	case SYS_io_getevents:
		return HARM_EINTR;
	default:
		return HARM_UNKNOWN;
	}
}

/* proc_pid_syscall(5): "running", or "-1 SP PC", or "NR ARG*6 SP PC". */
static enum harm harm_of_thread(pid_t pid, pid_t tid)
{
	char text[256];
	long nr;
	unsigned long a0, a1, a2, a3;

	proc_read(text, sizeof(text), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	if (sscanf(text, "%ld %lx %lx %lx %lx", &nr, &a0, &a1, &a2, &a3) == 5)
		return harm_of_call(nr, a1, a3);
	return HARM_RUNNING;
}

static int by_harm(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->harm != y->harm ? (x->harm > y->harm) - (x->harm < y->harm) : x->tid - y->tid;
}

size_t pause_candidates(struct proc *proc, struct candidate *list)
{
	struct thread *thread, *next;
	size_t n = 0;

	HASH_ITER(hh, proc->threads, thread, next) {
		if (n == CANDIDATES_MAX)
			break;
		if (thread->kind != THREAD_OWN)
			continue;
		list[n].tid = thread->tid;
		list[n++].harm = harm_of_thread(proc->pid, thread->tid);
	}
	qsort(list, n, sizeof(*list), by_harm);
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
	thread_undo_eintr(thread);
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
