#include "tracer/review/report.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "tracer/review/calls.h"
#include "tracer/review/show.h"
#include "tracer/review/stats.h"
#include "tracer/review/text.h"
#include "tracer/review/trace_info.h"
#include "tracer/trace/reader.h"

enum { COMMAND_WORDS_MAX = 64, NAME_WIDTH_MAX = 60, LOST_LINES_MAX = 10, DISARMED_LINES_MAX = 10, SLOWEST_LINES = 3 };

static void put(struct show *show, const char *text)
{
	page_put(&show->page, COLOUR_NONE, text);
}

static void put_name(struct show *show, const char *name)
{
	page_put_name(&show->page, COLOUR_NONE, "", name, show->print.utf8);
}

static void begin_line(struct show *show)
{
	show->page.lead = "#";
	show->page.hang = 4;
	put(show, "# ");
}

/* "libvirtd[2114] on kvm7" */
static void put_target(struct show *show, struct json_object *info)
{
	struct json_object *target = trace_info_object(info, "target");
	struct json_object *host = trace_info_object(info, "host");
	const char *comm = trace_info_string(target, "comm");
	const char *name = trace_info_string(host, "name");

	if (comm) {
		put(show, ": ");
		put_name(show, comm);
		page_putf(&show->page, COLOUR_NONE, "[%" PRIu64 "]", trace_info_uint(target, "pid"));
	}
	if (name) {
		put(show, " on ");
		put_name(show, name);
	}
	if (trace_info_string(host, "kernel")) {
		put(show, ", Linux ");
		put_name(show, trace_info_string(host, "kernel"));
	}
}

static void put_when(struct show *show, const struct report *report)
{
	uint64_t start_ns = trace_info_uint(report->info, "start_ns"),
		 end_ns = trace_info_uint(report->info, "end_ns");
	const struct calls_summary *summary = report->summary;
	char text[64], duration[SHOW_DURATION_MAX];
	struct tm tm = { 0 };

	if (!start_ns)
		start_ns = summary->first_ns + show->wall_offset_ns;
	time_t seconds = (time_t)(start_ns / 1000000000);

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), ", %Y-%m-%d %H:%M:%S %z", &tm);
	put(show, text);
	uint64_t lasted_ns =
		end_ns > start_ns ? end_ns - start_ns : summary->last_ns - summary->first_ns;

	page_putf(&show->page, COLOUR_NONE, ", %s", show_span(show, duration, lasted_ns));
	const char *end = trace_info_string(report->info, "end");

	page_put_name(&show->page, COLOUR_NONE, ", ended: ",
		      !end_ns ? "not yet, or killed" : end ? end : "unknown", show->print.utf8);
}

static void put_counts(struct show *show, const struct report *report)
{
	const struct calls_summary *summary = report->summary;
	struct page *page = &show->page;
	const struct {
		uint64_t n;
		const char *what;
	} rare[] = {
		{ summary->open, "open at the end" },
		{ summary->unwound, "unwound" },
		{ summary->exited, "ended with their thread" },
		{ summary->lost_returns, "with their return lost" },
		{ summary->orphans, "returns without their entry" },
		{ summary->guesses, "with a caller that is not proved" },
	};

	if (report->n_selected)
		page_putf(page, COLOUR_NONE, "%" PRIu64 " of ", *report->n_selected);
	page_putf(page, COLOUR_NONE, "%" PRIu64 " calls, ", summary->calls);
	page_putf(page, summary->lost ? COLOUR_BAD : COLOUR_NONE, "%" PRIu64 " lost",
		  summary->lost);
	for (size_t i = 0; i < sizeof(rare) / sizeof(*rare); i++)
		if (rare[i].n)
			page_putf(page, COLOUR_NONE, ", %" PRIu64 " %s", rare[i].n, rare[i].what);
}

static void put_stops(struct show *show, struct json_object *info)
{
	struct json_object *summary = trace_info_object(info, "summary");
	uint64_t hits = trace_info_uint(summary, "hits");
	uint64_t stopped_ns = trace_info_uint(summary, "stopped_ns");
	char average[SHOW_DURATION_MAX];

	put(show, ".  Times include the tracer's own stops");
	if (hits)
		page_putf(&show->page, COLOUR_NONE, ", about %s per hit",
			  show_span(show, average, stopped_ns / hits));
	put(show, ".");
}

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static void put_module(struct show *show, struct json_object *module)
{
	const char *path = trace_info_string(module, "path");
	const char *build_id = trace_info_string(module, "build_id");
	const char *debug = trace_info_string(module, "debug");

	if (!path)
		return;
	begin_line(show);
	put_name(show, last_part(path));
	put(show, "  build-id ");
	put_name(show, build_id && *build_id ? build_id : "none");
	if (debug) {
		put(show, ", debug info: ");
		put_name(show, debug);
	}
	if (trace_info_bool(module, "deleted"))
		put(show, ", replaced on disk before the recording");
	page_newline(&show->page);
}

