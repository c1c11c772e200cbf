/**
 * report: a trace as text
 *
 * What stands at the top needs the whole trace, and the calls may be more than fits in memory: the
 * trace is read twice, once for the sums and once for the calls.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "tracer/base/err.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/follow.h"
#include "tracer/cmd/progress.h"
#include "tracer/cmd/review.h"
#include "tracer/cmd/view.h"
#include "tracer/review/by.h"
#include "tracer/review/calls.h"
#include "tracer/review/changes.h"
#include "tracer/review/code.h"
#include "tracer/review/report.h"
#include "tracer/review/select.h"
#include "tracer/review/show.h"
#include "tracer/review/stats.h"
#include "tracer/trace/reader.h"

struct options {
	struct view view;
	const char *path, *changed, *by;
	bool verbose, plain, follow;
	uint64_t limit; /* trees to show; 0: all */
};

/* One reading of the trace. */
struct pass {
	const struct options *options;
	struct review review;
	struct stats *stats;  /* first pass: what to add to; else NULL */
	struct show *show;    /* second pass: where to show; else NULL */
	struct by *by;
	struct changes *changes; /* NULL: all calls are shown, with those they made */
	uint64_t n_calls;     /* selected, and those they made */
	size_t n_probes;      /* that `changes` and `by` know */
	uint64_t n_trees;     /* shown */
	const struct call *top; /* whose calls are counted */
	int error;
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace report [OPTIONS] TRACE [#ID]…\n"
	      "\n"
	      "Shows a trace: what was recorded, what the calls of each function add up to, then "
	      "the calls with\n"
	      "their values, each with the calls it made. With #ID only those calls.\n"
	      "\n"
	      "  -v, --verbose          a line for each value, what changed since the entry marked "
	      "~; backtraces\n"
	      REVIEW_SELECT_HELP
	      "      --changed EXPR     only calls where this differs from the call of the same "
	      "function before\n"
	      "      --by EXPR          with --changed: from the call before where this is the same, as "
	      "path\n"
	      "  -f, --follow           the calls as they end, of a trace that is being recorded; no "
	      "summary\n"
	      "  -n, --limit N          the first N of them\n"
	      "      --plain            for programs: one value a line, nothing left out\n"
	      VIEW_HELP
	      "\n"
	      "  >  a call that made others    <  its return    =  a call that made none    ~  "
	      "changed since entry\n"
	      "\n"
	      "Examples:\n"
	      "  virtrace report blk.trace\n"
	      "  virtrace report -v blk.trace '#388'\n"
	      "  virtrace report --if 'info->allocation == info->physical && $duration > 5000000' "
	      "blk.trace\n"
	      "  virtrace report --changed '(*retstats)->rd_bytes' --by path blk.trace\n"
	      "  virtrace report -f --if '$ret < 0' blk.trace\n"
	      "  virtrace report --plain --function '*StatsGather' blk.trace | grep "
	      "wr_highest_offset\n"
	      "\n"
	      "Exit status: 0 done, 1 error or the trace is damaged, 2 usage.\n",
	      out);
}

enum { OPT_PLAIN = OPT_VIEW_END, OPT_CHANGED, OPT_BY };

static const struct option long_options[] = {
	{ "verbose", no_argument, NULL, 'v' },
	REVIEW_SELECT_OPTIONS,
	{ "limit", required_argument, NULL, 'n' },
	{ "follow", no_argument, NULL, 'f' },
	{ "changed", required_argument, NULL, OPT_CHANGED },
	{ "by", required_argument, NULL, OPT_BY },
	{ "plain", no_argument, NULL, OPT_PLAIN },
	VIEW_OPTIONS,
	{ 0 },
};

static int take_option(void *ctx, int opt, const char *arg)
{
	struct options *options = ctx;
	long long n = 0;
	int r = 0;

	switch (opt) {
	case 'v':
		options->verbose = true;
		break;
	case 'n':
		r = review_parse_count(arg, "--limit", INT64_MAX, &n);
		options->limit = (uint64_t)n;
		break;
	case OPT_PLAIN:
		options->plain = true;
		break;
	case 'f':
		options->follow = true;
		break;
	case OPT_CHANGED:
		options->changed = arg;
		break;
	case OPT_BY:
		options->by = arg;
		break;
	}
	return r;
}

