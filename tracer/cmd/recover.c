/**
 * recover: a trace torn by a power loss or a bad copy
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/option.h"
#include "tracer/cmd/review.h"
#include "tracer/review/text.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/pack.h"
#include "tracer/trace/rewrite.h"

enum { NAME_SHOWN_MAX = 256 };

struct options {
	const char *path, *output;
	bool in_place;
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace recover [-o DIR | --in-place] TRACE\n"
	      "\n"
	      "Mends a trace that a power loss has torn: makes a copy of all that is whole, and says what\n"
	      "is lost. The trace itself is not changed. A trace after 'kill -9' needs no mending.\n"
	      "\n"
	      "  -o, --output DIR       the copy, instead of TRACE.recovered\n"
	      "      --in-place         the copy becomes TRACE, and what was there TRACE.torn\n"
	      "  -h, --help\n"
	      "\n"
	      "Exit status: 0 done, or there is nothing to mend; 1 error, 2 usage.\n",
	      out);
}

enum { OPT_IN_PLACE = 256 };

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "in-place", no_argument, NULL, OPT_IN_PLACE },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* 0 go on, 1 the help is wanted, negative: usage, with a message. */
static int parse_arguments(struct options *options, int argc, char **argv)
{
	int opt;

	optind = 1;
	while ((opt = option_next(argc, argv, ":o:h", long_options)) != OPTION_END) {
		switch (opt) {
		case 'o':
			options->output = optarg;
			break;
		case OPT_IN_PLACE:
			options->in_place = true;
			break;
		case 'h':
			return 1;
		default: /* OPTION_WRONG */
			return -EINVAL;
		}
	}
	if (optind + 1 != argc)
		return err_set(-EINVAL, "which trace? 'virtrace recover --help' tells more");
	if (options->output && options->in_place)
		return err_set(-EINVAL, "-o and --in-place exclude each other");
	options->path = argv[optind];
	return 0;
}

static bool is_whole(const struct rewrite_report *report)
{
	return !report->lost_packets && !report->lost_bytes && !report->found_events &&
	       !report->has_no_info && !report->has_no_metadata;
}

/* That cannot be mended. */
static void tell_never_recorded(const struct rewrite_report *report)
{
	if (report->never_recorded)
		log_warn("%" PRIu64 " calls or returns were lost while it was recorded: 'virtrace report' tells why",
			 report->never_recorded);
}

static void tell(const char *dir, const struct rewrite_report *report)
{
	char shown[NAME_SHOWN_MAX];

	if (report->has_no_metadata)
		log_warn("metadata was lost: made anew");
	if (report->has_no_info)
		log_warn("info.json is lost: what was recorded where, when and how is not known");
	if (report->lost_packets)
		log_warn("lost: %" PRIu64 " packets, with all their events", report->lost_packets);
	if (report->lost_bytes)
		log_warn("lost: events of %" PRIu64 " bytes at the end of packets",
			 report->lost_bytes);
	tell_never_recorded(report);
	if (report->found_events)
		log_info("found: %" PRIu64 " events that were not counted yet",
			 report->found_events);
	log_info("%s: %" PRIu64 " events in %" PRIu64 " packets",
		 text_harmless(shown, sizeof(shown), dir), report->events, report->packets);
}

static char *with_suffix(const char *path, const char *suffix)
{
	char *text = NULL;
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (asprintf(&text, "%.*s%s", (int)len, path, suffix) < 0)
		return NULL;
	return text;
}

/* The copy takes the place of the trace, which is kept. */
static int exchange(const char *path, const char *copy)
{
	char *torn = with_suffix(path, ".torn");
	struct stat st;
	int r = torn ? 0 : err_set(-ENOMEM, "out of memory");

	if (r == 0 && lstat(torn, &st) == 0)
		r = err_set(-EEXIST, "%s exists already", torn);
	if (r == 0 && (rename(path, torn) < 0 || rename(copy, path) < 0))
		r = err_set(-errno, "cannot rename %s: %s; the copy is %s", path, strerror(errno),
			    copy);
	free(torn);
	return r;
}

static int recover_directory(const struct options *options, const char *from)
{
	const struct rewrite_options rewrite = { .mends = true };
	struct rewrite_report report;
	char *other = options->output ? strdup(options->output)
				      : with_suffix(options->path, options->in_place
								     ? ".mending"
								     : ".recovered");
	int r = other ? rewrite_trace(from, other, &rewrite, &report)
		      : err_set(-ENOMEM, "out of memory");

	if (r == 0 && is_whole(&report)) {
		log_info("the trace is whole: there is nothing to mend");
		tell_never_recorded(&report);
		r = directory_remove(other);
	} else if (r == 0) {
		r = options->in_place ? exchange(options->path, other) : 0;
		if (r == 0)
			tell(options->in_place ? options->path : other, &report);
	}
	free(other);
	return r;
}

static int recover(const struct options *options)
{
	struct unpacked *unpacked;
	const char *from;
	int r = unpacked_directory(options->path, &unpacked, &from);

	if (r == 0 && unpacked && options->in_place)
		r = err_set(-EINVAL, "a packed trace cannot be mended in place");
	if (r == 0)
		r = recover_directory(options, from);
	unpacked_put(unpacked);
	return r;
}

int cmd_recover(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_arguments(&options, argc, argv);

	if (r > 0)
		print_help(stdout);
	else if (r == 0)
		r = recover(&options);
	return review_exit_status(r);
}
