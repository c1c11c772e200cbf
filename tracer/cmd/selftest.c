/*
 * virtrace selftest
 *
 * What virtrace promises of a traced process, looked at on this host, with this kernel and these permissions, on a process that
 * nobody minds: first a recording that is let end, then some that are killed, then one more that is let end.
 *
 *	trace     every call the victim has counted is in the trace once, begun and ended, thread by thread; detaching
 *	          leaves the text, the handlers of signals and TracerPid as they were
 *	kills     the victim lives, all its threads go on, all results are right, all children end with 0; within a second its text is
 *	          what the files hold; its journal is gone
 *
 * The victim's own counters, the kernel and the files say so, never what virtrace believes of itself.  A kill hits a third of the
 * time anywhere from the start on, a third just after attaching has begun, a third while calls are recorded.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/cmd/option.h"
#include "tracer/remote/gate.h"
#include "tracer/selftest/selftest.h"
#include "tracer/trace/directory.h"

enum {
	KILLS_DEFAULT = 10, KILLS_MAX = 100000,
	EXACT_ROUNDS = 200,
	TEXT_PATIENCE_US = 1000000, JOURNAL_PATIENCE_US = 5000000, POLL_US = 500,
	RECORDING_MOMENT_US = 50000,
};

/* Where a kill hit. */
enum moment { BEFORE, ATTACHING, RECORDING, MOMENTS };

struct selftest {
	struct selftest_victim victim;
	struct recorder recorder;
	char directory[PATH_MAX], trace[PATH_MAX + 16];
	unsigned kills, checks, failures;
	uint64_t start_us, attach_us; /**< attach_us: how long attaching took */
	bool has_handler, has_watch;
	/* of the kills */
	unsigned hits[MOMENTS];
	uint64_t text_us, journal_us; /**< longest */
};

static void print_help(FILE *out)
{
	fprintf(out,
"usage: virtrace selftest [--kill9 N]\n"
"\n"
"Proves on this host that tracing does not harm what is traced, before you trace a process that matters.\n"
"A process made for it is traced and let go, then traced and virtrace killed by kill -9 at random moments.\n"
"It has to live, to compute right, to have its code as in the files, and every call it made has to be in\n"
"the trace once.  Nothing else is touched; nothing is left behind.\n"
"\n"
"      --kill9 N   how often virtrace is killed (%d; 0: never)\n"
"  -h, --help\n"
"\n"
"Examples:\n"
"  virtrace selftest\n"
"  virtrace selftest --kill9 300     some minutes, for a host full of guests\n"
"\n"
"Exit status: 0 passed, 1 failed, 2 usage, 5 not permitted.\n", KILLS_DEFAULT);
}

/* ---- what is shown */

static bool progress_shown;

