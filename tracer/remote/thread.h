/**
 * Requests to one stopped (or to be stopped) thread.
 *
 * All return 0 or a negative errno.  -ESRCH means that the thread is not stopped any more because
 * it was killed: never an error, its end is reported by an event.
 */
#ifndef REMOTE_THREAD_H
#define REMOTE_THREAD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

struct proc;
struct thread;

/** Let it go on, with `sig` delivered if not 0. */
int thread_resume(struct proc *proc, struct thread *thread, int sig);
/**
 * Let it go on to the beginning or the end of a system call (EVENT_SYSCALL), whichever comes first.  Should we die while it stands
 * there it goes on as if it had not: PTRACE_O_TRACESYSGOOD makes of the stop a signal that does not exist.
 */
int thread_resume_to_syscall(struct proc *proc, struct thread *thread);
/** Leave it in its group stop, but be told of its end. */
int thread_listen(struct proc *proc, struct thread *thread);
/** Make it stop soon; what stops it first may be something else. */
int thread_interrupt(struct thread *thread);
/** Let it go on untraced, with `sig` delivered if not 0; the record stays. */
int thread_detach(struct proc *proc, struct thread *thread, int sig);

int thread_get_regs(const struct thread *thread, struct user_regs_struct *ret);
int thread_set_regs(const struct thread *thread, const struct user_regs_struct *regs);
int thread_get_fpregs(const struct thread *thread, struct user_fpregs_struct *ret);
/** Set only one register: cheaper than the whole set, and touches nothing else. */
int thread_set_rip(const struct thread *thread, uint64_t rip);

/** Blocked signals, of a thread in a call like ppoll(2) those that are when it is over.  One that is set is at once. */
int thread_get_sigmask(const struct thread *thread, uint64_t *ret);
int thread_set_sigmask(const struct thread *thread, uint64_t mask);

int thread_get_siginfo(const struct thread *thread, siginfo_t *ret);
int thread_set_siginfo(const struct thread *thread, const siginfo_t *info);

/** PTRACE_GETEVENTMSG: the new task, or after exec the old tid. */
int thread_event_message(const struct thread *thread, pid_t *ret);

/**
 * Registers as they would be after the kernel's own syscall restart, of a thread that stopped
 * inside a system call (arch/x86/kernel/signal.c, arch_do_signal_or_restart).  Returns false if the
 * kernel holds the state of the restart (restart_syscall: timed waits), which rt_sigreturn clears.
 */
bool regs_settle(struct user_regs_struct *regs);

/**
 * Whether a signal made by an instruction (of an int3, a fault) waits to be delivered.  Until it
 * was, the thread's registers must not be changed, and it must not be let go: signals are delivered
 * only after the stop of thread_interrupt().
 */
bool thread_fault_waits(const struct thread *thread);

/**
 * Undo the EINTR that a mere stop gives to the few system calls that are not begun again by the kernel (waits.h), where the call has
 * no time limit and no signal waits: then making it again is exactly what would have been.  Where that cannot be, it is counted:
 * proc->interrupted.  For a thread that stands in an EVENT_PAUSED stop.
 */
void thread_undo_eintr(struct proc *proc, const struct thread *thread);

/** The same for a thread that is about to get `sig`, if that is ignored: untraced, it would not have woken up for it. */
void thread_undo_eintr_of(struct proc *proc, const struct thread *thread, int sig);

#endif
