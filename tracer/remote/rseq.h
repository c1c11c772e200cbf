/**
 * Restartable sequences (rseq(2)): code that the kernel lets run to its end undisturbed, or sends to an abort handler.
 */
#ifndef REMOTE_RSEQ_H
#define REMOTE_RSEQ_H

#include <stdbool.h>
#include <stdint.h>

struct proc;
struct thread;
struct user_regs_struct;

/** include/uapi/linux/rseq.h, struct rseq_cs: from `start` on, `len` bytes of code. */
struct sequence {
	uint32_t version, flags;
	uint64_t start, len, abort;
};

/**
 * Registers of a stopped thread: if it stands in a sequence, rip becomes that of its abort handler, as by the kernel when it goes on.
 * 1: it did, 0: it does not (`*uses`, if not NULL: but it uses them), -ENOTSUP: the kernel cannot tell (before Linux 5.13).
 */
int rseq_leave(struct proc *proc, const struct thread *thread, struct user_regs_struct *regs, bool *uses);

#endif
