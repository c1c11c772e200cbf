#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/base/shell.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/cmd/live.h"
#include "tracer/cmd/option.h"
#include "tracer/record/decoders.h"
#include "tracer/record/session.h"
#include "tracer/record/target.h"
#include "tracer/remote/gate.h"

enum { STATUS_INTERVAL_NS = 250 * 1000 * 1000, STACK_DEFAULT = 32, MAX_PAUSE_MS = 20, STACK_MAX = 1024 };

static const char default_preset[] = "block-info";

/* What the command line says. */
struct record_options {
	struct session_options session;
	struct request_list requests;
	struct decoder_set decoders;
	bool no_decoders;
	const char *name; /* -n */
	bool quiet, live;
};

static void print_help(FILE *out)
{
	fprintf(out,
"usage: virtrace record [-p PID | -n NAME | -- COMMAND ARG…] [-e PROBE]… [OPTIONS]\n"
"\n"
"Records calls into a trace directory until Ctrl-C, the limit, or the end of the process.\n"
"\n"
"Which process:\n"
"  -p, --pid PID          this one\n"
"  -n, --name NAME        the one of this name\n"
"  -- COMMAND ARG…        start a command\n"
"                         none of them: the libvirt daemon that runs QEMU guests\n"
"Which functions:\n"
"  -e, --probe PROBE      [MODULE!|FILE.c:]FUNCTION [EXPR, EXPR… [=> EXPR, EXPR…]]\n"
"                         names may be globs; expressions are C: what to record at entry => at return\n"
"      --preset NAME      a named list of probes, or a file with a slash in its name\n"
"                         none of them: preset block-info\n"
"  -x, --if EXPR          only calls for which this is true, as 'path == \"vda\"' or '$ret < 0'; functions\n"
"                         that know none of its names are recorded only inside such calls\n"
"How much:\n"
"  -k, --stack[=N]        with a backtrace of at most N frames (%d)\n"
"  -d, --duration SECONDS stop after this time\n"
"  -c, --count CALLS      stop after so many calls\n"
"  -s, --string-limit N   bytes of a string (%u)\n"
"      --array-limit N    elements of an array (%u)\n"
"      --struct-limit N   bytes of one structure (%u)\n"
"      --depth N          levels of pointers to follow (%u)\n"
"      --no-decoders      libvirt's objects with all their members, not as 'virtrace list --decoders' has them\n"
"      --max-pause MS     a function of which some hits hold a thread longer is left alone for a while (%d; 0: any time)\n"
"      --max-rate N       the same for more than N hits in a second (no limit)\n"
"      --unprotected      also a process that would not survive kill -9 of virtrace\n"
"      --buffer MIB       memory for calls that wait to be written (16, with backtraces 64)\n"
"Where to:\n"
"  -o, --output DIR       the trace (virtrace.NAME.DATE)\n"
"      --force            replace a trace that is there\n"
"      --live             show the calls here, too, as 'virtrace report --follow' does\n"
"Other:\n"
"      --debuginfo DIRS   search separate debug info here too (a:b:c)\n"
"      --no-debuginfod    download nothing\n"
"      --max-debuginfo MIB  read at most so much of one file, unpack at most so much of all (512)\n"
"  -q, --quiet            only warnings and the summary\n"
"  -h, --help\n"
"\n"
"Examples:\n"
"  virtrace record -o blk.trace\n"
"  virtrace record -n virtqemud -x 'path == \"vda\"' -c 100\n"
"  virtrace record -p 2114 -e 'qemuDomainGetBlockInfo path, dom->name => $ret, *info' -k\n"
"  virtrace record -e 'libc.so.6!malloc' -c 10 -- ls -l\n"
"  virtrace record --live -x '$ret < 0'\n"
"\n"
"Exit status: 0 done, 1 error, 2 usage, 3 the process ended first, 4 no function to trace, 5 not permitted.\n",
		STACK_DEFAULT, LIMITS_DEFAULT.string, LIMITS_DEFAULT.array, LIMITS_DEFAULT.object,
		LIMITS_DEFAULT.depth, MAX_PAUSE_MS);
}

