/*
 * virtrace is killed: the target must not notice.
 *
 * `virtrace record` is run on a victim and killed, at each of the places a test build has for it (VIRTRACE_KILL_AT), or at random
 * moments.  After each kill the victim lives, all its threads go on with right results, its children end with the right codes,
 * its text is what the files have within a second, and the trace is readable, with every event that was told until then.
 *
 * VIRTRACE_KILLS: how often at each place; VIRTRACE_RANDOM_KILLS: how often at random.
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/harness.h"
#include "tests/kill/aftermath.h"
#include "tracer/probe/journal.h"

/* Where to be killed, and up to which passing of it. */
struct place {
	const char *name;
	unsigned most;
};

static const struct place attaching[] = {
	{ "journal-made", 1 }, { "guardian-started", 1 }, { "seize", 3 }, { "seized-all", 1 },
	{ "rcall-paused", 3 }, { "rcall-frame", 3 }, { "rcall-set", 3 }, { "rcall-masked", 3 }, { "rcall-resumed", 3 },
	{ "rcall-cleared", 1 }, { "room-mapped", 1 }, { "room-made", 1 },
	{ "area-code", 1 }, { "area-header", 1 }, { "area-linked", 1 },
	{ "handler-described", 1 }, { "handler-installed", 1 }, { "children-gone", 1 },
	{ "slot-written", 6 }, { "site-noted", 12 }, { "site-armed", 12 },
};
static const struct place hitting[] = {
	{ "hit-seen", 400 }, { "hit-known", 400 }, { "hit-read", 400 }, { "hit-moved", 400 }, { "hit-resumed", 400 },
	{ "hit-told", 400 }, { "fork-seen", 3 }, { "fork-held", 3 },
	{ "child-seen", 3 }, { "child-cleaned", 3 }, { "child-sent", 3 }, { "child-detached", 3 },
};
static const struct place signalled[] = { { "signal-seen", 30 }, { "signal-moved", 30 } };
static const struct place leaving[] = {
	{ "site-restored", 12 }, { "detach-restored", 1 }, { "detach-asked", 1 },
	{ "thread-detached", 6 }, { "handler-leaves", 1 }, { "detach-done", 1 }, { "journal-removed", 1 },
};
static const struct place loading[] = {
	{ "dlopen-moved", 4 }, { "dlopen-held", 4 }, { "dlopen-armed", 4 }, { "site-armed", 8 }, { "site-noted", 4 },
};

static const char *const hot_probes[] = {
	"-e", "f_push n", "-e", "f_rip n", "-e", "f_tail n", "-e", "f_deep n", "-e", "f_rets n", "-e", "f_call n", NULL,
};
static const char *const plug_probes[] = { "-e", "lib_plug!f_plug n", NULL };

#define CALLS "1000" /* of a recording that is not killed */
enum { HOT = 3 };

/* Of the kills at hit-told: those after which the handler was taken out, which is not done at the price of harm. */
static unsigned without_handler;

static unsigned times(const char *name, unsigned by_default)
{
	const char *text = getenv(name);

	return text ? (unsigned)atoi(text) : by_default;
}

/* `virtrace record` on the victim, until it is killed, or to a limit.  With `started` waits until it says that it records. */
static pid_t start_record(const struct victim *victim, const char *const *probes, const char *at, const char *limit,
			  bool started)
{
	const char *argv[32] = { "virtrace", "record", "--force", "--max-pause", "0", "-o", trace, limit, "-p" };
	char pid_text[16];
	size_t n = 9;

	snprintf(pid_text, sizeof(pid_text), "%d", (int)victim->pid);
	argv[n++] = pid_text;
	for (size_t i = 0; probes[i]; i++)
		argv[n++] = probes[i];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		if (started)
			dup2(ends[1], 2);
		else if (!getenv("VIRTRACE_KILL_VERBOSE"))
			dup2(null, 2);
		if (at)
			setenv("VIRTRACE_KILL_AT", at, 1);
		execv(VIRTRACE, (char *const *)argv);
		_exit(127);
	}
	close(ends[1]);
	FILE *said = fdopen(ends[0], "r");
	char line[256];

	while (started && fgets(line, sizeof(line), said) && !strstr(line, "recording"))
		;
	fclose(said);
	return pid;
}

