/*
 * What an owner may ask of the engine, and what it refuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/function.h"
#include "symbols/plan.h"
#include "tests/engine/harness.h"
#include "tracer/base/err.h"
#include "tracer/probe/engine_state.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- an owner that looks at the order of events itself */
struct events {
	uint64_t entries, returns, others, deferred, bad;
	uint64_t last_id;       /* of the last entry */
	bool last_was_entry;
	uint64_t parents[2];    /* by user: entries that had one */
	uint64_t by_user[2];
};

static bool note_enter(void *ctx, const struct call_event *event)
{
	struct events *events = ctx;
	unsigned user = (unsigned)(uintptr_t)probe_user(event->probe);

	events->entries++;
	events->by_user[user]++;
	events->parents[user] += event->parent != 0;
	events->deferred += event->deferred;
	events->last_id = event->id;
	events->last_was_entry = true;
	events->bad += event->entry_time_ns > event->time_ns || (event->parent == 0) != (event->depth == 0);
	return true;
}

static void note_leave(void *ctx, const struct call_event *event)
{
	struct events *events = ctx;
	int64_t value = 0;

	if (event->end != CALL_RETURNED) {
		events->others++;
		return;
	}
	events->returns++;
	if (event->len == 9)
		memcpy(&value, event->payload + 1, 8);
	/* filtered by $ret: the entry comes right before, and the value is as asked for */
	if (events->deferred)
		events->bad += !events->last_was_entry || events->last_id != event->id || value % 2 != 0;
	events->last_was_entry = false;
}

static const struct engine_ops note_ops = { .enter = note_enter, .leave = note_leave };

static void filter_on_return(void **state)
{
	struct victim victim = load_start("2");
	struct recorder recorder;
	struct events events = { 0 };
	struct probe_options options = { .stack = true };
	struct engine *engine;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
	load_add(engine, load_plan(&recorder, "f_sub", "$ret % 2 == 0"), &options, 0);
	load_run_until(engine, &events.returns, 20);
	assert_int_equal(engine_detach(engine), 0);
	assert_int_equal(events.bad, 0);
	assert_true(events.entries == events.returns && events.deferred == events.entries);
	assert_int_equal(events.others, 0); /* calls cut by detaching were never told */
	engine_free(engine);
	load_finish(&victim, &recorder);
}

static void filter_on_entry(void **state)
{
	struct victim victim = load_start("2");
	struct recorder recorder;
	struct events events = { 0 };
	struct probe_options options = { 0 };
	struct engine *engine;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
	load_add(engine, load_plan(&recorder, "f_deep", "depth == 2"), &options, 0);
	load_add(engine, load_plan(&recorder, "f_mutual", "left == 2"), &options, 1);
	load_run_until(engine, &events.by_user[0], 20);
	load_run_until(engine, &events.by_user[1], 20);
	assert_int_equal(engine_detach(engine), 0);
	assert_int_equal(events.bad, 0);
	/* one call of each round, each returned but those that are cut */
	assert_true(events.returns + events.others == events.entries && events.others <= 4);
	assert_int_equal(events.parents[0] + events.parents[1], 0);
	engine_free(engine);
	load_finish(&victim, &recorder);
}

static void nested_only(void **state)
{
	struct victim victim = load_start("1");
	struct recorder recorder;
	struct events events = { 0 };
	struct probe_options options = { 0 }, nested = { .nested_only = true };
	struct engine *engine;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
	/* f_push is called by itself, and once by f_jmp */
	load_add(engine, load_plan(&recorder, "f_jmp", NULL), &options, 0);
	load_add(engine, load_plan(&recorder, "f_push", NULL), &nested, 1);
	load_run_until(engine, &events.by_user[1], 20);
	assert_int_equal(engine_detach(engine), 0);
	assert_int_equal(events.bad, 0);
	assert_true(events.by_user[1] == events.parents[1] && events.by_user[0] - events.by_user[1] <= 1);
	engine_free(engine);
	load_finish(&victim, &recorder);
}

/*
 * Two probes share all sites, one of which is entry and exit at once; one is added while the other
 * runs.
 */
