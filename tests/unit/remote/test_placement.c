/*
 * The thread that traces goes where a child runs that is kept on one CPU, and is free again afterwards; where it runs is
 * asked of the kernel.
 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/remote/placement.h"

enum { LOOKS = 5 };
static const uint64_t look_ns = 1000 * 1000 * 1000;
static cpu_set_t all;

static cpu_set_t only(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return set;
}

static cpu_set_t affinity(pid_t pid)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(pid, sizeof(set), &set), 0);
	return set;
}

/* A child that waits, on that CPU. */
static pid_t child_on(int cpu)
{
	cpu_set_t set = only(cpu);
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sched_setaffinity(0, sizeof(set), &set);
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void follow(struct placement *placement, pid_t pid)
{
	for (uint64_t i = 1; i <= LOOKS; i++)
		placement_follow(placement, pid, pid, i * look_ns);
}

static void goes_to_each_cpu_and_is_free_again(void **state)
{
	struct placement placement;

	(void)state;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		cpu_set_t there = only(cpu), now;
		pid_t pid = child_on(cpu);

		placement_start(&placement);
		follow(&placement, pid);
		now = affinity(0);
		assert_true(CPU_EQUAL(&now, &there));
		assert_int_equal(sched_getcpu(), cpu);
		placement_idle(&placement, (LOOKS + 1) * look_ns);
		now = affinity(0);
		assert_true(CPU_EQUAL(&now, &all));
		follow(&placement, pid);
		placement_stop(&placement);
		now = affinity(0);
		assert_true(CPU_EQUAL(&now, &all));
		now = affinity(pid);
		assert_true(CPU_EQUAL(&now, &there));
		end_child(pid);
	}
}

/* Who has put virtrace on some CPUs wants it there. */
static void leaves_no_cpu_set(void **state)
{
	struct placement placement;
	int first = -1, other = -1;

	(void)state;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all))
			*(first < 0 ? &first : &other) = cpu;
	if (other < 0)
		skip();
	cpu_set_t here = only(first), now;
	pid_t pid = child_on(other);

	sched_setaffinity(0, sizeof(here), &here);
	placement_start(&placement);
	follow(&placement, pid);
	now = affinity(0);
	assert_true(CPU_EQUAL(&now, &here));
	placement_stop(&placement);
	sched_setaffinity(0, sizeof(all), &all);
	end_child(pid);
}

static void a_thread_that_is_gone_is_not_followed(void **state)
{
	struct placement placement;
	pid_t pid = child_on(sched_getcpu());

	(void)state;
	end_child(pid);
	placement_start(&placement);
	follow(&placement, pid);
	cpu_set_t now = affinity(0);

	assert_true(CPU_EQUAL(&now, &all));
	placement_stop(&placement);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_to_each_cpu_and_is_free_again),
		cmocka_unit_test(leaves_no_cpu_set),
		cmocka_unit_test(a_thread_that_is_gone_is_not_followed),
	};

	all = affinity(0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