enum {
	OPT_PRESET = 256, OPT_ARRAY, OPT_STRUCT, OPT_DEPTH, OPT_NO_DECODERS, OPT_MAX_PAUSE, OPT_MAX_RATE, OPT_UNPROTECTED,
	OPT_BUFFER, OPT_FORCE, OPT_LIVE, OPT_DEBUGINFO, OPT_NO_DEBUGINFOD, OPT_MAX_DEBUGINFO,
};

static const struct option long_options[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "name", required_argument, NULL, 'n' },
	{ "probe", required_argument, NULL, 'e' },
	{ "preset", required_argument, NULL, OPT_PRESET },
	{ "if", required_argument, NULL, 'x' },
	{ "stack", optional_argument, NULL, 'k' },
	{ "duration", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, 'c' },
	{ "string-limit", required_argument, NULL, 's' },
	{ "array-limit", required_argument, NULL, OPT_ARRAY },
	{ "struct-limit", required_argument, NULL, OPT_STRUCT },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "no-decoders", no_argument, NULL, OPT_NO_DECODERS },
	{ "max-pause", required_argument, NULL, OPT_MAX_PAUSE },
	{ "max-rate", required_argument, NULL, OPT_MAX_RATE },
	{ "unprotected", no_argument, NULL, OPT_UNPROTECTED },
	{ "buffer", required_argument, NULL, OPT_BUFFER },
	{ "output", required_argument, NULL, 'o' },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "live", no_argument, NULL, OPT_LIVE },
	{ "debuginfo", required_argument, NULL, OPT_DEBUGINFO },
	{ "no-debuginfod", no_argument, NULL, OPT_NO_DEBUGINFOD },
	{ "max-debuginfo", required_argument, NULL, OPT_MAX_DEBUGINFO },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* A whole number from `min` to `max`, or a usage error. */
static int parse_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);

	if (end == text || *end || errno || strchr(text, '-') || value < min || value > max)
		return err_set(-EINVAL, "%s needs a number from %llu to %llu, not '%s'", option,
			       (unsigned long long)min, (unsigned long long)max, text);
	*ret = value;
	return 0;
}

static int parse_limit(const char *option, const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;
	int r = parse_number(option, text, 0, max, &value);

	if (!r)
		*ret = (uint32_t)value;
	return r;
}

static int parse_duration(const char *text, uint64_t *ret_ns)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || (*end && strcmp(end, "s") != 0) || !(seconds > 0) || seconds > 1e9)
		return err_set(-EINVAL, "-d needs a number of seconds, not '%s'", text);
	*ret_ns = (uint64_t)(seconds * 1e9);
	return 0;
}

static int parse_option(struct record_options *options, int opt, const char *arg)
{
	struct session_options *session = &options->session;
	struct limits *limits = &session->resolve.limits;
	uint64_t value = 0;
	int r = 0;

	switch (opt) {
	case 'p':
		r = parse_number("-p", arg, 1, INT_MAX, &value);
		session->pid = (pid_t)value;
		break;
	case 'n':
		options->name = arg;
		break;
	case 'e':
		r = request_add(&options->requests, arg);
		break;
	case OPT_PRESET:
		r = request_add_preset(&options->requests, arg);
		break;
	case 'x':
		session->resolve.filter = arg;
		break;
	case 'k':
		value = STACK_DEFAULT;
		r = arg ? parse_number("-k", arg, 0, STACK_MAX, &value) : 0;
		session->stack_frames = (unsigned)value;
		break;
	case 'd':
		r = parse_duration(arg, &session->duration_ns);
		break;
	case 'c':
		r = parse_number("-c", arg, 1, UINT64_MAX, &session->max_calls);
		break;
	case 's':
		r = parse_limit("-s", arg, STRING_LIMIT_MAX, &limits->string);
		break;
	case OPT_ARRAY:
		r = parse_limit("--array-limit", arg, 65535, &limits->array);
		break;
	case OPT_STRUCT:
		r = parse_limit("--struct-limit", arg, VALUE_MAX, &limits->object);
		break;
	case OPT_DEPTH:
		r = parse_limit("--depth", arg, 8, &limits->depth);
		break;
	case OPT_NO_DECODERS:
		options->no_decoders = true;
		break;
	case OPT_MAX_PAUSE:
		r = parse_number("--max-pause", arg, 0, 3600000, &value);
		session->max_pause_ns = value * 1000000;
		break;
	case OPT_MAX_RATE:
		r = parse_number("--max-rate", arg, 1, UINT64_MAX, &session->max_rate);
		break;
	case OPT_UNPROTECTED:
		session->unprotected = true;
		break;
	case OPT_BUFFER:
		r = parse_number("--buffer", arg, 1, 4096, &value);
		session->buffer = value << 20;
		break;
	case 'o':
		session->output = arg;
		break;
	case OPT_LIVE:
		options->live = true;
		break;
	case OPT_FORCE:
		session->force = true;
		break;
	case OPT_DEBUGINFO:
		session->modules.debuginfo = arg;
		break;
	case OPT_NO_DEBUGINFOD:
		session->modules.no_debuginfod = true;
		break;
	case OPT_MAX_DEBUGINFO:
		r = target_parse_max_debuginfo(arg, &session->modules.max_mib);
		break;
	case 'q':
		options->quiet = true;
		break;
	default:
		return -EINVAL;
	}
	return r;
}