static void two_on_one_function(void **state)
{
	struct victim victim = load_start("2");
	struct recorder recorder;
	struct events events = { 0 };
	struct probe_options options = { 0 };
	struct engine *engine;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
	load_add(engine, load_plan(&recorder, "f_jmp", NULL), &options, 0);
	load_run_until(engine, &events.by_user[0], 20);
	assert_int_equal(events.parents[0], 0);
	uint64_t before = events.by_user[0];

	load_add(engine, load_plan(&recorder, "f_jmp", NULL), &options, 1);
	load_run_until(engine, &events.by_user[1], 20);
	assert_int_equal(engine_detach(engine), 0);
	assert_int_equal(events.bad, 0);
	assert_true(events.by_user[1] == events.parents[1]);
	assert_true(events.by_user[0] - before - events.by_user[1] <= 2);
	engine_free(engine);
	load_finish(&victim, &recorder);
}

/* Where /proc/PID/mem cannot be written, PTRACE_POKETEXT does everything. */
static void without_mem_file(void **state)
{
	struct victim victim = load_start("3");
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	for (int i = 0; i < 5; i++) {
		recorder_watch_all(&recorder);
		recorder_forget(&recorder);
		if (engine_attach(victim.pid, recorder_ops, &recorder, &recorder.engine) < 0)
			fail_msg("%s", err_text());
		recorder.engine->proc->poke = true;
		recorder_add_probes(&recorder);
		for (size_t k = 0; k < recorder.watched.n; k++)
			load_run_until(recorder.engine, &recorder.watched.items[k]->entries, 1);
		assert_non_null(strstr(engine_unprotected(recorder.engine), "virtrace repair"));
		recorder_detach(&recorder);
		recorder_check(&recorder);
		victim_check_text(&victim);
		recorder_drop_watched(&recorder);
	}
	load_finish(&victim, &recorder);
}

/* Hot threads share the tracer fairly: the kernel alone would serve the newest ones first. */
static void fairness(void **state)
{
	struct victim victim = load_start("8");
	struct recorder recorder;
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	recorder_attach(&recorder);
	load_run_until(recorder.engine, &recorder.watched.items[0]->entries, 10000);
	for (unsigned i = 0; i < 8; i++) {
		const struct seen *seen = recorder_seen(&recorder, victim.shared->threads[i].tid, 0);

		assert_non_null(seen);
		least = seen->entries < least ? seen->entries : least;
		most = seen->entries > most ? seen->entries : most;
	}
	recorder_detach(&recorder);
	if (most > 2 * least + 20)
		fail_msg("from %lu to %lu entries", (unsigned long)least, (unsigned long)most);
	load_finish(&victim, &recorder);
}

/* ---- what others have done to the target */
static void write_byte(pid_t pid, uint64_t addr, uint8_t byte)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, &byte, 1, (off_t)addr), 1);
	close(fd);
}

static uint8_t read_byte(pid_t pid, uint64_t addr)
{
	char path[64];
	uint8_t byte = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, &byte, 1, (off_t)addr), 1);
	close(fd);
	return byte;
}

static void foreign_code(void **state)
{
	struct victim victim = victim_start("special", NULL, 1); /* it calls nothing by itself */
	struct recorder recorder;
	struct probe_options options = { 0 };
	struct events events = { 0 };
	struct engine *engine;
	struct probe *probe;

	(void)state;
	recorder_init(&recorder, &victim);
	const struct plan *plan = load_plan(&recorder, "f_sub", NULL);
	uint64_t entry = plan->function->entry;
	static const struct {
		uint8_t byte;
		uint64_t at;
		const char *why;
	} cases[] = { { 0xcc, 0, "somebody else" }, { 0x90, 0, "was changed" }, { 0xcc, 12, "somebody else" } };

	for (int i = 0; i < 3; i++) {
		uint8_t orig = read_byte(victim.pid, entry + cases[i].at);

		write_byte(victim.pid, entry + cases[i].at, cases[i].byte);
		assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
		assert_int_equal(engine_add(engine, plan, &options, NULL, &probe), -ENOTSUP);
		if (!strstr(err_text(), cases[i].why))
			fail_msg("'%s' does not say '%s'", err_text(), cases[i].why);
		load_run(engine, 10);
		assert_int_equal(engine_detach(engine), 0);
		engine_free(engine);
		assert_int_equal(read_byte(victim.pid, entry + cases[i].at), cases[i].byte);
		write_byte(victim.pid, entry + cases[i].at, orig);
	}
	/*
	 * An int3 that we left ourselves, killed: its slot is there.  It is taken over, and
	 * restored in the end.
	 */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
		load_add(engine, plan, &options, 0);
		victim.shared->step = i + 1u;
		load_run(engine, 200);
		assert_int_equal(engine_detach(engine), 0);
		engine_free(engine);
		victim_check_text(&victim);
		if (i == 0)
			write_byte(victim.pid, entry, 0xcc);
	}
	/* Somebody takes an int3 of ours away, as the end of a uprobe does: noticed when we leave. */
	uint8_t orig = read_byte(victim.pid, entry);
	struct engine_stats stats;

	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
	load_add(engine, plan, &options, 0);
	load_run(engine, 10);
	write_byte(victim.pid, entry, orig);
	assert_int_equal(engine_detach(engine), 0);
	engine_get_stats(engine, &stats);
	assert_int_equal(stats.undone, 1);
	engine_free(engine);
	victim_check_text(&victim);
	recorder_fini(&recorder);
	victim_finish(&victim);
}

