/*
 * How targets end, stop, are started, and load libraries, while they are traced.
 */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/harness.h"
#include "tracer/base/err.h"
#include "tracer/probe/engine_state.h"
#include "tracer/remote/proc.h"

/* Of each thread the last call that was recorded is the last one it made, by its own account: of the round it was in at the end. */
static void check_last_calls(const struct recorder *recorder, const struct victim *victim)
{
	for (unsigned i = 0; i < victim->shared->n_threads; i++) {
		const struct victim_thread *thread = &victim->shared->threads[i];

		for (unsigned f = 0; f < recorder->watched.n; f++) {
			const struct seen *seen = recorder_seen(recorder, thread->tid, f);

			assert_non_null(seen);
			if (seen->last != thread->rounds && seen->last != thread->rounds + 1)
				fail_msg("%s in %d: recorded to %lu, called to %lu", recorder->watched.items[f]->name,
					 thread->tid, (unsigned long)seen->last, (unsigned long)thread->rounds);
		}
	}
}

/* Attach, let it end in its way, and see what we are told. */
static void end(const char *way, enum target_end expected, int expected_status, int wait_status)
{
	const char *const args[] = { way, NULL };
	struct victim victim = victim_start("ends", args, 2);
	struct recorder recorder;
	int status = -1, seen;

	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	recorder_attach(&recorder);
	recorder_run(&recorder, 50);
	victim.shared->step = 1;
	recorder_run(&recorder, 20);
	victim.shared->stop = 1;
	if (!strcmp(way, "kill")) {
		recorder_run(&recorder, 20);
		kill(victim.pid, SIGKILL);
	}
	assert_int_equal(recorder_run_to_end(&recorder, &status), expected);
	assert_int_equal(status, expected_status);
	assert_int_equal(engine_detach(recorder.engine), 0);
	/* As its parent we see its end only if the engine has not: it reaps what it traces. */
	if (wait_status >= 0) {
		assert_int_equal(waitpid(victim.pid, &seen, 0), victim.pid);
		assert_int_equal(seen, wait_status);
	}
	for (size_t i = 0; i < recorder.watched.n; i++) {
		const struct watched *watched = recorder.watched.items[i];

		assert_true(watched->entries == watched->ends[0] + watched->ends[1] + watched->ends[2] + watched->ends[3]);
		assert_true(watched->entries > 0);
	}
	recorder_check(&recorder);
	check_last_calls(&recorder, &victim);
	recorder_fini(&recorder);
	victim_forget(&victim);
}

static void ends(void **state)
{
	(void)state;
	end("exit", TARGET_EXITED, 5, -1);
	end("leader", TARGET_EXITED, 5, -1);
	end("kill", TARGET_KILLED, SIGKILL, -1);
	end("abort", TARGET_KILLED, SIGABRT, -1);
	end("exec", TARGET_EXECED, 0, 6 << 8);
	end("thread-exec", TARGET_EXECED, 0, 6 << 8);
}

/* The leader is a zombie for half of the time; detaching must not wait for it. */
static void leader_exits_first(void **state)
{
	const char *const args[] = { "leader", NULL };
	struct victim victim = victim_start("ends", args, 2);
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	recorder_attach(&recorder);
	recorder_run(&recorder, 20);
	victim.shared->step = 1;
	recorder_run(&recorder, 100);
	assert_int_equal(proc_state(victim.pid, victim.pid), 'Z');
	recorder_detach(&recorder);
	recorder_check(&recorder);
	for (size_t i = 0; i < recorder.watched.n; i++)
		assert_true(recorder.watched.items[i]->entries > 0);
	victim.shared->stop = 1;
	int status;

	assert_int_equal(waitpid(victim.pid, &status, 0), victim.pid);
	assert_int_equal(status, 5 << 8);
	recorder_fini(&recorder);
	victim_forget(&victim);
}

static bool is_stopped(const struct victim *victim)
{
	for (unsigned i = 0; i < victim->shared->n_threads; i++) {
		char state = proc_state(victim->pid, victim->shared->threads[i].tid);

		if (state != 'T' && state != 't')
			return false;
	}
	return true;
}

