/*
 * The handler of SIGTRAP in the target: when it is installed, that it stays, and that it is gone afterwards.  The kernel tells, in
 * /proc/PID/status.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/harness.h"
#include "tracer/remote/proc.h"

static bool has_sigtrap(const struct victim *victim, const char *field)
{
	uint64_t set = 0;

	assert_int_equal(proc_status(victim->pid, field, 16, &set), 0);
	return set >> (SIGTRAP - 1) & 1;
}

static void run(struct recorder *recorder, struct victim *victim, const char *name, const char *const *args)
{
	*victim = victim_start(name, args, 2);
	recorder_init(recorder, victim);
	recorder_watch_all(recorder);
	recorder_attach(recorder);
	recorder_run(recorder, 50);
}

static void leave(struct recorder *recorder, struct victim *victim)
{
	recorder_detach(recorder);
	recorder_check(recorder);
	victim_check_text(victim);
}

static void finish(struct recorder *recorder, struct victim *victim)
{
	recorder_fini(recorder);
	victim->shared->stop = 1;
	victim_finish(victim);
}

/* Pitfalls 3 and 4: a thread that blocks all signals around its calls has the kernel reset the handler at each hit. */
static void stays_though_blocked(void **state)
{
	const char *const args[] = { "2", "b", NULL };
	struct recorder recorder;
	struct victim victim;

	(void)state;
	run(&recorder, &victim, "load", args);
	assert_null(engine_unprotected(recorder.engine));
	/* Between a hit and its slot it is reset; when no more hits come, the last slot has healed it. */
	victim.shared->stop = 1;
	recorder_run_until(&recorder, &victim.shared->done, 3);
	assert_true(has_sigtrap(&victim, "SigCgt"));
	/* It stays now: all threads sleep for a time, and none could make a system call without waking early. */
	leave(&recorder, &victim);
	finish(&recorder, &victim);
}

/* Pitfalls 13 and 18: SIGTRAP sent by somebody passes on as untraced, and what was its effect before is so again. */
static void sent_to_who_ignores_it(void **state)
{
	const char *const args[] = { "ignore", NULL };
	struct recorder recorder;
	struct victim victim;

	(void)state;
	run(&recorder, &victim, "traps", args);
	assert_null(engine_unprotected(recorder.engine));
	assert_true(has_sigtrap(&victim, "SigCgt"));
	kill(victim.pid, SIGTRAP);
	recorder_run(&recorder, 50);
	leave(&recorder, &victim);
	assert_true(has_sigtrap(&victim, "SigIgn") && !has_sigtrap(&victim, "SigCgt"));
	finish(&recorder, &victim);
}

static void sent_to_who_does_not_expect_it(void **state)
{
	const char *const args[] = { "default", NULL };
	struct recorder recorder;
	struct victim victim;
	int status;

	(void)state;
	run(&recorder, &victim, "traps", args);
	kill(victim.pid, SIGTRAP);
	assert_int_equal(recorder_run_to_end(&recorder, &status), TARGET_KILLED);
	assert_int_equal(status, SIGTRAP);
	recorder_fini(&recorder);
	victim_forget(&victim);
}

/* Its handler is left alone, and the owner is told. */
static void sent_to_who_handles_it(void **state)
{
	const char *const args[] = { "handler", NULL };
	struct recorder recorder;
	struct victim victim;

	(void)state;
	run(&recorder, &victim, "traps", args);
	assert_non_null(strstr(engine_unprotected(recorder.engine), "SIGTRAP itself"));
	kill(victim.pid, SIGTRAP);
	while (!victim.shared->signals_got)
		recorder_run(&recorder, 5);
	leave(&recorder, &victim);
	kill(victim.pid, SIGTRAP);
	victim_wait((volatile uint32_t *)&victim.shared->signals_got, 2);
	finish(&recorder, &victim);
}

/* Filters that kill for what the handler would need: nothing is tried that they forbid. */
static void filters(void **state)
{
	const char *const no_action[] = { "no-sigaction", NULL }, *const no_open[] = { "no-open", NULL };
	struct recorder recorder;
	struct victim victim;

	(void)state;
	run(&recorder, &victim, "traps", no_action);
	assert_non_null(strstr(engine_unprotected(recorder.engine), "seccomp"));
	leave(&recorder, &victim);
	finish(&recorder, &victim);
	run(&recorder, &victim, "traps", no_open);
	assert_null(engine_unprotected(recorder.engine));
	leave(&recorder, &victim);
	finish(&recorder, &victim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_though_blocked),
		cmocka_unit_test(sent_to_who_ignores_it),
		cmocka_unit_test(sent_to_who_does_not_expect_it),
		cmocka_unit_test(sent_to_who_handles_it),
		cmocka_unit_test(filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
