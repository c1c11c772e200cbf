/*
 * A thread that sleeps in a system call wakes up for a stop.  What comes of that, the kernel's source tells, call by call
 * (signal(7), "Interruption of system calls and library functions by stop signals", has most of them):
 *
 *	ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND   begun again with the same arguments.  What has a time limit and does that
 *	                  has it as a point in time (futex(2) but for FUTEX_WAIT, mq_timedreceive(2), clock_nanosleep(2) with
 *	                  TIMER_ABSTIME), or has written what is left of it over the argument (select(2), ppoll(2)).
 *	ERESTART_RESTARTBLOCK   goes on by restart_syscall(2): the kernel keeps the time (nanosleep(2), poll(2), FUTEX_WAIT)
 *	EINTR             the end.  Without a time limit the call may be made again instead; with one nobody knows what is left of it.
 *
 * A socket makes the first of the third kind: with SO_RCVTIMEO or SO_SNDTIMEO (net/core/sock.h, sock_intr_errno).  To ask for these a
 * copy of the descriptor is needed for a moment (pidfd_getfd(2), Linux 5.6); the thread that waits holds the socket anyway.
 */
#include "tracer/remote/waits.h"

#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <time.h>
#include <unistd.h>

#include "tracer/remote/proc.h"

enum { FUTEX_LOCK_PI2_OP = 13, IORING_ENTER_EXT_ARG_FLAG = 8 };
enum { NR_FUTEX_WAITV = 449 };

/* As in the registers: rdi, rsi, rdx, r10, r8, r9. */
struct call {
	long nr;
	unsigned long args[6];
};

static enum wait of_futex(const struct call *call)
{
	bool limited = call->args[3] != 0;

	switch (call->args[1] & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
		return limited ? WAIT_KEPT : WAIT_IDLE;
	case FUTEX_WAIT_BITSET:
		return limited ? WAIT_BEGUN_AGAIN : WAIT_IDLE; /* kept, too, but until a point in time: see regs_settle() */
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2_OP:
	case FUTEX_WAIT_REQUEUE_PI:
		return WAIT_BEGUN_AGAIN;
	default:
		return WAIT_UNKNOWN;
	}
}

static bool is_socket(const struct proc *proc, int fd)
{
	char path[64], to[16];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)proc->pid, fd);
	ssize_t n = readlink(path, to, sizeof(to));

	return n > 8 && !memcmp(to, "socket:[", 8);
}

static enum wait of_socket(const struct proc *proc, int fd, int option)
{
	struct timeval limit = { 1, 0 };
	socklen_t len = sizeof(limit);
	int process = (int)syscall(SYS_pidfd_open, proc->pid, 0);
	int copy = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	bool known = copy >= 0 && getsockopt(copy, SOL_SOCKET, option, &limit, &len) == 0;

	if (copy >= 0)
		close(copy);
	if (process >= 0)
		close(process);
	return !known ? WAIT_UNKNOWN : limit.tv_sec || limit.tv_usec ? WAIT_FINITE : WAIT_BEGUN_AGAIN;
}

static enum wait of_file(const struct proc *proc, int fd, int option)
{
	return is_socket(proc, fd) ? of_socket(proc, fd, option) : WAIT_BEGUN_AGAIN;
}

/* Those that answer EINTR to any wake-up, and to be begun again lack nothing but a time limit. */
static bool for_ever(const struct call *call)
{
	const unsigned long *args = call->args;

	switch (call->nr) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return (int)args[3] < 0;
	case SYS_epoll_pwait2:
	case SYS_semtimedop:
		return !args[3];
	case SYS_semop:
		return true;
	case SYS_rt_sigtimedwait:
		return !args[2];
	case SYS_io_getevents:
		return !args[4];
	case SYS_io_uring_enter: /* nothing to submit, no time, no signal mask */
		return !args[1] && !args[4] && !(args[3] & IORING_ENTER_EXT_ARG_FLAG);
	default:
		return false;
	}
}

static enum wait of_call(const struct proc *proc, const struct call *call)
{
	const unsigned long *args = call->args;
	int fd = (int)args[0];

	switch (call->nr) {
	case SYS_futex:
		return of_futex(call);
	case SYS_read:
	case SYS_readv:
		return of_file(proc, fd, SO_RCVTIMEO);
	case SYS_write:
	case SYS_writev:
		return of_file(proc, fd, SO_SNDTIMEO);
	case SYS_recvmmsg:
		return args[4] ? WAIT_FINITE : of_socket(proc, fd, SO_RCVTIMEO);
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_accept:
	case SYS_accept4:
		return of_socket(proc, fd, SO_RCVTIMEO);
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_connect:
		return of_socket(proc, fd, SO_SNDTIMEO);
	case SYS_select:
	case SYS_pselect6:
	case SYS_ppoll:
	case SYS_wait4:
	case SYS_waitid:
	case SYS_pause:
	case SYS_rt_sigsuspend:
	case SYS_msgrcv:
	case SYS_msgsnd:
	case SYS_mq_timedreceive:
	case SYS_mq_timedsend:
	case SYS_flock:
	case NR_FUTEX_WAITV:
		return WAIT_BEGUN_AGAIN;
	case SYS_poll:
		return (int)args[2] < 0 ? WAIT_BEGUN_AGAIN : WAIT_KEPT;
	case SYS_clock_nanosleep:
		return args[1] & TIMER_ABSTIME ? WAIT_BEGUN_AGAIN : WAIT_KEPT;
	case SYS_nanosleep:
	case SYS_restart_syscall: /* of one of these */
		return WAIT_KEPT;
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_rt_sigtimedwait:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_io_uring_enter:
		return for_ever(call) ? WAIT_FOR_EVER : WAIT_FINITE;
	default:
		return WAIT_UNKNOWN;
	}
}

/* proc_pid_syscall(5): "running", or "-1 SP PC" (in a page fault, for one), or "NR ARG*6 SP PC". */
void waits_look(const struct proc *proc, pid_t tid, struct waiting *ret)
{
	struct call call = { -1, { 0 } };
	unsigned long sp = 0, pc = 0, *a = call.args;
	char text[256];

	proc_read(text, sizeof(text), "/proc/%d/task/%d/syscall", (int)proc->pid, (int)tid);
	int n = sscanf(text, "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &call.nr, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &sp, &pc);

	*ret = (struct waiting){ .wait = WAIT_NONE };
	if (n == 9)
		*ret = (struct waiting){ of_call(proc, &call), sp, pc };
	else if (n == 3 && call.nr == -1)
		*ret = (struct waiting){ WAIT_NONE, a[0], a[1] };
}

bool waits_for_ever(const struct user_regs_struct *regs)
{
	struct call call = { (long)regs->orig_rax, { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 } };

	return for_ever(&call);
}
