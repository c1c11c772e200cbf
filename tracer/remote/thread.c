#include "tracer/remote/thread.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/remote/proc.h"

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
		/* poll without a timeout needs no kept state */
		if (regs->orig_rax == SYS_poll && (int32_t)regs->rdx < 0) {
			regs->rax = SYS_poll;
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

/* Those that answer EINTR to any wake-up, and whether this one would wait for ever. */
static bool waits_for_ever(const struct user_regs_struct *regs)
{
	switch (regs->orig_rax) {
	case SYS_epoll_wait:
		return (int32_t)regs->r10 < 0;
	case SYS_epoll_pwait: /* with a mask of its own, signals are let in just for the wait */
		return (int32_t)regs->r10 < 0 && !regs->r8;
	case SYS_epoll_pwait2:
		return !regs->r10 && !regs->r8;
	case SYS_semop:
		return true;
	case SYS_semtimedop:
		return !regs->r10;
	case SYS_rt_sigtimedwait:
		return !regs->rdx;
	case SYS_io_getevents:
		return !regs->r8;
	default:
		return false;
	}
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

void thread_undo_eintr(const struct thread *thread)
{
	struct user_regs_struct regs;

	if (thread_get_regs(thread, &regs) < 0 || (int64_t)regs.orig_rax < 0 ||
	    (int64_t)regs.rax != -EINTR || !waits_for_ever(&regs) || signal_waits(thread->tid))
		return;
	regs.rip -= SYSCALL_INSN_LEN;
	regs.rax = regs.orig_rax;
	regs.orig_rax = (uint64_t)-1;
	thread_set_regs(thread, &regs);
}
