/*
 * Waiting without consuming
 *
 * waitid() without WNOWAIT takes the pending signal out of the stop (kernel/exit.c,
 * wait_task_stopped: *p_code = 0).  If we then died before the thread's rip was moved, it would run
 * on in the middle of an instruction.  With WNOWAIT the kernel delivers the signal when the tracer
 * is gone, and a handler in the target could repair what is left.  So stops are only looked at, and
 * end by themselves when the thread is let go on.
 *
 * A stopped thread that we do not let go on would be found by each wait for all.  One that is held while others are served
 * has to be consumed therefore, after its rip was moved to where it shall go on without the signal: event_consume().  A thread in
 * PTRACE_LISTEN does not count as stopped (task_stopped_code).
 *
 * Fairness.  The kernel keeps the traced tasks in a list, newest first, and waitid(P_ALL) returns
 * the first that has something to tell: a few hot threads at its head starve the others (8 hot
 * threads: 190 hits against 19416).  So a thread that was served in this round gives way to any
 * that was not, found by asking one by one; when none has anything, the next round begins. Asking
 * costs a system call a thread, so when only one thread had anything in a whole round it may take
 * more and more turns before the others are asked (`patience`).
 *
 * How long a task has been stopped when we see it nobody tells.  It ran when it was let go, or a look found it running, and when a look
 * at all found nobody: so it cannot be longer than since then.  That is close where we were at work all the time.  Where we have slept
 * for it, it was the stop that woke us up: then it is as long as we waited for a CPU.
 */
#include "tracer/remote/event.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/remote/polling.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/urgency.h"

enum { SYSCALL_MARK = 0x80 }; /* of PTRACE_O_TRACESYSGOOD */
enum { WAIT_STEP_US = 50, STARVE_LOOK_US = 5000, STARVE_MAX_US = 800 * 1000 };
static const uint64_t slept_ns = 50 * 1000, /* a wait that took longer has slept */
		      crowded_ns = 1000 * 1000, /* only after such a long one it is worth asking how long we waited for a CPU */
		      noticed_ns = 100 * 1000; /* what seeing a stop takes anyhow is not counted */
enum { PATIENCE_MAX = 16, BLIND_WAITS = 8, TICK_NS = 10 * 1000 * 1000, SLOW_TICK_NS = 100 * 1000 * 1000, BUSY = 16 };

/* Of all signals one that nobody uses: ours goes to one thread, and only while it waits. */
static const int tick_signal = SIGVTALRM;

static timer_t tick_timer;
static struct sigaction tick_old_action, child_old_action;
static sigset_t tick_old_mask, tick_wait_mask;
static _Atomic bool tick_runs;
static bool tick_is_slow;
static volatile sig_atomic_t ticked;
static unsigned events_since_tick;

static void decode_stop(int status, struct event *ret)
{
	int sig = status & 0xff, event = status >> 8;

	ret->value = sig;
	switch (event) {
	case 0:
		ret->kind = sig == SIGTRAP ? EVENT_TRAP : sig == (SIGTRAP | SYSCALL_MARK) ? EVENT_SYSCALL : EVENT_SIGNAL;
		break;
	case PTRACE_EVENT_STOP:
		ret->kind = sig == SIGTRAP ? EVENT_PAUSED : EVENT_GROUP_STOP;
		break;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		ret->kind = EVENT_NEW_TASK;
		break;
	case PTRACE_EVENT_EXEC:
		ret->kind = EVENT_EXECED;
		break;
	default:
		ret->kind = EVENT_OTHER;
	}
}

void event_decode(const siginfo_t *info, struct event *ret)
{
	*ret = (struct event){ .tid = info->si_pid, .value = info->si_status };
	switch (info->si_code) {
	case CLD_EXITED:
		ret->kind = EVENT_EXITED;
		break;
	case CLD_KILLED:
	case CLD_DUMPED:
		ret->kind = EVENT_KILLED;
		break;
	case CLD_TRAPPED:
		decode_stop(info->si_status, ret);
		break;
	default:
		ret->kind = EVENT_NONE;
	}
}

