/**
 * The traced process: its tasks, its memory, what the kernel says about them.
 *
 * Everything here is done by the one thread of ours that seized the process.
 */
#ifndef REMOTE_PROC_H
#define REMOTE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/base/hash.h"
#include "tracer/remote/lazy.h"
#include "tracer/remote/polling.h"

enum thread_kind {
	THREAD_NEW,    /**< announced by its maker; its own first stop has not come yet */
	THREAD_OWN,    /**< a thread of the traced process */
	THREAD_SHARER, /**< another process that runs in the same memory until it execs: vfork, CLONE_VM */
	THREAD_FORKED, /**< another process with a copy of the memory: has to be cleaned and let go */
	THREAD_GONE,   /**< not there any more */
};

struct maps;

struct thread {
	pid_t tid;
	enum thread_kind kind;
	bool settled;      /**< what it makes from now on is traced from birth: see seize.c */
	bool interrupted;  /**< we sent PTRACE_INTERRUPT and have not seen its stop yet */
	pid_t awaits;      /**< it made this process, and is kept stopped until that one is let go; 0: none */
	bool left;         /**< it is left alone until our thread ends, with which the kernel lets it go: it need not wake up for that */
	unsigned round;    /**< fairness: the round it was served in last */
	uint64_t ran_ns;        /**< when it was last known not to be stopped; 0: never */
	uint64_t held_since_ns; /**< it is stopped, since then at the earliest; 0: it runs, as far as we know */
	void *user;        /**< belongs to who uses this layer; freed by proc->forget */
	UT_hash_handle hh;
};

/** Where code is that makes a system call and then rt_sigreturn; found in the process, never written: sigframe.h. */
struct gadgets {
	uint64_t syscall_ret; /**< syscall; ret */
	uint64_t restorer;    /**< mov $15,%rax; syscall: libc's __restore_rt */
};

struct proc {
	pid_t pid;
	pid_t live;   /**< a task in its memory that has not exited: /proc of a leader that did is empty */
	bool is_other; /**< its pid belongs to another program now: exec */
	int mem_fd, maps_fd; /**< /proc/PID/mem and maps: of the memory it had when we opened them, whatever it executes */
	struct lazy lazy;
	bool poke;    /**< /proc/PID/mem is not writable for us: PTRACE_POKETEXT has to do */
	int write_error; /**< and why: an errno */
	struct thread *stopped; /**< a thread known to be in a ptrace stop, for POKETEXT; NULL for none */
	struct thread *threads; /**< uthash by tid; may hold tasks that have exited unseen */
	unsigned round, served, turns, patience; /**< fairness, see event.c */
	struct gadgets gadgets; /**< all 0 until they were looked for */
	struct polling polling;
	unsigned blind; /**< waits that need not look first, see event.c */
	uint64_t free_ns;  /**< when nobody was stopped, as far as seen last */
	uint64_t cpu_wait_ns; /**< how long we had waited for a CPU when we asked last (urgency.h) */
	uint64_t held_ns, longest_held_ns; /**< how long the task was held that was let go last; the longest of all */
	uint64_t interrupted; /**< system calls that ended with EINTR because of us: thread_undo_eintr() */
	uint64_t room;  /**< memory of ours in it: room.h; 0: not known */
	void (*forget)(void *ctx, struct thread *thread); /**< called before a thread is forgotten; may be NULL */
	void (*meanwhile)(void *ctx); /**< called while something that takes long is read: NULL but where stops can be served then */
	void *ctx;
};

enum { PROC_STAT_MAX = 1024 };

int proc_open(pid_t pid, struct proc **ret);
/** Does not detach: tasks that are still traced are let go by the kernel when our thread ends. */
void proc_close(struct proc *proc);

struct thread *proc_thread(struct proc *proc, pid_t tid);
/** Find or make the record of a task; NULL without memory. */
struct thread *proc_add_thread(struct proc *proc, pid_t tid, enum thread_kind kind);
/** Make those of all threads there are: nobody is traced by that. */
void proc_list_threads(struct proc *proc);
void proc_forget(struct proc *proc, struct thread *thread);
size_t proc_count(const struct proc *proc);

/** What a task is to the traced process, asked of the kernel: never NEW. */
enum thread_kind proc_classify(struct proc *proc, pid_t tid);

/**
 * Find another task to ask for in /proc, when the one before turned out to be gone: a thread of the
 * process, or one that shares its memory.  -ESRCH if none is left.
 */
int proc_find_live(struct proc *proc);

/**
 * Whether `child`, made by task `maker`, is a forked copy of its memory that has not executed another program; with its state in
 * `*state`.  Not so if both share the memory, if `tracer` does not trace it, or if that cannot be found out.
 */
bool proc_is_copy(pid_t maker, pid_t child, pid_t tracer, char *state);

/** Its address space; -ESRCH when nobody lives in it. */
int proc_maps(struct proc *proc, struct maps *ret);

/**
 * Read a small file, one that the kernel makes, into `text`: what fits, with a NUL behind it.  Returns false, and the empty text, if it
 * cannot be read.  No allocation.
 */
bool proc_read(char *text, size_t len, const char *path_format, ...) __attribute__((format(printf, 3, 4)));

/**
 * The number behind "FIELD:" in /proc/TID/status (proc_pid_status(5)), written in `base`; -ENOENT if it is not there, the
 * first one if there are several.
 */
int proc_status(pid_t tid, const char *field, int base, uint64_t *ret);

/** Field `n` (3 or more) of /proc/PID/task/TID/stat (proc_pid_stat(5)), and what follows it, in `text`; NULL if it is gone. */
const char *proc_stat(pid_t pid, pid_t tid, int n, char text[PROC_STAT_MAX]);
/** Its third: R S D T t Z X; 0 if it is gone. */
char proc_state(pid_t pid, pid_t tid);
bool proc_is_dead(char state); /**< gone, or a zombie */

#endif