static void wipe_progress(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

static void show_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void show_progress(const char *fmt, ...)
{
	va_list ap;

	if (!isatty(STDERR_FILENO))
		return;
	wipe_progress();
	fputs("  ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fflush(stderr);
	progress_shown = true;
}

static void print_row(const char *name, const char *mark, const char *text)
{
	log_answer("%-11s %-6s %s", name, mark, text);
	fflush(stdout);
}

/* One line of the table; of a check that failed the text says what was found. */
static bool check(struct selftest *test, bool ok, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static bool check(struct selftest *test, bool ok, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (selftest_interrupted) /* what gave up waiting has found nothing */
		return false;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_row(name, ok ? "ok" : "FAILED", text);
	test->checks++;
	test->failures += !ok;
	return ok;
}

static void print_host(void)
{
	struct utsname system;

	uname(&system);
	log_answer("virtrace %s, %s %s, %d CPUs", VERSION, system.sysname, system.release, get_nprocs());
}

/* What may stand in the way: the same gates as before a recording.  0 or the error of the first that is closed. */
static int check_gates(const struct selftest *test)
{
	static const char *const marks[] = { [GATE_OPEN] = "ok", [GATE_NOTE] = "note", [GATE_CLOSED] = "NO" };
	struct gate gates[GATE_COUNT];

	gate_list(test->victim.pid, gates);
	for (size_t i = 0; i < GATE_COUNT; i++)
		if (!strcmp(gates[i].name, "permission") || !strcmp(gates[i].name, "seccomp"))
			print_row(gates[i].name, marks[gates[i].state], gates[i].text);
	return gate_check(test->victim.pid);
}

/* ---- the victim, whatever was done to it */

static bool check_alive(struct selftest *test, const char *name)
{
	int status;

	if (victim_is_alive(&test->victim))
		return true;
	status = test->victim.status;
	if (WIFSIGNALED(status))
		return check(test, false, name, "the traced process died of signal %d (%s)", WTERMSIG(status),
			     strsignal(WTERMSIG(status)));
	return check(test, false, name, "the traced process ended with %d", WEXITSTATUS(status));
}

/* Poll until it is so; how long that took, or UINT64_MAX. */
static uint64_t time_until(const struct selftest *test, bool (*is_so)(const struct selftest_victim *victim), uint64_t patience_us)
{
	uint64_t start = selftest_now_us();

	while (!is_so(&test->victim)) {
		if (selftest_interrupted || selftest_now_us() - start > patience_us)
			return UINT64_MAX;
		selftest_nap(POLL_US);
	}
	return selftest_now_us() - start;
}

static char dirty[400]; /* where the text is not as in the files */

static bool text_is_clean(const struct selftest_victim *victim)
{
	return victim_text_is_clean(victim, dirty, sizeof(dirty));
}

static bool check_results(struct selftest *test, const char *name)
{
	const struct selftest_shared *shared = test->victim.shared;

	if (shared->wrong)
		return check(test, false, name, "%llu calls gave a wrong result", (unsigned long long)shared->wrong);
	if (shared->bad_children)
		return check(test, false, name, "%llu of %llu children did not end with 0",
			     (unsigned long long)shared->bad_children, (unsigned long long)shared->children);
	return true;
}

static void print_results(struct selftest *test, const char *name)
{
	const struct selftest_shared *shared = test->victim.shared;
	uint64_t rounds = 0;

	for (size_t i = 0; i < SELFTEST_THREADS; i++)
		rounds += shared->threads[i].rounds;
	check(test, true, name, "all results are right (%llu rounds of calls), all %llu children ended with 0",
	      (unsigned long long)rounds, (unsigned long long)shared->children);
}

/* ---- a recording that is let end */

/* The trace that is there may be a half made one, of a recording that was killed. */
static int start_recording(struct selftest *test)
{
	directory_remove(test->trace);
	return recorder_start(&test->victim, test->trace, &test->recorder);
}

/* With all that it has said about it. */
static bool recording_failed(struct selftest *test, const char *name)
{
	if (!check_alive(test, name))
		return false;
	check(test, false, name, "recording ended, or did not begin:");
	for (char *rest = test->recorder.said, *line; (line = strsep(&rest, "\n"));)
		if (*line && !selftest_interrupted)
			print_row("", "", line);
	return false;
}

/* The victim's counters before and after against what is in the trace. */
static bool check_trace(struct selftest *test, const struct selftest_shared *before, const char *name)
{
	const struct selftest_shared *after = test->victim.shared;
	struct trace_counts counts;
	unsigned long long calls = 0;

	if (trace_count(test->trace, after, &counts) < 0)
		return check(test, false, name, "the trace cannot be read: %s", err_text());
	if (counts.others || counts.lost)
		return check(test, false, name, "the trace has %llu calls of others, and %llu events are lost",
			     (unsigned long long)counts.others, (unsigned long long)counts.lost);
	for (size_t i = 0; i < SELFTEST_THREADS; i++) {
		for (size_t k = 0; k < SELFTEST_FUNCTIONS; k++) {
			unsigned long long n = after->threads[i].calls[k] - before->threads[i].calls[k];

			if (counts.begun[i][k] != n || counts.ended[i][k] != n)
				return check(test, false, name, "%s was called %llu times by thread %zu; in the trace: "
					     "%llu times begun, %llu times ended", selftest_functions[k], n, i + 1,
					     (unsigned long long)counts.begun[i][k],
					     (unsigned long long)counts.ended[i][k]);
			calls += n;
		}
	}
	return check(test, calls > 0, name, "%llu calls of %d functions in %d threads: each in the trace, begun and ended once",
		     calls, SELFTEST_FUNCTIONS, SELFTEST_THREADS);
}

static bool check_detached(struct selftest *test, const char *name)
{
	if (!check_alive(test, name))
		return false;
	if (!text_is_clean(&test->victim))
		return check(test, false, name, "%s", dirty);
	if (!victim_is_as_before(&test->victim))
		return check(test, false, name, "it is still traced, or other signals are caught than before");
	if (!victim_has_no_journal(&test->victim))
		return check(test, false, name, "its journal is still there");
	if (!victim_goes_on(&test->victim))
		return check_alive(test, name) && check(test, false, name, "a thread does not go on");
	return check_results(test, name) &&
	       check(test, true, name, "code as in the files, signal handlers as before, all threads go on");
}

/* While it is recorded: what there is to protect the victim from our death. */
static void look_at_nets(struct selftest *test)
{
	test->has_handler = victim_has_handler(&test->victim);
	test->has_watch = recorder_is_watched(&test->recorder);
}

static bool check_recording(struct selftest *test, const char *traced, const char *detached)
{
	struct selftest_shared before;
	uint64_t start = selftest_now_us();

	if (!victim_rest(&test->victim))
		return check_alive(test, traced) && check(test, false, traced, "a thread of the victim hangs");
	before = *test->victim.shared;
	if (start_recording(test) < 0)
		return check(test, false, traced, "%s", err_text());
	bool ok = recorder_wait(&test->recorder);

	test->attach_us = selftest_now_us() - start;
	look_at_nets(test);
	victim_run(&test->victim, EXACT_ROUNDS);
	ok = ok && victim_wait_done(&test->victim);
	bool ended = recorder_end(&test->recorder, SIGINT) == 0;

	if (!ok || !ended)
		return recording_failed(test, traced);
	ok = check_trace(test, &before, traced);
	victim_run(&test->victim, UINT64_MAX);
	return check_detached(test, detached) && ok;
}

static void print_nets(struct selftest *test)
{
	const char *why = strstr(test->recorder.said, "no handler in the process: ");
	char text[256];

	snprintf(text, sizeof(text), "cannot catch SIGTRAP in the traced process%s%.*s", why ? ": " : "",
		 why ? (int)strcspn(why + 27, "\n") : 0, why ? why + 27 : "");
	print_row("handler", test->has_handler ? "ok" : "note",
		  test->has_handler ? "catches SIGTRAP in the traced process while it is traced" : text);
	print_row("guardian", test->has_watch ? "ok" : "note",
		  test->has_watch ? "holds a dying virtrace until all is restored"
				  : "may not trace virtrace, so it learns of its death a little late");
}

/* ---- recordings that are killed */

static void nap_random(uint64_t at_most_us)
{
	selftest_nap((long)((uint64_t)random() % (at_most_us + 1)));
}

static void wait_for_attach(struct selftest *test)
{
	uint64_t end = selftest_now_us() + 10 * test->attach_us;

	while (!victim_is_traced(&test->victim) && !selftest_interrupted && selftest_now_us() < end)
		selftest_nap(100);
}

static enum moment wait_for_moment(struct selftest *test, unsigned round)
{
	switch (round % MOMENTS) {
	case BEFORE:
		nap_random(test->attach_us);
		break;
	case ATTACHING:
		wait_for_attach(test);
		nap_random(test->attach_us / 10);
		break;
	default:
		recorder_wait(&test->recorder);
		nap_random(RECORDING_MOMENT_US);
		break;
	}
	return recorder_records(&test->recorder) ? RECORDING : victim_is_traced(&test->victim) ? ATTACHING : BEFORE;
}

/* Whether all is well soon after a kill. */
static bool check_after_kill(struct selftest *test)
{
	uint64_t text = time_until(test, text_is_clean, TEXT_PATIENCE_US);

	if (!check_alive(test, "kill -9"))
		return false;
	if (text == UINT64_MAX)
		return check(test, false, "kill -9", "a second later: %s", dirty);
	if (!victim_goes_on(&test->victim))
		return check_alive(test, "kill -9") && check(test, false, "kill -9", "a thread does not go on");
	uint64_t journal = time_until(test, victim_has_no_journal, JOURNAL_PATIENCE_US);

	if (journal == UINT64_MAX)
		return check(test, false, "kill -9", "its journal stays");
	test->text_us = text > test->text_us ? text : test->text_us;
	test->journal_us = journal > test->journal_us ? journal : test->journal_us;
	return check_results(test, "kill -9");
}

static bool kill_once(struct selftest *test, unsigned round)
{
	show_progress("kill -9: %u of %u", round + 1, test->kills);
	if (start_recording(test) < 0)
		return check(test, false, "kill -9", "%s", err_text());
	enum moment moment = wait_for_moment(test, round);
	int status = recorder_end(&test->recorder, SIGKILL);

	if (status != SIGKILL)
		return recording_failed(test, "kill -9");
	test->hits[moment]++;
	return check_after_kill(test);
}

static bool check_kills(struct selftest *test)
{
	unsigned done = 0;

	while (done < test->kills && !selftest_interrupted && kill_once(test, done))
		done++;
	if (done < test->kills)
		return false;
	check(test, true, "kill -9", "%u times: %u before attaching, %u while attaching, %u while recording: it lives", done,
	      test->hits[BEFORE], test->hits[ATTACHING], test->hits[RECORDING]);
	check(test, true, "code", "as in the files again at most %.1f ms after a kill (1000 are allowed)",
	      (double)test->text_us / 1e3);
	check(test, true, "journal", "gone after each kill");
	print_results(test, "results");
	return true;
}

/* ---- all of it */

static bool run_checks(struct selftest *test)
{
	bool clean = text_is_clean(&test->victim);

	if (!check(test, clean, "victim", "%s", clean ? "code as in the files before it is traced" : dirty))
		return false;
	show_progress("tracing");
	bool ok = check_recording(test, "trace", "detach");

	if (selftest_interrupted || !victim_is_alive(&test->victim))
		return false;
	if (!ok)
		return false;
	print_nets(test);
	if (!test->kills)
		return true;
	return check_kills(test) && check_recording(test, "trace again", "detach");
}

static void print_verdict(const struct selftest *test)
{
	double seconds = (double)(selftest_now_us() - test->start_us) / 1e6;
	const char *so = "on this host a killed virtrace leaves the traced process unharmed";

	if (test->failures) {
		log_answer("virtrace selftest: FAILED: %u of %u checks in %.1f s; do not trace a process that matters on this "
			   "host", test->failures, test->checks, seconds);
		return;
	}
	if (!test->kills)
		so = "how a kill -9 of virtrace ends was not tried (--kill9 0)";
	else if (!test->has_handler)
		so = "but where SIGTRAP cannot be caught a kill -9 of virtrace may end the traced process: never do that here";
	else if (!test->has_watch)
		so = "but where the guardian comes late a kill -9 of virtrace may end a child that is just being forked";
	log_answer("virtrace selftest: passed: %u checks in %.1f s; %s", test->checks, seconds, so);
}

static void on_signal(int signal)
{
	selftest_interrupted = signal;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN); /* a reader that is gone is no reason to leave something behind */
}

/* A place of our own for the trace. */
static int make_directory(struct selftest *test)
{
	const char *parent = getenv("TMPDIR");

	snprintf(test->directory, sizeof(test->directory), "%s/virtrace-selftest-XXXXXX", parent && *parent ? parent : "/tmp");
	if (!mkdtemp(test->directory)) {
		int r = err_set(-errno, "cannot make %s: %s", test->directory, strerror(errno));

		test->directory[0] = '\0';
		return r;
	}
	snprintf(test->trace, sizeof(test->trace), "%s/trace", test->directory);
	return 0;
}

/* In whatever state it is; what was traced is gone, so is what its journal was for. */
static void clean_up(struct selftest *test)
{
	recorder_end(&test->recorder, SIGINT);
	if (test->victim.pid && !victim_finish(&test->victim) && !test->failures)
		check(test, false, "end", "the victim did not end by itself with 0");
	if (!test->directory[0])
		return;
	directory_remove(test->trace);
	rmdir(test->directory);
}

static int run(struct selftest *test)
{
	int r = make_directory(test);

	if (r == 0)
		r = victim_start(&test->victim);
	if (r == 0) {
		print_host();
		r = check_gates(test);
	}
	if (r == 0)
		run_checks(test);
	wipe_progress();
	clean_up(test);
	if (selftest_interrupted) {
		signal(selftest_interrupted, SIG_DFL);
		raise(selftest_interrupted);
	}
	if (r < 0) {
		log_error("%s", err_text());
		return exit_status(r);
	}
	print_verdict(test);
	return test->failures ? EXIT_ERROR : EXIT_OK;
}

static int parse_kills(const char *text, unsigned *ret)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < 0 || value > KILLS_MAX)
		return err_set(-EINVAL, "--kill9 needs a number from 0 to %d, not '%s'", KILLS_MAX, text);
	*ret = (unsigned)value;
	return 0;
}

static const struct option long_options[] = {
	{ "kill9", required_argument, NULL, 'k' },
	{ "victim", required_argument, NULL, 'v' }, /* not for users: be the victim */
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

int cmd_selftest(int argc, char **argv)
{
	struct selftest test = { .kills = KILLS_DEFAULT, .start_us = selftest_now_us() };
	int opt, r = 0;

	while (!r && (opt = option_next(argc, argv, ":h", long_options)) != OPTION_END) {
		switch (opt) {
		case 'k':
			r = parse_kills(optarg, &test.kills);
			break;
		case 'v':
			return selftest_victim_main(atoi(optarg));
		case 'h':
			print_help(stdout);
			return EXIT_OK;
		default: /* OPTION_WRONG */
			r = -EINVAL;
		}
	}
	if (!r && optind < argc)
		r = err_set(-EINVAL, "what is '%s' for?  selftest takes no arguments", argv[optind]);
	if (r < 0) {
		log_error("%s", err_text());
		return EXIT_USAGE;
	}
	log_set_hook(wipe_progress);
	catch_signals();
	srandom((unsigned)(test.start_us ^ (uint64_t)getpid()));
	return run(&test);
}