/* 0, an exit status + 1 to leave with, or a negative errno. */
static int parse_options(int argc, char **argv, struct record_options *options)
{
	int opt;

	while ((opt = option_next(argc, argv, "+:p:n:e:x:k::d:c:s:o:qh", long_options)) != OPTION_END) {
		if (opt == 'h') {
			print_help(stdout);
			return EXIT_OK + 1;
		}
		if (opt == OPTION_WRONG)
			return -EINVAL;
		int r = parse_option(options, opt, optarg);

		if (r < 0)
			return r;
	}
	if (optind < argc)
		options->session.command = argv + optind;
	if ((options->session.pid != 0) + (options->name != NULL) + (options->session.command != NULL) > 1)
		return err_set(-EINVAL, "-p, -n and a command exclude each other");
	return 0;
}

/* Fill in what the user left open: target, probes, name of the trace. */
static int complete_options(struct record_options *options, char *output, size_t len)
{
	struct session_options *session = &options->session;
	int r = 0;

	if (!options->requests.n)
		r = request_add_preset(&options->requests, default_preset);
	if (!r && !options->no_decoders)
		r = decoder_set_load(&options->decoders);
	session->resolve.decoders = &options->decoders;
	if (!r && options->name)
		r = target_by_name(options->name, &session->pid);
	else if (!r && !session->pid && !session->command)
		r = target_libvirt(&session->pid);
	if (!r && session->pid)
		r = gate_check(session->pid);
	if (r || session->output)
		return r;
	char comm[32] = "", date[32];
	time_t now = time(NULL);
	struct tm tm;

	if (session->command)
		snprintf(comm, sizeof(comm), "%.31s", basename(session->command[0]));
	else
		target_comm(session->pid, comm, sizeof(comm));
	/* The process has chosen its name: no byte of it may mean something to a shell. */
	for (char *c = comm; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-", *c))
			*c = '_';
	strftime(date, sizeof(date), "%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	snprintf(output, len, "virtrace.%s.%s", comm, date);
	session->output = output;
	return 0;
}

static struct session *volatile running; /* NULL when it has ended: signals may still come */

static void on_signal(int signal)
{
	(void)signal;
	if (running)
		session_stop(running);
}

static void do_nothing(int signal)
{
	(void)signal;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction before, action = { .sa_handler = on_signal }; /* no SA_RESTART: waiting must end */

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], NULL, &before);
		if (before.sa_handler != SIG_IGN) /* nohup, or a shell's background: so it stays, also for a command */
			sigaction(signals[i], &action, NULL);
	}
	/* Ignored, but not by the command that we start.  Ctrl-Z would stop the threads that stand at a site. */
	action = (struct sigaction){ .sa_handler = do_nothing, .sa_flags = SA_RESTART };
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGTSTP, &action, NULL);
}