/* 0 go on, 1 the help was wanted, negative: usage, with a message. */
static int parse_arguments(struct options *options, int argc, char **argv)
{
	int r = view_parse(&options->view, argc, argv, "vn:f", long_options, take_option, options);

	if (r == 0 && options->by && !options->changed)
		return err_set(-EINVAL, "--by is for --changed; others: virtrace tree, virtrace stats");
	return r ? r
		 : review_operands("report", argv + optind, &options->path,
				   &options->view.selection);
}

/* The nearest one above that is counted too. */
static bool count_call(void *ctx, const struct call *call)
{
	struct pass *pass = ctx;
	bool has_caller = call != pass->top ||
			  (call->is_part && selection_is_all(&pass->options->view.selection));
	const struct call *caller = has_caller ? call->up : NULL;

	pass->n_calls++;
	if (pass->stats && !pass->error)
		pass->error = stats_add(pass->stats, call, caller);
	return true;
}

static bool is_done(const struct pass *pass)
{
	return pass->show && ((pass->options->limit && pass->n_trees >= pass->options->limit) ||
			      ferror(pass->show->page.out));
}

/* A selected call is shown with all it made. */
static int take_tree(void *ctx, const struct call *top)
{
	struct pass *pass = ctx;

	pass->top = top;
	pass->n_trees++;
	if (!pass->show)
		call_walk(top, &(struct call_visitor){ count_call, NULL }, pass);
	else if (pass->options->plain)
		show_plain(pass->show, top);
	else
		show_tree(pass->show, top);
	return pass->error ? pass->error : is_done(pass);
}

/* With --follow there may be more functions than before. */
static int know_functions(struct pass *pass)
{
	const struct trace_probe *const *probes;
	size_t n = reader_probes(pass->review.reader, &probes);

	if (n == pass->n_probes)
		return 0;
	pass->n_probes = n;
	int r = by_bind(pass->by, probes, n);

	return r < 0 ? r : changes_bind(pass->changes, probes, n);
}

/* With --changed each call is shown by itself. */
static int take_changed(void *ctx, const struct call *call)
{
	struct pass *pass = ctx;
	const char *expr = pass->options->changed;
	struct change change;
	int r = know_functions(pass);

	if (r == 0)
		r = changes_look(pass->changes, call, &change);
	if (r <= 0)
		return r;
	pass->n_trees++;
	pass->n_calls++;
	if (!pass->show)
		return stats_add(pass->stats, call, NULL);
	if (pass->options->plain)
		show_plain_change(pass->show, call, expr, &change);
	else
		show_change(pass->show, call, expr, &change);
	return is_done(pass);
}

static int open_pass(struct pass *pass, struct options *options)
{
	const struct trace_probe *const *probes;
	struct selection *selection = &options->view.selection;
	int r = options->follow ? follow_open(options->path, selection, &pass->review)
				: review_open(options->path, selection, &pass->review);

	pass->options = options;
	if (r < 0 || !options->changed)
		return r;
	pass->n_probes = reader_probes(pass->review.reader, &probes);
	r = by_new(options->by, probes, pass->n_probes, false, &pass->by);
	return r < 0 ? r : changes_new(options->changed, probes, pass->n_probes, pass->by, &pass->changes);
}

static void close_pass(struct pass *pass)
{
	changes_free(pass->changes);
	by_free(pass->by);
	stats_free(pass->stats);
	review_close(&pass->review);
}

static int run_pass(struct pass *pass)
{
	const struct selection *selection = &pass->options->view.selection;

	return pass->changes ? review_calls(&pass->review, selection, take_changed, pass)
			     : review_trees(&pass->review, selection, take_tree, pass);
}

