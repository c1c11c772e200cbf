/**
 * The stack image with which a thread restores itself: what rt_sigreturn(2) takes.  x86-64.
 */
#ifndef REMOTE_SIGFRAME_H
#define REMOTE_SIGFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct gadgets;
struct proc;
struct thread;

/** Found once; looked for again if it is not there any more.  0 or -ENOENT. */
int gadgets_find(struct proc *proc, struct gadgets *ret);

/** Where the image is. */
struct sigframe {
	uint64_t rsp;  /**< with which a thread starts at syscall_ret */
	uint64_t text; /**< what the call refers to */
	size_t len;
	bool borrowed; /**< room.h */
};

/**
 * Write the image, so that a thread which starts at syscall_ret with ret->rsp makes its call and then goes on with registers `back`,
 * blocked signals `mask`, vector registers and alternate stack as they are.  `text` (or NULL) is kept beside it.
 * 0 or a negative errno (-ENOSPC: there is no place for it): then nothing that matters was changed.
 */
int sigframe_write(struct proc *proc, const struct thread *thread, const struct user_regs_struct *back, uint64_t mask,
		   const struct gadgets *gadgets, const char *text, struct sigframe *ret);

/** Whether a stack pointer is that of a thread which has not restored itself yet. */
static inline bool sigframe_is_at(const struct sigframe *frame, uint64_t rsp)
{
	return rsp - frame->rsp <= sizeof(uint64_t); /* `ret` takes one word */
}

#endif
