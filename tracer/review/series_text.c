#include "tracer/review/series_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/series.h"
#include "tracer/review/show.h"

enum {
	KEY_COLUMNS = 60, /* of the text of a key */
	KEY_ROOM = 16,    /* for most of them */
	N_WIDTH = 8,
	CELL_WIDTH = 8,
	N_CELLS = 7,
	SPARK_BYTES = SERIES_SLOTS * 4 + 1,
};

static const char *const ascii_levels[] = { ".", ":", "-", "=", "+", "*", "#", "@" };
static const char *const utf8_levels[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

enum { N_LEVELS = sizeof(ascii_levels) / sizeof(*ascii_levels) };

static long double slot_height(const struct series_slot *slot)
{
	return slot->sum / (long double)slot->n;
}

static void find_range(const struct series *series, unsigned n, long double *low, long double *high)
{
	bool has_any = false;

	*low = *high = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!series->slots[i].n)
			continue;
		long double height = slot_height(&series->slots[i]);

		*low = has_any && *low < height ? *low : height;
		*high = has_any && *high > height ? *high : height;
		has_any = true;
	}
}

void series_spark(char *buf, size_t size, const struct series *series, unsigned n, bool utf8)
{
	const char *const *levels = utf8 ? utf8_levels : ascii_levels;
	long double low, high;
	size_t len = 0;

	find_range(series, n, &low, &high);
	*buf = '\0';
	for (unsigned i = 0; i < n && i < SERIES_SLOTS && len + 4 < size; i++) {
		const struct series_slot *slot = &series->slots[i];
		long double part = slot->n && high > low
					   ? (slot_height(slot) - low) / (high - low)
					   : 0;
		size_t level = part >= 0 && part < 1 ? (size_t)(part * N_LEVELS) : N_LEVELS - 1;

		len += (size_t)snprintf(buf + len, size - len, "%s",
					slot->n ? levels[level] : " ");
	}
}

static const char *const titles[N_CELLS] = { "MIN", "AVG", "P50", "P99", "MAX", "LAST", "PER_SEC" };

/* In the order of the titles. */
static const char *cell(char buf[static FIGURE_MAX], const struct series *series, unsigned i,
		 const struct series_text *text, bool exact)
{
	uint64_t ns = series->last_ns - series->first_ns;
	const long double cells[N_CELLS] = {
		series->min,
		series->avg,
		series_percentile(series, 50),
		series_percentile(series, 99),
		series->max,
		series->last,
		/* by how much it grew in a second, between the first and the last call */
		ns ? (series->last - series->first) * 1e9L / (long double)ns : 0,
	};

	/* How long a call takes does not grow. */
	if (i == N_CELLS - 1 && (!ns || !strcmp(text->expr, "$duration")))
		strcpy(buf, "-");
	else
		figure(buf, cells[i], text->unit, exact);
	return buf;
}

struct layout {
	int width;        /* of a cell: of the widest */
	bool has_2_lines; /* the course has a line of its own, below the numbers */
};

static void begin_course(struct page *page, const struct layout *layout)
{
	if (!layout->has_2_lines) {
		page_put(page, COLOUR_NONE, "  ");
		return;
	}
	page_newline(page);
	page_pad(page, N_WIDTH + 1);
}

static void put_row(struct show *show, const struct series *series, const struct series_text *text,
		    unsigned slots, const struct layout *layout)
{
	struct page *page = &show->page;
	char spark[SPARK_BYTES], buf[FIGURE_MAX];

	page_putf(page, COLOUR_NONE, "%*" PRIu64, N_WIDTH, series->n);
	for (unsigned i = 0; i < N_CELLS; i++)
		page_putf(page, COLOUR_NONE, " %*s", layout->width,
			  cell(buf, series, i, text, show->exact));
	begin_course(page, layout);
	unsigned end = page->column + SERIES_SLOTS;

	series_spark(spark, sizeof(spark), series, slots, show->print.utf8 && !show->exact);
	page_put(page, COLOUR_CHANGED, spark);
	if (text->by) {
		page_pad(page, end + 2);
		page_put_cut(page, COLOUR_NAME, series->key ? series->key : "(none)", KEY_COLUMNS);
	}
	page_newline(page);
}

