#include "tracer/remote/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/waits.h"

static int request(enum __ptrace_request what, const struct thread *thread, const void *addr, const void *data)
{
	return ptrace(what, thread->tid, addr, data) < 0 ? -errno : 0;
}

/* Every way on leads through here: how long it was held is known then. */
static int let_go(struct proc *proc, struct thread *thread, enum __ptrace_request how, int sig)
{
	if (proc->stopped == thread)
		proc->stopped = NULL;
	int r = request(how, thread, NULL, (void *)(intptr_t)sig);

	thread->ran_ns = clock_ns(CLOCK_MONOTONIC);
	proc->held_ns = thread->held_since_ns ? thread->ran_ns - thread->held_since_ns : 0;
	thread->held_since_ns = 0;
	if (proc->held_ns > proc->longest_held_ns)
		proc->longest_held_ns = proc->held_ns;
	return r;
}

int thread_resume(struct proc *proc, struct thread *thread, int sig)
{
	return let_go(proc, thread, PTRACE_CONT, sig);
}

int thread_resume_to_syscall(struct proc *proc, struct thread *thread)
{
	return let_go(proc, thread, PTRACE_SYSCALL, 0);
}

int thread_listen(struct proc *proc, struct thread *thread)
{
	return let_go(proc, thread, PTRACE_LISTEN, 0);
}

int thread_interrupt(struct thread *thread)
{
	int r = request(PTRACE_INTERRUPT, thread, NULL, NULL);

	thread->interrupted = r == 0;
	return r;
}

int thread_detach(struct proc *proc, struct thread *thread, int sig)
{
	return let_go(proc, thread, PTRACE_DETACH, sig);
}

int thread_get_regs(const struct thread *thread, struct user_regs_struct *ret)
{
	return request(PTRACE_GETREGS, thread, NULL, ret);
}

int thread_set_regs(const struct thread *thread, const struct user_regs_struct *regs)
{
	return request(PTRACE_SETREGS, thread, NULL, regs);
}

int thread_get_fpregs(const struct thread *thread, struct user_fpregs_struct *ret)
{
	return request(PTRACE_GETFPREGS, thread, NULL, ret);
}

int thread_set_rip(const struct thread *thread, uint64_t rip)
{
	return request(PTRACE_POKEUSER, thread, (void *)offsetof(struct user_regs_struct, rip), (void *)rip);
}

int thread_get_sigmask(const struct thread *thread, uint64_t *ret)
{
	return request(PTRACE_GETSIGMASK, thread, (void *)sizeof(*ret), ret);
}

int thread_set_sigmask(const struct thread *thread, uint64_t mask)
{
	return request(PTRACE_SETSIGMASK, thread, (void *)sizeof(mask), &mask);
}

int thread_get_siginfo(const struct thread *thread, siginfo_t *ret)
{
	return request(PTRACE_GETSIGINFO, thread, NULL, ret);
}

int thread_set_siginfo(const struct thread *thread, const siginfo_t *info)
{
	return request(PTRACE_SETSIGINFO, thread, NULL, info);
}

int thread_event_message(const struct thread *thread, pid_t *ret)
{
	unsigned long message = 0;
	int r = request(PTRACE_GETEVENTMSG, thread, NULL, &message);

	if (r == 0)
		*ret = (pid_t)message;
	return r;
}

/* Errors that never leave the kernel: include/linux/errno.h. */
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };
enum { SYSCALL_INSN_LEN = 2 };

/* poll without a time limit; a futex with a point in time */
static bool needs_nothing_kept(const struct user_regs_struct *regs)
{
	return (regs->orig_rax == SYS_poll && (int32_t)regs->rdx < 0) ||
	       (regs->orig_rax == SYS_futex && (regs->rsi & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET);
}

bool regs_settle(struct user_regs_struct *regs)
{
	if ((int64_t)regs->orig_rax < 0)
		return regs->rax != SYS_restart_syscall; /* it may be about to make it: stopped twice on the way */
	switch (-(int64_t)regs->rax) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
		regs->rip -= SYSCALL_INSN_LEN;
		regs->rax = regs->orig_rax;
		break;
	case ERESTART_RESTARTBLOCK:
		regs->rip -= SYSCALL_INSN_LEN;
		if (needs_nothing_kept(regs)) {
			regs->rax = regs->orig_rax;
			break;
		}
		regs->rax = SYS_restart_syscall;
		regs->orig_rax = (uint64_t)-1;
		return false;
	default:
		break;
	}
	regs->orig_rax = (uint64_t)-1;
	return true;
}

/*
 * Unblocked signals that wait, for the thread itself and for its process; all if that is not known.
 */
static void waiting_signals(pid_t tid, uint64_t *own, uint64_t *shared)
{
	uint64_t blocked = 0;

	if (proc_status(tid, "SigPnd", 16, own) < 0 || proc_status(tid, "ShdPnd", 16, shared) < 0 ||
	    proc_status(tid, "SigBlk", 16, &blocked) < 0)
		*own = *shared = ~0ull;
	*own &= ~blocked;
	*shared &= ~blocked;
}

bool thread_fault_waits(const struct thread *thread)
{
	static const int faults[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	uint64_t own, shared;

	waiting_signals(thread->tid, &own, &shared);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (own >> (faults[i] - 1) & 1)
			return true;
	return false;
}

static bool signal_waits(pid_t tid)
{
	uint64_t own, shared;

	waiting_signals(tid, &own, &shared);
	return own || shared;
}

/* Signals whose default action is nothing. */
static bool is_ignored(pid_t tid, int sig)
{
	uint64_t ignored = 0, caught = 0, bit = 1ull << (sig - 1);
	bool nothing = sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH;

	proc_status(tid, "SigIgn", 16, &ignored);
	return ignored & bit || (nothing && proc_status(tid, "SigCgt", 16, &caught) == 0 && !(caught & bit));
}

/*
 * A call that has let in other signals for its time (epoll_pwait) ends before it is made again: then these wait until it is.  Else a
 * handler could run in between, and the call would wait for what has been.
 */
static int make_again(const struct thread *thread, struct user_regs_struct *regs)
{
	uint64_t mask;

	regs->rip -= SYSCALL_INSN_LEN;
	regs->rax = regs->orig_rax;
	regs->orig_rax = (uint64_t)-1;
	if (thread_get_sigmask(thread, &mask) == 0)
		thread_set_sigmask(thread, mask);
	return thread_set_regs(thread, regs);
}

static bool ended_by_eintr(const struct thread *thread, struct user_regs_struct *regs)
{
	return thread_get_regs(thread, regs) == 0 && (int64_t)regs->orig_rax >= 0 && (int64_t)regs->rax == -EINTR;
}

static void undo_eintr(struct proc *proc, const struct thread *thread, struct user_regs_struct *regs)
{
	if (signal_waits(thread->tid))
		return;
	if (!waits_for_ever(regs) || make_again(thread, regs) < 0)
		proc->interrupted++;
}

void thread_undo_eintr(struct proc *proc, const struct thread *thread)
{
	struct user_regs_struct regs;

	if (ended_by_eintr(thread, &regs))
		undo_eintr(proc, thread, &regs);
}

void thread_undo_eintr_of(struct proc *proc, const struct thread *thread, int sig)
{
	struct user_regs_struct regs;

	if (ended_by_eintr(thread, &regs) && is_ignored(thread->tid, sig))
		undo_eintr(proc, thread, &regs);
}
