/*
 * virtrace: records calls of a running daemon's functions, and reviews what was recorded
 *
 *	record    cmd/record.c    the command line of a recording
 *	          record/request.c     what to trace: -e and presets
 *	          record/target.c      which process, and its modules
 *	          record/resolve.c     requests -> functions and plans          (symbols/)
 *	          record/session.c     engine callbacks -> trace events         (tracer/probe, tracer/trace)
 *	          record/symbolizer.c  names for code addresses
 *	          record/info.c        the trace's description
 *	report    cmd/report.c    a trace as text                            (tracer/review)
 *	tree      cmd/tree.c      a trace as one tree of its functions
 *	stats     cmd/stats.c     numbers of a trace over time
 *	diff      cmd/diff.c      two traces, or two calls
 *	info      cmd/describe.c  what a trace is
 *	explain   cmd/explain.c   where a value was before                   (tracer/review)
 *	export    cmd/export.c    a trace in other formats                   (tracer/review)
 *	pack      cmd/pack.c      a trace as one file, and back              (tracer/trace)
 *	recover   cmd/recover.c   a torn trace, mended                       (tracer/trace)
 *	list      cmd/list.c      functions and types of a process or file   (symbols/)
 *	repair    cmd/repair.c    what a killed virtrace has left            (tracer/probe)
 *	doctor    cmd/doctor.c    what stands in the way of tracing
 *	selftest  cmd/selftest.c  whether tracing harms, tried on a victim
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/log.h"
#include "tracer/base/similar.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{ "record", cmd_record, "attach to a process and write its calls into a trace" },
	{ "report", cmd_report, "show a trace: summary, then the calls with their values" },
	{ "tree", cmd_tree, "show who calls whom, how often and for how long" },
	{ "stats", cmd_stats, "show how a value was distributed, and its course over time" },
	{ "diff", cmd_diff, "show in what two traces, or two calls, differ" },
	{ "info", cmd_info, "show what a trace is: when, where and how it was recorded" },
	{ "explain", cmd_explain, "follow a value back through calls to the QMP reply it came in" },
	{ "export", cmd_export, "write a trace in another format" },
	{ "pack", cmd_pack, "pack a trace into one file, for a ticket; leave out values" },
	{ "unpack", cmd_unpack, "make a directory of a packed trace" },
	{ "recover", cmd_recover, "mend a trace that a power loss has torn" },
	{ "list", cmd_list, "list the functions or print a type of a process or file" },
	{ "repair", cmd_repair, "put right what a killed virtrace left in a process" },
	{ "doctor", cmd_doctor, "say what stands in the way of tracing, and the remedy" },
	{ "selftest", cmd_selftest, "prove on this host that tracing, and a killed virtrace, do no harm" },
};

static void print_help(FILE *out)
{
	fprintf(out, "usage: virtrace COMMAND [OPTIONS]\n"
		"\n"
		"Records calls of functions of a running daemon, with arguments, structures and return values,\n"
		"without stopping it, and shows them later, anywhere, without debug info.\n"
		"\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n"
		"Examples:\n"
		"  virtrace record -o blk.trace            trace libvirtd's block-info calls until Ctrl-C\n"
		"  virtrace report blk.trace               look at them\n"
		"  virtrace record -p 2114 -e 'qemu*Job*' -d 10\n"
		"\n"
		"'virtrace COMMAND --help' tells more.  --version prints the version.\n");
}

static void tell_unknown(const char *name)
{
	struct similar similar = { .wanted = name };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		similar_offer(&similar, commands[i].name);
	log_error("there is no command '%s'; 'virtrace --help' lists them%s%s%s", name,
		  similar.n ? "\ndid you mean '" : "", similar.n ? similar.names[0] : "",
		  similar.n ? "'?" : "");
}

/* Who was started without one of these would give its number to a file of his own, and write his messages into that. */
static int open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -1;
	return 0;
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* A file that may not grow (ulimit -f) is an error of write(), no end.  Not ignored: what we start would inherit that. */
static void survive_limits(void)
{
	struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };

	sigaction(SIGXFSZ, &action, NULL);
}

int main(int argc, char **argv)
{
	if (open_standard() < 0)
		return EXIT_ERROR;
	survive_limits();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	const char *name = argv[1];

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		puts("virtrace " VERSION);
		return EXIT_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	tell_unknown(name);
	return EXIT_USAGE;
}
