#include "tracer/review/page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/text.h"

unsigned page_columns(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/*
 * Length of the part of `text` that must stay on one line: up to and with the next ", " outside of
 * quotes.
 */
static size_t unbroken(const char *text)
{
	bool quoted = false;
	size_t i = 0;

	for (; text[i]; i++) {
		if (quoted && text[i] == '\\' && text[i + 1])
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && text[i] == ',' && text[i + 1] == ' ')
			return i + 2;
	}
	return i;
}

static const char *escape_of(enum page_colour colour)
{
	static const char *const escapes[] = {
		[COLOUR_NONE] = "",         [COLOUR_FAINT] = "\033[2m",  [COLOUR_NAME] = "\033[1m",
		[COLOUR_BAD] = "\033[1;31m", [COLOUR_CHANGED] = "\033[33m",
	};

	return escapes[colour];
}

/* Columns of a part without the blank at its end, which may hang over. */
static unsigned visible(const char *text, size_t len)
{
	return page_columns(text, len && text[len - 1] == ' ' ? len - 1 : len);
}

static void put_part(struct page *page, const char *text, size_t len)
{
	size_t blanks = 0;

	while (blanks < len && text[len - 1 - blanks] == ' ')
		blanks++;
	if (blanks < len) {
		fprintf(page->out, "%*s", (int)page->blanks, "");
		fwrite(text, 1, len - blanks, page->out);
		page->blanks = 0;
	}
	page->blanks += (unsigned)blanks;
	page->column += page_columns(text, len);
}

static void go_on(struct page *page)
{
	page_newline(page);
	if (page->lead)
		put_part(page, page->lead, strlen(page->lead));
	page_pad(page, page->hang);
}

void page_put(struct page *page, enum page_colour colour, const char *text)
{
	bool has_colour = page->has_colour && colour != COLOUR_NONE;

	if (has_colour)
		fputs(escape_of(colour), page->out);
	while (*text) {
		size_t len = unbroken(text);

		if (page->width && page->column > page->hang &&
		    page->column + visible(text, len) > page->width) {
			go_on(page);
			size_t blanks = strspn(text, " ");

			text += blanks;
			len -= blanks;
		}
		put_part(page, text, len);
		text += len;
	}
	if (has_colour)
		fputs("\033[m", page->out);
}

void page_putf(struct page *page, enum page_colour colour, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	page_put(page, colour, text);
}

void page_put_name(struct page *page, enum page_colour colour, const char *before, const char *name,
		   bool utf8)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	fputs(before, out);
	text_print(out, name, utf8);
	if (fclose(out) == 0)
		page_put(page, colour, text);
	free(text);
}

void page_put_cut(struct page *page, enum page_colour colour, const char *text, unsigned columns)
{
	size_t len = strlen(text), keep = 0;

	if (page_columns(text, len) <= columns) {
		page_put(page, colour, text);
		return;
	}
	for (unsigned n = 0; n + 3 < columns; n++)
		do
			keep++;
		while (((unsigned char)text[keep] & 0xc0) == 0x80);
	char *part = strndup(text, keep);

	page_put(page, colour, part ? part : "");
	page_put(page, colour, "...");
	free(part);
}

void page_pad(struct page *page, unsigned column)
{
	if (page->column >= column)
		return;
	page->blanks += column - page->column;
	page->column = column;
}

void page_newline(struct page *page)
{
	putc('\n', page->out);
	page->column = page->blanks = 0;
}