static void put_modules(struct show *show, struct json_object *info)
{
	struct json_object *modules = trace_info_array(info, "modules");
	size_t n = modules ? json_object_array_length(modules) : 0;

	for (size_t i = 0; i < n; i++)
		put_module(show, json_object_array_get_idx(modules, i));
}

/* A word as one would type it. */
static void put_word(struct show *show, const char *word)
{
	bool is_plain = *word && !strpbrk(word, " \t\n\"'$*?[]{}()<>|&;!#~\\");

	put(show, is_plain ? " " : " '");
	put_name(show, word);
	put(show, is_plain ? "" : "'");
}

static void put_command(struct show *show, struct json_object *info)
{
	struct json_object *command = trace_info_array(info, "command");
	const char *version = trace_info_string(info, "version");
	size_t n = command ? json_object_array_length(command) : 0;

	if (!n && !version)
		return;
	begin_line(show);
	put(show, "virtrace");
	for (size_t i = 0; i < n && i < COMMAND_WORDS_MAX; i++) {
		struct json_object *word = json_object_array_get_idx(command, i);
		const char *text = json_object_is_type(word, json_type_string)
					   ? json_object_get_string(word)
					   : "";

		if (i || strcmp(text, "virtrace") != 0)
			put_word(show, text);
	}
	page_put_name(&show->page, COLOUR_NONE, "  (version ", version ? version : "unknown",
		      show->print.utf8);
	put(show, ")");
	page_newline(&show->page);
}

static void put_lost(struct show *show, const struct report *report)
{
	for (size_t i = 0; i < report->n_lost && i < LOST_LINES_MAX; i++) {
		begin_line(show);
		page_putf(&show->page, COLOUR_BAD, "lost %" PRIu64 " of ", report->lost[i].count);
		put_name(show, report->lost[i].probe ? report->lost[i].probe : "?");
		put(show, ": ");
		put_name(show, report->lost[i].reason ? report->lost[i].reason : "?");
		page_newline(&show->page);
	}
}

/* Probes that were over their budget. */
static void put_disarmed(struct show *show, struct json_object *info)
{
	struct json_object *array = trace_info_array(info, "disarmed");
	size_t n = array ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < n && i < DISARMED_LINES_MAX; i++) {
		struct json_object *probe = json_object_array_get_idx(array, i);
		const char *function = trace_info_string(probe, "function"),
			   *reason = trace_info_string(probe, "reason");

		begin_line(show);
		page_put_name(&show->page, COLOUR_BAD, "", function ? function : "?", show->print.utf8);
		page_put_name(&show->page, COLOUR_BAD, " was disarmed: ", reason ? reason : "?", show->print.utf8);
		page_newline(&show->page);
	}
}

static void put_note(struct show *show, const char *note)
{
	if (!note)
		return;
	begin_line(show);
	page_put_name(&show->page, COLOUR_BAD, "", note, show->print.utf8);
	page_newline(&show->page);
}

static void put_redacted(struct show *show, struct json_object *info)
{
	struct json_object *redacted = trace_info_array(info, "redacted");
	size_t n = redacted ? json_object_array_length(redacted) : 0;

	if (!n)
		return;
	begin_line(show);
	put(show, "redacted, so not in this copy:");
	for (size_t i = 0; i < n && i < COMMAND_WORDS_MAX; i++) {
		struct json_object *word = json_object_array_get_idx(redacted, i);

		if (json_object_is_type(word, json_type_string))
			put_word(show, json_object_get_string(word));
	}
	page_newline(&show->page);
}

void report_head(struct show *show, const struct report *report)
{
	begin_line(show);
	page_put_name(&show->page, COLOUR_NAME, "", last_part(report->path), show->print.utf8);
	put_target(show, report->info);
	put_when(show, report);
	page_newline(&show->page);
	put_modules(show, report->info);
	put_command(show, report->info);
	begin_line(show);
	put_counts(show, report);
	put_stops(show, report->info);
	page_newline(&show->page);
	put_lost(show, report);
	put_disarmed(show, report->info);
	put_redacted(show, report->info);
	put_note(show, report->note);
	show->page.lead = NULL;
	page_newline(&show->page);
}

void report_counts(struct show *show, const char *mark, const struct report *report)
{
	show->page.lead = "#";
	show->page.hang = 4;
	put(show, mark);
	page_put_name(&show->page, COLOUR_NAME, "", last_part(report->path), show->print.utf8);
	put(show, ": ");
	put_counts(show, report);
	page_newline(&show->page);
	put_lost(show, report);
	put_redacted(show, report->info);
	put_note(show, report->note);
	show->page.lead = NULL;
}