/*
 * A thread that is let go out of a ptrace stop into a group stop gets there by itself, a moment
 * later.
 */
static void check_stopped(const struct victim *victim)
{
	for (int i = 0; i < 30000 && !is_stopped(victim); i++)
		usleep(1000);
	assert_true(is_stopped(victim));
}

/* kill -STOP while traced: it stays stopped until SIGCONT, attached or not, and no hit is lost. */
static void group_stop(void **state)
{
	const char *const args[] = { "2", NULL };
	struct victim victim = victim_start("load", args, 2);
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	for (int i = 0; i < 6; i++) {
		recorder_forget(&recorder);
		recorder_attach(&recorder);
		recorder_run(&recorder, 20);
		kill(victim.pid, SIGSTOP);
		recorder_run(&recorder, 50);
		check_stopped(&victim);
		uint64_t rounds = victim.shared->threads[0].rounds;

		recorder_run(&recorder, 20);
		assert_true(victim.shared->threads[0].rounds == rounds);
		if (i % 2) {
			kill(victim.pid, SIGCONT);
			for (int tries = 0; tries < 600 && victim.shared->threads[0].rounds == rounds; tries++)
				recorder_run(&recorder, 50);
			assert_true(victim.shared->threads[0].rounds > rounds);
			recorder_detach(&recorder);
		} else {
			recorder_detach(&recorder);
			check_stopped(&victim);
			/* One that stood in the handler's own code has been let out of it before; from here on nothing runs. */
			rounds = victim.shared->threads[0].rounds;
			nanosleep(&(struct timespec){ .tv_nsec = 20 * 1000 * 1000 }, NULL);
			check_stopped(&victim);
			assert_true(victim.shared->threads[0].rounds == rounds);
			kill(victim.pid, SIGCONT);
		}
		recorder_check(&recorder);
		victim_check_text(&victim);
	}
	recorder_fini(&recorder);
	victim.shared->stop = 1;
	victim_finish(&victim);
}

/* To add a probe, a thread has to run: refused with a reason, and the process stays as it was. */
static void attach_to_stopped(void **state)
{
	static const struct engine_ops ops = { 0 };
	const char *const args[] = { "2", NULL };
	struct probe_options options = { 0 };
	struct victim victim = victim_start("load", args, 2);
	struct recorder recorder;
	struct engine *engine;
	struct probe *probe;

	(void)state;
	recorder_init(&recorder, &victim);
	const struct plan *plan = recorder_watch(&recorder, "f_push", 3, 2, true)->plan;

	kill(victim.pid, SIGSTOP);
	check_stopped(&victim);
	assert_int_equal(engine_attach(victim.pid, &ops, NULL, &engine), 0);
	assert_int_equal(engine_add(engine, plan, &options, NULL, &probe), -11); /* EAGAIN */
	assert_non_null(strstr(err_text(), "stopped"));
	assert_int_equal(engine_detach(engine), 0);
	engine_free(engine);
	check_stopped(&victim);
	victim_check_text(&victim);
	kill(victim.pid, SIGCONT);
	recorder_fini(&recorder);
	victim.shared->stop = 1;
	victim_finish(&victim);
}

/* A command is held at exec: its very first call is recorded. */
static void spawned(void **state)
{
	struct victim victim = victim_prepare("load");
	char one[] = "1", *argv[] = { victim.binary, victim.path, one, NULL };
	struct recorder recorder;
	int status;

	(void)state;
	recorder_spawn(&recorder, argv);
	recorder_watch_all(&recorder);
	recorder_add_probes(&recorder);
	recorder_run_until(&recorder, &victim.shared->ready, 1);
	recorder_run(&recorder, 50);
	victim.shared->stop = 1;
	recorder_run_until(&recorder, &victim.shared->done, 1);
	victim.shared->quit = 1;
	assert_int_equal(recorder_run_to_end(&recorder, &status), TARGET_EXITED);
	assert_int_equal(status, 0);
	const struct victim_thread *thread = &victim.shared->threads[0];

	for (unsigned i = 0; i < recorder.watched.n; i++) {
		const struct seen *seen = recorder_seen(&recorder, thread->tid, i);

		assert_non_null(seen);
		assert_true(seen->first == 1 && seen->last == thread->rounds && !seen->open);
	}
	recorder_check(&recorder);
	recorder_fini(&recorder);
	victim_forget(&victim);
}

