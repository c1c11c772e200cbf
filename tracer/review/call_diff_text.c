#include "tracer/review/call_diff_text.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tracer/review/call_diff.h"
#include "tracer/review/calls.h"
#include "tracer/review/figure.h"
#include "tracer/review/show.h"
#include "tracer/trace/reader.h"

enum { VALUE_COLUMNS = 60, LEVELS_INDENTED = 30, CHANGE_WIDTH = 7 };

static unsigned call_column(const struct show *show)
{
	return 2 * (unsigned)show_span_width(show) + sizeof(" -> ") + CHANGE_WIDTH + 2;
}

static void begin_line(struct show *show, unsigned level)
{
	page_pad(&show->page,
		 call_column(show) + 2 * (level < LEVELS_INDENTED ? level : LEVELS_INDENTED));
}

static void put_name(struct show *show, enum page_colour colour, const struct call *call)
{
	page_put_name(&show->page, colour, "", call->probe->function, show->print.utf8);
}

static void put_span(struct show *show, const struct call *call)
{
	char buf[SHOW_DURATION_MAX];

	page_putf(&show->page, COLOUR_NONE, "%*s", show_span_width(show),
		  call->outcome == OUTCOME_OPEN ? "open"
						: show_span(show, buf, call_duration(call)));
}

static void on_pair(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	struct show *show = ctx;
	char change[FIGURE_MAX];

	put_span(show, a);
	page_put(&show->page, COLOUR_FAINT, " -> ");
	put_span(show, b);
	figure_change(change, call_duration(a), call_duration(b));
	page_putf(&show->page, COLOUR_NONE, " %*s", CHANGE_WIDTH,
		  a->outcome == OUTCOME_OPEN || b->outcome == OUTCOME_OPEN ? "" : change);
	begin_line(show, level);
	put_name(show, COLOUR_NAME, a);
	page_putf(&show->page, COLOUR_FAINT, "   #%" PRIu64 " #%" PRIu64, a->id, b->id);
	page_newline(&show->page);
}

static void on_only(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	struct show *show = ctx;
	const struct call *call = a ? a : b;
	uint64_t n = call_count(call) - 1;

	begin_line(show, level);
	page_put(&show->page, COLOUR_BAD, a ? "- " : "+ ");
	put_name(show, COLOUR_BAD, call);
	page_putf(&show->page, COLOUR_FAINT, "   #%" PRIu64, call->id);
	if (n)
		page_putf(&show->page, COLOUR_FAINT, " and the %" PRIu64 " calls it made", n);
	page_newline(&show->page);
}

static void put_value(struct show *show, enum page_colour colour, const struct value_node *value)
{
	char *text = value ? show_value_text(show, value) : NULL;

	page_put_cut(&show->page, colour, text ? text : "<none>", VALUE_COLUMNS);
	free(text);
}

void call_value_text(struct show *show, const struct call_value *value)
{
	page_put_name(&show->page, COLOUR_NONE, "", value->path, show->print.utf8);
	page_put(&show->page, COLOUR_NONE, value->is_entry ? " at entry: " : ": ");
	put_value(show, COLOUR_NONE, value->a);
	page_put(&show->page, COLOUR_NONE, " -> ");
	put_value(show, COLOUR_CHANGED, value->b);
}

static void on_value(void *ctx, const struct call_value *value, unsigned level)
{
	struct show *show = ctx;

	begin_line(show, level);
	page_put(&show->page, COLOUR_CHANGED, "~ ");
	call_value_text(show, value);
	page_newline(&show->page);
}

static void put_end(struct show *show, const struct call *call)
{
	page_put(&show->page, COLOUR_NONE, call_outcome_name(call->outcome));
	if (call->return_source)
		page_put_name(&show->page, COLOUR_NONE, " at ", call->return_source,
			      show->print.utf8);
}

static void on_end(void *ctx, const struct call *a, const struct call *b, unsigned level)
{
	struct show *show = ctx;

	begin_line(show, level);
	page_put(&show->page, COLOUR_CHANGED, "~ ");
	put_end(show, a);
	page_put(&show->page, COLOUR_NONE, " -> ");
	put_end(show, b);
	page_newline(&show->page);
}

static void put_head(struct show *show, const char *mark, const struct call_diff_side *side)
{
	char time[SHOW_TIME_MAX];

	show->wall_offset_ns = side->wall_offset_ns;
	page_putf(&show->page, COLOUR_NONE, "%s #%" PRIu64 " ", mark, side->call->id);
	put_name(show, COLOUR_NAME, side->call);
	page_putf(&show->page, COLOUR_NONE, "  %s", show_time(show, time, side->call->entered_ns));
	page_put_name(&show->page, COLOUR_NONE, "  ", side->trace, show->print.utf8);
	page_newline(&show->page);
}

bool call_diff_text(struct show *show, const struct call_diff_side *a,
		    const struct call_diff_side *b)
{
	static const struct call_diff_visitor visitor = { on_pair, on_only, on_value, on_end };
	unsigned width = show->page.width;

	show->page.width = 0; /* rows are never broken */
	put_head(show, "---", a);
	put_head(show, "+++", b);
	bool differs = call_diff(a->call, b->call, &visitor, show);

	if (!differs) {
		page_put(&show->page, COLOUR_NONE, "# they differ in nothing but time");
		page_newline(&show->page);
	}
	show->page.width = width;
	return differs;
}
