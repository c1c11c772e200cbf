/**
 * export: a trace in formats of other programs
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/option.h"
#include "tracer/cmd/output.h"
#include "tracer/cmd/review.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export/export.h"
#include "tracer/review/filter.h"
#include "tracer/review/select.h"
#include "tracer/trace/reader.h"

struct options {
	const char *path, *output;
	bool force;
	const struct exporter *exporter;
	struct selection selection;
	ARRAY(struct export_counter) counters;
};

struct job {
	const struct options *options;
	struct export export;
	uint64_t n; /* calls selected */
	int error;
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace export -f FORMAT [-o FILE] [OPTIONS] TRACE [#ID]…\n"
	      "\n"
	      "Writes the calls of a trace in another format.  With #ID only those calls.  csv and jsonl are\n"
	      "of the selected calls alone, the others have the calls these made, too.\n"
	      "\n"
	      "  -f, --format FORMAT    the format; 'list' lists them\n"
	      "  -o, --output FILE      where to, instead of the standard output; only its owner can read it\n"
	      "      --force            overwrite FILE\n"
	      "      --counter EXPR     chrome: draw this number over time, as 'info->allocation'\n"
	      REVIEW_SELECT_HELP
	      "  -h, --help\n"
	      "\n"
	      "Examples:\n"
	      "  virtrace export -f jsonl -o calls.jsonl blk.trace\n"
	      "  virtrace export -f jsonl --if '$ret < 0' blk.trace | jq -r '.entry.path'\n"
	      "  virtrace export -f chrome -o blk.json blk.trace     then open it in ui.perfetto.dev\n"
	      "  virtrace export -f chrome --counter '(*retstats)->wr_bytes' -o blk.json blk.trace\n"
	      "  virtrace export -f folded blk.trace | flamegraph.pl --countname ns > blk.svg\n"
	      "  virtrace export -f dot blk.trace '#388' | dot -Tpng > call.png\n"
	      "  virtrace export -f html -o blk.html blk.trace               for a browser\n"
	      "\n"
	      "Exit status: 0 done, 1 error or the trace is damaged, 2 usage.\n",
	      out);
}

static void print_formats(FILE *out)
{
	for (const struct exporter *const *it = exporters(); *it; it++)
		fprintf(out, "%-8s %s\n", (*it)->name, (*it)->summary);
}

enum { OPT_COUNTER = OPT_REVIEW_END, OPT_FORCE };

static const struct option long_options[] = {
	{ "format", required_argument, NULL, 'f' },
	{ "output", required_argument, NULL, 'o' },
	{ "counter", required_argument, NULL, OPT_COUNTER },
	{ "force", no_argument, NULL, OPT_FORCE },
	REVIEW_SELECT_OPTIONS,
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int add_counter(struct options *options, const char *source)
{
	struct export_counter *counter = array_push(&options->counters);

	if (!counter)
		return err_set(-ENOMEM, "out of memory");
	counter->source = source;
	return 0;
}

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
	while ((opt = option_next(argc, argv, ":f:o:h", long_options)) != OPTION_END) {
		switch (opt) {
		case 'f':
			r = parse_format(options, optarg);
			if (r)
				return r;
			break;
		case 'o':
			options->output = optarg;
			break;
		case OPT_FORCE:
			options->force = true;
			break;
		case OPT_COUNTER:
			r = add_counter(options, optarg);
			if (r < 0)
				return r;
			break;
		case 'h':
			print_help(stdout);
			return 1;
		case OPTION_WRONG:
			return -EINVAL;
		default:
			r = review_select_option(&options->selection, opt, optarg);
			if (r)
				return r;
		}
	}
	if (!options->exporter)
		return err_set(-EINVAL, "which format? '-f list' lists them");
	if (options->counters.n && !options->exporter->has_counters)
		return err_set(-EINVAL, "%s has no counters; chrome has",
			       options->exporter->name);
	return review_operands("export", argv + optind, &options->path, &options->selection);
}

/* A call, or a call with all that it made: what the exporter wants of those selected. */
static bool export_call(void *ctx, const struct call *call)
{
	struct job *job = ctx;
	const struct exporter *exporter = job->options->exporter;

	if (job->error || ferror(job->export.out))
		return false;
	if (!selection_has(&job->options->selection, call))
		return true;
	job->n++;
	job->error = (exporter->tree ? exporter->tree : exporter->call)(&job->export, call);
	return !exporter->tree;
}

static int check_found(const struct job *job)
{
	if (job->n || !job->options->selection.ids.n)
		return 0;
	return err_set(-ENOENT, "%s has no such call", job->options->path);
}

