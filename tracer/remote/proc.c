/*
 * Tasks, and who may be asked about the process
 *
 * PTRACE_O_TRACECLONE|FORK|VFORK make the kernel attach us to every task a seized one makes.  Such a task may be reported by its
 * maker's event or by its own first stop, in either order; records are made at whichever comes first.
 *
 * Seizing: while /proc/PID/task is read, threads are born.  After the first pass every unseen thread descends from a seized
 * one (then the kernel has attached us: EPERM with TracerPid ours) or from one not yet seized; hence passes are repeated until
 * one finds nothing new.
 *
 * A leader that has called pthread_exit() stays as a zombie while other threads live.  Its /proc/PID/maps is empty and
 * process_vm_readv() on it fails with ESRCH (its mm is gone: kernel/exit.c, exit_mm), and no wait status comes for it before
 * the last thread ends.  So whoever asks /proc goes through proc->live.
 */
#include "tracer/remote/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/remote/gate.h"

/* Not EXITKILL, which would kill the target with us; not TRACEEXIT: one more stop a thread for nothing we need. */
const long proc_trace_options =
	PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

/* A thread creation storm outruns us only if each pass is slower than the storm; then we give up. */
enum { SEIZE_PASSES_MAX = 1000 };

int proc_open(pid_t pid, struct proc **ret)
{
	char path[64];
	struct proc *proc = calloc(1, sizeof(*proc));

	if (!proc)
		return err_set(-ENOMEM, "out of memory");
	*proc = (struct proc){ .pid = pid, .live = pid, .patience = 1 };
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	proc->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	if (proc->mem_fd < 0) {
		int r = -errno;

		free(proc);
		return err_set(r == -ENOENT ? -ESRCH : r, "cannot open %s: %s", path, strerror(-r));
	}
	*ret = proc;
	return 0;
}

void proc_close(struct proc *proc)
{
	struct thread *thread, *next;

	if (!proc)
		return;
	HASH_ITER(hh, proc->threads, thread, next)
		proc_forget(proc, thread);
	close(proc->mem_fd);
	free(proc);
}

struct thread *proc_thread(struct proc *proc, pid_t tid)
{
	struct thread *thread;

	HASH_FIND_INT(proc->threads, &tid, thread);
	return thread;
}

struct thread *proc_add_thread(struct proc *proc, pid_t tid, enum thread_kind kind)
{
	struct thread *thread = proc_thread(proc, tid);

	if (!thread) {
		thread = calloc(1, sizeof(*thread));
		if (!thread)
			return NULL;
		thread->tid = tid;
		HASH_ADD_INT(proc->threads, tid, thread);
		if (!hash_added(thread)) {
			free(thread);
			return NULL;
		}
	}
	thread->kind = kind;
	return thread;
}

void proc_forget(struct proc *proc, struct thread *thread)
{
	if (proc->forget)
		proc->forget(proc->ctx, thread);
	if (proc->stopped == thread)
		proc->stopped = NULL;
	HASH_DEL(proc->threads, thread);
	free(thread);
}

size_t proc_count(const struct proc *proc)
{
	return HASH_COUNT(proc->threads);
}

char proc_state(pid_t pid, pid_t tid)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name, in parentheses, may hold anything: the state follows the last one. */
	const char *end = strrchr(text, ')');

	return end && end[1] == ' ' ? end[2] : 0;
}

static bool is_dead(char state)
{
	return state == 0 || state == 'Z' || state == 'X';
}

static pid_t tracer_of(pid_t pid, pid_t tid)
{
	char path[64], line[256];
	int tracer = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (f)
		fclose(f);
	return tracer;
}

/* 1 if it was not known before, 0 if there is nothing to do. */
static int seize_thread(struct proc *proc, pid_t tid)
{
	if (proc_thread(proc, tid))
		return 0;
	if (ptrace(PTRACE_SEIZE, tid, NULL, proc_trace_options) < 0) {
		int error = errno;

		if (error == ESRCH || is_dead(proc_state(proc->pid, tid)))
			return 0;
		if (error != EPERM || tracer_of(proc->pid, tid) != getpid()) {
			int r = gate_check(proc->pid);

			return r < 0 ? r : err_set(-error, "cannot trace thread %d of process %d: %s",
						   (int)tid, (int)proc->pid, strerror(error));
		}
	}
	return proc_add_thread(proc, tid, THREAD_OWN) ? 1 : err_set(-ENOMEM, "out of memory");
}

static int seize_pass(struct proc *proc)
{
	char path[64];
	int n_new = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)proc->pid);
	DIR *dir = opendir(path);

	if (!dir)
		return err_set(-ESRCH, "process %d is gone", (int)proc->pid);
	for (struct dirent *entry; n_new >= 0 && (entry = readdir(dir));) {
		pid_t tid = atoi(entry->d_name);
		int r = tid > 0 ? seize_thread(proc, tid) : 0;

		n_new = r < 0 ? r : n_new + r;
	}
	closedir(dir);
	return n_new;
}

int proc_seize(struct proc *proc)
{
	/* Without kcmp a forked child could not be told from one that shares the target's memory. */
	if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0) != 0)
		return err_set(-ENOTSUP, "this kernel has no kcmp(2): %s", strerror(errno));
	for (int pass = 0; pass < SEIZE_PASSES_MAX; pass++) {
		int n_new = seize_pass(proc);

		if (n_new < 0)
			return n_new;
		if (n_new == 0)
			return proc_count(proc) ? 0 : err_set(-ESRCH, "process %d is gone", (int)proc->pid);
	}
	return err_set(-EAGAIN, "process %d creates threads faster than they can be traced", (int)proc->pid);
}

static bool find_live_kind(struct proc *proc, enum thread_kind kind)
{
	struct thread *thread, *next;

	HASH_ITER(hh, proc->threads, thread, next) {
		if (thread->kind == kind && !is_dead(proc_state(thread->tid, thread->tid))) {
			proc->live = thread->tid;
			return true;
		}
	}
	return false;
}

int proc_find_live(struct proc *proc)
{
	return find_live_kind(proc, THREAD_OWN) || find_live_kind(proc, THREAD_SHARER) ? 0 : -ESRCH;
}

enum thread_kind proc_classify(struct proc *proc, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)proc->pid, (int)tid);
	if (access(path, F_OK) == 0)
		return THREAD_OWN;
	if (is_dead(proc_state(proc->live, proc->live)) && proc_find_live(proc) < 0)
		return THREAD_GONE;
	long order = syscall(SYS_kcmp, proc->live, tid, KCMP_VM, 0, 0);

	return order < 0 ? THREAD_GONE : order == 0 ? THREAD_SHARER : THREAD_FORKED;
}