static unsigned name_width(const struct show *show, const struct report *report)
{
	unsigned widest = sizeof("FUNCTION") - 1;

	for (size_t i = 0; i < report->n_functions; i++) {
		const struct function_stats *f = &report->functions[i];
		size_t width = 2 * f->level + text_width(f->probe->function, show->print.utf8);

		if (width > widest)
			widest = (unsigned)width;
	}
	return widest < NAME_WIDTH_MAX ? widest : NAME_WIDTH_MAX;
}

static void put_time(struct show *show, uint64_t ns, bool is_known)
{
	char text[SHOW_DURATION_MAX];

	page_putf(&show->page, COLOUR_NONE, " %*s", show_span_width(show) - 1,
		  is_known ? show_span(show, text, ns) : "-");
}

static void put_row(struct show *show, const struct function_stats *f, unsigned width)
{
	struct page *page = &show->page;

	page_putf(page, COLOUR_NONE, "%7" PRIu64 " ", f->calls);
	if (f->judged)
		page_putf(page, f->errors ? COLOUR_BAD : COLOUR_NONE, "%6" PRIu64, f->errors);
	else
		page_put(page, COLOUR_NONE, "     -");
	put_time(show, f->total_ns, f->timed);
	put_time(show, f->timed ? f->total_ns / f->timed : 0, f->timed);
	put_time(show, f->p50_ns, f->timed);
	put_time(show, f->p99_ns, f->timed);
	put_time(show, f->max_ns, f->timed);
	page_putf(page, COLOUR_NONE, "  %*s", (int)(2 * f->level), "");
	unsigned end = page->column - 2 * f->level + width;

	page_put_name(page, COLOUR_NAME, "", f->probe->function, show->print.utf8);
	page_pad(page, end);
	page_put_name(page, COLOUR_NONE, "  ", last_part(f->probe->module), show->print.utf8);
	page_newline(page);
}

static void put_failed(struct show *show, const struct function_stats *f)
{
	struct page *page = &show->page;

	page_put(page, COLOUR_BAD, "FAILED ");
	page_put_name(page, COLOUR_NONE, " ", f->probe->function, show->print.utf8);
	for (uint64_t i = 0; i < f->errors && i < STATS_EXAMPLES; i++)
		page_putf(page, COLOUR_NONE, " #%" PRIu64, f->failed[i]);
	if (f->errors > STATS_EXAMPLES)
		page_putf(page, COLOUR_NONE, " and %" PRIu64 " more", f->errors - STATS_EXAMPLES);
	page_newline(page);
}

static void put_slowest(struct show *show, const struct function_stats *f)
{
	struct page *page = &show->page;
	char text[SHOW_DURATION_MAX];

	page_put(page, COLOUR_NONE, "SLOWEST");
	page_put_name(page, COLOUR_NONE, " ", f->probe->function, show->print.utf8);
	for (size_t i = 0; i < STATS_EXAMPLES; i++)
		page_putf(page, COLOUR_NONE, "%s #%" PRIu64 " %s", i ? "," : "", f->slowest[i].id,
			  show_span(show, text, f->slowest[i].ns));
	page_newline(page);
}

/* Calls worth a look. */
static void put_examples(struct show *show, const struct report *report)
{
	size_t n_failed = 0, n_slowest = 0;

	for (size_t i = 0; i < report->n_functions; i++) {
		if (!report->functions[i].errors)
			continue;
		put_failed(show, &report->functions[i]);
		n_failed++;
	}
	for (size_t i = 0; i < report->n_functions && n_slowest < SLOWEST_LINES; i++) {
		const struct function_stats *f = &report->functions[i];

		/* of those that nobody else shown here calls, and that have more than a few */
		if (f->level || f->timed <= STATS_EXAMPLES)
			continue;
		put_slowest(show, f);
		n_slowest++;
	}
	if (n_failed || n_slowest)
		page_newline(&show->page);
}

void report_table(struct show *show, const struct report *report)
{
	static const char *const times[] = { "TOTAL", "AVG", "P50", "P99", "MAX" };
	unsigned width = name_width(show, report), page_width = show->page.width;

	if (!report->n_functions)
		return;
	show->page.width = 0; /* rows are never broken */
	page_putf(&show->page, COLOUR_FAINT, "%7s %6s", "CALLS", "ERR");
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		page_putf(&show->page, COLOUR_FAINT, " %*s", show_span_width(show) - 1, times[i]);
	page_putf(&show->page, COLOUR_FAINT, "  %-*s  %s", (int)width, "FUNCTION", "WHERE");
	page_newline(&show->page);
	for (size_t i = 0; i < report->n_functions; i++)
		put_row(show, &report->functions[i], width);
	page_newline(&show->page);
	put_examples(show, report);
	show->page.width = page_width;
}