static void remove_trace(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s %s.*", trace, trace);
	assert_int_equal(system(command), 0);
}

/* An undisturbed recording afterwards finds everything in order, and leaves it so. */
static void finish_well(struct victim *victim, const char *const *probes)
{
	pid_t pid = start_record(victim, probes, NULL, "-c" CALLS, false);
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(check_all(victim, "the end") >= 2 * atoi(CALLS));
	assert_false(catches_sigtrap(victim));
	victim->shared->stop = 1;
	victim_wait(&victim->shared->done, 1);
	victim_finish(victim);
	remove_trace();
}

static void kill_at(struct victim *victim, const struct place *place, const char *const *probes)
{
	char at[64];
	int status;

	snprintf(at, sizeof(at), "%s:%ld", place->name, 1 + random() % place->most);
	pid_t pid = start_record(victim, probes, at, "-d2", false);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("%s was not passed: status %#x", at, (unsigned)status);
	if (!strcmp(place->name, "journal-made"))
		check_goes_on(victim, at); /* nothing is changed; the journal stays until somebody looks into it */
	else
		check_all(victim, at);
	if (!strcmp(place->name, "hit-told") && !catches_sigtrap(victim))
		without_handler++;
}

/* On one victim, again and again; or on a new one each time, as much of attaching is done only once to a process. */
static void kill_at_places(const struct place *places, size_t n, bool new_each_time, const char *kinds)
{
	const char *const args[] = { "3", kinds, NULL };
	unsigned kills = times("VIRTRACE_KILLS", 1), victims = new_each_time ? kills : 1;

	for (size_t i = 0; i < n * victims; i++) {
		struct victim victim = victim_start("load", args, HOT);

		for (unsigned k = 0; k < kills / victims; k++)
			kill_at(&victim, &places[i / victims], hot_probes);
		finish_well(&victim, hot_probes);
	}
}

static void while_attaching(void **state)
{
	(void)state;
	kill_at_places(attaching, sizeof(attaching) / sizeof(attaching[0]), true, "flvs");
}

static void at_a_hit(void **state)
{
	(void)state;
	without_handler = 0;
	kill_at_places(hitting, sizeof(hitting) / sizeof(hitting[0]), false, "flvs");
	assert_true(without_handler > 0);
}

static void at_a_signal(void **state)
{
	(void)state;
	kill_at_places(signalled, sizeof(signalled) / sizeof(signalled[0]), false, "fS");
}

static void while_leaving(void **state)
{
	(void)state;
	kill_at_places(leaving, sizeof(leaving) / sizeof(leaving[0]), false, "flvs");
}

/* Children of vfork() that were made before the handler was there have none: nobody may be killed while these stand at a site. */
static void before_the_handler(void **state)
{
	static const struct place place = { "hit-known", 60 };
	static const char *const args[] = { "1", "vvvvvvvv", NULL };

	(void)state;
	for (unsigned k = 0; k < 10 * times("VIRTRACE_KILLS", 1); k++) {
		struct victim victim = victim_start("load", args, 1);

		kill_at(&victim, &place, hot_probes);
		finish_well(&victim, hot_probes);
	}
}

/* A thread that has all signals blocked: from the moment that its mask is put right it need not fear our death. */
static void though_blocked(void **state)
{
	static const struct place places[] = {
		{ "blocked-masked", 60 }, { "mender-masked", 60 }, { "mender-sent", 60 }, { "mender-waits", 60 }, { "hit-told", 60 },
	};
	static const char *const args[] = { "0", "b", NULL };

	(void)state;
	enum { N = sizeof(places) / sizeof(places[0]) };

	for (size_t i = 0; i < N * times("VIRTRACE_KILLS", 1); i++) {
		struct victim victim = victim_start("load", args, 0);

		kill_at(&victim, &places[i % N], hot_probes);
		finish_well(&victim, hot_probes);
	}
}