/* Times and sizes as people read them; exact figures are in the trace. */
static const char *human_ns(uint64_t ns, char buf[32])
{
	if (ns < 10000)
		snprintf(buf, 32, "%.1f us", (double)ns / 1e3);
	else if (ns < 10000000)
		snprintf(buf, 32, "%.0f us", (double)ns / 1e3);
	else if (ns < 10000000000)
		snprintf(buf, 32, "%.0f ms", (double)ns / 1e6);
	else
		snprintf(buf, 32, "%.1f s", (double)ns / 1e9);
	return buf;
}

static const char *human_bytes(uint64_t bytes, char buf[32])
{
	if (bytes < 10 * 1024)
		snprintf(buf, 32, "%llu bytes", (unsigned long long)bytes);
	else if (bytes < 10 * 1024 * 1024)
		snprintf(buf, 32, "%.0f KiB", (double)bytes / 1024);
	else
		snprintf(buf, 32, "%.1f MiB", (double)bytes / (1024 * 1024));
	return buf;
}

static bool status_shown;

static void wipe_status(void)
{
	if (status_shown)
		fputs("\r\033[K", stderr);
	status_shown = false;
}

static void show_status(struct session *session, uint64_t *last_calls, uint64_t *last_ns)
{
	struct session_report report;
	char bytes[32];

	session_get_report(session, &report);
	uint64_t span = report.elapsed_ns - *last_ns;
	double rate = span ? (double)(report.calls - *last_calls) * 1e9 / (double)span : 0;
	double share = report.elapsed_ns ? 100.0 * (double)report.engine.stopped_ns / (double)report.elapsed_ns : 0;
	unsigned long s = (unsigned long)(report.elapsed_ns / 1000000000);

	wipe_status();
	fprintf(stderr, "  %02lu:%02lu  calls %llu  %.0f/s  lost %llu  stopped %.2f %%  %s", s / 60, s % 60,
		(unsigned long long)report.calls, rate, (unsigned long long)report.lost, share,
		human_bytes(report.bytes, bytes));
	fflush(stderr);
	status_shown = true;
	*last_calls = report.calls;
	*last_ns = report.elapsed_ns;
}

static void show_progress(const char *module, long done, long total)
{
	char have[32];

	if (!isatty(STDERR_FILENO))
		return;
	wipe_status();
	fprintf(stderr, "  debuginfod: %s %s", module, human_bytes((uint64_t)done, have));
	if (total > 0)
		fprintf(stderr, " of %s", human_bytes((uint64_t)total, have));
	fflush(stderr);
	status_shown = true;
}

static void run(struct session *session, bool quiet)
{
	bool status = !quiet && isatty(STDERR_FILENO);
	uint64_t calls = 0, ns = 0;

	while (session_run(session, STATUS_INTERVAL_NS))
		if (status)
			show_status(session, &calls, &ns);
	wipe_status();
}

static void print_start(struct session *session)
{
	struct session_report report;

	session_get_report(session, &report);
	log_info("recording %s[%d], %zu thread%s, %zu function%s%s, to %s - Ctrl-C stops", report.comm, (int)report.pid,
		 report.engine.threads, report.engine.threads == 1 ? "" : "s", report.n_probes,
		 report.n_probes == 1 ? "" : "s",
		 report.n_pending ? " (others when they are loaded)" : "", report.path);
}

static void print_next(const char *path)
{
	char *word = shell_quote(path);

	if (word)
		log_plain("virtrace: next:  virtrace report %s", word);
	free(word);
}

