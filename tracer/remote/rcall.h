/**
 * System calls made by the traced process for us: mapping memory, catching a signal.
 *
 * Safe whenever we die: the thread that makes the call is set up by one PTRACE_SETREGS and restores itself.
 */
#ifndef REMOTE_RCALL_H
#define REMOTE_RCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct proc;
struct thread;

struct rcall {
	struct proc *proc;
	/**
	 * Handle what a thread of the target (any, if NULL) stopped for meanwhile, and let it go
	 * on; may do nothing for NULL.
	 */
	void (*serve)(void *ctx, struct thread *thread);
	void *ctx;
	/**
	 * A stopped thread that makes the call, instead of one chosen by us; or NULL.  It
	 * comes back to registers `back`, at whose rip there must be an int3: it is held there on success.
	 */
	struct thread *held;
	const struct user_regs_struct *back;
};

/** A call on the way of a stopped thread: registers with which it makes it, and comes to where it shall go on. */
struct rcall_way {
	struct user_regs_struct call, back;
	uint64_t mask; /**< of the thread before, and again afterwards */
};

/** The signals that a thread with this mask has blocked on such a way; from when it has the call's registers on. */
uint64_t rcall_mask(uint64_t mask);

/**
 * Map `len` bytes with protection `prot` (PROT_…), anonymous and private, at exactly `addr`, which must be free.
 *
 * -ENOTSUP: it cannot be done in this process (no code for it, or a seccomp filter).
 * -EEXIST: somebody was faster, choose another address.  -EACCES: the process may not map such
 * memory.  -EAGAIN: no thread could be used (all are stopped by job control, or do not answer).
 * -ETIMEDOUT: it did not answer; `held` may be lost.
 */
int rcall_map(const struct rcall *call, uint64_t addr, size_t len, int prot);

/** It does not let itself be traced: take out of it what calls have left there. */
void rcall_leave(const struct rcall *call);

/**
 * The same for memory that may be executed, where none that is anonymous may (SELinux: execmem): a part of a file that the process
 * runs code of, private to it.  What is in it may be overwritten like anything else.  Three system calls; killed between them, we
 * leave a descriptor open.  Errors as rcall_map().
 */
int rcall_map_file(const struct rcall *call, uint64_t addr, size_t len);

/**
 * Have `sig`, which is not caught, caught: `action` is the address of the action in the process (rt_sigaction(2)).
 * Errors as rcall_map(); -EACCES: it was refused.
 */
int rcall_catch_signal(const struct rcall *call, int sig, uint64_t action);

/** Have `sig`, which is caught, caught by another action; the one before is written to `old`: 32 bytes that hold zeros before. */
int rcall_replace_action(const struct rcall *call, int sig, uint64_t action, uint64_t old);

/** Have the action of `sig`, which is caught, written to `to`: 32 bytes in the process that hold zeros before. */
int rcall_get_action(const struct rcall *call, int sig, uint64_t to);

/**
 * Prepare a stopped thread to set the action of `sig` on its way to registers `back`, or to where it is if NULL.  With registers
 * ret->call it does that and needs us no more.  -ENOTSUP: its seccomp filter does not allow it; -EAGAIN: not in this stop.
 */
int rcall_prepare_action(const struct rcall *call, struct thread *thread, const struct user_regs_struct *back, int sig,
			 uint64_t action, struct rcall_way *ret);
/** Whether a thread that was sent on that way, and stops for the first time, is not at its end yet. */
bool rcall_is_on_way(const struct rcall_way *way, const struct user_regs_struct *regs);

/**
 * Detach from a thread that stands in an EVENT_PAUSED or EVENT_GROUP_STOP stop; it sets the action of `sig` before it goes on.
 * -EAGAIN if it cannot do that now: it is still attached then, and runs, or stands in another stop.
 */
int rcall_set_action_and_detach(const struct rcall *call, struct thread *thread, int sig, uint64_t action);

#endif
