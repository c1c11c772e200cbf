/**
 * What happened to the tasks of the traced process, one event at a time.
 */
#ifndef REMOTE_EVENT_H
#define REMOTE_EVENT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc;

enum event_kind {
	EVENT_NONE,       /**< nothing waits, or the wait was interrupted */
	EVENT_EXITED,     /**< ended with exit code `value`: has to be reaped by event_reap() */
	EVENT_KILLED,     /**< ended by signal `value`: the same */
	/* All others: the task is stopped and has to be let go on. */
	EVENT_TRAP,       /**< SIGTRAP is about to be delivered: a breakpoint, or a signal like others */
	EVENT_SIGNAL,     /**< signal `value` is about to be delivered: has to be passed on */
	EVENT_GROUP_STOP, /**< job control stopped the process: thread_listen(), or the stop is lost */
	EVENT_PAUSED,     /**< PTRACE_INTERRUPT's stop, the first stop of a new task, or the end of a group stop */
	EVENT_NEW_TASK,   /**< it made a task, see thread_event_message() */
	EVENT_SYSCALL,    /**< it begins or ends a system call, as thread_resume_to_syscall() asked for */
	EVENT_EXECED,     /**< it runs another program now */
	EVENT_OTHER,      /**< of no meaning to us */
};

struct event {
	enum event_kind kind;
	pid_t tid;
	int value;
	uint64_t seen_ns;  /**< when it was seen */
	uint64_t since_ns; /**< since when the task may have been stopped, see event.c: not after seen_ns */
};

/** What a siginfo of waitid() means; pure. */
void event_decode(const siginfo_t *info, struct event *ret);

/**
 * The next event, fairly chosen among those that wait.  It stays to be seen again until the task is
 * let go on or reaped: nothing is consumed by looking (see event.c for why).
 *
 * With `block` waits for one, at most until the next tick or signal (then EVENT_NONE).
 * 0, or -ECHILD if nothing is traced.
 */
int event_next(struct proc *proc, bool block, struct event *ret);

/** The same for one task only; never blocks. */
int event_of(pid_t tid, struct event *ret);
/**
 * As event_of(), but looks again and again for some `ms`, in which time that the task waits for a CPU does not count, within bounds;
 * EVENT_NONE if nothing came.
 */
int event_wait(pid_t tid, int ms, struct event *ret);

/**
 * Take a stop from the kernel: it is not seen again, the task stays stopped until it is let go on.  If it brings a signal, that is
 * lost, and would be if we died now.  To be used where that is right:
 *   - a thread at a site that was sent to its slot, and is to be held while others are served
 *   - EVENT_NEW_TASK: it brings no signal
 *   - EVENT_EXECED: before that the kernel refuses all requests if another thread than the leader called exec, and so changed
 *     its tid (kernel/ptrace.c, looks_like_a_spurious_pid)
 */
void event_consume(pid_t tid);

/** Take the end of a task from the kernel: its tid may be used again. */
void event_reap(pid_t tid);

/**
 * Ticks: a timer signal that interrupts event_next()'s waiting every few ms, so that a flag set by
 * any signal handler is never seen late, whenever the signal came.  The signal is blocked
 * everywhere else.
 */
int tick_start(void);
void tick_stop(void);
/** Have one in `ns` from now, and now and then before if that is long.  0: at once: event_next() returns.  Any thread may call it. */
void tick_in(uint64_t ns);

#endif