/* A file is opened, mapped and closed for code that anonymous memory may not hold: killed at each of these calls, and the next. */
static void at_a_file(void **state)
{
	static const struct place places[] = {
		{ "rcall-paused", 5 }, { "rcall-frame", 5 }, { "rcall-set", 5 }, { "rcall-masked", 5 }, { "rcall-resumed", 5 },
	};
	enum { N = sizeof(places) / sizeof(places[0]) };
	static const char *const args[] = { "no-anonymous", NULL };
	unsigned kills = times("VIRTRACE_KILLS", 1);

	(void)state;
	for (size_t i = 0; i < N * kills; i++) {
		struct victim victim = victim_start("traps", args, 2);

		kill_at(&victim, &places[i / kills], hot_probes);
		finish_well(&victim, hot_probes);
	}
}

/* A new one each time: the first call that a process makes for us is another than those that follow. */
static void kill_a_sleeper(const char *kind, const struct place *place)
{
	static const char *const probes[] = { "-e", "f_idle n", NULL };
	const char *const args[] = { kind, NULL };
	struct victim victim = victim_start("sleeps", args, 1);
	int status;

	if (random() % 2) { /* from now on this wait is a restarted one */
		kill(victim.pid, SIGSTOP);
		kill(victim.pid, SIGCONT);
	}
	kill_at(&victim, place, probes);
	pid_t pid = start_record(&victim, probes, NULL, "-d0.1", false);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	check_all(&victim, "the end");
	assert_false(catches_sigtrap(&victim));
	victim.shared->stop = 1;
	victim_finish(&victim);
	remove_trace();
}

/*
 * Its only thread is in a timed wait when it makes a call for us: it may wait longer if we are killed then, but not less.  What waits
 * until a point in time comes back by itself.
 */
static void at_a_wait(void **state)
{
	static const struct place places[] = {
		{ "rcall-paused", 2 }, { "rcall-frame", 2 }, { "rcall-set", 2 }, { "rcall-masked", 2 }, { "rcall-resumed", 2 },
		{ "rcall-begun", 2 }, { "rcall-made", 2 }, { "rcall-back", 2 },
	};
	static const struct {
		const char *name;
		size_t n_places;
	} kinds[] = { { "nanosleep", 8 }, { "clock_nanosleep", 8 }, { "poll", 8 }, { "futex", 8 }, { "futex_until", 5 } };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < kinds[i].n_places * times("VIRTRACE_KILLS", 1); k++)
			kill_a_sleeper(kinds[i].name, &places[k % kinds[i].n_places]);
}

/* A library comes and goes while we are killed. */
static void at_dlopen(void **state)
{
	const char *const args[] = { VICTIM_DIR "/lib_plug", NULL };
	unsigned rounds = times("VIRTRACE_KILLS", 1);

	(void)state;
	for (size_t i = 0; i < sizeof(loading) / sizeof(loading[0]); i++) {
		struct victim victim = victim_start("plugs", args, 1);

		victim.shared->step = 1;
		for (unsigned k = 0; k < rounds; k++) {
			uint64_t loads = victim.shared->loads;

			kill_at(&victim, &loading[i], plug_probes);
			while (victim.shared->loads < loads + 2) {
				victim_check_alive(&victim);
				nap_ms(1);
			}
		}
		finish_well(&victim, plug_probes);
	}
}

/* How many events of f_rets babeltrace2 finds; each call is entered once and returns once at most. */
static unsigned long count_events(const char *at)
{
	static const char script[] =
		"babeltrace2 %s | awk '/ f_rets/ { match($0, / f_rets[:a-z]*/); name = substr($0, RSTART, RLENGTH);"
		"  match($0, /[^a-z]call = [0-9]+/); if (seen[name substr($0, RSTART, RLENGTH)]++) bad = 1; n++ } "
		"END { print n + 0 > \"%s.n\"; exit bad }' && grep -q '\"virtrace was killed\"' %s/.virtrace/info.json";
	char command[1024], path[96];
	unsigned long n = 0;

	snprintf(command, sizeof(command), script, trace, trace, trace);
	if (system(command) != 0)
		fail_msg("killed at %s: the trace %s has an event twice, or no end", at, trace);
	snprintf(path, sizeof(path), "%s.n", trace);
	FILE *f = fopen(path, "r");

	assert_true(f && fscanf(f, "%lu", &n) == 1);
	fclose(f);
	return n;
}