static void refused(void **state)
{
	struct victim victim = load_start("1");
	struct recorder recorder;
	struct events events = { 0 };
	struct engine *engine;
	pid_t other;
	int fds[2];
	char c;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(0x3fffffff, &note_ops, &events, &engine), -ESRCH);
	assert_int_equal(engine_attach(getpid(), &note_ops, &events, &engine), -EINVAL);
	assert_int_equal(engine_attach(2, &note_ops, &events, &engine), -ENOTSUP); /* kthreadd */
	assert_int_equal(pipe(fds), 0);
	other = fork();
	if (other == 0) {
		ptrace(PTRACE_SEIZE, victim.pid, NULL, NULL);
		if (write(fds[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), -EBUSY);
	char who[64];

	snprintf(who, sizeof(who), "[%d]", (int)other);
	assert_non_null(strstr(err_text(), who));
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &engine), 0);
	engine_free(engine); /* detaches */
	load_finish(&victim, &recorder);
}

/* ---- stopping */
static struct engine *to_stop;

static void on_alarm(int sig)
{
	(void)sig;
	engine_stop(to_stop);
}

static void stop_from_signal(void **state)
{
	struct victim victim = victim_start("special", NULL, 1); /* nothing happens in it: the loop sleeps */
	struct recorder recorder;
	struct events events = { 0 };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval soon = { { 0, 0 }, { 0, 1 } };
	int status;

	(void)state;
	recorder_init(&recorder, &victim);
	assert_int_equal(engine_attach(victim.pid, &note_ops, &events, &to_stop), 0);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 300; i++) {
		/* the signal comes anywhere around the start of the wait */
		soon.it_value.tv_usec = 1 + i * 3;
		setitimer(ITIMER_REAL, &soon, NULL);
		assert_int_equal(engine_run(to_stop, UINT64_MAX, &status), TARGET_RUNNING);
	}
	/* one that came before is not lost */
	engine_stop(to_stop);
	assert_int_equal(engine_run(to_stop, UINT64_MAX, &status), TARGET_RUNNING);
	uint64_t start = now_ns();

	assert_int_equal(engine_run(to_stop, start + 30000000, &status), TARGET_RUNNING);
	assert_true(now_ns() >= start + 30000000);
	assert_int_equal(engine_detach(to_stop), 0);
	engine_free(to_stop);
	recorder_fini(&recorder);
	victim_finish(&victim);
}

static void backtrace(void **state)
{
	struct victim victim = load_start("1");
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	const struct function *deep = recorder_watch(&recorder, "f_deep", 70, 4, true)->plan->function;

	recorder.wants_stack = true;
	recorder_attach(&recorder);
	for (int i = 0; i < 100 && recorder.watched.items[0]->depth != 3; i++)
		recorder_run(&recorder, 1);
	recorder_detach(&recorder);
	if (recorder.watched.items[0]->depth == 3) {
		assert_true(recorder.n_stack >= 5 && recorder.stack[0] == deep->entry);
		for (int i = 1; i < 4; i++)
			assert_true(recorder.stack[i] > deep->ranges[0].lo && recorder.stack[i] < deep->ranges[0].hi);
		assert_false(recorder.stack[4] > deep->ranges[0].lo && recorder.stack[4] < deep->ranges[0].hi);
	}
	recorder_check(&recorder);
	load_finish(&victim, &recorder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_on_return), cmocka_unit_test(filter_on_entry), cmocka_unit_test(nested_only),
		cmocka_unit_test(two_on_one_function), cmocka_unit_test(without_mem_file), cmocka_unit_test(fairness),
		cmocka_unit_test(foreign_code), cmocka_unit_test(refused), cmocka_unit_test(stop_from_signal),
		cmocka_unit_test(backtrace),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
