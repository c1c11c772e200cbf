#include "tracer/review/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tracer/review/calls.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/review/stats.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

enum {
	ID_WIDTH = 8,
	SPAN_COLUMN = 33,     /* where durations begin behind #ID, time and thread */
	LEVELS_INDENTED = 30, /* deeper calls are indented no further */
	LINE_WIDTH = 110,     /* of a page without: longer values get lines of their own */
	VERBOSE_INDENT = 4,
};

const char *show_duration(char buf[static SHOW_DURATION_MAX], uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	double value = (double)ns;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1000;
		unit++;
	}
	int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;

	snprintf(buf, SHOW_DURATION_MAX, "%.*f %s", digits, value, units[unit]);
	return buf;
}

const char *show_span(const struct show *show, char buf[static SHOW_DURATION_MAX], uint64_t ns)
{
	if (!show->exact)
		return show_duration(buf, ns);
	snprintf(buf, SHOW_DURATION_MAX, "%" PRIu64 " ns", ns);
	return buf;
}

int show_span_width(const struct show *show)
{
	return show->exact ? (int)sizeof("31200000000 ns") : (int)sizeof("31.2 ms") + 1;
}

const char *show_time(const struct show *show, char buf[static SHOW_TIME_MAX], uint64_t time_ns)
{
	uint64_t wall_ns = time_ns + show->wall_offset_ns;
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm = { 0 };

	localtime_r(&seconds, &tm);
	snprintf(buf, SHOW_TIME_MAX, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (unsigned)(wall_ns % 1000000000 / 1000));
	return buf;
}

char *show_value_text(const struct show *show, const struct value_node *value)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	print_c(out, value, &show->print);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* A value on the same line with what stands before it: `before`, and its name if it has one. */
static void put_value(struct show *show, enum page_colour colour, const char *before,
		      const char *name, const struct value_node *value)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	fputs(before, out);
	if (name) {
		text_print(out, name, show->print.utf8);
		putc('=', out);
	}
	print_c(out, value, &show->print);
	if (fclose(out) == 0)
		page_put(&show->page, colour, text);
	free(text);
}

static void put_name(struct show *show, enum page_colour colour, const char *name)
{
	page_put_name(&show->page, colour, "", name ? name : "?", show->print.utf8);
}

static void put_place(struct show *show, const char *before, const char *name)
{
	page_put_name(&show->page, COLOUR_FAINT, before, name, show->print.utf8);
}

static unsigned indent_of(const struct show *show)
{
	return 2 * (show->level < LEVELS_INDENTED ? show->level : LEVELS_INDENTED);
}

void show_titles(struct show *show)
{
	if (show->verbose)
		return;
	page_putf(&show->page, COLOUR_FAINT, "%-*s%-15s %7s  %*s  %s", ID_WIDTH, "ID", "TIME",
		  "TID", show_span_width(show), "DURATION", "CALL");
	page_newline(&show->page);
}

static void put_columns(struct show *show, const struct call *call, uint64_t time_ns,
			bool has_duration)
{
	char id[32], time[SHOW_TIME_MAX], duration[SHOW_DURATION_MAX];

	snprintf(id, sizeof(id), "#%" PRIu64, call->id);
	page_putf(&show->page, COLOUR_FAINT, "%-*s%s %7d  ", ID_WIDTH, id,
		  show_time(show, time, time_ns), (int)call->tid);
	page_putf(&show->page, COLOUR_NONE, "%*s", show_span_width(show),
		  has_duration ? show_span(show, duration, call_duration(call)) : "");
	page_pad(&show->page, SPAN_COLUMN + (unsigned)show_span_width(show) + 2);
}

static void put_mark(struct show *show, char mark)
{
	page_pad(&show->page, show->page.column + indent_of(show));
	page_putf(&show->page, COLOUR_NONE, "%c ", mark);
	show->page.hang = show->page.column + 2;
}

/* Whether a call left the object it was given as it was: then it is an argument, not a result. */
static bool is_same_object(const struct value_node *before, const struct value_node *after)
{
	const struct schema *schema = before && after ? after->schema : NULL;
	bool is_decoded = schema && (schema->is_json || (schema->target && schema->target->view));

	return is_decoded && value_equal(before, after);
}

static void put_guess(struct show *show, const struct call *call)
{
	if (call->is_guess)
		page_put(&show->page, COLOUR_FAINT, " [caller not proved]");
}

