/**
 * report: a trace as text
 *
 * What stands at the top needs the whole trace, and the calls may be more than fits in memory: the
 * trace is read twice, once for the sums and once for the calls.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/pager.h"
#include "tracer/cmd/review.h"
#include "tracer/cmd/target.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/report.h"
#include "tracer/review/select.h"
#include "tracer/review/show.h"
#include "tracer/review/stats.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"

enum { COMPACT_ELEMENTS = 64, GDB_REPEATS = 10, NARROWEST_PAGE = 60 };

enum colour_when { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

struct options {
	const char *path;
	struct selection selection;
	bool verbose, plain, no_pager;
	uint64_t limit; /* trees to show; 0: all */
	enum colour_when colour;
};

/* One reading of the trace. */
struct pass {
	const struct options *options;
	struct review review;
	struct stats *stats;  /* first pass: what to add to; else NULL */
	struct show *show;    /* second pass: where to show; else NULL */
	uint64_t n_calls;     /* selected, and those they made */
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
	      "  -n, --limit N          the first N of them\n"
	      "      --plain            for programs: one value a line, nothing left out\n"
	      "      --color WHEN       auto, always or never; NO_COLOR is respected\n"
	      "      --no-pager         do not use $PAGER on a terminal\n"
	      "  -h, --help\n"
	      "\n"
	      "  >  a call that made others    <  its return    =  a call that made none    ~  "
	      "changed since entry\n"
	      "\n"
	      "Examples:\n"
	      "  virtrace report blk.trace\n"
	      "  virtrace report -v blk.trace '#388'\n"
	      "  virtrace report --if 'info->allocation == info->physical && $duration > 5000000' "
	      "blk.trace\n"
	      "  virtrace report --plain --function '*StatsGather' blk.trace | grep "
	      "wr_highest_offset\n"
	      "\n"
	      "Exit status: 0 done, 1 error, 2 usage.\n",
	      out);
}

enum { OPT_PLAIN = OPT_REVIEW_END, OPT_COLOR, OPT_NO_PAGER };

static const struct option long_options[] = {
	{ "verbose", no_argument, NULL, 'v' },
	REVIEW_SELECT_OPTIONS,
	{ "limit", required_argument, NULL, 'n' },
	{ "plain", no_argument, NULL, OPT_PLAIN },
	{ "color", optional_argument, NULL, OPT_COLOR },
	{ "no-pager", no_argument, NULL, OPT_NO_PAGER },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int parse_colour(const char *text, enum colour_when *ret)
{
	if (!text || !strcmp(text, "always"))
		*ret = COLOUR_ALWAYS;
	else if (!strcmp(text, "auto"))
		*ret = COLOUR_AUTO;
	else if (!strcmp(text, "never"))
		*ret = COLOUR_NEVER;
	else
		return err_set(-EINVAL, "--color takes auto, always or never, not '%s'", text);
	return 0;
}

static int parse_option(struct options *options, int opt, const char *arg)
{
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
	case OPT_COLOR:
		r = parse_colour(arg, &options->colour);
		break;
	case OPT_NO_PAGER:
		options->no_pager = true;
		break;
	default:
		r = review_select_option(&options->selection, opt, arg);
	}
	return r;
}

/* 0 go on, 1 the help was wanted, negative: usage, with a message. */
static int parse_arguments(struct options *options, int argc, char **argv)
{
	int opt, r;

	optind = 1;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":vn:h", long_options, NULL)) != -1) {
		if (opt == 'h')
			return 1;
		if (opt == '?')
			return err_set(-EINVAL, "there is no option '%s'", argv[optind - 1]);
		if (opt == ':')
			return err_set(-EINVAL, "option '%s' needs a value", argv[optind - 1]);
		r = parse_option(options, opt, optarg);
		if (r < 0)
			return r;
	}
	return review_operands("report", argv + optind, &options->path, &options->selection);
}

/* The nearest one above that is counted too. */
static bool count_call(void *ctx, const struct call *call)
{
	struct pass *pass = ctx;
	const struct call *caller = call == pass->top ? NULL : call->up;

	pass->n_calls++;
	if (pass->stats && !pass->error)
		pass->error = stats_add(pass->stats, call, caller);
	return true;
}