static void show_head(struct pass *sums, struct show *show)
{
	struct report report;

	review_facts(&sums->review, sums->options->path, &report);
	if (!selection_is_all(&sums->options->view.selection) || sums->changes)
		report.n_selected = &sums->n_calls;
	report.n_functions = stats_finish(sums->stats, &report.functions);
	report_head(show, &report);
	report_table(show, &report);
	if (report.n_functions)
		show_titles(show);
}

/* Ids that are not in the trace are a mistake; a condition that nothing meets is an answer. */
static int check_found(const struct pass *pass)
{
	if (pass->n_trees || !pass->options->view.selection.ids.n)
		return 0;
	return err_set(-ENOENT, "%s has no such call", pass->options->path);
}

static int report_sums(struct pass *sums, struct show *show)
{
	const struct trace_probe *const *probes;

	sums->stats = stats_new(reader_probes(sums->review.reader, &probes));
	if (!sums->stats)
		return err_set(-ENOMEM, "out of memory");
	int r = run_pass(sums);

	if (sums->error)
		return r;
	if (r == 0)
		r = check_found(sums);
	if (r == 0 || sums->n_trees) {
		view_start(&sums->options->view);
		show_head(sums, show);
	}
	return r;
}

static int report_calls(struct options *options, struct show *show)
{
	struct pass pass = { .show = show };
	int r = open_pass(&pass, options);

	if (r < 0)
		goto out;
	show->wall_offset_ns = pass.review.wall_offset_ns;
	if (show->page.width)
		progress_show(pass.review.progress, false);
	if (options->follow) { /* what is known by then: the rest comes too late */
		show->print.code = calls_code(pass.review.calls);
		if (!options->plain)
			show_titles(show);
	}
	if (options->plain || options->follow)
		review_warn(&pass.review);
	r = run_pass(&pass);
	if (r == 0 && (options->plain || options->follow))
		r = check_found(&pass);
out:
	close_pass(&pass);
	return r;
}

static int report_plain(struct options *options, struct show *show)
{
	struct code_map *code = review_code(options->path);

	show->print.code = code;
	int r = report_calls(options, show);

	code_map_free(code);
	return r;
}

/* What was selected, but is not shown. */
static void tell_missing(const struct pass *sums)
{
	uint64_t limit = sums->options->limit;

	if (limit && limit < sums->n_trees)
		printf("# %" PRIu64 " more are not shown\n", sums->n_trees - limit);
	if (sums->changes && changes_left_out(sums->changes))
		printf("# %" PRIu64 " calls are not compared: too many different keys, or too long values\n",
		       changes_left_out(sums->changes));
}

/* Both passes; what can be read of a damaged trace is shown before its error is told. */
static int report_all(struct options *options, struct show *show)
{
	struct pass sums = { 0 };
	int r = open_pass(&sums, options);

	if (r < 0)
		goto out;
	show->print.code = calls_code(sums.review.calls);
	show->wall_offset_ns = sums.review.wall_offset_ns;
	progress_show(sums.review.progress, true);
	r = report_sums(&sums, show);
	if (sums.n_trees && !sums.error)
		r = report_calls(options, show);
	if (r >= 0)
		tell_missing(&sums);
out:
	close_pass(&sums);
	return r;
}

static int report(struct options *options)
{
	struct show show;

	view_page(&options->view, &show);
	show.verbose = options->verbose;
	show.is_whole = selection_is_all(&options->view.selection);
	if (options->verbose || options->plain) {
		show.print.elements = 0;
		show.print.is_brief = false;
	}
	if (options->plain) {
		show.print.repeats = 0;
		show.print.utf8 = false;
	}
	if (options->follow)
		return report_calls(options, &show);
	return options->plain ? report_plain(options, &show) : report_all(options, &show);
}

int cmd_report(int argc, char **argv)
{
	struct options options = { 0 };
	int r = parse_arguments(&options, argc, argv);

	if (r > 0)
		print_help(stdout);
	else if (r == 0)
		r = report(&options);
	return view_finish(&options.view, r);
}
