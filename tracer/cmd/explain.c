/**
 * explain: where a recorded value was before
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/cmd/review.h"
#include "tracer/cmd/view.h"
#include "tracer/review/calls.h"
#include "tracer/review/explain.h"
#include "tracer/review/explain_show.h"
#include "tracer/review/export/json.h"
#include "tracer/review/filter.h"
#include "tracer/review/select.h"
#include "tracer/review/show.h"
#include "tracer/review/trace_info.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

struct options {
	struct view view;
	const char *path, *expr;
	uint64_t id;
	bool as_json;
};

/* A call that is looked for in a tree. */
struct wanted {
	uint64_t id;
	const struct call *found;
};

static void print_help(FILE *out)
{
	fputs("usage: virtrace explain [OPTIONS] TRACE '#ID.EXPR'\n"
	      "\n"
	      "Follows a recorded value back: through the calls that had it before, to the QMP reply it came\n"
	      "in. Each step says how likely it is and why; 'or' are other places that have the value, too.\n"
	      "These are matches of values, names, times and calls: hints where to look, not proof.\n"
	      "\n"
	      "  #ID                    a call, as report shows it\n"
	      "  EXPR                   what was recorded of it, as 'info->allocation' or '(*retstats)->rd_bytes';\n"
	      "                         where it was recorded at entry and return, that at the return\n"
	      "\n"
	      "      --json             for programs\n"
	      VIEW_HELP
	      "\n"
	      "Record with --preset block-info-qmp, so that QEMU's replies are in the trace.\n"
	      "\n"
	      "Examples:\n"
	      "  virtrace explain blk.trace '#12.info->allocation'\n"
	      "  virtrace explain --json blk.trace '#12.info->capacity' | jq -r '.steps[-1].path'\n"
	      "\n"
	      "Exit status: 0 a step was found, 1 error or none was found, 2 usage.\n",
	      out);
}

enum { OPT_JSON = OPT_VIEW_END };

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	VIEW_OPTIONS,
	{ 0 },
};

static int take_option(void *ctx, int opt, const char *arg)
{
	struct options *options = ctx;

	(void)arg;
	options->as_json |= opt == OPT_JSON;
	return 0;
}

/* "#12.info->allocation"; the sharp may be left out, as a shell's comment begins with it. */
static int parse_target(struct options *options, const char *text)
{
	const char *digits = text + (*text == '#');
	char *end;

	errno = 0;
	options->id = strtoull(digits, &end, 10);
	if (!isdigit((unsigned char)*digits) || errno || *end != '.' || !end[1])
		return err_set(-EINVAL, "'%s' is not a call and an expression, as '#12.info->allocation'", text);
	options->expr = end + 1;
	return 0;
}

/* 0 go on, 1 the help is wanted, negative: a mistake, with a message. */
static int parse_arguments(struct options *options, int argc, char **argv)
{
	int r = view_parse(&options->view, argc, argv, "", long_options, take_option, options);

	if (r)
		return r;
	if (argc - optind != 2)
		return err_set(-EINVAL, "which trace, and which value? 'virtrace explain --help' tells more");
	options->path = argv[optind];
	return parse_target(options, argv[optind + 1]);
}

static bool find_call(void *ctx, const struct call *call)
{
	struct wanted *wanted = ctx;

	if (call->id == wanted->id)
		wanted->found = call;
	return !wanted->found;
}

/* What the user named, as it was recorded. */
static int find_value(const struct options *options, const struct call *call, const struct value_node **ret)
{
	struct filter *filter;
	int r = filter_new(options->expr, &call->probe, 1, &filter);

	if (r < 0)
		return r;
	*ret = filter_value(filter, call).value;
	filter_free(filter);
	if (!*ret)
		return err_set(-EINVAL, "'%s' is not a value of call #%" PRIu64 ", or is not there", options->expr,
			       options->id);
	if ((*ret)->n)
		return err_set(-EINVAL, "'%s' has several values: name one of its members", options->expr);
	return 0;
}

static void print_explanation(const struct options *options, const struct review *review,
			      const struct explanation *explanation)
{
	struct json json = { .out = stdout };
	struct show show;

	if (options->as_json) {
		explain_json(&json, explanation, review->wall_offset_ns);
		putchar('\n');
		return;
	}
	view_page(&options->view, &show);
	view_start(&options->view);
	show.wall_offset_ns = review->wall_offset_ns;
	explain_show(&show, explanation);
}

/* Where no function that QMP passes through was traced, no reply could be found. */
static void hint_no_qmp(const struct options *options, const struct review *review)
{
	const struct trace_probe *const *probes;
	size_t n = reader_probes(review->reader, &probes);

	for (size_t i = 0; i < n; i++)
		if (!strncmp(probes[i]->function, "qemuMonitor", strlen("qemuMonitor")))
			return;
	if (!options->as_json)
		log_info("no QMP is in this trace; record --preset block-info-qmp has it");
}

/* 1: there are steps. */
static int explain_call(const struct options *options, const struct review *review, const struct call *root,
			const struct call *call)
{
	const struct value_node *value;
	struct explainer *explainer = NULL;
	struct explanation explanation;
	int r = find_value(options, call, &value);

	if (r == 0)
		r = explainer_new(root, &explainer);
	if (r == 0)
		r = explain(explainer, call, value, &explanation);
	if (r == 0) {
		print_explanation(options, review, &explanation);
		r = explanation.n_steps > 0;
		hint_no_qmp(options, review);
	}
	explainer_free(explainer);
	return r;
}

/* What is missing may have been the place. */
static void warn_of_loss(const struct review *review)
{
	uint64_t lost = trace_info_uint(trace_info_object(reader_info(review->reader), "summary"), "lost");

	review_warn(review);
	if (lost)
		log_warn("%" PRIu64 " events of this trace are lost: the value may have been in one of them", lost);
}

static int explain_trace(struct options *options)
{
	struct wanted wanted = { options->id, NULL };
	const struct call *root = NULL;
	struct review review;
	int r = review_open(options->path, &options->view.selection, &review);

	if (r < 0)
		return r;
	while (!wanted.found && (r = calls_next(review.calls, &root)) > 0)
		call_walk(root, &(struct call_visitor){ find_call, NULL }, &wanted);
	if (wanted.found)
		r = explain_call(options, &review, root, wanted.found);
	else if (r == 0)
		r = err_set(-ENOENT, "%s has no call #%" PRIu64, options->path, options->id);
	warn_of_loss(&review);
	review_close(&review);
	return r;
}

int cmd_explain(int argc, char **argv)
{
	struct options options = { 0 };
	bool has_steps = true;
	int r = parse_arguments(&options, argc, argv);

	if (r > 0) {
		print_help(stdout);
	} else if (r == 0) {
		r = explain_trace(&options);
		has_steps = r != 0;
	}
	int status = view_finish(&options.view, r);

	return has_steps ? status : EXIT_ERROR;
}
