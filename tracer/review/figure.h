/**
 * Numbers in tables: rounded with a unit for people, or exact.
 */
#ifndef REVIEW_FIGURE_H
#define REVIEW_FIGURE_H

#include <stdbool.h>

enum figure_unit { FIGURE_PLAIN, FIGURE_NS, FIGURE_BYTES };

enum { FIGURE_MAX = 64 };

/**
 * "31.2 ms", "7.1 GiB", "1207"; `exact`: "31200000", "7623480832", "1207".  What is no whole number
 * keeps as many digits as tell something: 15 if exact, 4 for people.
 */
const char *figure(char buf[static FIGURE_MAX], long double value, enum figure_unit unit,
		   bool exact);

/** " +24 %", rounded to whole percents; "" where `from` is 0. */
const char *figure_change(char buf[static FIGURE_MAX], long double from, long double to);

/** What stands above a column of exact numbers: "_NS", "_BYTES" or "". */
const char *figure_suffix(enum figure_unit unit, bool exact);

#endif