/* 1 if a task has something to tell, 0 if not, or -ECHILD and -EINTR. */
static int look(idtype_t type, pid_t id, int flags, siginfo_t *ret)
{
	ret->si_pid = 0;
	if (waitid(type, (id_t)id, ret, WEXITED | WSTOPPED | __WALL | __WNOTHREAD | WNOWAIT | flags) < 0)
		return -errno;
	return ret->si_pid != 0;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Somebody who was not served in this round and has something to tell. */
static bool find_unserved(struct proc *proc, siginfo_t *info)
{
	uint64_t now = now_ns();
	siginfo_t other;
	struct thread *thread, *next;

	HASH_ITER(hh, proc->threads, thread, next) {
		if (thread->round == proc->round)
			continue;
		thread->round = proc->round;
		if (look(P_PID, thread->tid, WNOHANG, &other) == 1) {
			*info = other;
			return true;
		}
		thread->ran_ns = now;
	}
	return false;
}

static void choose(struct proc *proc, siginfo_t *info)
{
	struct thread *thread = proc_thread(proc, info->si_pid);

	if (!thread)
		return;
	if (thread->round != proc->round) {
		thread->round = proc->round;
		proc->served++;
		return;
	}
	if (++proc->turns < proc->patience)
		return;
	proc->turns = 0;
	if (find_unserved(proc, info)) {
		proc->served++;
		return;
	}
	/* The round is over. */
	proc->patience = proc->served > 1 ? 1 : proc->patience < PATIENCE_MAX ? proc->patience * 2 : PATIENCE_MAX;
	thread->round = ++proc->round;
	proc->served = 1;
}

/*
 * Not traced: a child of ours (a command we started and have let go) stopped by job control.
 * Nobody else asks for that.
 */
static void skip_own_child(siginfo_t *info)
{
	waitid(P_PID, (id_t)info->si_pid, info, WSTOPPED | __WALL | __WNOTHREAD | WNOHANG);
	info->si_pid = 0;
}

static int set_tick(long ns, long first_ns)
{
	struct itimerspec every = { { 0, ns }, { 0, first_ns } };

	return timer_settime(tick_timer, 0, &every, NULL) < 0 ? -errno : 0;
}

/*
 * While stops keep coming nobody needs the tick, and it costs: the guardian traces us, and each signal stops us until it has
 * had a CPU.
 */
static void adapt_tick(void)
{
	bool busy = events_since_tick >= BUSY;

	ticked = 0;
	events_since_tick = 0;
	long ns = busy ? SLOW_TICK_NS : TICK_NS;

	/* tick_in() may have made it fast again, from another thread */
	if ((busy || tick_is_slow) && set_tick(ns, ns) == 0)
		tick_is_slow = busy;
}

/* For how long we have waited for a CPU since we asked last. */
static uint64_t waited_for_cpu(struct proc *proc)
{
	uint64_t before_ns = proc->cpu_wait_ns;

	proc->cpu_wait_ns = urgency_waited_ns();
	return before_ns ? proc->cpu_wait_ns - before_ns : 0;
}

/* A stop has ended a wait that began at `start_ns`: if we slept, since when it can have been there. */
static void note_wait(struct proc *proc, uint64_t start_ns)
{
	uint64_t now = now_ns(), waited = now - start_ns, for_cpu = waited > crowded_ns ? waited_for_cpu(proc) : 0;

	if (waited > slept_ns)
		proc->free_ns = now - (for_cpu < waited ? for_cpu : waited);
}

static int wait_for_any(struct proc *proc, siginfo_t *info)
{
	uint64_t start_ns = now_ns();
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, &tick_wait_mask, &mask);
	bool was_ticked = ticked; /* it may have come before */
	int r = was_ticked ? -EINTR : look(P_ALL, 0, 0, info);

	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (r == 1)
		note_wait(proc, start_ns);
	else
		waited_for_cpu(proc);
	if (r == -EINTR && !was_ticked)
		proc->free_ns = now_ns(); /* stops come first */
	if (ticked)
		adapt_tick();
	return r;
}

/* Look at all. */
static int look_at_all(struct proc *proc, siginfo_t *info)
{
	int r = look(P_ALL, 0, WNOHANG, info);

	if (r == 0)
		proc->free_ns = now_ns();
	return r;
}

/* As wait_for_any(), but look for up to `ns` first. */
static int poll_for_any(struct proc *proc, uint64_t ns, siginfo_t *info)
{
	uint64_t end_ns = now_ns() + ns;
	int r;

	do
		r = look_at_all(proc, info);
	while (r == 0 && proc->free_ns < end_ns);
	polling_told(&proc->polling, r != 0);
	return r ? r : wait_for_any(proc, info);
}

/*
 * Where one thread is hot its next stop is not there yet when we come for it; so after an empty look the next few waits
 * begin without one, which saves a system call each.  Waiting at once costs two more than looking, so where stops are
 * there already, looking comes first.
 */
static int await(struct proc *proc, siginfo_t *info)
{
	uint64_t poll_ns = polling_for(&proc->polling, now_ns());
	int r = 0;

	if (poll_ns)
		return poll_for_any(proc, poll_ns, info);
	if (proc->blind) {
		proc->blind--;
	} else {
		r = look_at_all(proc, info);
		proc->blind = r == 0 ? BLIND_WAITS : 0;
	}
	return r ? r : wait_for_any(proc, info);
}

