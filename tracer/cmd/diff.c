/**
 * diff: two traces, or two calls
 */
#include <errno.h>
#include <stdio.h>

#include "tracer/base/err.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/cmd/progress.h"
#include "tracer/cmd/review.h"
#include "tracer/cmd/view.h"
#include "tracer/review/by.h"
#include "tracer/review/call_diff_text.h"
#include "tracer/review/calls.h"
#include "tracer/review/report.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/review/trace_diff.h"
#include "tracer/review/trace_diff_text.h"
#include "tracer/trace/reader.h"

enum { DIFFERENT = 1, TROUBLE = 2 }; /* exit statuses with --exit-code, as diff(1) has them */

struct options {
	struct view view;
	const char *path[2], *id[2]; /* the ids are NULL for whole traces */
	const char *by;
	bool has_exit_code;
};

/* One of the two traces. */
struct side {
	struct selection selection;
	struct review review;
	struct by *by;
	const struct call *call; /* kept; NULL: none was asked for */
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace diff [OPTIONS] OLD NEW\n"
	      "       virtrace diff [OPTIONS] TRACE '#ID' '#ID'\n"
	      "       virtrace diff [OPTIONS] OLD '#ID' NEW '#ID'\n"
	      "\n"
	      "Shows in what two traces differ: types, how often functions were called and for how long, "
	      "the values of\n"
	      "the n-th call of each function here and there; or in what two calls differ, and the "
	      "calls they made.\n"
	      "Members are matched by name, so the traces may be of different versions.  Addresses, "
	      "threads and times are\n"
	      "no differences.\n"
	      "\n"
	      "      --by EXPR          pair the calls where this is the same, as disk or "
	      "'dom->name'\n"
	      "      --exit-code        exit with 1 if they differ, 2 if something went wrong\n"
	      REVIEW_SELECT_HELP
	      VIEW_HELP
	      "\n"
	      "Examples:\n"
	      "  virtrace diff good.trace bad.trace --by disk\n"
	      "  virtrace diff blk.trace '#381' '#388'\n"
	      "  virtrace diff --exit-code --function 'qemuDomain*' old.trace new.trace\n"
	      "\n"
	      "Exit status: 0 done, 1 error, 2 usage; --exit-code: 0 same, 1 different, 2 trouble.\n",
	      out);
}

enum { OPT_BY = OPT_VIEW_END, OPT_EXIT_CODE };

static const struct option long_options[] = {
	{ "by", required_argument, NULL, OPT_BY },
	{ "exit-code", no_argument, NULL, OPT_EXIT_CODE },
	REVIEW_SELECT_OPTIONS,
	VIEW_OPTIONS,
	{ 0 },
};

static int take_option(void *ctx, int opt, const char *arg)
{
	struct options *options = ctx;

	if (opt == OPT_BY)
		options->by = arg;
	else
		options->has_exit_code = true;
	return 0;
}

/* OLD [#ID] NEW [#ID], or TRACE #ID #ID */
static int parse_operands(struct options *options, char **argv)
{
	size_t n_paths = 0, n_ids = 0;

	for (; *argv; argv++) {
		bool is_id = **argv == '#';
		size_t *n = is_id ? &n_ids : &n_paths;

		if (*n == 2)
			return err_set(-EINVAL, "two traces or calls at a time; '%s' is too much", *argv);
		(is_id ? options->id : options->path)[(*n)++] = *argv;
	}
	if (n_paths == 1 && n_ids == 2)
		options->path[1] = options->path[0];
	else if (n_paths != 2 || n_ids == 1)
		return err_set(-EINVAL, n_ids == 1 ? "which other call? As in: '#12' '#34'"
						   : "which two traces? 'virtrace diff --help' tells more");
	if (n_ids && (options->by || !selection_is_all(&options->view.selection)))
		return err_set(-EINVAL, "two calls are compared as they are: no --by, --if, "
					"--function or --tid");
	return 0;
}

