/**
 * Series as text: a table, the course over time as a line of characters, histograms.
 *
 *	      N      MIN      AVG      P50      P99      MAX     LAST  PER_SEC  OVER_TIME     path
 *	    206   80 KiB  311 MiB  299 MiB  800 MiB  812 MiB  812 MiB 18.8 MiB  .:-=++*#%@@   "vda"
 */
#ifndef REVIEW_SERIES_TEXT_H
#define REVIEW_SERIES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/review/figure.h"

struct series;
struct series_list;
struct show;

struct series_text {
	const char *expr, *by;  /**< as the user wrote them; `by` may be NULL */
	enum figure_unit unit;
	bool has_histograms;
};

/** After series_finish(). */
void series_text(struct show *show, struct series_list *list, const struct series_text *text);

/**
 * How often the numbers of a series were in which range: powers of two where they are far from each
 * other, else steps of 1, 2 or 5 times a power of ten.
 */
void series_histogram(struct show *show, const struct series *series, enum figure_unit unit);

/** A character for each of the first `n` slots: how high it is between the lowest and the highest. */
void series_spark(char *buf, size_t size, const struct series *series, unsigned n, bool utf8);

#endif