/* What is shown again at the return is left to it. */
static void put_arguments(struct show *show, const struct call *call)
{
	const struct value_node *message = call->qmp ? qmp_text(call) : NULL;
	const char *separator = "";

	page_put(&show->page, COLOUR_NONE, "(");
	for (size_t i = 0; call->entry && i < call->entry->n; i++) {
		const char *name = call_capture_name(call->entry, i);

		const struct value_node *value = &call->entry->items[i],
					*after = call_capture(call->ret, name);

		if (after && !is_same_object(value, after))
			continue;
		page_put(&show->page, COLOUR_NONE, separator);
		if (value == message)
			show_qmp(show, call);
		else
			put_value(show, COLOUR_NONE, "", name, value);
		separator = ", ";
	}
	page_put(&show->page, COLOUR_NONE, ")");
	put_guess(show, call);
}

static void put_outcome(struct show *show, const struct call *call)
{
	const struct value_node *ret = call_capture(call->ret, "$ret");
	bool failed = call_failed(call);

	if (call->outcome != OUTCOME_RETURNED) {
		page_putf(&show->page, COLOUR_BAD, " = <%s>", call_outcome_name(call->outcome));
	} else if (ret) {
		put_value(show, failed ? COLOUR_BAD : COLOUR_NONE, " = ", NULL, ret);
	}
	if (failed && call->return_source)
		put_place(show, " at ", call->return_source);
}

/*
 * Behind the return value what else was captured at the return, where it fits; else on lines below.
 */
static void put_outputs(struct show *show, const struct call *call)
{
	struct page *page = &show->page;
	unsigned limit = page->width ? page->width : LINE_WIDTH, hang = page->hang;
	unsigned indent = page->width && hang > page->width / 2 ? page->width / 2 : hang;

	for (size_t i = 0; call->ret && i < call->ret->n; i++) {
		const char *name = call_capture_name(call->ret, i);
		const struct value_node *value = &call->ret->items[i],
					*old = call_capture(call->entry, name);
		if (!strcmp(name, "$ret") || is_same_object(old, value))
			continue;
		char *text = show_value_text(show, value);
		size_t columns = text ? page_columns(text, strlen(text)) + strlen(name) + 5 : 0;

		free(text);
		if (page->column + columns > limit) {
			page_newline(page);
			page_pad(page, indent);
			page->hang = indent + 2;
		} else {
			page_put(page, COLOUR_NONE, "  ");
		}
		if (old && !value_equal(old, value))
			page_put(page, COLOUR_CHANGED, "~ ");
		put_value(show, COLOUR_NONE, "", name, value);
	}
	page->hang = hang;
}

/* What it made that was delivered before it, and is there only if all is shown. */
static void put_parts(struct show *show, const struct call *call)
{
	if (call->parts && !show->is_whole)
		page_putf(&show->page, COLOUR_FAINT, "   made %" PRIu64 " calls more, not shown with it", call->parts);
}

static void show_leaf(struct show *show, const struct call *call)
{
	put_columns(show, call, call->entered_ns, call->outcome != OUTCOME_OPEN);
	put_mark(show, '=');
	put_name(show, COLOUR_NAME, call->probe->function);
	put_arguments(show, call);
	put_outcome(show, call);
	put_outputs(show, call);
	put_parts(show, call);
	page_newline(&show->page);
}

static void show_enter(struct show *show, const struct call *call)
{
	put_columns(show, call, call->entered_ns, false);
	put_mark(show, '>');
	put_name(show, COLOUR_NAME, call->probe->function);
	put_arguments(show, call);
	put_parts(show, call);
	page_newline(&show->page);
}

static void show_leave(struct show *show, const struct call *call)
{
	bool has_ended = call->outcome != OUTCOME_OPEN;

	put_columns(show, call, has_ended ? call->ended_ns : call->entered_ns, has_ended);
	put_mark(show, '<');
	put_name(show, COLOUR_NAME, call->probe->function);
	put_outcome(show, call);
	put_outputs(show, call);
	page_newline(&show->page);
}

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "?";
}

