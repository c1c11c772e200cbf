/**
 * A stopped thread as a frame (symbols/frame.h).
 */
#ifndef REMOTE_LIVE_H
#define REMOTE_LIVE_H

#include <stdbool.h>
#include <sys/user.h>

#include "symbols/frame.h"

struct ahead;
struct proc;
struct thread;

struct live_frame {
	struct frame frame; /**< what is handed out */
	struct proc *proc;
	struct thread *thread;
	struct user_regs_struct regs;
	struct user_fpregs_struct fpregs; /**< fetched when a vector register is first asked for */
	bool has_fpregs;
	struct ahead *ahead; /**< between ahead_begin() and ahead_end(), or NULL: nothing is read ahead */
	void (*saw_code)(void *ctx, uint64_t addr); /**< or NULL */
	void *ctx;
};

/** `regs` are copied; rip in them is where the thread would go on in the original code. */
void live_frame_init(struct live_frame *live, struct proc *proc, struct thread *thread,
		     const struct user_regs_struct *regs);

#endif
