/*
 * Forks that are under way
 *
 *	fork:  the memory is copied (dup_mmap) ------ the rest of the fork ------> the child is there to be seen
 *	                                 ^ text is restored here
 *
 * A copy that was made before has our bytes in it, and nobody sees its child yet; the rest takes some microseconds of the maker's time, but
 * a maker that waits for a CPU can take as long as it likes.  Whoever looks for children too early misses that one.
 *
 * dup_mmap() holds the mmap_lock for writing, a write through /proc/PID/mem takes it for reading (kernel/fork.c, mm/memory.c).  So when
 * the text has been restored no copying that began before is under way any more, and who may be in the rest of a fork is a thread that runs, or
 * waits in the kernel (D), in this moment.  It has left the fork as soon as it sleeps, stops or ends, or when it has run for FORK_NS more, which
 * is many times what that takes, also where a namespace is made.
 */
#include "tracer/probe/forks.h"

#include "tracer/remote/proc.h"
#include "tracer/remote/tasks.h"

static const uint64_t fork_ns = 20 * 1000 * 1000;

static bool may_fork(pid_t pid, pid_t tid)
{
	char state = proc_state(pid, tid);

	return state == 'R' || state == 'D';
}

static bool note(pid_t pid, pid_t tid, void *arg)
{
	struct forks *forks = arg;

	if (may_fork(pid, tid) && forks->n < FORKS_MAX) {
		forks->makers[forks->n].tid = tid;
		forks->makers[forks->n++].run_ns = task_run_ns(tid);
	}
	return false;
}

void forks_note(struct forks *forks, pid_t pid)
{
	forks->n = 0;
	tasks_each(pid, note, forks);
}

bool forks_go_on(struct forks *forks, pid_t pid)
{
	size_t kept = 0;

	for (size_t i = 0; i < forks->n; i++) {
		pid_t tid = forks->makers[i].tid;

		if (may_fork(pid, tid) && task_run_ns(tid) - forks->makers[i].run_ns < fork_ns)
			forks->makers[kept++] = forks->makers[i];
	}
	forks->n = kept;
	return kept > 0;
}
