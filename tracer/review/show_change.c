/**
 * What a call has changed: the members that differ, a line each.
 *
 *	~ (*retstats)->rd_bytes: 81920 -> 106496   since #381, "vda"
 */
#include <inttypes.h>
#include <stdlib.h>

#include "tracer/review/calls.h"
#include "tracer/review/changes.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/review/value_diff.h"
#include "tracer/trace/value.h"

enum { LINES_MAX = 20, TEXT_COLUMNS = 60 };

struct lines {
	struct show *show;
	const struct change *change;
	unsigned indent, n;
};

static void put_line(struct lines *lines, const char *path, const char *before, const char *after)
{
	struct page *page = &lines->show->page;

	page_pad(page, lines->indent);
	page->hang = lines->indent + 4;
	page_put(page, COLOUR_CHANGED, "~ ");
	page_put_name(page, COLOUR_NONE, "", path, lines->show->print.utf8);
	page_put(page, COLOUR_NONE, ": ");
	page_put_cut(page, COLOUR_NONE, before, TEXT_COLUMNS);
	page_put(page, COLOUR_NONE, " -> ");
	page_put_cut(page, COLOUR_CHANGED, after, TEXT_COLUMNS);
	if (!lines->n) {
		page_putf(page, COLOUR_FAINT, "   since #%" PRIu64, lines->change->before_id);
		if (lines->change->key) {
			page_put(page, COLOUR_FAINT, ", ");
			page_put_cut(page, COLOUR_FAINT, lines->change->key, TEXT_COLUMNS);
		}
	}
	page_newline(page);
	lines->n++;
}

/* value_diff_fn */
static bool put_difference(void *ctx, const char *path, const struct value_node *old,
			   const struct value_node *new)
{
	struct lines *lines = ctx;
	char *before = old ? show_value_text(lines->show, old) : NULL;
	char *after = new ? show_value_text(lines->show, new) : NULL;

	if (lines->n < LINES_MAX)
		put_line(lines, path, old && before ? before : "<none>",
			 new && after ? after : "<none>");
	else
		lines->n++;
	free(before);
	free(after);
	return true;
}

void show_change(struct show *show, const struct call *call, const char *expr,
		 const struct change *change)
{
	struct lines lines = { show, change, show_alone(show, call), 0 };

	if (change->old && change->new)
		value_diff(expr, change->old, change->new, put_difference, &lines);
	if (!lines.n) /* computed, or an address */
		put_line(&lines, expr, change->before, change->after);
	if (lines.n > LINES_MAX) {
		page_pad(&show->page, lines.indent);
		page_putf(&show->page, COLOUR_NONE, "  and %u more", lines.n - LINES_MAX);
		page_newline(&show->page);
	}
	if (show->verbose)
		page_newline(&show->page);
}

void show_plain_change(struct show *show, const struct call *call, const char *expr,
		       const struct change *change)
{
	FILE *out = show->page.out;

	show_plain_alone(show, call);
	fprintf(out, "#%" PRIu64 " previous = %" PRIu64 "\n#%" PRIu64 " was ", call->id,
		change->before_id, call->id);
	text_print(out, expr, false);
	fprintf(out, " = %s\n#%" PRIu64 " is ", change->before, call->id);
	text_print(out, expr, false);
	fprintf(out, " = %s\n", change->after);
}