/*
 * What was told before the kill is in the trace, to the last event, each once: told is what has passed "hit-read".  A thread that is
 * in the function while we attach has a hit at its return that is no event.
 */
static void nothing_is_lost(void **state)
{
	static const char *const args[] = { "1", "", NULL }, *const probes[] = { "-e", "f_rets n", NULL };
	static const char *const names[] = { "hit-read", "hit-told", "hit-moved", "hit-resumed", "record-written" };
	unsigned kills = 4 * times("VIRTRACE_KILLS", 1);
	struct victim victim = victim_start("load", args, 1);

	(void)state;
	for (size_t i = 0; i < kills * 5; i++) {
		unsigned long hits = 1 + (unsigned long)random() % 3000;
		char at[64];
		int status;

		snprintf(at, sizeof(at), "%s:%lu", names[i / kills], hits);
		pid_t pid = start_record(&victim, probes, at, "-d100", false);

		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, SIGKILL);
		check_journal_gone(&victim, at);
		wait_for_trace(at);
		unsigned long events = count_events(at);

		if (i / kills == 0)
			assert_int_equal(events, hits - 1);
		else if (i / kills < 4)
			assert_in_range(events, hits - 1, hits);
		else
			assert_true(events >= hits / 2);
	}
	finish_well(&victim, hot_probes);
}

static void at_random(void **state)
{
	unsigned rounds = times("VIRTRACE_RANDOM_KILLS", 15);
	const char *const args[] = { "3", "flvsSt", NULL };
	struct victim victim = victim_start("load", args, HOT);
	long most = 0;

	(void)state;
	for (unsigned k = 0; k < rounds; k++) {
		/* Attaching, for the most part; and recording. */
		pid_t pid = start_record(&victim, hot_probes, NULL, "-d100", k % 2);
		int status;

		nap_ms(random() % 150);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, SIGKILL);
		long n = check_all(&victim, "random");

		most = n > most ? n : most;
	}
	assert_true(most > 500);
	finish_well(&victim, hot_probes);
}

static const char *const idle_probes[] = { "-e", "make_child", NULL }; /* a function that nobody calls */

static pid_t guardian_of(const struct victim *victim)
{
	char path[160];
	int32_t pid = 0;

	journal_name(victim, path, sizeof(path));
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, &pid, sizeof(pid), offsetof(struct journal_file, guardian)), sizeof(pid));
	close(fd);
	return pid;
}

static void kill_both(const struct victim *victim, pid_t tracer)
{
	int status;
	char what[512];

	assert_int_equal(kill(tracer, SIGSTOP), 0); /* it would start another one */
	assert_int_equal(kill(guardian_of(victim), SIGKILL), 0);
	assert_int_equal(kill(tracer, SIGKILL), 0);
	assert_int_equal(waitpid(tracer, &status, 0), tracer);
	assert_false(victim_text_is_clean(victim, what, sizeof(what)));
}

static int run_repair(const struct victim *victim)
{
	char command[512];

	snprintf(command, sizeof(command), "%s repair %d >%s.said 2>&1", VIRTRACE, (int)victim->pid, trace);
	return WEXITSTATUS(system(command));
}

/* Guardian and tracer are killed, and no thread hits a site: the journal is what is left. */
static void guardian_too(void **state)
{
	const char *const args[] = { "3", "", NULL };
	struct victim victim = victim_start("load", args, HOT);
	char what[512], path[160], other[200];

	(void)state;
	kill_both(&victim, start_record(&victim, idle_probes, NULL, "-d100", true));
	/* the same journal, but of a process that had this pid before: nothing is written */
	journal_name(&victim, path, sizeof(path));
	snprintf(other, sizeof(other), "%s.kept", path);
	assert_int_equal(rename(path, other), 0);
	assert_int_not_equal(run_repair(&victim), 0);
	assert_false(victim_text_is_clean(&victim, what, sizeof(what)));
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(run_repair(&victim), 0);
	if (!victim_text_is_clean(&victim, what, sizeof(what)))
		fail_msg("repaired, but %s", what);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_not_equal(run_repair(&victim), 0); /* there is nothing any more */

	/* or the next recording does it */
	kill_both(&victim, start_record(&victim, idle_probes, NULL, "-d100", true));
	check_goes_on(&victim, "with its guardian");
	finish_well(&victim, hot_probes);
}

