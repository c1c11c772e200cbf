/**
 * The stack image with which a thread restores itself: what rt_sigreturn(2) takes.  x86-64.
 */
#ifndef REMOTE_SIGFRAME_H
#define REMOTE_SIGFRAME_H

#include <stdint.h>
#include <sys/user.h>

struct proc;
struct thread;

/**
 * Where code is that makes a system call and then rt_sigreturn; found in the process, never
 * written.
 */
struct gadgets {
	uint64_t syscall_ret; /**< syscall; ret */
	uint64_t restorer;    /**< mov $15,%rax; syscall: libc's __restore_rt */
};

/** 0 or -ENOENT. */
int gadgets_find(struct proc *proc, struct gadgets *ret);

/**
 * Write the image below the stack of a stopped thread, so that a thread which starts at syscall_ret
 * with the returned rsp makes its call and then goes on with registers `back`, vector registers,
 * signal mask and alternate stack as they are.  `text` (or NULL) is kept above the image while it lives: it is what the call refers
 * to.  0 or a negative errno: then nothing that matters was changed.
 */
int sigframe_write(struct proc *proc, const struct thread *thread, const struct user_regs_struct *back,
		   const struct gadgets *gadgets, const char *text, uint64_t *ret_rsp, uint64_t *ret_text);

#endif
