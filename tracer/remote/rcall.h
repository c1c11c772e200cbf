/**
 * A system call made by the traced process for us: mapping a page of executable memory.
 */
#ifndef REMOTE_RCALL_H
#define REMOTE_RCALL_H

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
	 * A stopped thread that makes the call, instead of one chosen by rcall_map(); or NULL.  It
	 * comes back to registers `back`, at whose rip there must be an int3: it is held there when
	 * rcall_map() returns 0.
	 */
	struct thread *held;
	const struct user_regs_struct *back;
};

/**
 * Map `len` bytes, readable and executable, anonymous and private, at exactly `addr`, which must be
 * free.
 *
 * Safe whenever we die: the thread that makes the call is set up by one PTRACE_SETREGS and restores
 * itself. -ENOTSUP: it cannot be done in this process (no code for it, or a seccomp filter).
 * -EEXIST: somebody was faster, choose another address.  -EACCES: the process may not map such
 * memory.  -EAGAIN: no thread could be used (all are stopped by job control, or do not answer).
 * -ETIMEDOUT: it did not answer; `held` may be lost.
 */
int rcall_map(const struct rcall *call, uint64_t addr, size_t len);

#endif
