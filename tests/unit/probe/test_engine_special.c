/*
 * Delicate situations one by one: the victim checks what it sees itself, the test what was
 * recorded.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/harness.h"
#include "tracer/remote/proc.h"

enum { STEPS = 5 };
enum step { UNWINDING, ALTERNATE_STACK, FAULTS, TRAPS, VECTORS };

struct expected {
	enum step step;
	const char *function;
	uint64_t entries, ends[4];
	unsigned depth;
	const char *in;
};

static const struct expected expected[] = {
	{ UNWINDING, "f_jumper", 10, { [CALL_RETURNED] = 10 }, 0, NULL },
	{ UNWINDING, "f_jumps", 30, { [CALL_UNWOUND] = 30 }, 3, "f_jumps" },
	{ UNWINDING, "f_exits", 5, { [CALL_EXITED] = 5 }, 0, NULL },
	{ ALTERNATE_STACK, "f_raises", 10, { [CALL_RETURNED] = 10 }, 0, NULL },
	{ ALTERNATE_STACK, "f_in_handler", 10, { [CALL_RETURNED] = 10 }, 1, "f_raises" },
	{ FAULTS, "f_faults", 3, { [CALL_UNWOUND] = 3 }, 0, NULL },
	{ FAULTS, "f_fault_rip", 3, { [CALL_UNWOUND] = 3 }, 0, NULL },
	{ FAULTS, "f_illegal", 3, { [CALL_UNWOUND] = 3 }, 0, NULL },
	{ FAULTS, "f_divides", 3, { [CALL_UNWOUND] = 3 }, 0, NULL },
	{ FAULTS, "f_calls_bad", 3, { [CALL_UNWOUND] = 3 }, 0, NULL },
	{ TRAPS, "f_push", 20, { [CALL_RETURNED] = 20 }, 0, NULL },
	{ VECTORS, "f_sub", 50, { [CALL_RETURNED] = 50 }, 0, NULL },
	{ VECTORS, "f_vector", 50, { [CALL_RETURNED] = 50 }, 0, NULL },
};
enum { N_EXPECTED = sizeof(expected) / sizeof(expected[0]) };

static void check(const struct expected *want, const struct watched *got)
{
	if (got->entries != want->entries)
		fail_msg("%s: %lu entries, not %lu", got->name, (unsigned long)got->entries,
			 (unsigned long)want->entries);
	for (int end = 0; end < 4; end++)
		if (got->ends[end] != want->ends[end])
			fail_msg("%s: %lu ends of kind %d, not %lu", got->name, (unsigned long)got->ends[end], end,
				 (unsigned long)want->ends[end]);
	assert_int_equal(got->depth, want->depth);
	if (want->in)
		assert_string_equal(got->in ? got->in->name : "nothing", want->in);
	else
		assert_null(got->in);
}

/* Without being traced the victim must find nothing wrong, or its checks prove nothing. */
static void untraced(void **state)
{
	struct victim victim = victim_start("special", NULL, 1);

	(void)state;
	victim.shared->step = STEPS;
	victim_wait(&victim.shared->done, STEPS);
	victim_finish(&victim);
}

static void traced(void **state)
{
	struct victim victim = victim_start("special", NULL, 1);
	struct recorder recorder;
	struct watched *watched[N_EXPECTED];

	(void)state;
	recorder_init(&recorder, &victim);
	for (int i = 0; i < N_EXPECTED; i++)
		watched[i] = recorder_watch(&recorder, expected[i].function, 0, 0, false);
	recorder_attach(&recorder);
	recorder_run(&recorder, 20); /* arms */
	for (uint32_t step = 0; step < STEPS; step++) {
		victim.shared->step = step + 1;
		recorder_run_until(&recorder, &victim.shared->done, step + 1);
		if (victim.shared->bad)
			fail_msg("step %u: %s", step, victim.shared->what);
	}
	recorder_detach(&recorder);
	for (int i = 0; i < N_EXPECTED; i++)
		check(&expected[i], watched[i]);
	victim_check_text(&victim);
	recorder_check(&recorder);
	recorder_fini(&recorder);
	victim_finish(&victim);
}

/* C++ exceptions end the calls they pass through, and nothing else. */
static void exceptions(void **state)
{
	struct victim victim = victim_start("throws", NULL, 1);
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	struct watched *throws = recorder_watch(&recorder, "f_throws", 0, 0, false),
		       *passes = recorder_watch(&recorder, "f_passes", 0, 0, false),
		       *catches = recorder_watch(&recorder, "f_catches", 100, 1, true);

	recorder_attach(&recorder);
	recorder_run(&recorder, 100);
	victim.shared->stop = 1;
	recorder_run_until(&recorder, &victim.shared->done, 1);
	recorder_detach(&recorder);
	recorder_check(&recorder);
	assert_true(catches->entries > 10 && catches->ends[CALL_RETURNED] + 1 >= catches->entries);
	assert_int_equal(recorder_seen(&recorder, victim.shared->threads[0].tid, catches->index)->last,
			 victim.shared->threads[0].rounds);
	assert_int_equal(throws->ends[CALL_UNWOUND], throws->entries);
	assert_int_equal(passes->ends[CALL_UNWOUND], passes->entries);
	assert_int_equal(throws->ends[CALL_RETURNED] + passes->ends[CALL_RETURNED], 0);
	victim_check_text(&victim);
	recorder_fini(&recorder);
	victim_finish(&victim);
}

/* Threads in system calls, attached to and detached from again and again. */
static void waits(void **state)
{
	struct victim victim = victim_start("waits", NULL, 12);
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	recorder_watch(&recorder, "f_waits", 1, 1, true);
	for (int i = 0; i < 20; i++) {
		recorder_forget(&recorder);
		recorder_attach(&recorder);
		recorder_run(&recorder, 20);
		recorder_detach(&recorder);
		recorder_check(&recorder);
		if (victim.shared->bad)
			fail_msg("round %d: %s", i, victim.shared->what);
	}
	victim.shared->stop = 1;
	recorder_fini(&recorder);
	victim_finish(&victim);
}

static bool catches_sigtrap(const struct victim *victim)
{
	uint64_t caught = 0;

	assert_int_equal(proc_status(victim->pid, "SigCgt", 16, &caught), 0);
	return caught >> (SIGTRAP - 1) & 1;
}

/* A process that does nothing but wait for a time: to be attached to makes none of its waits shorter, or fail. */
static void timed_waits(void **state)
{
	static const char *const kinds[] = { "nanosleep", "clock_nanosleep", "poll", "futex", "futex_until" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *const args[] = { kinds[i], NULL };
		struct victim victim = victim_start("sleeps", args, 1);
		struct recorder recorder;

		recorder_init(&recorder, &victim);
		recorder_watch(&recorder, "f_idle", 1, 1, true);
		for (int round = 0; round < 4; round++) {
			recorder_attach(&recorder);
			recorder_run(&recorder, 20);
			recorder_detach(&recorder);
			assert_false(catches_sigtrap(&victim));
			if (victim.shared->bad)
				fail_msg("%s, round %d: %s", kinds[i], round, victim.shared->what);
		}
		victim.shared->stop = 1;
		recorder_fini(&recorder);
		victim_finish(&victim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untraced),
		cmocka_unit_test(traced),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(waits),
		cmocka_unit_test(timed_waits),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
