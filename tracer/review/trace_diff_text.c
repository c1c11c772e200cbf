#include "tracer/review/trace_diff_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/shell.h"
#include "tracer/review/figure.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/review/trace_diff.h"
#include "tracer/review/type_diff.h"
#include "tracer/trace/reader.h"

enum { VALUE_COLUMNS = 60, TYPE_LINES_MAX = 200, CHANGE_WIDTH = 7 };

/* The lines on types. */
struct types {
	struct show *show;
	uint64_t n;
	char last[256]; /* the line before: structs are in many captures */
};

static void put_name(struct show *show, enum page_colour colour, const char *before,
		     const char *name)
{
	page_put_name(&show->page, colour, before, name, show->print.utf8);
}

static void title(struct show *show, const char *text)
{
	page_newline(&show->page);
	page_put(&show->page, COLOUR_FAINT, text);
	page_newline(&show->page);
}

/* What to type for more: names of traces are whatever directories are called. */
static void put_command(struct show *show, const char *const names[2], const uint64_t ids[2])
{
	page_put(&show->page, COLOUR_NONE, "#   virtrace diff");
	for (int side = 0; side < 2; side++) {
		char *word = shell_quote(names[side]);

		page_putf(&show->page, COLOUR_NONE, " %s '#%" PRIu64 "'", word ? word : "TRACE", ids[side]);
		free(word);
	}
}

/* type_diff_fn */
static void put_type(void *ctx, const char *type, const char *name, const char *a, const char *b)
{
	struct types *types = ctx;
	struct show *show = types->show;
	char line[sizeof(types->last)];

	snprintf(line, sizeof(line), "%s %s %s %s", type, name, a ? a : "", b ? b : "");
	if (!strcmp(line, types->last))
		return;
	memcpy(types->last, line, sizeof(line));
	if (!types->n++)
		title(show, "TYPES");
	if (types->n > TYPE_LINES_MAX)
		return;
	page_put(&show->page, a && b ? COLOUR_CHANGED : COLOUR_BAD,
		 a && b ? "  ~ " : a ? "  - " : "  + ");
	put_name(show, COLOUR_NONE, "", type);
	put_name(show, COLOUR_NONE, ": ", name);
	put_name(show, COLOUR_NONE, "   ", a ? a : b);
	if (a && b)
		put_name(show, COLOUR_NONE, " -> ", b);
	page_newline(&show->page);
}

static const struct trace_probe *find_probe(const struct trace_diff_text *text, int side,
					    const char *function)
{
	for (size_t i = 0; i < text->n_probes[side]; i++)
		if (!strcmp(text->probes[side][i]->function, function))
			return text->probes[side][i];
	return NULL;
}

static bool put_types(struct show *show, const struct trace_diff_text *text)
{
	struct types types = { .show = show };

	for (size_t i = 0; i < text->n_probes[0]; i++) {
		const struct trace_probe *a = text->probes[0][i];
		const struct trace_probe *b = find_probe(text, 1, a->function);

		if (b)
			type_diff(a, b, put_type, &types);
	}
	if (types.n > TYPE_LINES_MAX) {
		page_putf(&show->page, COLOUR_NONE, "  and %" PRIu64 " more",
			  types.n - TYPE_LINES_MAX);
		page_newline(&show->page);
	}
	return types.n;
}

static void put_average(struct show *show, const struct function_diff *f, int side)
{
	uint64_t whole_ns = f->ended[side] ? f->total_ns[side] / f->ended[side] : 0;
	char buf[FIGURE_MAX] = "-";

	if (f->ended[side])
		figure(buf, whole_ns, FIGURE_NS, show->exact);
	page_putf(&show->page, COLOUR_NONE, "%*s", show_span_width(show), buf);
}

static void put_function(struct show *show, const struct function_diff *f)
{
	char change[FIGURE_MAX] = "";
	const char *mark = !f->calls[0] ? "+ " : !f->calls[1] ? "- " : "  ";

	if (f->ended[0] && f->ended[1])
		figure_change(change, (long double)f->total_ns[0] / (long double)f->ended[0],
			      (long double)f->total_ns[1] / (long double)f->ended[1]);
	page_putf(&show->page, COLOUR_NONE, "%8" PRIu64 " -> %8" PRIu64 "  ", f->calls[0],
		  f->calls[1]);
	put_average(show, f, 0);
	page_put(&show->page, COLOUR_NONE, " -> ");
	put_average(show, f, 1);
	page_putf(&show->page, COLOUR_NONE, " %*s  ", CHANGE_WIDTH, change);
	put_name(show, f->calls[0] && f->calls[1] ? COLOUR_NAME : COLOUR_BAD, mark, f->function);
	page_newline(&show->page);
}

