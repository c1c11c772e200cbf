/*
 * Whatever the thread stops for will do.  The stop is only looked at (event.c), and the thread is let go with the signal that it was
 * about to get: nothing is lost, neither if all goes well nor if we are killed meanwhile.
 *
 * Nothing is asked of the kernel but this one thread (no PTRACE_O_…): what it makes meanwhile is not ours.
 */
#include "tracer/remote/foothold.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <time.h>

#include "tracer/base/err.h"
#include "tracer/remote/event.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/thread.h"

enum { TRIES = 50 }; /* pause_thread() waits for 20 ms each */

static void forget_all(struct proc *proc)
{
	struct thread *thread, *next;
	pid_t live = proc->live;

	HASH_ITER(hh, proc->threads, thread, next)
		proc_forget(proc, thread);
	proc->live = live;
}

/* Between two tries it gets the time to take a signal of its own making (of an int3), which has to come first. */
static bool stop(struct proc *proc, struct thread *thread)
{
	static const struct timespec pause = { 0, 1000 * 1000 };
	struct event event;

	for (int i = 0; i < TRIES; i++) {
		if (pause_thread(proc, thread))
			return true;
		if (event_of(thread->tid, &event) < 0 || event.kind == EVENT_EXITED || event.kind == EVENT_KILLED)
			return false;
		if (event.kind != EVENT_NONE) {
			proc->stopped = thread;
			return true;
		}
		nanosleep(&pause, NULL);
	}
	return false;
}

int foothold_take(struct proc *proc, struct thread **ret)
{
	struct candidate list[CANDIDATES_MAX];
	int r = -ESRCH;

	proc_list_threads(proc);
	size_t n = pause_candidates(proc, list);

	for (size_t i = 0; i < n; i++) {
		struct thread *thread = proc_thread(proc, list[i].tid);

		if (ptrace(PTRACE_SEIZE, thread->tid, NULL, NULL) < 0) {
			r = -errno;
			continue;
		}
		if (stop(proc, thread)) {
			proc->poke = true;
			*ret = thread;
			return 0;
		}
		/* One that does not answer cannot be let go, either, before we end: no more of these. */
		r = -ETIMEDOUT;
		break;
	}
	forget_all(proc);
	return err_set(r, "no thread of process %d can be stopped: %s", (int)proc->pid, strerror(-r));
}

void foothold_leave(struct proc *proc, struct thread *thread)
{
	struct event event = { .kind = EVENT_NONE };

	event_of(thread->tid, &event);
	if (event.kind == EVENT_PAUSED)
		thread_undo_eintr(proc, thread);
	thread_detach(proc, thread, event.kind == EVENT_TRAP || event.kind == EVENT_SIGNAL ? event.value : 0);
	proc->poke = false;
	forget_all(proc);
}