static void verbose_enter(struct show *show, const struct call *call)
{
	char time[SHOW_TIME_MAX];
	struct page *page = &show->page;

	put_mark(show, '>');
	page_putf(page, COLOUR_NONE, "#%" PRIu64 " ", call->id);
	put_name(show, COLOUR_NAME, call->probe->function);
	page_putf(page, COLOUR_FAINT, "  %s  thread %d ", show_time(show, time, call->entered_ns),
		  (int)call->tid);
	put_name(show, COLOUR_FAINT, call->thread);
	if (call->probe->source)
		put_place(show, "  ", call->probe->source);
	put_place(show, "  ", last_part(call->probe->module));
	put_guess(show, call);
	put_parts(show, call);
	page_newline(page);
	if (call->entry)
		show_fields(show, call->entry, NULL, call->qmp ? qmp_text(call) : NULL,
			    indent_of(show) + VERBOSE_INDENT);
	if (call->qmp)
		show_qmp_whole(show, call, indent_of(show) + VERBOSE_INDENT);
	show_backtrace(show, call, indent_of(show) + VERBOSE_INDENT);
}

static void verbose_leave(struct show *show, const struct call *call)
{
	const struct value_node *ret = call_capture(call->ret, "$ret");
	bool is_short = ret && !print_c_members(ret);
	char duration[SHOW_DURATION_MAX];
	struct page *page = &show->page;

	put_mark(show, '<');
	page_putf(page, COLOUR_NONE, "#%" PRIu64 " ", call->id);
	put_name(show, COLOUR_NAME, call->probe->function);
	if (call->outcome != OUTCOME_RETURNED) {
		page_putf(page, COLOUR_BAD, " = <%s>", call_outcome_name(call->outcome));
	} else if (is_short) {
		put_value(show, call_failed(call) ? COLOUR_BAD : COLOUR_NONE, " = ", NULL, ret);
	}
	if (call->outcome != OUTCOME_OPEN)
		page_putf(page, COLOUR_FAINT, "  %s", show_span(show, duration, call_duration(call)));
	if (call->return_source)
		put_place(show, "  at ", call->return_source);
	page_newline(page);
	if (call->ret)
		show_fields(show, call->ret, call->entry, is_short ? ret : NULL,
			    indent_of(show) + VERBOSE_INDENT);
}

static void begin(struct show *show, const struct call *call)
{
	if (show->verbose)
		verbose_enter(show, call);
	else
		show_enter(show, call);
	show->level++;
}

static bool enter(void *ctx, const struct call *call)
{
	struct show *show = ctx;

	if (show->is_whole && call->is_split) {
		show->level++; /* it was begun with the first of its parts */
	} else if (!show->verbose && !call->first) {
		show_leaf(show, call);
		return false;
	} else {
		begin(show, call);
	}
	return true;
}

static void leave(void *ctx, const struct call *call)
{
	struct show *show = ctx;

	show->level--;
	if (show->verbose)
		verbose_leave(show, call);
	else
		show_leave(show, call);
}

/* A line between calls of different days, which their times do not tell. */
static void show_day(struct show *show, const struct call *call)
{
	time_t seconds = (time_t)((call->entered_ns + show->wall_offset_ns) / 1000000000);
	struct tm tm = { 0 };
	char text[64];

	localtime_r(&seconds, &tm);
	if (show->has_day && tm.tm_yday != show->day) {
		strftime(text, sizeof(text), "# %Y-%m-%d", &tm);
		page_put(&show->page, COLOUR_NONE, text);
		page_newline(&show->page);
	}
	show->has_day = true;
	show->day = tm.tm_yday;
}

static const struct call *caller(const struct call *call, unsigned levels)
{
	while (levels--)
		call = call->up;
	return call;
}

/* The calls that a part was made within, as far as they are not there yet. */
static void show_callers(struct show *show, const struct call *part)
{
	unsigned n_opened = show->is_whole ? part->n_opened : 0;

	show->level = 0;
	for (const struct call *up = caller(part, n_opened)->up; up; up = up->up)
		show->level++;
	for (unsigned i = n_opened; i; i--)
		begin(show, caller(part, i));
}

void show_tree(struct show *show, const struct call *root)
{
	show_day(show, root);
	show->level = 0;
	if (root->is_part)
		show_callers(show, root);
	call_walk(root, &(struct call_visitor){ enter, leave }, show);
	if (show->verbose)
		page_newline(&show->page);
}

unsigned show_alone(struct show *show, const struct call *call)
{
	show_day(show, call);
	show->level = 0;
	if (!show->verbose) {
		show_leaf(show, call);
		return SPAN_COLUMN + (unsigned)show_span_width(show) + 4;
	}
	verbose_enter(show, call);
	verbose_leave(show, call);
	return VERBOSE_INDENT;
}