static void show_selected(struct pass *pass, const struct call *top)
{
	pass->top = top;
	pass->n_trees++;
	if (!pass->show)
		call_walk(top, &(struct call_visitor){ count_call, NULL }, pass);
	else if (pass->options->plain)
		show_plain(pass->show, top);
	else
		show_tree(pass->show, top);
}

static bool is_done(const struct pass *pass)
{
	return pass->error ||
	       (pass->show && ((pass->options->limit && pass->n_trees >= pass->options->limit) ||
			       ferror(pass->show->page.out)));
}

/* A selected call is shown with all it made; of the others those below are looked at. */
static bool look_at(void *ctx, const struct call *call)
{
	struct pass *pass = ctx;

	if (is_done(pass))
		return false;
	if (!selection_has(&pass->options->selection, call))
		return true;
	show_selected(pass, call);
	return false;
}

static int run_pass(struct pass *pass)
{
	const struct call *root;
	int r = 1;

	while (!is_done(pass) && (r = calls_next(pass->review.calls, &root)) > 0)
		call_walk(root, &(struct call_visitor){ look_at, NULL }, pass);
	return r < 0 ? r : pass->error;
}

static unsigned page_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 0;
	return size.ws_col < NARROWEST_PAGE ? NARROWEST_PAGE : size.ws_col;
}

static bool wants_colour(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (options->colour != COLOUR_AUTO)
		return options->colour == COLOUR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term &&
	       strcmp(term, "dumb") != 0;
}

static void show_head(struct pass *sums, struct show *show)
{
	struct report report = {
		.path = sums->options->path,
		.note = reader_note(sums->review.reader),
		.info = reader_info(sums->review.reader),
		.summary = calls_summary(sums->review.calls),
		.n_selected = selection_is_all(&sums->options->selection) ? NULL : &sums->n_calls,
	};

	report.n_lost = calls_lost(sums->review.calls, &report.lost);
	report.n_functions = stats_finish(sums->stats, &report.functions);
	report_head(show, &report);
	report_table(show, &report);
	if (report.n_functions)
		show_titles(show);
}

/* Ids that are not in the trace are a mistake; a condition that nothing meets is an answer. */
static int check_found(const struct pass *pass)
{
	if (pass->n_trees || !pass->options->selection.ids.n)
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
	if (r == 0 || sums->n_trees)
		show_head(sums, show);
	return r;
}

static int report_calls(struct options *options, struct show *show)
{
	struct pass pass = { .options = options, .show = show };
	int r = review_open(options->path, &options->selection, &pass.review);

	if (r < 0)
		return r;
	show->wall_offset_ns = pass.review.wall_offset_ns;
	if (options->plain)
		review_warn(&pass.review);
	r = run_pass(&pass);
	if (r == 0 && options->plain)
		r = check_found(&pass);
	review_close(&pass.review);
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

/* Both passes; what can be read of a damaged trace is shown before its error is told. */
static int report_all(struct options *options, struct show *show)
{
	struct pass sums = { .options = options };
	int r = review_open(options->path, &options->selection, &sums.review);

	if (r < 0)
		return r;
	show->print.code = calls_code(sums.review.calls);
	show->wall_offset_ns = sums.review.wall_offset_ns;
	if (!options->no_pager)
		pager_start();
	r = report_sums(&sums, show);
	if (sums.n_trees && !sums.error)
		r = report_calls(options, show);
	if (r >= 0 && options->limit && options->limit < sums.n_trees)
		printf("# %" PRIu64 " more are not shown\n", sums.n_trees - options->limit);
	stats_free(sums.stats);
	review_close(&sums.review);
	return r;
}

static int report(struct options *options)
{
	struct show show = {
		.page = {
			.out = stdout,
			.width = page_width(),
			.has_colour = wants_colour(options),
		},
		.print = {
			.elements = options->plain || options->verbose ? 0 : COMPACT_ELEMENTS,
			.repeats = options->plain ? 0 : GDB_REPEATS,
			.is_brief = !options->plain && !options->verbose,
			.utf8 = !options->plain && text_locale_is_utf8(),
		},
		.verbose = options->verbose,
	};

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
	r = review_flush(stdout, r);
	pager_finish();
	selection_fini(&options.selection);
	return review_exit_status(r);
}