/* The guardian alone is killed, again and again: each time there is a new one, which does what the first one would have done. */
static void guardian_alone(void **state)
{
	enum { KILLS = 5 };
	const char *const args[] = { "3", "l", NULL };
	struct victim victim = victim_start("load", args, HOT);
	int status;

	(void)state;
	for (int stopped = 0; stopped < 2; stopped++) {
		pid_t tracer = start_record(&victim, hot_probes, NULL, "-d100", true), guardian;

		for (int i = 0; i < KILLS; i++) {
			guardian = guardian_of(&victim);
			assert_int_equal(kill(guardian, SIGKILL), 0);
			for (uint64_t end = now_ms() + 30000; guardian_of(&victim) == guardian; nap_ms(1))
				if (now_ms() > end)
					fail_msg("guardian %d was killed, and there is no other", (int)guardian);
			check_goes_on(&victim, "the guardian's end");
		}
		assert_int_equal(kill(tracer, stopped ? SIGSTOP : SIGKILL), 0);
		assert_int_equal(waitpid(tracer, &status, 0), tracer);
		assert_int_equal(status, SIGKILL);
		assert_true(check_all(&victim, "with a new guardian") > 0);
	}
	finish_well(&victim, hot_probes);
}

/* Pitfall 15: a tracer that is stopped while threads stand at sites is killed; the victim goes on. */
static void tracer_stopped(void **state)
{
	const char *const args[] = { "3", "l", NULL };
	struct victim victim = victim_start("load", args, HOT);
	pid_t pid = start_record(&victim, hot_probes, NULL, "-d100", true);
	int status;

	(void)state;
	nap_ms(100);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, SIGKILL);
	check_all(&victim, "a stop");
	finish_well(&victim, hot_probes);
}

/* Pitfall 18: what was SIGTRAP's effect before is it again, also with the handler that is left if the guardian is killed, too. */
static void check_trap_after_kill(bool guardian_too)
{
	const char *const args[] = { "3", "", NULL };
	struct victim victim = victim_start("load", args, HOT);
	pid_t pid = start_record(&victim, guardian_too ? idle_probes : hot_probes, NULL, "-d100", true);
	char journal[160];
	int status;

	nap_ms(50);
	if (guardian_too) {
		kill_both(&victim, pid);
		check_goes_on(&victim, "a hit");
	} else {
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		check_all(&victim, "a hit");
	}
	assert_int_equal(catches_sigtrap(&victim), guardian_too);
	journal_name(&victim, journal, sizeof(journal));
	assert_int_equal(kill(victim.pid, SIGTRAP), 0);
	assert_int_equal(waitpid(victim.pid, &status, 0), victim.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP);
	unlink(journal);
	victim_forget(&victim);
	remove_trace();
}

static void trap_after_kill(void **state)
{
	(void)state;
	check_trap_after_kill(false);
	check_trap_after_kill(true);
}

#ifdef VIRTRACE_KILL_POINTS
static const bool has_places = true;
#else
static const bool has_places = false;
#endif

int main(void)
{
	const struct CMUnitTest places[] = {
		cmocka_unit_test(while_attaching),
		cmocka_unit_test(at_a_hit),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(at_a_signal),
		cmocka_unit_test(while_leaving),
		cmocka_unit_test(before_the_handler),
		cmocka_unit_test(though_blocked),
		cmocka_unit_test(at_a_file),
		cmocka_unit_test(at_a_wait),
		cmocka_unit_test(at_dlopen),
	};
	const struct CMUnitTest moments[] = {
		cmocka_unit_test(at_random),
		cmocka_unit_test(guardian_too),
		cmocka_unit_test(guardian_alone),
		cmocka_unit_test(tracer_stopped),
		cmocka_unit_test(trap_after_kill),
	};

	snprintf(trace, sizeof(trace), "/tmp/virtrace-kill-%d", (int)getpid());
	srandom((unsigned)getpid());
	setvbuf(stdout, NULL, _IOLBF, 0); /* which test it was, should one hang */
	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return has_places ? cmocka_run_group_tests(places, NULL, NULL) : cmocka_run_group_tests(moments, NULL, NULL);
}
