/**
 * Histograms of series
 *
 * Where the greatest number is more than 16 times the least, ranges are powers of two: 0 to 1, 1 to 2,
 * 2 to 4, ..., and the same below zero; each has its end towards zero. Else they are at most 16 steps
 * of the same size; each has its lower end.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/series.h"
#include "tracer/review/series_text.h"
#include "tracer/review/show.h"

enum { BAR_WIDTH = 40, STEPS = 15, ROWS_MAX = 300 };

/* The scale: where range `i` begins, and in which a number is. */
struct scale {
	long double step; /* 0: powers of two */
	bool has_negative;
};

static bool are_whole(const struct series *series)
{
	for (size_t i = 0; i < series->n_kept; i++)
		if (series->kept[i] != floorl(series->kept[i]))
			return false;
	return true;
}

/* 1, 2 or 5 times a power of ten, so that there are few enough steps, and no smaller than `least`. */
static long double nice_step(long double least)
{
	static const long double factors[] = { 1, 2, 5, 10 };
	long double power = powl(10, floorl(log10l(least)));
	size_t i = 0;

	while (i < 3 && factors[i] * power < least)
		i++;
	return factors[i] * power;
}

static struct scale scale_of(const struct series *series)
{
	long double low = series->kept[0], high = series->kept[series->n_kept - 1];
	bool is_far = low < 1 ? high > 16 || low < -16 : high > 16 * low;

	if (is_far || !isfinite(low) || !isfinite(high))
		return (struct scale){ 0, low < 0 };
	long double step = high > low ? (high - low) / STEPS : 1;

	return (struct scale){ nice_step(step < 1 && are_whole(series) ? 1 : step), low < 0 };
}

static long double row_of(const struct scale *scale, long double value)
{
	int exponent;

	if (scale->step) {
		long double row = floorl(value / scale->step);

		/* as the edges are rounded */
		return row + ((row + 1) * scale->step <= value) - (row * scale->step > value);
	}
	if (fabsl(value) < 1)
		return 0;
	if (!isfinite(value))
		return value > 0 ? ROWS_MAX : -ROWS_MAX;
	frexpl(value, &exponent);
	exponent = exponent < ROWS_MAX ? exponent : ROWS_MAX - 1;
	/* [2^(e-1), 2^e) is row e; (-2^e, -2^(e-1)] is row -e */
	return value > 0 ? exponent : -exponent;
}

/* Where range `row` of powers ends towards zero, or `far` from it. */
static long double power_edge(long double row, bool far)
{
	long double edge = ldexpl(1, (int)fabsl(row) - !far);

	return row < 0 ? -edge : edge;
}

static void put_edge(struct show *show, long double edge, enum figure_unit unit)
{
	char buf[FIGURE_MAX];

	page_putf(&show->page, COLOUR_NONE, "%*s", show->exact ? 20 : 10,
		  figure(buf, edge, unit, show->exact));
}

static void put_range(struct show *show, const struct scale *scale, long double row,
		      enum figure_unit unit)
{
	long double from, to;

	if (scale->step) { /* any number of them: none that a power would be made of */
		from = row * scale->step;
		to = (row + 1) * scale->step;
	} else {
		from = row ? power_edge(row, row < 0) : scale->has_negative ? -1 : 0;
		to = power_edge(row, row >= 0);
	}
	put_edge(show, from, unit);
	page_put(&show->page, COLOUR_FAINT, " ..");
	put_edge(show, to, unit);
}

struct row {
	long double number;
	uint64_t n;
};

static void put_row(struct show *show, const struct scale *scale, const struct row *row,
		    uint64_t most, enum figure_unit unit)
{
	char bar[BAR_WIDTH + 1];
	size_t width = (size_t)((row->n * BAR_WIDTH + most - 1) / most);

	memset(bar, '@', width);
	bar[width] = '\0';
	put_range(show, scale, row->number, unit);
	page_putf(&show->page, COLOUR_NONE, " %8" PRIu64 " |", row->n);
	page_put(&show->page, COLOUR_CHANGED, bar);
	page_newline(&show->page);
}

void series_histogram(struct show *show, const struct series *series, enum figure_unit unit)
{
	struct row rows[2 * ROWS_MAX + 1];
	size_t n = 0;
	uint64_t most = 0;

	if (!series->n_kept)
		return;
	struct scale scale = scale_of(series);

	for (size_t i = 0; i < series->n_kept; i++) { /* they ascend, and so do the rows */
		long double number = row_of(&scale, series->kept[i]);

		while (n && rows[n - 1].number < number && n <= 2 * ROWS_MAX)
			rows[n] = (struct row){ rows[n - 1].number + 1, 0 }, n++;
		if (!n)
			rows[n++] = (struct row){ number, 0 };
		rows[n - 1].n++;
		most = rows[n - 1].n > most ? rows[n - 1].n : most;
	}
	for (size_t i = 0; i < n; i++)
		put_row(show, &scale, &rows[i], most, unit);
}
