/*
 * Who may be in a fork: the threads are the test's own, the kernel tells how long they have run.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/probe/forks.h"
#include "tracer/remote/proc.h"

static volatile int stop;
static volatile pid_t tid;

static void *spin(void *arg)
{
	tid = gettid();
	while (!stop)
		;
	return arg;
}

static void *sleep_on(void *arg)
{
	tid = gettid();
	while (!stop)
		usleep(1000 * 1000 * 1000);
	return arg;
}

static pthread_t begin(void *(*run)(void *))
{
	pthread_t thread;

	stop = tid = 0;
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	while (!tid)
		sched_yield();
	return thread;
}

static bool is_noted(const struct forks *forks)
{
	for (size_t i = 0; i < forks->n; i++)
		if (forks->makers[i].tid == tid)
			return true;
	return false;
}

static uint64_t run_ms(pthread_t thread)
{
	struct timespec time;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &time), 0);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void on_signal(int signal)
{
	(void)signal;
}

static void who_runs_has_to_run_on(void **state)
{
	static struct forks forks;
	pthread_t thread = begin(spin);

	(void)state;
	forks_note(&forks, getpid());
	assert_true(is_noted(&forks));
	uint64_t from_ms = run_ms(thread);

	while (forks_go_on(&forks, getpid()) && is_noted(&forks))
		assert_true(run_ms(thread) < from_ms + 1000);
	assert_true(run_ms(thread) >= from_ms + 19);
	stop = 1;
	pthread_join(thread, NULL);
}

static void who_ends_is_in_none(void **state)
{
	static struct forks forks;
	pthread_t thread = begin(spin);

	(void)state;
	forks_note(&forks, getpid());
	assert_true(is_noted(&forks));
	stop = 1;
	pthread_join(thread, NULL);
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		sched_yield();
	forks_go_on(&forks, getpid());
	assert_false(is_noted(&forks));
}

static void who_sleeps_is_in_none(void **state)
{
	static struct forks forks;
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t thread;

	(void)state;
	sigaction(SIGUSR1, &action, NULL);
	thread = begin(sleep_on);
	while (proc_state(getpid(), tid) != 'S')
		sched_yield();
	forks_note(&forks, getpid());
	assert_false(is_noted(&forks));
	stop = 1;
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_runs_has_to_run_on),
		cmocka_unit_test(who_ends_is_in_none),
		cmocka_unit_test(who_sleeps_is_in_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