static int open_side(const struct options *options, int at, struct side *side)
{
	const struct selection *wanted = &options->view.selection;
	const struct trace_probe *const *probes;
	int r = 0;

	side->selection = (struct selection){ .condition = wanted->condition,
					      .function = wanted->function,
					      .tid = wanted->tid };
	if (options->id[at])
		r = selection_add_id(&side->selection, options->id[at]);
	if (r == 0)
		r = review_open(options->path[at], &side->selection, &side->review);
	if (r < 0)
		return options->path[0] == options->path[1] ? r : err_context(r, "%s", options->path[at]);
	review_warn(&side->review);
	progress_show(side->review.progress, true);
	size_t n_probes = reader_probes(side->review.reader, &probes);

	return by_new(options->by, probes, n_probes, text_locale_is_utf8(), &side->by);
}

static void close_side(struct side *side)
{
	if (side->call)
		calls_drop(side->review.calls, side->call);
	by_free(side->by);
	review_close(&side->review);
	review_end_selection(&side->selection);
}

/* The tree that a call is in is kept with it. */
static int take_call(void *ctx, const struct call *call)
{
	struct side *side = ctx;

	calls_keep(side->review.calls);
	side->call = call;
	return 1;
}

static int find_call(const struct options *options, int at, struct side *side)
{
	int r = review_trees(&side->review, &side->selection, take_call, side);

	if (side->call)
		return 0;
	return r < 0 ? r
		     : err_set(-ENOENT, "%s has no call %s", options->path[at], options->id[at]);
}

/* 1 if they differ. */
static int diff_calls(const struct options *options, struct side sides[2], struct show *show)
{
	int r = find_call(options, 0, &sides[0]);

	if (r == 0)
		r = find_call(options, 1, &sides[1]);
	if (r < 0)
		return r;
	view_start(&options->view);
	const struct call_diff_side a = { sides[0].call, options->path[0],
					  sides[0].review.wall_offset_ns };
	const struct call_diff_side b = { sides[1].call, options->path[1],
					  sides[1].review.wall_offset_ns };

	return call_diff_text(show, &a, &b);
}

static void show_diff_head(const struct options *options, const struct side sides[2],
			   struct show *show)
{
	for (int i = 0; i < 2; i++) {
		struct report report;

		review_facts(&sides[i].review, options->path[i], &report);
		report_counts(show, i ? "+++ " : "--- ", &report);
		if (by_is_full(sides[i].by))
			printf("# more than %d values, or very long ones, of --by: the others are one\n",
			       BY_MAX);
	}
}

static int diff_traces(const struct options *options, struct side sides[2], struct show *show)
{
	const struct trace_diff_source sources[2] = {
		{ sides[0].review.calls, &sides[0].selection, sides[0].by },
		{ sides[1].review.calls, &sides[1].selection, sides[1].by },
	};
	struct trace_diff_text text = { .name = { options->path[0], options->path[1] },
					.by = options->by };
	struct trace_diff *diff = trace_diff_new(sources, show->print.utf8);

	if (!diff)
		return err_set(-ENOMEM, "out of memory");
	for (int i = 0; i < 2; i++)
		text.n_probes[i] = reader_probes(sides[i].review.reader, &text.probes[i]);
	int r = trace_diff_run(diff);

	if (r != -ENOMEM) {
		view_start(&options->view);
		show_diff_head(options, sides, show);
		bool differs = trace_diff_text(show, &text, trace_diff_result(diff));

		r = r < 0 ? r : differs;
	}
	trace_diff_free(diff);
	return r;
}

/* 1 if they differ, 0 if not, or a negative errno with a message. */
static int diff(const struct options *options)
{
	struct side sides[2] = { 0 };
	struct show show;
	int r = open_side(options, 0, &sides[0]);

	view_page(&options->view, &show);
	if (r == 0)
		r = open_side(options, 1, &sides[1]);
	if (r == 0)
		r = options->id[0] ? diff_calls(options, sides, &show)
				   : diff_traces(options, sides, &show);
	close_side(&sides[0]);
	close_side(&sides[1]);
	return r;
}

int cmd_diff(int argc, char **argv)
{
	struct options options = { 0 };
	int r = view_parse(&options.view, argc, argv, "", long_options, take_option, &options);
	bool differs = false;

	if (r == 0)
		r = parse_operands(&options, argv + optind);
	if (r > 0) {
		print_help(stdout);
	} else if (r == 0) {
		r = diff(&options);
		differs = r > 0;
	}
	int status = view_finish(&options.view, r);

	if (!options.has_exit_code)
		return status;
	return status != EXIT_OK ? TROUBLE : differs ? DIFFERENT : EXIT_OK;
}
