/**
 * Strings as gdb prints them (gdb/valprint.c, generic_printstr): runs of more equal characters than
 * the threshold are taken out of the quotes, "abc", '\000' <repeats 12 times>, and what the limit
 * leaves out is marked by dots behind.
 */
#include "tracer/base/utf8.h"
#include "tracer/review/print_c.h"

#include "tracer/review/text.h"

/*
 * Characters of a string; behind `len` bytes follow NULs, which traces do not store, up to `total`.
 */
struct chars {
	const uint8_t *bytes;
	size_t len, total;
	bool utf8;
};

/* One character: `len` bytes at `bytes`. */
struct glyph {
	const uint8_t *bytes;
	size_t len;
	bool as_is;
};

static struct glyph glyph_at(const struct chars *s, size_t i)
{
	static const uint8_t nul;
	uint32_t ch = 0;

	if (i >= s->len)
		return (struct glyph){ &nul, 1, false };
	size_t n = utf8_decode(s->bytes + i, s->len - i, &ch);

	if (!n || (n > 1 && !s->utf8))
		return (struct glyph){ s->bytes + i, 1, false };
	return (struct glyph){ s->bytes + i, n, utf8_is_printable(ch) };
}

static bool same_glyph(struct glyph a, struct glyph b)
{
	if (a.len != b.len || a.as_is != b.as_is)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (a.bytes[i] != b.bytes[i])
			return false;
	return true;
}

/* How often the character at `i` stands there one after the other. */
static size_t run_at(const struct chars *s, size_t i, struct glyph g)
{
	size_t n = 1, at = i + g.len;

	while (at < s->total && same_glyph(g, glyph_at(s, at))) {
		n++;
		at += g.len;
		if (at >= s->len && !g.bytes[0])
			return n + (s->total - at);
	}
	return n;
}

static void put_run(FILE *out, struct glyph g, size_t n)
{
	text_put(out, (const uint8_t *)"'", 1, true, 0);
	text_put(out, g.bytes, g.len, g.as_is, '\'');
	fprintf(out, "' <repeats %zu times>", n);
}

void print_c_string(FILE *out, const uint8_t *bytes, size_t len, size_t total, bool cut,
		    const struct print_options *options)
{
	struct chars s = { bytes, len, total > len ? total : len, options->utf8 };
	size_t i = 0, shown = 0;
	bool quoted = false;

	if (!s.total)
		fputs("\"\"", out);
	while (i < s.total && (!options->elements || shown < options->elements)) {
		struct glyph g = glyph_at(&s, i);
		size_t run = options->repeats ? run_at(&s, i, g) : 1;
		bool is_repeat = options->repeats && run > options->repeats;

		if (quoted && is_repeat)
			putc('"', out);
		if (i && (is_repeat || !quoted))
			fputs(", ", out);
		if (is_repeat) {
			put_run(out, g, run);
		} else {
			if (!quoted)
				putc('"', out);
			for (size_t n = 0; n < run; n++)
				text_put(out, g.bytes, g.len, g.as_is, '"');
		}
		quoted = !is_repeat;
		i += run * g.len;
		shown += run;
	}
	if (quoted)
		putc('"', out);
	if (cut || i < s.total)
		fputs("...", out);
}