static void spawn_fails(void **state)
{
	static const struct engine_ops ops = { 0 };
	char name[] = "/no/such/program", *argv[] = { name, NULL };
	struct engine *engine;

	(void)state;
	assert_int_equal(engine_spawn(argv, &ops, NULL, &engine), -2); /* ENOENT */
	assert_non_null(strstr(err_text(), "/no/such/program"));
}

static void watch_library(struct recorder *recorder)
{
	recorder_watch_in(recorder, recorder->library, "f_plug", 13);
}

/* All calls of a library that comes and goes, from its constructor on. */
static void libraries(void **state)
{
	char library[4200];
	const char *const args[] = { library, NULL };

	(void)state;
	snprintf(library, sizeof(library), "%s/lib_plug", VICTIM_DIR);
	struct victim victim = victim_start("plugs", args, 1);
	struct recorder recorder;

	recorder_init(&recorder, &victim);
	recorder.on_modules = watch_library;
	recorder.library = library;
	for (int round = 0; round < 3; round++) {
		recorder_forget(&recorder);
		recorder_attach(&recorder);
		if (round == 0)
			recorder_run(&recorder, 20);
		victim.shared->step = 1;
		for (int i = 0; i < 500 && recorder.watched.n < 20; i++)
			recorder_run(&recorder, 20);
		if (round == 2) {
			victim.shared->stop = 1;
			recorder_run_until(&recorder, &victim.shared->done, 1);
		}
		recorder_detach(&recorder);
		recorder_check(&recorder);
		/* Probes are of this engine. */
		if (round < 2)
			recorder_drop_watched(&recorder);
	}
	victim_check_text(&victim);
	uint64_t entries = 0;

	for (size_t i = 0; i < recorder.watched.n; i++)
		entries += recorder.watched.items[i]->entries;
	assert_true(entries >= 20 * 21);
	recorder_fini(&recorder);
	victim_finish(&victim);
}

/* A library that stays loaded is found a little later: */
static void found_later(void (*hinder)(struct recorder *recorder))
{
	char library[4200];
	const char *const args[] = { library, NULL };

	snprintf(library, sizeof(library), "%s/lib_plug", VICTIM_DIR);
	struct victim victim = victim_start("plugs", args, 1);
	struct recorder recorder;

	recorder_init(&recorder, &victim);
	recorder.on_modules = watch_library;
	recorder.library = library;
	recorder_attach(&recorder);
	hinder(&recorder);
	recorder_run(&recorder, 20);
	victim.shared->step = 2;
	for (int i = 0; i < 500 && !(recorder.watched.n && recorder.watched.items[0]->entries > 10); i++)
		recorder_run(&recorder, 20);
	assert_true(recorder.watched.n == 1 && recorder.watched.items[0]->entries > 10);
	recorder_detach(&recorder);
	recorder_check(&recorder);
	victim_check_text(&victim);
	recorder_fini(&recorder);
	victim.shared->stop = 1;
	victim_finish(&victim);
}

static void take_hook(struct recorder *recorder)
{
	recorder->engine->watches_libraries = true; /* by nobody */
}

/* without a hook in the loader */
static void libraries_by_polling(void **state)
{
	(void)state;
	found_later(take_hook);
}

static void be_busy(struct recorder *recorder)
{
	recorder->modules_busy = 3;
}

/* when the owner has no time */
static void libraries_when_busy(void **state)
{
	(void)state;
	found_later(be_busy);
}

/* Until told otherwise the owner has no answer. */
static struct victim start_holding(struct recorder *recorder, char *library, size_t len, uint64_t patience_ns)
{
	const char *const args[] = { library, "hook", NULL };

	snprintf(library, len, "%s/lib_plug", VICTIM_DIR);
	struct victim victim = victim_start("plugs", args, 1);

	recorder_init(recorder, &victim);
	recorder->on_modules = watch_library;
	recorder->library = library;
	recorder->modules_busy = UINT_MAX;
	recorder->modules_silent = true;
	recorder_attach(recorder);
	engine_set_patience(recorder->engine, patience_ns);
	recorder_run(recorder, 20);
	victim.shared->step = 1;
	return victim;
}

