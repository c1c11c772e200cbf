/**
 * A page of text: lines that are broken where they would leave the screen, and colours.
 */
#ifndef REVIEW_PAGE_H
#define REVIEW_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum page_colour { COLOUR_NONE, COLOUR_FAINT, COLOUR_NAME, COLOUR_BAD, COLOUR_CHANGED };

struct page {
	FILE *out;
	unsigned width;  /**< columns; 0: lines are never broken */
	bool has_colour;
	unsigned column; /**< where the next text goes */
	unsigned hang;   /**< indentation of the lines that a broken one goes on in */
	const char *lead; /**< what such lines begin with; may be NULL */
	unsigned blanks; /**< put, but not yet written: none may end a line */
};

/**
 * Put text that holds no line end. A line that would be too long is broken behind a ", " of the
 * text, but not within double quotes.
 */
void page_put(struct page *page, enum page_colour colour, const char *text);
void page_putf(struct page *page, enum page_colour colour, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Put a name from a trace, made harmless, on the same line with what stands `before` it. */
void page_put_name(struct page *page, enum page_colour colour, const char *before, const char *name,
		   bool utf8);

/** Put harmless text; of one longer than so many columns the beginning and "...". */
void page_put_cut(struct page *page, enum page_colour colour, const char *text, unsigned columns);

/** Spaces up to a column; at least none. */
void page_pad(struct page *page, unsigned column);
void page_newline(struct page *page);

/** Columns that harmless text takes. */
unsigned page_columns(const char *text, size_t len);

#endif
