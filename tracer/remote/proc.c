/*
 * Who may be asked about the process
 *
 * A leader that has called pthread_exit() stays as a zombie while other threads live.  Its
 * /proc/PID/maps is empty and process_vm_readv() on it fails with ESRCH (its mm is gone:
 * kernel/exit.c, exit_mm), and no wait status comes for it before the last thread ends.  So whoever
 * asks /proc goes through proc->live.
 */
#include "tracer/remote/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/remote/maps.h"

int proc_open(pid_t pid, struct proc **ret)
{
	char path[64];
	struct proc *proc = calloc(1, sizeof(*proc));

	if (!proc)
		return err_set(-ENOMEM, "out of memory");
	*proc = (struct proc){ .pid = pid, .live = pid, .patience = 1, .maps_fd = -1 };
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	proc->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	int r = proc->mem_fd < 0 ? -errno : (proc->maps_fd = maps_open(pid));

	if (r < 0) {
		if (proc->mem_fd >= 0)
			close(proc->mem_fd);
		free(proc);
		return err_set(r == -ENOENT ? -ESRCH : r, "cannot open %s: %s", path, strerror(-r));
	}
	lazy_open(&proc->lazy, pid);
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
	close(proc->maps_fd);
	lazy_close(&proc->lazy);
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
		thread->ran_ns = clock_ns(CLOCK_MONOTONIC);
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
	if (proc->live == thread->tid)
		proc->live = -1; /* nobody's: makes the next who asks look for another */
	free(thread);
}

void proc_list_threads(struct proc *proc)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)proc->pid);
	DIR *dir = opendir(path);

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (atoi(entry->d_name) > 0)
			proc_add_thread(proc, atoi(entry->d_name), THREAD_OWN);
	if (dir)
		closedir(dir);
}

size_t proc_count(const struct proc *proc)
{
	return HASH_COUNT(proc->threads);
}

bool proc_read(char *text, size_t len, const char *path_format, ...)
{
	char path[64];
	va_list ap;

	va_start(ap, path_format);
	vsnprintf(path, sizeof(path), path_format, ap);
	va_end(ap);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, len - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

int proc_status(pid_t tid, const char *field, int base, uint64_t *ret)
{
	char text[8192], line[32];

	snprintf(line, sizeof(line), "\n%s:", field);
	proc_read(text, sizeof(text), "/proc/%d/status", (int)tid);
	const char *at = strstr(text, line);

	if (!at)
		return -ENOENT;
	*ret = strtoull(at + strlen(line), NULL, base);
	return 0;
}

const char *proc_stat(pid_t pid, pid_t tid, int n, char text[PROC_STAT_MAX])
{
	proc_read(text, PROC_STAT_MAX, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	/* The name, in parentheses, may hold anything, parentheses too: the rest follows the last one. */
	const char *at = strrchr(text, ')');

	for (int field = 2; at && field < n; field++)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : NULL;
}

char proc_state(pid_t pid, pid_t tid)
{
	char text[PROC_STAT_MAX];
	const char *state = proc_stat(pid, tid, 3, text);

	return state ? *state : 0;
}

bool proc_is_dead(char state)
{
	return state == 0 || state == 'Z' || state == 'X';
}

/* A thread of the process itself, traced by us (still) or not. */
static bool find_live_thread(struct proc *proc)
{
	char path[64];

	if (!proc_is_dead(proc_state(proc->pid, proc->pid))) {
		proc->live = proc->pid;
		return true;
	}
	snprintf(path, sizeof(path), "/proc/%d/task", (int)proc->pid);
	DIR *dir = opendir(path);
	bool found = false;

	for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
		pid_t tid = atoi(entry->d_name);

		found = tid > 0 && !proc_is_dead(proc_state(proc->pid, tid));
		if (found)
			proc->live = tid;
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool find_live_sharer(struct proc *proc)
{
	struct thread *thread, *next;

	HASH_ITER(hh, proc->threads, thread, next) {
		if (thread->kind == THREAD_SHARER && !proc_is_dead(proc_state(thread->tid, thread->tid))) {
			proc->live = thread->tid;
			return true;
		}
	}
	return false;
}

int proc_find_live(struct proc *proc)
{
	return (!proc->is_other && find_live_thread(proc)) || find_live_sharer(proc) ? 0 : -ESRCH;
}

int proc_maps(struct proc *proc, struct maps *ret)
{
	struct maps maps = { 0 };
	int r = maps_read_slowly(proc->live, proc->meanwhile, proc->ctx, &maps);

	/* Of a zombie the file is there, but empty. */
	if ((r < 0 || !maps.n) && proc_find_live(proc) == 0) {
		if (r == 0)
			maps_free(&maps);
		r = maps_read_slowly(proc->live, proc->meanwhile, proc->ctx, &maps);
	}
	if (r == 0 && !maps.n) {
		maps_free(&maps);
		r = -ESRCH;
	}
	if (r < 0)
		return err_set(r, "process %d has ended", (int)proc->pid);
	*ret = maps;
	return 0;
}

enum thread_kind proc_classify(struct proc *proc, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)proc->pid, (int)tid);
	if (access(path, F_OK) == 0)
		return THREAD_OWN;
	if (proc_is_dead(proc_state(proc->live, proc->live)) && proc_find_live(proc) < 0)
		return THREAD_GONE;
	long order = syscall(SYS_kcmp, proc->live, tid, KCMP_VM, 0, 0);

	return order < 0 ? THREAD_GONE : order == 0 ? THREAD_SHARER : THREAD_FORKED;
}

enum { FORKED_NO_EXEC = 0x40 }; /* include/linux/sched.h, PF_FORKNOEXEC */

bool proc_is_copy(pid_t maker, pid_t child, pid_t tracer, char *state)
{
	char text[PROC_STAT_MAX];
	uint64_t its_tracer = 0;
	const char *flags = proc_stat(child, child, 9, text), *state_at = strrchr(text, ')');

	if (!flags || proc_status(child, "TracerPid", 10, &its_tracer) < 0)
		return false;
	*state = state_at[2];
	return (pid_t)its_tracer == tracer && strtoul(flags, NULL, 10) & FORKED_NO_EXEC &&
	       syscall(SYS_kcmp, maker, child, KCMP_VM, 0, 0) > 0;
}