/* While it loads and unloads, its text is not to be compared. */
static void finish_loading(struct victim *victim, struct recorder *recorder)
{
	victim->shared->stop = 1;
	victim_wait(&victim->shared->done, 1);
	victim_check_text(victim);
	recorder_fini(recorder);
	victim_finish(victim);
}

/* Run until the other thread has been through the hook so often. */
static void run_rounds(struct recorder *recorder, struct victim *victim, uint64_t n)
{
	uint64_t end = victim->shared->threads[1].rounds + n;

	for (int i = 0; i < 1500 && victim->shared->threads[1].rounds < end; i++)
		recorder_run(recorder, 20);
	assert_true(victim->shared->threads[1].rounds >= end);
}

/*
 * The owner takes his time: the thread that loads is held, and no other; not even one that comes to the hook as well.  Then all
 * calls of the library are seen, from the constructor on.
 */
static void held_until_answered(void **state)
{
	struct recorder recorder;
	char library[4200];
	struct victim victim = start_holding(&recorder, library, sizeof(library), 0);

	(void)state;
	while (!recorder.modules_calls)
		recorder_run(&recorder, 20);
	victim.shared->step = 3;
	run_rounds(&recorder, &victim, 1000);
	assert_true(recorder.engine->held && recorder.held);
	assert_int_equal(victim.shared->loads, 0);
	recorder.modules_busy = 0;
	engine_wake(recorder.engine);
	for (int i = 0; i < 500 && recorder.watched.n < 3; i++)
		recorder_run(&recorder, 20);
	victim.shared->stop = 1;
	recorder_run_until(&recorder, &victim.shared->done, 1);
	uint64_t entries = 0;

	for (size_t i = 0; i < recorder.watched.n; i++)
		entries += recorder.watched.items[i]->entries;
	assert_int_equal(entries, victim.shared->threads[0].rounds);
	recorder_detach(&recorder);
	recorder_check(&recorder);
	finish_loading(&victim, &recorder);
}

/* The owner never answers: it is not held for ever, and he is told. */
static void held_for_a_while(void **state)
{
	struct recorder recorder;
	char library[4200];
	struct victim victim = start_holding(&recorder, library, sizeof(library), 5 * 1000 * 1000);

	(void)state;
	for (int i = 0; i < 500 && victim.shared->loads < 3; i++)
		recorder_run(&recorder, 20);
	assert_true(victim.shared->loads >= 3);
	assert_true(recorder.times_let_go >= 3);
	recorder_detach(&recorder);
	finish_loading(&victim, &recorder);
}

/* We leave while a thread is held, or the process is killed then. */
static void held_at_the_end(void **state)
{
	(void)state;
	for (int kills = 0; kills < 2; kills++) {
		struct recorder recorder;
		char library[4200];
		struct victim victim = start_holding(&recorder, library, sizeof(library), 0);
		int status;

		while (!recorder.modules_calls)
			recorder_run(&recorder, 20);
		assert_non_null(recorder.engine->held);
		if (kills) {
			kill(victim.pid, SIGKILL);
			assert_int_equal(recorder_run_to_end(&recorder, &status), TARGET_KILLED);
			assert_int_equal(engine_detach(recorder.engine), 0);
			recorder_fini(&recorder);
			victim_forget(&victim);
			continue;
		}
		recorder_detach(&recorder);
		for (int i = 0; i < 30000 && victim.shared->loads < 3; i++)
			usleep(1000);
		assert_true(victim.shared->loads >= 3);
		finish_loading(&victim, &recorder);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends),
		cmocka_unit_test(leader_exits_first),
		cmocka_unit_test(group_stop),
		cmocka_unit_test(attach_to_stopped),
		cmocka_unit_test(spawned),
		cmocka_unit_test(spawn_fails),
		cmocka_unit_test(libraries),
		cmocka_unit_test(libraries_by_polling),
		cmocka_unit_test(libraries_when_busy),
		cmocka_unit_test(held_until_answered),
		cmocka_unit_test(held_for_a_while),
		cmocka_unit_test(held_at_the_end),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
