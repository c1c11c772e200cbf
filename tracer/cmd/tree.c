/**
 * tree: all calls of a trace as one tree of functions
 */
#include <errno.h>
#include <stdio.h>

#include "tracer/base/err.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/progress.h"
#include "tracer/cmd/review.h"
#include "tracer/cmd/view.h"
#include "tracer/review/by.h"
#include "tracer/review/call_tree.h"
#include "tracer/review/report.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/review/tree_text.h"
#include "tracer/trace/reader.h"

struct options {
	struct view view;
	const char *path, *by;
};

struct job {
	struct call_tree *tree;
	struct by *by; /* NULL: not split */
	int error;
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace tree [OPTIONS] TRACE [#ID]…\n"
	      "\n"
	      "Shows who calls whom: the calls of a trace added up along each way they were made.  SELF "
	      "is the time\n"
	      "without that of the calls below.  With #ID only those calls and what they made.\n"
	      "\n"
	      "      --by EXPR          a line for each value of this, as disk, 'dom->name' or "
	      "'$thread'\n"
	      REVIEW_SELECT_HELP
	      VIEW_HELP
	      "\n"
	      "Examples:\n"
	      "  virtrace tree blk.trace\n"
	      "  virtrace tree --by disk blk.trace\n"
	      "  virtrace tree --if '$duration > 5000000' --function 'qemuDomain*' blk.trace\n"
	      "\n"
	      "Exit status: 0 done, 1 error or the trace is damaged, 2 usage.\n",
	      out);
}

enum { OPT_BY = OPT_VIEW_END };

static const struct option long_options[] = {
	{ "by", required_argument, NULL, OPT_BY },
	REVIEW_SELECT_OPTIONS,
	VIEW_OPTIONS,
	{ 0 },
};

static int take_option(void *ctx, int opt, const char *arg)
{
	struct options *options = ctx;

	if (opt == OPT_BY)
		options->by = arg;
	return 0;
}

/* call_key_fn */
static const char *key_of(void *ctx, const struct call *call)
{
	struct job *job = ctx;
	const struct by_key *key;
	int r = by_find_own(job->by, call, &key);

	if (r < 0)
		job->error = r;
	return key ? key->text : NULL;
}

static int add_tree(void *ctx, const struct call *top)
{
	struct job *job = ctx;
	int r = call_tree_add(job->tree, top);

	return r < 0 ? r : job->error;
}

static uint64_t count_calls(const struct call_tree *tree)
{
	uint64_t n = call_tree_left_out(tree);
	const struct call_node *node = call_tree_root(tree)->first;

	for (; node; node = call_node_next(node))
		n += node->calls;
	return n;
}

static void show_job(const struct options *options, const struct review *review,
		     const struct job *job)
{
	uint64_t n_selected = count_calls(job->tree);
	struct report report;
	struct show show;

	view_page(&options->view, &show);
	view_start(&options->view);
	review_facts(review, options->path, &report);
	if (!selection_is_all(&options->view.selection))
		report.n_selected = &n_selected;
	report_counts(&show, "# ", &report);
	if (job->by && by_is_full(job->by))
		printf("# more than %d values, or very long ones, of --by: the others are one\n",
		       BY_MAX);
	putchar('\n');
	tree_text(&show, job->tree, options->by);
}

static int run_job(const struct options *options, struct review *review, struct job *job)
{
	progress_show(review->progress, true);
	int r = review_trees(review, &options->view.selection, add_tree, job);
	bool has_some = call_tree_root(job->tree)->calls;

	if (r == 0 && !has_some && options->view.selection.ids.n)
		return err_set(-ENOENT, "%s has no such call", options->path);
	if (r == -ENOMEM || (r < 0 && !has_some))
		return r;
	if (call_tree_sort(job->tree) < 0)
		return -ENOMEM;
	show_job(options, review, job);
	return r;
}

static int show_tree_of(struct options *options)
{
	struct review review;
	struct job job = { 0 };
	const struct trace_probe *const *probes;
	int r = review_open(options->path, &options->view.selection, &review);

	if (r < 0)
		return r;
	size_t n_probes = reader_probes(review.reader, &probes);

	if (options->by)
		r = by_new(options->by, probes, n_probes, text_locale_is_utf8(), &job.by);
	if (r == 0) {
		job.tree = call_tree_new(options->by ? key_of : NULL, &job);
		r = job.tree ? run_job(options, &review, &job) : err_set(-ENOMEM, "out of memory");
	}
	call_tree_free(job.tree);
	by_free(job.by);
	review_close(&review);
	return r;
}

int cmd_tree(int argc, char **argv)
{
	struct options options = { 0 };
	int r = view_parse(&options.view, argc, argv, "", long_options, take_option, &options);

	if (r == 0)
		r = review_operands("tree", argv + optind, &options.path, &options.view.selection);
	if (r > 0)
		print_help(stdout);
	else if (r == 0)
		r = show_tree_of(&options);
	return view_finish(&options.view, r);
}
