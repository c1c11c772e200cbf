#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/clock.h"
#include "tracer/remote/urgency.h"

static int class_of(pid_t tid)
{
	return sched_getscheduler(tid) & ~SCHED_RESET_ON_FORK;
}

static void child_is_ordinary(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(class_of(0) != SCHED_OTHER || getpriority(PRIO_PROCESS, 0) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* It runs before others, its children do not; who does not pause loses that, gets it back, and everything is as before at the end. */
static void bounded(void **state)
{
	struct rlimit before, after;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_RTTIME, &before), 0);
	urgency_start();
	if (class_of(0) != SCHED_RR) { /* not permitted here */
		urgency_stop();
		skip();
	}
	child_is_ordinary();
	for (int i = 0; i < 2; i++) {
		uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);

		while (class_of(0) == SCHED_RR && clock_ns(CLOCK_MONOTONIC) - start_ns < 5000000000)
			;
		assert_int_equal(class_of(0), SCHED_OTHER);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
		urgency_renew();
		assert_int_equal(class_of(0), SCHED_RR);
	}
	urgency_stop();
	assert_int_equal(class_of(0), SCHED_OTHER);
	assert_int_equal(getrlimit(RLIMIT_RTTIME, &after), 0);
	assert_true(after.rlim_cur == before.rlim_cur && after.rlim_max == before.rlim_max);
	urgency_renew();
	assert_int_equal(class_of(0), SCHED_OTHER);
}

/* Who was started with a class of its own keeps it. */
static void kept(void **state)
{
	const struct sched_param param = { .sched_priority = 3 }, none = { 0 };

	(void)state;
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		skip();
	urgency_start();
	assert_int_equal(class_of(0), SCHED_FIFO);
	urgency_stop();
	assert_int_equal(class_of(0), SCHED_FIFO);
	assert_int_equal(sched_setscheduler(0, SCHED_OTHER, &none), 0);
}

/* What the kernel says of waiting for a CPU rises where two want one. */
static void waiting(void **state)
{
	cpu_set_t old, one;
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), before = urgency_waited_ns();

	(void)state;
	if (!before)
		skip(); /* the kernel does not count it */
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	pid_t child = fork();

	if (child == 0)
		for (;;)
			;
	while (urgency_waited_ns() - before < 20000000 && clock_ns(CLOCK_MONOTONIC) - start_ns < 20000000000)
		;
	uint64_t waited = urgency_waited_ns() - before;

	kill(child, 9);
	waitpid(child, NULL, 0);
	sched_setaffinity(0, sizeof(old), &old);
	assert_true(waited >= 20000000 && waited <= clock_ns(CLOCK_MONOTONIC) - start_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bounded), cmocka_unit_test(kept), cmocka_unit_test(waiting) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
