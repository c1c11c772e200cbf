/**
 * stats: the numbers that an expression was worth in the calls of a trace
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/shell.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/progress.h"
#include "tracer/cmd/review.h"
#include "tracer/cmd/view.h"
#include "tracer/review/by.h"
#include "tracer/review/filter.h"
#include "tracer/review/report.h"
#include "tracer/review/series.h"
#include "tracer/review/series_text.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"

struct options {
	struct view view;
	const char *path;
	const char *unit; /* NULL: by the name of the value */
	struct series_text text;
};

struct job {
	struct filter *value;
	struct by *by;
	struct series_list *series;
	uint64_t n_calls;
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace stats [OPTIONS] TRACE EXPR\n"
	      "\n"
	      "Shows the numbers that EXPR was in the calls of a trace: how many, least, average, "
	      "percentiles, greatest,\n"
	      "last, by how much it grew in a second, and its course over time.\n"
	      "\n"
	      "      --by EXPR          a line for each value of this, as path or '$thread'; what a "
	      "call does not\n"
	      "                         have, the calls around it tell\n"
	      "      --hist             how often it was in which range, too\n"
	      "      --unit UNIT        on a terminal: bytes, ns or none; else what its name says\n"
	      REVIEW_SELECT_HELP
	      VIEW_HELP
	      "\n"
	      "Examples:\n"
	      "  virtrace stats blk.trace '$duration' --by '$function'\n"
	      "  virtrace stats blk.trace '(*retstats)->rd_bytes' --by path\n"
	      "  virtrace stats --hist --if 'disk == \"vda\"' blk.trace 'info->allocation'\n"
	      "\n"
	      "Exit status: 0 done, 1 error or the trace is damaged, 2 usage.\n",
	      out);
}

enum { OPT_BY = OPT_VIEW_END, OPT_HIST, OPT_UNIT };

static const struct option long_options[] = {
	{ "by", required_argument, NULL, OPT_BY },
	{ "hist", no_argument, NULL, OPT_HIST },
	{ "unit", required_argument, NULL, OPT_UNIT },
	REVIEW_SELECT_OPTIONS,
	VIEW_OPTIONS,
	{ 0 },
};

static int take_option(void *ctx, int opt, const char *arg)
{
	struct options *options = ctx;

	switch (opt) {
	case OPT_BY:
		options->text.by = arg;
		break;
	case OPT_HIST:
		options->text.has_histograms = true;
		break;
	case OPT_UNIT:
		options->unit = arg;
		break;
	}
	return 0;
}

/* What is counted in bytes is mostly called so. */
static enum figure_unit unit_of_name(const char *expr)
{
	static const char *const sizes[] = { "bytes", "capacity", "allocation", "physical",
					     "highest_offset" };
	const char *name = expr + strlen(expr);

	while (name > expr && !strchr(">.*(&+-/ ", name[-1]))
		name--;
	if (!strcmp(name, "$duration") || (strlen(name) > 3 && !strcmp(name + strlen(name) - 3, "_ns")))
		return FIGURE_NS;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (strstr(name, sizes[i]))
			return FIGURE_BYTES;
	return FIGURE_PLAIN;
}

static int parse_unit(const char *text, const char *expr, enum figure_unit *ret)
{
	if (!text)
		*ret = unit_of_name(expr);
	else if (!strcmp(text, "bytes"))
		*ret = FIGURE_BYTES;
	else if (!strcmp(text, "ns"))
		*ret = FIGURE_NS;
	else if (!strcmp(text, "none"))
		*ret = FIGURE_PLAIN;
	else
		return err_set(-EINVAL, "--unit takes bytes, ns or none, not '%s'", text);
	return 0;
}

