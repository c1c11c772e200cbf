/*
 * The handler of SIGTRAP in the target: when it is installed, that it stays, and that it is gone afterwards.  The kernel tells, in
 * /proc/PID/status.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/harness.h"
#include "tracer/base/err.h"
#include "tracer/remote/maps.h"
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
	/* From a hit on it is reset for a moment; when no more hits come, the last one has installed it again. */
	victim.shared->stop = 1;
	recorder_run_until(&recorder, &victim.shared->done, 3);
	assert_true(has_sigtrap(&victim, "SigCgt"));
	/* All threads sleep for a time: one of them makes a system call on the way, and does not notice. */
	leave(&recorder, &victim);
	assert_false(has_sigtrap(&victim, "SigCgt"));
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

/* Its own handler is called by ours, and is there alone afterwards. */
static void sent_to_who_handles_it(void **state)
{
	const char *const args[] = { "handler", NULL };
	struct recorder recorder;
	struct victim victim;

	(void)state;
	run(&recorder, &victim, "traps", args);
	assert_null(engine_unprotected(recorder.engine));
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

/* Where they forbid the handler it is traced only if its owner insists. */
static void refused(void **state)
{
	const char *const args[] = { "no-sigaction", NULL };
	struct victim victim = victim_start("traps", args, 2);
	struct recorder recorder;
	int status;

	(void)state;
	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	recorder_attach(&recorder);
	engine_allow_unprotected(recorder.engine, false);
	assert_int_equal(engine_run(recorder.engine, 0, &status), TARGET_LOST);
	assert_non_null(strstr(err_text(), "seccomp"));
	assert_non_null(strstr(err_text(), "--unprotected"));
	victim_check_text(&victim);
	finish(&recorder, &victim);
}

static size_t count_files(const struct victim *victim)
{
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)victim->pid);
	DIR *dir = opendir(path);

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Code of a file, but not where the loader has put it. */
static size_t count_parts(const struct victim *victim)
{
	struct maps maps;
	size_t n = 0;

	assert_int_equal(maps_read(victim->pid, &maps), 0);
	for (size_t i = 0; i < maps.n; i++)
		n += maps.items[i].executable && maps.items[i].inode && !maps.items[i].loaded;
	maps_free(&maps);
	return n;
}

/* Attached to twice: what the first time has mapped is found again. */
static void trace_twice(const char *way, bool of_files)
{
	const char *const args[] = { way, NULL };
	struct victim victim = victim_start("traps", args, 2);
	size_t files = count_files(&victim), maps = 0;
	struct recorder recorder;

	if (victim.shared->step == 99)
		print_message("this kernel has no PR_SET_MDWE\n");
	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	for (int i = 0; i < 2; i++) {
		recorder_forget(&recorder);
		recorder_attach(&recorder);
		load_run_until(recorder.engine, &recorder.watched.items[0]->entries, 100 * (uint64_t)(i + 1));
		assert_null(engine_unprotected(recorder.engine));
		leave(&recorder, &victim);
		assert_int_equal(count_files(&victim), files);
		assert_true(!maps || maps == victim_count_maps(&victim));
		maps = victim_count_maps(&victim);
		assert_int_equal(count_parts(&victim) > 0, of_files);
		engine_free(recorder.engine);
		recorder.engine = NULL;
	}
	finish(&recorder, &victim);
}

/* Pitfall 30: a process that may not have memory to write and execute, or not execute any that is of no file. */
static void execmem(void **state)
{
	(void)state;
	trace_twice("mdwe", false);
	trace_twice("no-anonymous", true);
}

/* Where it may map no code at all nothing can be traced: nothing is done to it. */
static void no_code_at_all(void **state)
{
	const char *const args[] = { "no-exec", NULL };
	struct victim victim = victim_start("traps", args, 2);
	size_t files = count_files(&victim), maps = victim_count_maps(&victim);
	struct probe_options options = { 0 };
	struct recorder recorder;
	struct probe *probe;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, recorder_ops, &recorder, &recorder.engine), 0);
	assert_int_equal(engine_add(recorder.engine, load_plan(&recorder, "f_push", NULL), &options, NULL, &probe), -ENOTSUP);
	assert_non_null(strstr(err_text(), "seccomp"));
	leave(&recorder, &victim);
	assert_int_equal(count_files(&victim), files);
	assert_int_equal(victim_count_maps(&victim), maps);
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
		cmocka_unit_test(refused),
		cmocka_unit_test(execmem),
		cmocka_unit_test(no_code_at_all),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