/* What could be read of a damaged trace is exported before its error is told. */
static int export_calls(struct job *job, struct calls *calls)
{
	const struct exporter *exporter = job->options->exporter;
	const struct call *root;
	int r = exporter->begin ? exporter->begin(&job->export) : 0;

	if (r < 0)
		return r;
	while (!job->error && !ferror(job->export.out) && (r = calls_next(calls, &root)) > 0) {
		job->export.n_trees++;
		call_walk(root, &(struct call_visitor){ export_call, NULL }, job);
	}
	if (!job->error)
		job->error = r < 0 ? r : check_found(job);
	if (r < 0)
		job->export.note = err_text();
	r = exporter->end ? exporter->end(&job->export) : 0;
	return review_flush(job->export.out, job->error ? job->error : r);
}

static int open_output(const struct options *options, struct output *ret)
{
	if (options->output)
		return output_open(options->output, options->force, ret);
	if (options->exporter->is_binary && isatty(STDOUT_FILENO))
		return err_set(-EINVAL, "%s is nothing for a terminal; say '-o FILE'",
			       options->exporter->name);
	*ret = (struct output){ .file = stdout };
	return 0;
}

/* What was exported of a damaged trace is kept; `r` and its message are what was wrong. */
static int close_output(struct output *output, int r)
{
	if (output->file == stdout)
		return r;
	char *text = r < 0 ? strdup(err_text()) : NULL;
	int r_close = output_close(output, !ferror(output->file));

	if (text)
		err_set(r, "%s", text);
	free(text);
	return r < 0 ? r : r_close;
}

/* The probes whose calls may be exported, in `ret`, which has room for all. */
static size_t find_probes(const struct selection *selection, const struct reader *reader,
			  const struct trace_probe **ret)
{
	const struct trace_probe *const *all;
	size_t n_all = reader_probes(reader, &all), n = 0;

	for (size_t i = 0; i < n_all; i++)
		if (selection_has_function(selection, all[i]))
			ret[n++] = all[i];
	return n;
}

static int bind_counters(struct options *options, const struct reader *reader)
{
	const struct trace_probe *const *probes;
	size_t n = reader_probes(reader, &probes);
	struct export_counter *it;
	int r = 0;

	array_foreach(&options->counters, it)
		if (r == 0)
			r = filter_new(it->source, probes, n, &it->value);
	return r;
}

/* The last part of the trace's path. */
static char *title_of(const char *path)
{
	char *copy = strdup(path), *title = NULL;
	size_t len = copy ? strlen(copy) : 0;

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	title = copy ? strdup(basename(copy)) : NULL;
	free(copy);
	return title;
}

static int export_review(const struct options *options, struct review *review)
{
	const struct trace_probe *const *all;
	size_t n_all = reader_probes(review->reader, &all);
	const struct trace_probe **probes = calloc(n_all + 1, sizeof(*probes));
	char *title = title_of(options->path);
	struct code_map *code =
		options->exporter->needs_code ? review_code(options->path) : NULL;
	struct job job = {
		.options = options,
		.export = {
			.title = title,
			.wall_offset_ns = review->wall_offset_ns,
			.info = reader_info(review->reader),
			.probes = probes,
			.n_trace_probes = n_all,
			.counters = options->counters.items,
			.n_counters = options->counters.n,
			.code = code,
			.calls = review->calls,
			.note = reader_note(review->reader),
		},
	};
	struct output output = { 0 };
	int r = probes && title ? open_output(options, &output) : err_set(-ENOMEM, "out of memory");

	if (r == 0) {
		job.export.out = output.file;
		job.export.n_probes = find_probes(&options->selection, review->reader, probes);
		r = close_output(&output, export_calls(&job, review->calls));
	}
	code_map_free(code);
	free(title);
	free(probes);
	return r;
}

static int export_trace(struct options *options)
{
	struct review review;
	int r = review_open(options->path, &options->selection, &review);

	if (r < 0)
		return r;
	review_warn(&review);
	r = bind_counters(options, review.reader);
	if (r == 0)
		r = export_review(options, &review);
	review_close(&review);
	return r;
}

int cmd_export(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_arguments(&options, argc, argv);

	if (r == 0)
		r = export_trace(&options);
	for (size_t i = 0; i < options.counters.n; i++)
		filter_free(options.counters.items[i].value);
	array_free(&options.counters);
	review_end_selection(&options.selection);
	return review_exit_status(review_flush(stdout, r));
}