static int parse_arguments(struct options *options, int argc, char **argv)
{
	int r = view_parse(&options->view, argc, argv, "", long_options, take_option, options);

	if (r)
		return r;
	if (optind == argc)
		return err_set(-EINVAL, "which trace? 'virtrace stats --help' tells more");
	options->path = argv[optind++];
	if (optind == argc) {
		char *path = shell_quote(options->path);

		err_set(-EINVAL, "the numbers of what? As in: virtrace stats %s '$duration'", path ? path : "TRACE");
		free(path);
		return -EINVAL;
	}
	options->text.expr = argv[optind++];
	if (optind < argc)
		return err_set(-EINVAL, "one expression at a time; '%s' is too much", argv[optind]);
	return parse_unit(options->unit, options->text.expr, &options->text.unit);
}

static int add_call(void *ctx, const struct call *call)
{
	struct job *job = ctx;

	job->n_calls++;
	return series_add(job->series, call);
}

/* Texts and objects are not measured: say what is meant instead. */
static int check_numbers(const struct options *options, const struct job *job)
{
	const struct series *series;
	const char *expr = options->text.expr;

	if (series_finish(job->series, &series) || !series_gaps(job->series)[GAP_NO_NUMBER])
		return 0;
	err_set(-EINVAL, "'%s' is no number", expr);
	char *path = shell_quote(options->path), *by = shell_quote(expr);

	if (path && by)
		err_hint(-EINVAL, "to see how often it was what: virtrace stats %s '$duration' --by %s", path, by);
	free(path);
	free(by);
	return -EINVAL;
}

static void show_job(const struct options *options, const struct review *review,
		     const struct job *job)
{
	struct report report;
	struct show show;

	view_page(&options->view, &show);
	view_start(&options->view);
	review_facts(review, options->path, &report);
	if (!selection_is_all(&options->view.selection))
		report.n_selected = &job->n_calls;
	report_counts(&show, "# ", &report);
	page_put_name(&show.page, COLOUR_NONE, "# ", options->text.expr, show.print.utf8);
	if (options->text.unit == FIGURE_NS && show.exact)
		page_put(&show.page, COLOUR_NONE, ", in nanoseconds");
	else if (options->text.unit == FIGURE_BYTES && !options->unit && !show.exact)
		page_put(&show.page, COLOUR_NONE, ", bytes by its name: --unit none if it is not");
	page_newline(&show.page);
	if (by_is_full(job->by))
		printf("# more than %d values, or very long ones, of --by: the others are one\n",
		       BY_MAX);
	series_text(&show, job->series, &options->text);
}

static int run_job(const struct options *options, struct review *review, struct job *job)
{
	progress_show(review->progress, true);
	int r = review_calls(review, &options->view.selection, add_call, job);

	if (r == -ENOMEM || (r < 0 && !job->n_calls))
		return r;
	int mistake = check_numbers(options, job);

	if (mistake)
		return mistake;
	show_job(options, review, job);
	return r;
}

static int prepare(const struct options *options, const struct review *review, struct job *job)
{
	const struct trace_probe *const *probes;
	size_t n_probes = reader_probes(review->reader, &probes);
	int r = filter_new(options->text.expr, probes, n_probes, &job->value);

	if (r == 0)
		r = by_new(options->text.by, probes, n_probes, text_locale_is_utf8(), &job->by);
	if (r == 0 && !(job->series = series_new(job->value, job->by)))
		r = err_set(-ENOMEM, "out of memory");
	return r;
}

static int show_stats(struct options *options)
{
	struct review review;
	struct job job = { 0 };
	int r = review_open(options->path, &options->view.selection, &review);

	if (r < 0)
		return r;
	r = prepare(options, &review, &job);
	if (r == 0)
		r = run_job(options, &review, &job);
	series_free(job.series);
	by_free(job.by);
	filter_free(job.value);
	review_close(&review);
	return r;
}

int cmd_stats(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_arguments(&options, argc, argv);

	if (r > 0)
		print_help(stdout);
	else if (r == 0)
		r = show_stats(&options);
	return view_finish(&options.view, r);
}