static void note_times(const struct proc *proc, const struct thread *thread, struct event *ret)
{
	uint64_t ran_ns = thread ? thread->ran_ns : 0, now = now_ns(), since = ran_ns > proc->free_ns ? ran_ns : proc->free_ns;

	ret->seen_ns = now;
	ret->since_ns = ran_ns && since < now && now - since > noticed_ns ? since : now;
}

int event_next(struct proc *proc, bool block, struct event *ret)
{
	siginfo_t info;
	int r = block ? await(proc, &info) : look_at_all(proc, &info);

	if (r == 1 && info.si_code == CLD_STOPPED) {
		skip_own_child(&info);
		r = 0;
	}
	if (r == -EINTR || r == 0) {
		*ret = (struct event){ .kind = EVENT_NONE };
		return 0;
	}
	if (r < 0)
		return r;
	events_since_tick++;
	choose(proc, &info);
	event_decode(&info, ret);
	note_times(proc, proc_thread(proc, ret->tid), ret);
	return 0;
}

int event_of(pid_t tid, struct event *ret)
{
	siginfo_t info;
	int r = look(P_PID, tid, WNOHANG, &info);

	if (r < 0)
		return r;
	*ret = (struct event){ .kind = EVENT_NONE };
	if (r)
		event_decode(&info, ret);
	ret->seen_ns = ret->since_ns = now_ns();
	return 0;
}

int event_wait(pid_t tid, int ms, struct event *ret)
{
	static const struct timespec pause = { 0, WAIT_STEP_US * 1000 };

	bool starves = false;

	for (int us = 0, all_us = 0; us < ms * 1000 && all_us < STARVE_MAX_US; all_us += WAIT_STEP_US) {
		int r = event_of(tid, ret);

		if (r < 0 || ret->kind != EVENT_NONE)
			return r;
		if (all_us && all_us % STARVE_LOOK_US == 0)
			starves = proc_state(tid, tid) == 'R';
		us += starves ? 0 : WAIT_STEP_US;
		nanosleep(&pause, NULL);
	}
	return 0;
}

void event_consume(pid_t tid)
{
	siginfo_t info;

	waitid(P_PID, (id_t)tid, &info, WSTOPPED | __WALL | __WNOTHREAD | WNOHANG);
}

void event_reap(pid_t tid)
{
	siginfo_t info;

	waitid(P_PID, (id_t)tid, &info, WEXITED | __WALL | __WNOTHREAD | WNOHANG);
}

static void on_tick(int sig)
{
	(void)sig;
	ticked = 1; /* and it has interrupted waitid(), which is what it is for */
}

static int start_timer(void)
{
	struct sigevent notify = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = tick_signal };

	notify._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &notify, &tick_timer) < 0)
		return -errno;
	tick_is_slow = false;
	return set_tick(TICK_NS, TICK_NS);
}

/*
 * A stop of a traced thread sends SIGCHLD to us.  It is ignored, and dropped as it is made; but the guardian traces us, and a
 * traced thread stops for its tracer also for signals that it ignores: each stop of the target would be two.  Waiting needs no
 * signal.
 */
static void want_no_signal_for_stops(void)
{
	struct sigaction action;

	sigaction(SIGCHLD, NULL, &child_old_action);
	action = child_old_action;
	action.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &action, NULL);
}

int tick_start(void)
{
	struct sigaction action = { .sa_handler = on_tick };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, tick_signal);
	pthread_sigmask(SIG_BLOCK, &set, &tick_old_mask);
	tick_wait_mask = tick_old_mask;
	sigdelset(&tick_wait_mask, tick_signal);
	sigaction(tick_signal, &action, &tick_old_action);
	want_no_signal_for_stops();
	int r = start_timer();

	tick_runs = r == 0;
	if (r < 0) {
		pthread_sigmask(SIG_SETMASK, &tick_old_mask, NULL);
		return err_set(r, "cannot make a timer: %s", strerror(-r));
	}
	return 0;
}

/*
 * By the timer, not by sending the signal: one that came after tick_stop() would end us.  If the timer is gone by now, or is the one
 * of the next tick_start(), this does nothing, or no harm.
 */
void tick_in(uint64_t ns)
{
	long first_ns = (long)(ns <= SLOW_TICK_NS ? ns : ns % SLOW_TICK_NS);

	if (tick_runs)
		set_tick(TICK_NS, first_ns ? first_ns : 1);
}

void tick_stop(void)
{
	static const struct timespec now;
	sigset_t set;

	if (!tick_runs)
		return;
	tick_runs = false;
	timer_delete(tick_timer);
	sigemptyset(&set);
	sigaddset(&set, tick_signal);
	while (sigtimedwait(&set, NULL, &now) == tick_signal)
		;
	sigaction(tick_signal, &tick_old_action, NULL);
	sigaction(SIGCHLD, &child_old_action, NULL);
	pthread_sigmask(SIG_SETMASK, &tick_old_mask, NULL);
}
