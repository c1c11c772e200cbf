/**
 * export: a trace in formats of other programs
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/review.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export.h"
#include "tracer/review/select.h"

struct options {
	const char *path, *output;
	const struct exporter *exporter;
	struct selection selection;
};

struct job {
	const struct options *options;
	struct export export;
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace export -f FORMAT [-o FILE] [OPTIONS] TRACE [#ID]…\n"
	      "\n"
	      "Writes the calls of a trace in another format.  With #ID only those calls.\n"
	      "\n"
	      "  -f, --format FORMAT    the format; 'list' lists them\n"
	      "  -o, --output FILE      where to, instead of the standard output\n"
	      REVIEW_SELECT_HELP
	      "  -h, --help\n"
	      "\n"
	      "Examples:\n"
	      "  virtrace export -f jsonl -o calls.jsonl blk.trace\n"
	      "  virtrace export -f jsonl --if '$ret < 0' blk.trace | jq -r '.entry.path'\n"
	      "  virtrace export -f jsonl blk.trace | jq '.return[\"*info\"].allocation'\n"
	      "\n"
	      "Exit status: 0 done, 1 error, 2 usage.\n",
	      out);
}

static void print_formats(FILE *out)
{
	for (const struct exporter *const *it = exporters(); *it; it++)
		fprintf(out, "%-8s %s\n", (*it)->name, (*it)->summary);
}

static const struct option long_options[] = {
	{ "format", required_argument, NULL, 'f' },
	{ "output", required_argument, NULL, 'o' },
	REVIEW_SELECT_OPTIONS,
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int parse_format(struct options *options, const char *name)
{
	if (!strcmp(name, "list")) {
		print_formats(stdout);
		return 1;
	}
	options->exporter = exporter_find(name);
	return options->exporter
		       ? 0
		       : err_set(-EINVAL, "there is no format '%s'; '-f list' lists them", name);
}

/* 0 go on, 1 all is said, negative: usage, with a message. */
static int parse_arguments(struct options *options, int argc, char **argv)
{
	int opt, r;

	optind = 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":f:o:h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'f':
			r = parse_format(options, optarg);
			if (r)
				return r;
			break;
		case 'o':
			options->output = optarg;
			break;
		case 'h':
			print_help(stdout);
			return 1;
		case ':':
			return err_set(-EINVAL, "option '%s' needs a value", argv[optind - 1]);
		case '?':
			return err_set(-EINVAL, "there is no option '%s'", argv[optind - 1]);
		default:
			r = review_select_option(&options->selection, opt, optarg);
			if (r)
				return r;
		}
	}
	if (!options->exporter)
		return err_set(-EINVAL, "which format? '-f list' lists them");
	return review_operands("export", argv + optind, &options->path, &options->selection);
}

static bool export_call(void *ctx, const struct call *call)
{
	const struct job *job = ctx;

	if (selection_has(&job->options->selection, call))
		job->options->exporter->call(&job->export, call);
	return !ferror(job->export.out);
}

static int export_calls(const struct options *options, const struct review *review,
			const struct code_map *code, FILE *out)
{
	struct job job = {
		.options = options,
		.export = {
			.out = out,
			.wall_offset_ns = review->wall_offset_ns,
			.code = code,
		},
	};
	const struct call *root;
	int r;

	while ((r = calls_next(review->calls, &root)) > 0 && !ferror(out))
		call_walk(root, &(struct call_visitor){ export_call, NULL }, &job);
	return review_flush(out, r < 0 ? r : 0);
}

static int export_trace(struct options *options)
{
	struct review review;
	FILE *out = stdout;
	int r = review_open(options->path, &options->selection, &review);

	if (r < 0)
		return r;
	review_warn(&review);
	struct code_map *code = review_code(options->path);

	if (options->output)
		out = fopen(options->output, "we");
	r = out ? export_calls(options, &review, code, out)
		: err_set(-errno, "cannot write %s: %s", options->output, strerror(errno));
	if (out && out != stdout && fclose(out) != 0 && r >= 0)
		r = err_set(-errno, "cannot write %s: %s", options->output, strerror(errno));
	code_map_free(code);
	review_close(&review);
	return r;
}

int cmd_export(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_arguments(&options, argc, argv);

	if (r == 0)
		r = export_trace(&options);
	selection_fini(&options.selection);
	return review_exit_status(review_flush(stdout, r));
}
