/*
 * Why the tracer follows its target
 *
 * A stop is two switches: to the tracer, and back.  On one CPU each is a switch of tasks; between two CPUs each is an
 * interrupt to a CPU that has gone to sleep meanwhile, as the two threads always wait for each other, and on a virtual
 * machine that goes through the hypervisor.  Left alone, the scheduler finds either arrangement and stays with it for a
 * while.  Two stops with the least a tracer must do (tests/bench/floor), in us, on a virtual machine of two CPUs:
 *
 *					1 hot thread	4 hot threads
 *	all on one CPU			24		21
 *	left to the scheduler		25 to 136	21 to 29
 *	tracer on another CPU		100 to 330	31 to 106
 *	following the target		25 to 60	22 to 32
 *	polling for 20 us first		44 to 60	25		it takes from the target the CPU that both are on
 *	polling for 500 us first	60 to 70	26
 *	SCHED_BATCH			31 to 47	83
 *	SCHED_IDLE			for ever		where anything else runs: the target would starve with us
 *
 * On a machine where nothing else runs, a thread that is let go wakes up on a CPU that is idle, away from us, so following it wins
 * nothing there; polling does, for as long as it is seen to (polling.c).  Where all CPUs have work, following wins.
 *
 * So our thread goes to where the hot thread runs, as soon as some looks in a row have found it on the same CPU, and
 * lets the scheduler choose again as soon as there was nothing to do for a while.  Looking costs 10 us, so it is done at
 * first every half a millisecond, then less and less often.  Two dangers:
 *
 *	a third task wants that CPU	then we would wait for it, with a thread of the target held; our time in the run
 *					queue shows that, and we keep away from any CPU for a second
 *	hot threads on several CPUs	no CPU is found several times in a row for long; nothing is won or lost
 *
 * A daemon that is called now and then has its threads on any CPU: there too nothing is won or lost.
 */
#include "tracer/remote/placement.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/remote/proc.h"
#include "tracer/remote/urgency.h"

enum {
	AGREE = 2,         /* looks that must have found the same CPU before */
	CROWDED = 4,       /* looks in a row that found us waiting, before we give way */
	WAIT_NS = 50 * 1000, /* waiting: for longer than this at a stop, which is what a stop costs between two CPUs */
	STAT_CPU = 39,     /* proc_pid_stat(5): field "processor" */
};
static const uint64_t look_first_ns = 500 * 1000, look_last_ns = 8 * 1000 * 1000, keep_free_ns = 1000 * 1000 * 1000,
		      idle_ns = 5 * 1000 * 1000;

void placement_start(struct placement *placement)
{
	*placement = (struct placement){ .cpu = -1, .seen = -1, .look_ns = look_first_ns };
	if (sched_getaffinity(0, sizeof(placement->allowed), &placement->allowed) < 0)
		CPU_ZERO(&placement->allowed); /* more CPUs than a cpu_set_t has: we stay where we are */
}

static void run_anywhere(struct placement *placement)
{
	if (placement->cpu >= 0)
		sched_setaffinity(0, sizeof(placement->allowed), &placement->allowed);
	placement->cpu = -1;
	placement->agreed = 0;
	placement->crowded = 0;
	placement->look_ns = look_first_ns;
}

void placement_stop(struct placement *placement)
{
	run_anywhere(placement);
}

static int last_cpu(pid_t pid, pid_t tid)
{
	char text[PROC_STAT_MAX];
	const char *cpu = proc_stat(pid, tid, STAT_CPU, text);

	return cpu ? atoi(cpu) : -1;
}

static void move_to(struct placement *placement, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		placement->cpu = cpu;
}

/* Somebody else wants the CPU that we keep to. */
static bool gives_way(struct placement *placement, uint64_t now_ns)
{
	uint64_t before_ns = placement->waited_ns;

	placement->waited_ns = urgency_waited_ns();
	if (placement->cpu < 0 || placement->waited_ns - before_ns < placement->stops * WAIT_NS)
		placement->crowded = 0;
	else if (++placement->crowded >= CROWDED)
		placement->free_until_ns = now_ns + keep_free_ns;
	if (now_ns >= placement->free_until_ns)
		return false;
	run_anywhere(placement);
	return true;
}

void placement_follow(struct placement *placement, pid_t pid, pid_t tid, uint64_t now_ns)
{
	placement->stops++;
	placement->served_ns = now_ns;
	if (now_ns - placement->looked_ns < placement->look_ns)
		return;
	placement->looked_ns = now_ns;
	if (placement->look_ns < look_last_ns)
		placement->look_ns *= 2;
	bool free = gives_way(placement, now_ns);

	placement->stops = 0;
	if (free)
		return;
	int cpu = last_cpu(pid, tid);

	placement->agreed = cpu == placement->seen ? placement->agreed + 1 : 0;
	placement->seen = cpu;
	if (placement->agreed < AGREE || cpu == placement->cpu)
		return;
	if (cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &placement->allowed))
		move_to(placement, cpu);
	else
		run_anywhere(placement);
}

void placement_idle(struct placement *placement, uint64_t now_ns)
{
	if (now_ns - placement->served_ns > idle_ns)
		run_anywhere(placement);
}