/* `commanded`: we started it, so that its end is no surprise. */
static void print_summary(struct session *session, bool commanded)
{
	struct session_report report;
	struct session_probe probe;
	char a[32], b[32], c[32];

	session_get_report(session, &report);
	log_plain("%12s %6s %12s %12s  %s", "CALLS", "LOST", "LONGEST STOP", "TOTAL STOP", "FUNCTION");
	for (size_t i = 0; session_get_probe(session, i, &probe); i++)
		log_plain("%12llu %6llu %12s %12s  %s%s%s", (unsigned long long)probe.calls,
			(unsigned long long)probe.lost, human_ns(probe.longest_stop_ns, a),
			human_ns(probe.stopped_ns, b), probe.function, probe.disarmed ? "  disarmed: " : "",
			probe.disarmed ? probe.disarmed : "");
	if (report.end == TARGET_EXITED && commanded)
		log_info("%s[%d] %s", report.comm, (int)report.pid, report.reason);
	else if (report.end == TARGET_RUNNING)
		log_info("detached from %s[%d] after %s, it goes on", report.comm, (int)report.pid,
			 human_ns(report.elapsed_ns, a));
	else
		log_warn("%s[%d] %s after %s", report.comm, (int)report.pid, report.reason,
			 human_ns(report.elapsed_ns, a));
	log_plain("virtrace: %llu calls, %llu lost, longest time a thread was held %s, %s in %s",
		(unsigned long long)report.calls, (unsigned long long)report.lost,
		human_ns(report.engine.longest_stop_ns, b), human_bytes(report.bytes, c), report.path);
	if (report.engine.undecided)
		log_info("%llu calls are left out: the condition has no value for them, as something in it was not there",
			 (unsigned long long)report.engine.undecided);
	if (report.engine.moved)
		log_warn("%s[%d] moved or replaced its code meanwhile: %llu breakpoints went with it, virtrace's handler of SIGTRAP stays",
			 report.comm, (int)report.pid, (unsigned long long)report.engine.moved);
	if (report.engine.undone)
		log_warn("somebody else (perf, bpftrace, a debugger) took away %llu breakpoints meanwhile: calls are missing",
			 (unsigned long long)report.engine.undone);
	if (report.engine.interrupted)
		log_warn("%llu system calls of %s[%d] ended early with EINTR, which they would not have without virtrace",
			 (unsigned long long)report.engine.interrupted, report.comm, (int)report.pid);
	if (report.calls)
		print_next(report.path);
}

/* The status of a whole recording that began. */
static int outcome(struct session *session, int error, const struct record_options *options)
{
	struct session_report report;

	session_get_report(session, &report);
	if (error < 0 || report.cannot_write)
		return EXIT_ERROR;
	if (report.end == TARGET_RUNNING)
		return EXIT_OK;
	/* A command that we started is expected to end. */
	return options->session.command && report.end == TARGET_EXITED ? EXIT_OK : EXIT_TARGET_ENDED;
}

static int start_status(int error)
{
	if (error == -ENODATA)
		return EXIT_NO_PROBE;
	return error == -EINVAL || error == -EMLINK ? EXIT_USAGE : exit_status(error);
}

static int record(struct record_options *options)
{
	struct session *session;
	int r = session_new(&options->session, &options->requests, &session);

	wipe_status();
	if (r == -EEXIST)
		err_hint(r, "--force replaces a trace; -o names another place.");
	if (r < 0) {
		log_error("%s", err_text());
		return start_status(r);
	}
	pid_t live = 0;

	running = session;
	catch_signals();
	r = session_start(session);
	if (r == 0) {
		print_start(session);
		if (options->live && live_start(options->session.output, &live) < 0)
			log_warn("%s", err_text());
		run(session, options->quiet || options->live);
	} else {
		log_error("%s", err_text());
	}
	int r_finish = session_finish(session);

	if (live)
		live_finish(live);
	if (r == 0 && r_finish < 0)
		log_error("%s", err_text());
	if (r == 0)
		print_summary(session, options->session.command != NULL);
	int status = r < 0 ? start_status(r) : outcome(session, r_finish, options);

	running = NULL;
	session_free(session);
	return status;
}

int cmd_record(int argc, char **argv)
{
	struct record_options options = {
		.session = {
			.resolve.limits = LIMITS_DEFAULT,
			.modules.progress = show_progress,
			.max_pause_ns = MAX_PAUSE_MS * 1000000ull,
			.argv = argv,
		},
	};
	char output[128];
	int r = parse_options(argc, argv, &options);
	int status;

	log_set_hook(wipe_status);
	log_set_quiet(options.quiet);
	if (r > 0) {
		status = r - 1;
	} else if (r < 0) {
		log_error("%s", err_text());
		status = EXIT_USAGE;
	} else {
		r = complete_options(&options, output, sizeof(output));
		if (r < 0)
			log_error("%s", err_text());
		status = r < 0 ? start_status(r) : record(&options);
	}
	request_list_free(&options.requests);
	decoder_set_free(&options.decoders);
	return status;
}