static void put_titles(struct show *show, const struct series_text *text,
		       const struct layout *layout)
{
	struct page *page = &show->page;

	page_putf(page, COLOUR_FAINT, "%*s", N_WIDTH, "N");
	for (unsigned i = 0; i < N_CELLS; i++)
		page_putf(page, COLOUR_FAINT, " %*s", layout->width, titles[i]);
	begin_course(page, layout);
	page_putf(page, COLOUR_FAINT, "%-*s", text->by ? SERIES_SLOTS : 0, "OVER_TIME");
	if (text->by)
		page_put_name(page, COLOUR_FAINT, "  ", text->by, show->print.utf8);
	page_newline(page);
}

static int cell_width(const struct show *show, const struct series *const *series, size_t n,
		      const struct series_text *text)
{
	size_t width = CELL_WIDTH;
	char buf[FIGURE_MAX];

	for (size_t i = 0; i < n; i++) {
		for (unsigned k = 0; k < N_CELLS; k++) {
			size_t len = strlen(cell(buf, series[i], k, text, show->exact));

			width = len > width ? len : width;
		}
	}
	return (int)width;
}

static void put_gaps(struct show *show, const struct series_list *list)
{
	const uint64_t *gaps = series_gaps(list);
	struct page *page = &show->page;
	const char *separator = "# without a number: ";

	for (int i = 0; i < GAP_COUNT; i++) {
		if (!gaps[i])
			continue;
		page_putf(page, COLOUR_BAD, "%s%" PRIu64 " %s", separator, gaps[i],
			  series_gap_name((enum series_gap)i));
		separator = ", ";
	}
	if (*separator == ',')
		page_newline(page);
	if (series_is_thinned(list)) {
		page_put(page, COLOUR_BAD,
			 "# too many numbers to keep: percentiles and histograms are of a part");
		page_newline(page);
	}
}

/* Those with the most numbers first. */
static int by_size(const void *a, const void *b)
{
	const struct series *x = *(const struct series *const *)a,
			    *y = *(const struct series *const *)b;

	return x->n != y->n ? (x->n > y->n ? -1 : 1) : (x > y) - (x < y);
}

/* `width`: columns of the page; 0: any */
static void put_series(struct show *show, const struct series *const *sorted, size_t n,
		       unsigned slots, const struct series_text *text, unsigned width)
{
	struct page *page = &show->page;
	struct layout layout = { .width = cell_width(show, sorted, n, text) };
	unsigned columns = N_WIDTH + N_CELLS * ((unsigned)layout.width + 1) + SERIES_SLOTS + 2;

	layout.has_2_lines = width && columns + (text->by ? KEY_ROOM : 0) > width;
	put_titles(show, text, &layout);
	for (size_t i = 0; i < n; i++)
		put_row(show, sorted[i], text, slots, &layout);
	for (size_t i = 0; i < n && text->has_histograms; i++) {
		page_newline(page);
		if (text->by) {
			page_put_name(page, COLOUR_NONE, "", text->by, show->print.utf8);
			page_put(page, COLOUR_NONE, " = ");
			page_put_cut(page, COLOUR_NAME, sorted[i]->key ? sorted[i]->key : "(none)",
				     KEY_COLUMNS);
			page_newline(page);
		}
		series_histogram(show, sorted[i], text->unit);
	}
}

void series_text(struct show *show, struct series_list *list, const struct series_text *text)
{
	const struct series *series;
	size_t n = series_finish(list, &series);
	const struct series **sorted = calloc(n + 1, sizeof(*sorted));
	unsigned width = show->page.width;

	put_gaps(show, list);
	show->page.width = 0; /* rows are never broken */
	for (size_t i = 0; sorted && i < n; i++)
		sorted[i] = &series[i];
	if (sorted && n) {
		qsort(sorted, n, sizeof(*sorted), by_size);
		put_series(show, sorted, n, series_slots(list), text, width);
	}
	show->page.width = width;
	free(sorted);
}