static void put_functions(struct show *show, const struct trace_diff_result *result)
{
	char average[16];

	if (!result->n_functions)
		return;
	page_newline(&show->page);
	snprintf(average, sizeof(average), "AVG%s", figure_suffix(FIGURE_NS, show->exact));
	page_putf(&show->page, COLOUR_FAINT, "%20s  %*s %*s    FUNCTION", "CALLS",
		  2 * show_span_width(show) + 4, average, CHANGE_WIDTH, "CHANGE");
	page_newline(&show->page);
	for (size_t i = 0; i < result->n_functions; i++)
		put_function(show, &result->functions[i]);
}

static void put_value(struct show *show, const struct value_diff_sum *value)
{
	struct page *page = &show->page;

	page_putf(page, COLOUR_NONE, "%8" PRIu64 "  ", value->pairs);
	put_name(show, COLOUR_NAME, "", value->function);
	put_name(show, COLOUR_NONE, " ", value->path);
	page_put(page, COLOUR_NONE, value->is_entry ? " at entry: " : ": ");
	page_put_cut(page, COLOUR_NONE, value->text[0] ? value->text[0] : "<none>", VALUE_COLUMNS);
	page_put(page, COLOUR_NONE, " -> ");
	page_put_cut(page, COLOUR_CHANGED, value->text[1] ? value->text[1] : "<none>",
		     VALUE_COLUMNS);
	page_putf(page, COLOUR_FAINT, "   first #%" PRIu64 " #%" PRIu64, value->id[0],
		  value->id[1]);
	page_newline(page);
}

static void put_values(struct show *show, const struct trace_diff_result *result)
{
	if (!result->n_values)
		return;
	title(show, "   CALLS  VALUE");
	for (size_t i = 0; i < result->n_values; i++)
		put_value(show, &result->values[i]);
	if (result->more_values) {
		page_putf(&show->page, COLOUR_BAD,
			  "# %" PRIu64 " differences at more than %d places are not shown",
			  result->more_values, TRACE_DIFF_VALUES);
		page_newline(&show->page);
	}
}

static void put_which(struct show *show, const struct first_diff *first, const char *by)
{
	put_name(show, COLOUR_NONE, " ", first->function);
	if (first->key) {
		put_name(show, COLOUR_NONE, " ", by);
		page_put(&show->page, COLOUR_NONE, "=");
		page_put_cut(&show->page, COLOUR_NONE, first->key, VALUE_COLUMNS);
	}
	page_newline(&show->page);
}

/* In words what was compared, and where to look first. */
static void put_summary(struct show *show, const struct trace_diff_text *text,
			const struct trace_diff_result *result)
{
	const struct first_diff *differing = &result->differing;
	struct page *page = &show->page;

	page_newline(page);
	page_putf(page, COLOUR_NONE, "# %" PRIu64 " pairs of calls compared, %" PRIu64 " differ",
		  result->pairs, differing->n);
	if (differing->n) {
		page_putf(page, COLOUR_NONE, ", the first: #%" PRIu64 " #%" PRIu64, differing->id[0],
			  differing->id[1]);
		put_which(show, differing, text->by);
		put_command(show, text->name, differing->id);
	}
	page_newline(page);
	for (int side = 0; side < 2; side++) {
		if (!result->only[side].n)
			continue;
		put_name(show, COLOUR_BAD, "# only in ", text->name[side]);
		page_putf(page, COLOUR_BAD, ": %" PRIu64 " calls, the first: #%" PRIu64,
			  result->only[side].n, result->only[side].id[side]);
		put_which(show, &result->only[side], text->by);
	}
	if (!result->uncompared)
		return;
	page_putf(page, COLOUR_BAD,
		  "# not compared: %" PRIu64 " calls: too many waited for their counterparts, or were made by one",
		  result->uncompared);
	page_newline(page);
}

bool trace_diff_text(struct show *show, const struct trace_diff_text *text,
		     const struct trace_diff_result *result)
{
	unsigned width = show->page.width;

	show->page.width = 0; /* rows are never broken */
	bool types_differ = put_types(show, text);

	put_functions(show, result);
	put_values(show, result);
	put_summary(show, text, result);
	show->page.width = width;
	return types_differ || result->differing.n || result->only[0].n || result->only[1].n ||
	       result->uncompared;
}
