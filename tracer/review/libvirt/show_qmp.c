/**
 * QMP messages in a report: one line for request and reply, or both of them whole.
 *
 * A message is laid out by its brackets and commas alone, without being parsed: every character of it is shown as it
 * was, numbers of any size and texts that were cut as well.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/array.h"
#include "tracer/review/calls.h"
#include "tracer/review/figure.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/review/show.h"

enum { LEVELS_INDENTED = 20 };

static void put_name(struct show *show, const char *before, const char *name)
{
	page_put_name(&show->page, COLOUR_NAME, before, name, show->print.utf8);
}

static void put_size(struct show *show, const char *before, const struct qmp_message *message)
{
	char size[FIGURE_MAX];

	page_putf(&show->page, COLOUR_NONE, "%s%s%s%s", before, figure(size, message->len, FIGURE_BYTES, show->exact),
		  show->exact ? " bytes" : "", message->is_cut ? " (cut)" : "");
}

static void put_sent(struct show *show, const struct qmp_exchange *qmp)
{
	char duration[SHOW_DURATION_MAX];

	put_name(show, "QMP ", qmp->name);
	if (!qmp->reply.text) {
		page_put(&show->page, COLOUR_NONE, " -> no reply in the trace");
		return;
	}
	if (qmp->is_error)
		page_put(&show->page, COLOUR_BAD, " -> error");
	put_size(show, qmp->is_error ? ", " : " -> ", &qmp->reply);
	page_putf(&show->page, COLOUR_NONE, ", %s",
		  show_span(show, duration, qmp->reply.time_ns - qmp->request.time_ns));
}

static void put_received(struct show *show, const struct qmp_exchange *qmp)
{
	if (qmp->is_event) {
		put_name(show, "QMP event ", qmp->name);
	} else if (qmp->request.call) {
		put_name(show, "QMP reply to ", qmp->name);
		page_putf(&show->page, COLOUR_NONE, " of #%" PRIu64, qmp->request.call);
	} else {
		put_name(show, qmp->is_unclear ? "QMP reply, it cannot be told to which request" : "QMP reply to a request that is not in the trace",
			 qmp->id[0] ? ": " : "");
		put_name(show, "", qmp->id);
	}
	put_size(show, ", ", &qmp->reply);
}

void show_qmp(struct show *show, const struct call *call)
{
	if (qmp_is_sender(call->qmp, call))
		put_sent(show, call->qmp);
	else
		put_received(show, call->qmp);
}

/* Whole messages. */

/* A line of a message, as far as it has come. */
struct layout {
	struct show *show;
	ARRAY(char) line;
	unsigned indent, level;
};

static void put(struct layout *layout, char c)
{
	char *slot = array_push(&layout->line);

	if (slot)
		*slot = c;
}

static void end_line(struct layout *layout)
{
	struct page *page = &layout->show->page;

	if (!layout->line.n)
		return;
	put(layout, '\0');
	page_pad(page, layout->indent + 2 * (layout->level < LEVELS_INDENTED ? layout->level : LEVELS_INDENTED));
	page->hang = page->column + 4;
	page_put_name(page, COLOUR_NONE, "", layout->line.items, layout->show->print.utf8);
	page_newline(page);
	layout->line.n = 0;
}

/* A string with its quotes; what follows it. */
static const char *put_string(struct layout *layout, const char *s, const char *end)
{
	const char *p = s + 1;

	while (p < end && *p != '"')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	p += p < end;
	while (s < p)
		put(layout, *s++);
	return p;
}

static const char *skip_space(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n'))
		s++;
	return s;
}

static const char *put_bracket(struct layout *layout, const char *s, const char *end)
{
	const char *next = skip_space(s + 1, end);

	if (*s == '}' || *s == ']') {
		end_line(layout);
		layout->level -= layout->level > 0;
		put(layout, *s);
		return s + 1;
	}
	put(layout, *s);
	if (next < end && (*next == '}' || *next == ']')) {
		put(layout, *next);
		return next + 1;
	}
	end_line(layout);
	layout->level++;
	return next;
}

static void lay_out(struct layout *layout, const char *s, const char *end)
{
	while ((s = skip_space(s, end)) < end) {
		if (*s == '"') {
			s = put_string(layout, s, end);
		} else if (strchr("{}[]", *s)) {
			s = put_bracket(layout, s, end);
		} else {
			put(layout, *s);
			if (*s == ',')
				end_line(layout);
			else if (*s == ':')
				put(layout, ' ');
			s++;
		}
	}
	end_line(layout);
}

static void show_message(struct show *show, const char *what, const struct qmp_message *message, unsigned indent)
{
	struct layout layout = { .show = show, .indent = indent + 2 };

	page_pad(&show->page, indent);
	page_put(&show->page, COLOUR_FAINT, what);
	page_newline(&show->page);
	lay_out(&layout, message->text, message->text + message->len);
	array_free(&layout.line);
	if (message->is_cut) {
		page_pad(&show->page, indent + 2);
		page_put(&show->page, COLOUR_BAD, "... cut by the recording's limit of texts");
		page_newline(&show->page);
	}
}

void show_qmp_whole(struct show *show, const struct call *call, unsigned indent)
{
	const struct qmp_exchange *qmp = call->qmp;
	bool is_sender = qmp_is_sender(qmp, call);

	page_pad(&show->page, indent);
	show_qmp(show, call);
	if (is_sender && qmp->id[0])
		put_name(show, ", id ", qmp->id);
	if (is_sender && qmp->reply.text)
		page_putf(&show->page, COLOUR_NONE, ", received by thread %d in #%" PRIu64, (int)qmp->reply.tid,
			  qmp->reply.call);
	page_newline(&show->page);
	if (is_sender)
		show_message(show, "request", &qmp->request, indent);
	if (qmp->reply.text && (is_sender || !qmp->request.text))
		show_message(show, qmp->is_event ? "event" : "reply", &qmp->reply, indent);
}
