/*
 * Why the thread that traces runs before others
 *
 * Each stop holds a thread of the target until ours has had a CPU.  On a machine that has more to do than it has CPUs that may take
 * long: a thread that calls now and then, sixteen busy loops beside on two CPUs, for how many ms a call of two stops was held at the most:
 *
 *	SCHED_OTHER	nice 0		180 to 450
 *	SCHED_OTHER	nice -20	70 to 710	where nice values count within a session only (sched(7), autogroup)
 *	SCHED_RR	priority 1	0.2 to 0.8
 *
 * So it has the lowest real-time priority, where that is permitted (CAP_SYS_NICE, RLIMIT_RTPRIO), else the best nice value that
 * is.  It is bounded: the kernel sends SIGXCPU to who runs for RLIMIT_RTTIME without having slept, and the handler takes the priority
 * away, wherever the thread is; it gets it back when the engine is idle, or has been at work for a while (engine.c).  Children that are
 * forked are ordinary ones (SCHED_RESET_ON_FORK).
 *
 * Who was started with a real-time class keeps that.
 */
#include "tracer/remote/urgency.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tracer/remote/proc.h"

enum { AT_ONCE_US = 100 * 1000, BEST_NICE = -20 };

static volatile sig_atomic_t lost;
static pid_t urgent; /* 0: none */
static struct rlimit old_limit;

static int set_class(pid_t tid, int policy, int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	/* Who may not raise itself may not take this flag away again: so it is there always. */
	return sched_setscheduler(tid, policy | SCHED_RESET_ON_FORK, &param);
}

bool urgency_is_real_time(void)
{
	int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;

	return policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE;
}

bool urgency_raise(void)
{
	struct rlimit nice = { 0 };

	if (set_class(0, SCHED_RR, 1) == 0)
		return true;
	if (set_class(0, SCHED_OTHER, 0) < 0 || setpriority(PRIO_PROCESS, 0, BEST_NICE) == 0)
		return true;
	/* setrlimit(2): the best nice value is 20 less this */
	return getrlimit(RLIMIT_NICE, &nice) == 0 && nice.rlim_cur > 20 && nice.rlim_cur <= 40 &&
	       setpriority(PRIO_PROCESS, 0, 20 - (int)nice.rlim_cur) == 0;
}

void urgency_lower(void)
{
	set_class(0, SCHED_OTHER, 0);
	if (getpriority(PRIO_PROCESS, 0) < 0)
		setpriority(PRIO_PROCESS, 0, 0);
}

/* On whatever thread of ours it comes to. */
static void on_too_long(int sig)
{
	int error = errno;

	(void)sig;
	if (urgent)
		set_class(urgent, SCHED_OTHER, 0);
	lost = 1;
	errno = error;
}

/* The kernel raises it by a second with each signal (check_thread_timers in kernel/time/posix-cpu-timers.c). */
static bool set_limit(void)
{
	struct rlimit limit = { AT_ONCE_US, old_limit.rlim_max };

	return setrlimit(RLIMIT_RTTIME, &limit) == 0;
}

void urgency_start(void)
{
	const struct sigaction action = { .sa_handler = on_too_long, .sa_flags = SA_RESTART };

	if (urgent || urgency_is_real_time() || getrlimit(RLIMIT_RTTIME, &old_limit) < 0 || old_limit.rlim_max <= AT_ONCE_US)
		return; /* at the hard limit the kernel would kill us */
	urgent = gettid();
	lost = 0;
	sigaction(SIGXCPU, &action, NULL); /* and it stays: one may be on its way for long */
	if (set_limit())
		urgency_raise();
}

void urgency_renew(void)
{
	if (!urgent || !lost)
		return;
	lost = 0;
	if (set_limit())
		urgency_raise();
}

void urgency_stop(void)
{
	if (!urgent)
		return;
	urgency_lower();
	setrlimit(RLIMIT_RTTIME, &old_limit);
	urgent = 0;
}

/* The second of three numbers: ns spent in a run queue (Documentation/scheduler/sched-stats.rst). */
uint64_t urgency_waited_ns(void)
{
	char text[96];
	uint64_t waited = 0;

	proc_read(text, sizeof(text), "/proc/thread-self/schedstat");
	return sscanf(text, "%*u %" SCNu64, &waited) == 1 ? waited : 0;
}
