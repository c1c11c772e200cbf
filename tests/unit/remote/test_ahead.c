/*
 * What is read ahead is what is there: the memory of a child is shared with the test, which therefore knows it.
 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/remote/ahead.h"
#include "tracer/remote/proc.h"

enum { PAGE = 4096, PAGES = 4, HOLE = 2, SITE = 0x1000, STOPS = 20000, READS = 9 };

/* PAGES pages, of which the child cannot read the one at HOLE. */
static uint8_t *memory;
static pid_t child;
static struct proc *proc;
static struct ahead *ahead;

static int start(void **state)
{
	volatile int *ready;

	(void)state;
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ready = (volatile int *)memory;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		mprotect(memory + HOLE * PAGE, PAGE, PROT_NONE);
		*ready = 1;
		for (;;)
			pause();
	}
	while (!*ready)
		sched_yield();
	return proc_open(child, &proc) < 0 || ahead_new(&ahead) < 0;
}

static int stop(void **state)
{
	(void)state;
	ahead_free(ahead);
	proc_close(proc);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap(memory, PAGES * PAGE);
	return 0;
}

static uint64_t read_u64(uint64_t addr)
{
	uint64_t value = 0;

	assert_int_equal(ahead_read(ahead, proc, addr, &value, sizeof(value)), sizeof(value));
	return value;
}

static void a_pointer_is_followed_to_where_it_leads_now(void **state)
{
	uint64_t *pointer = (uint64_t *)memory, *values = (uint64_t *)(memory + PAGE);

	(void)state;
	for (uint64_t i = 0; i < 64; i++) {
		values[i % 8] = i;
		*pointer = (uintptr_t)&values[i % 8];
		ahead_begin(ahead, proc, child, SITE);
		assert_int_equal(read_u64(read_u64((uintptr_t)pointer)), i);
		ahead_end(ahead);
	}
}

static void nothing_is_kept_over_a_stop(void **state)
{
	uint64_t *value = (uint64_t *)memory;

	(void)state;
	for (uint64_t i = 0; i < 8; i++) {
		*value = i;
		ahead_begin(ahead, proc, child, SITE);
		assert_int_equal(read_u64((uintptr_t)value), i);
		ahead_end(ahead);
	}
}

/* How much of [at, at + len) the child can read. */
static size_t readable(size_t at, size_t len)
{
	size_t hole = HOLE * PAGE;

	if (at >= hole && at < hole + PAGE)
		return 0;
	return at < hole && at + len > hole ? hole - at : len;
}

/* Few places, of few sizes, so that many are asked for again; some in and around the hole. */
static void check_some_read(void)
{
	static const size_t places[] = { 0, 8, 100, PAGE - 50, PAGE, 2 * PAGE - 8, HOLE * PAGE, HOLE * PAGE + 64, 3 * PAGE, 3 * PAGE + 4 };
	static const size_t lens[] = { 1, 8, 104, 257, PAGE, PAGE + 1 };
	size_t at = places[(size_t)rand() % (sizeof(places) / sizeof(places[0]))];
	size_t len = lens[(size_t)rand() % (sizeof(lens) / sizeof(lens[0]))];
	uint8_t buf[PAGE + 1];

	if (at + len > PAGES * PAGE)
		return;
	size_t got = ahead_read(ahead, proc, (uintptr_t)memory + at, buf, len);

	assert_int_equal(got, readable(at, len));
	assert_memory_equal(buf, memory + at, got);
}

static void any_reads_give_what_is_there(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < STOPS; i++) {
		memory[(size_t)rand() % (PAGES * PAGE)] = (uint8_t)rand();
		ahead_begin(ahead, proc, child, SITE + (uint64_t)(rand() % 3));
		for (int n = rand() % READS; n > 0; n--)
			check_some_read();
		ahead_end(ahead);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pointer_is_followed_to_where_it_leads_now, start, stop),
		cmocka_unit_test_setup_teardown(nothing_is_kept_over_a_stop, start, stop),
		cmocka_unit_test_setup_teardown(any_reads_give_what_is_there, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
