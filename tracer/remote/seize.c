/*
 * Leaving out nobody
 *
 * An int3 that is hit by a task we do not trace kills it.  So before the first one is planted,
 * every task that runs in the memory must be traced, and every task that will be made must be, from
 * birth.  PTRACE_O_TRACECLONE|FORK|VFORK make the kernel attach us to what a seized task makes.
 * Who is left?
 *
 *   - Threads born while /proc/PID/task is read: another pass finds them.  EPERM with ourselves as
 *     TracerPid means that the kernel was faster.
 *   - Children of vfork() and posix_spawn(), and other processes made with CLONE_VM, that were born
 *     before: kcmp() finds them among all processes.
 *   - What a task makes by a clone() that it was already in when it was seized: the kernel looks at
 *     the options when the call begins (kernel/fork.c, kernel_clone), and copies the memory later,
 *     perhaps with our int3s.  So each task must be seen outside of any clone() begun before:
 *     blocked in another system call, or in any ptrace stop.  A task that runs is asked to stop;
 *     most sleep, and are not disturbed.  A parent that waits in vfork() cannot stop: it sleeps
 *     uninterruptibly, and its child has been found among the processes.  Nobody else is believed
 *     to have settled without being seen, however long it takes: on a loaded machine a task may
 *     wait for a CPU in the middle of fork().
 */
#include "tracer/remote/seize.h"

#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/remote/gate.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/thread.h"

/*
 * Not EXITKILL, which would kill the target with us; not TRACEEXIT: one more stop a thread for
 * nothing we need.
 */
const long seize_options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
			   PTRACE_O_TRACESYSGOOD;

/* The tracing thread: proc_pid_status(5), "TracerPid". */
static pid_t tracer_of(pid_t tid)
{
	uint64_t tracer = 0;

	proc_status(tid, "TracerPid", 10, &tracer);
	return (pid_t)tracer;
}

static bool has_memory(pid_t tid)
{
	char text[128];

	proc_read(text, sizeof(text), "/proc/%d/statm", (int)tid);
	return strtoull(text, NULL, 10) > 0;
}

/* 1 if it was seized, 0 if there is nothing to do. */
static int seize(struct proc *proc, pid_t tid, enum thread_kind kind)
{
	bool born_traced = false;

	if (proc_thread(proc, tid))
		return 0;
	if (ptrace(PTRACE_SEIZE, tid, NULL, seize_options) < 0) {
		int error = errno;

		if (error == ESRCH || proc_is_dead(proc_state(tid, tid)))
			return 0;
		born_traced = error == EPERM && tracer_of(tid) == gettid();
		/* To kcmp() whoever has none shares it, as every thread of the kernel: it is our process that has none any more. */
		if (!born_traced && kind == THREAD_SHARER && !has_memory(tid))
			return err_set(-ESRCH, "process %d has ended", (int)proc->pid);
		if (!born_traced) {
			int r = gate_check(kind == THREAD_OWN ? proc->pid : tid);

			return r < 0 ? r : err_set(-error, "cannot trace task %d of process %d: %s", (int)tid,
						   (int)proc->pid, strerror(error));
		}
	}
	KILL_POINT("seize");
	struct thread *thread = proc_add_thread(proc, tid, kind);

	if (!thread)
		return err_set(-ENOMEM, "out of memory");
	thread->settled = born_traced;
	return !born_traced;
}

static int seize_threads(struct proc *proc)
{
	char path[64];
	int n_new = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)proc->pid);
	DIR *dir = opendir(path);

	if (!dir)
		return err_set(-ESRCH, "process %d is gone", (int)proc->pid);
	for (struct dirent *entry; n_new >= 0 && (entry = readdir(dir));) {
		pid_t tid = atoi(entry->d_name);
		int r = tid > 0 ? seize(proc, tid, THREAD_OWN) : 0;

		n_new = r < 0 ? r : n_new + r;
	}
	closedir(dir);
	return n_new;
}

/* Processes that share the memory. */
static int seize_sharers(struct proc *proc)
{
	DIR *dir = opendir("/proc");
	int n_new = 0;

	/*
	 * Who has exited has no memory, and so has every thread of the kernel: kcmp() calls that
	 * the same.
	 */
	if (proc_is_dead(proc_state(proc->live, proc->live)) && proc_find_live(proc) < 0) {
		closedir(dir);
		return err_set(-ESRCH, "process %d has ended", (int)proc->pid);
	}
	if (!dir)
		return err_set(-errno, "cannot read /proc: %s", strerror(errno));
	for (struct dirent *entry; n_new >= 0 && (entry = readdir(dir));) {
		pid_t pid = atoi(entry->d_name);
		bool shares = pid > 0 && pid != proc->pid && pid != getpid() &&
			      syscall(SYS_kcmp, proc->live, pid, KCMP_VM, 0, 0) == 0;
		int r = shares ? seize(proc, pid, THREAD_SHARER) : 0;

		n_new = r < 0 ? r : n_new + r;
	}
	closedir(dir);
	return n_new;
}

/* Whether a task sleeps in a system call that makes no tasks. */
static bool sleeps_elsewhere(pid_t tid)
{
	char text[256];
	long nr;

	proc_read(text, sizeof(text), "/proc/%d/syscall", (int)tid);
	return sscanf(text, "%ld", &nr) == 1 && nr >= 0 && nr != SYS_clone && nr != SYS_clone3 &&
	       nr != SYS_fork && nr != SYS_vfork;
}

static bool has_sharers(struct proc *proc)
{
	struct thread *thread, *next;

	HASH_ITER(hh, proc->threads, thread, next)
		if (thread->kind == THREAD_SHARER)
			return true;
	return false;
}

/* Count those who are not settled yet, apart those of them who seem to wait in vfork(). */
static void settle(struct proc *proc, struct seize_result *ret)
{
	struct thread *thread, *next;
	bool sharers = has_sharers(proc);

	HASH_ITER(hh, proc->threads, thread, next) {
		if (!thread->settled)
			thread->settled = sleeps_elsewhere(thread->tid);
		if (thread->settled)
			continue;
		if (!thread->interrupted && thread_interrupt(thread) == -ESRCH)
			continue;
		if (sharers && proc_state(thread->tid, thread->tid) == 'D')
			ret->n_in_vfork++;
		else
			ret->n_unsettled++;
	}
}

int seize_pass(struct proc *proc, struct seize_result *ret)
{
	/* Without kcmp a forked child could not be told from one that shares the memory. */
	if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0) != 0)
		return err_set(-ENOTSUP, "this kernel has no kcmp(2): %s", strerror(errno));
	/* First: what an unsettled task has made until it settled is then found by this pass. */
	struct seize_result result = { 0 };

	settle(proc, &result);
	int threads = seize_threads(proc), sharers = threads < 0 ? threads : seize_sharers(proc);

	if (sharers < 0)
		return sharers;
	result.n_new = (size_t)threads + (size_t)sharers;
	*ret = result;
	return 0;
}
