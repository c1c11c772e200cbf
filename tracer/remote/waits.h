/**
 * What it does to a thread that waits in a system call if it is stopped.
 */
#ifndef REMOTE_WAITS_H
#define REMOTE_WAITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc;
struct user_regs_struct;

/** From the one who minds it least on. */
enum wait {
	WAIT_IDLE,       /**< nothing, and it has nothing to do: it waits on a futex, for ever */
	WAIT_BEGUN_AGAIN, /**< nothing: the kernel begins the call again, exactly */
	WAIT_NONE,       /**< nothing: it runs */
	WAIT_FOR_EVER,   /**< EINTR, which is undone (thread_undo_eintr()): it has no end that could come later then */
	WAIT_KEPT,       /**< nothing: the kernel keeps its time, unless the thread makes another call meanwhile */
	WAIT_UNKNOWN,    /**< perhaps EINTR */
	WAIT_FINITE,     /**< EINTR; and begun again it would last too long */
};

/** A thread as /proc/PID/task/TID/syscall has it. */
struct waiting {
	enum wait wait;
	uint64_t sp, pc; /**< 0 if it runs */
};

void waits_look(const struct proc *proc, pid_t tid, struct waiting *ret);

/** A thread that is stopped inside a system call (orig_rax) which ended with EINTR: whether it would have waited for ever. */
bool waits_for_ever(const struct user_regs_struct *regs);

#endif
