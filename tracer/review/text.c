#include "tracer/review/text.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

size_t text_decode(const uint8_t *bytes, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t c = len ? bytes[0] : 0xff;
	size_t n = c < 0x80		? 1
		   : (c & 0xe0) == 0xc0 ? 2
		   : (c & 0xf0) == 0xe0 ? 3
		   : (c & 0xf8) == 0xf0 ? 4
					: 0;

	if (!n || n > len)
		return 0;
	uint32_t ch = n == 1 ? c : c & (0x7fu >> n);

	for (size_t i = 1; i < n; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		ch = ch << 6 | (bytes[i] & 0x3f);
	}
	if (ch < least[n] || ch > 0x10ffff || (ch >= 0xd800 && ch <= 0xdfff))
		return 0;
	*ret = ch;
	return n;
}

/*
 * Characters that show nothing, move the cursor or change how others are shown: the C0 and C1
 * controls and the general categories Cf, Zl and Zp, private use and non-characters of Unicode 15,
 * and the invisible Hangul fillers.
 */
static const struct {
	uint32_t first, last;
} unprintable[] = {
	{ 0x0000, 0x001f },   { 0x007f, 0x009f },   { 0x00ad, 0x00ad },   { 0x034f, 0x034f },
	{ 0x0600, 0x0605 },   { 0x061c, 0x061c },   { 0x06dd, 0x06dd },   { 0x070f, 0x070f },
	{ 0x0890, 0x0891 },   { 0x08e2, 0x08e2 },   { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f },   { 0x200b, 0x200f },   { 0x2028, 0x202e },   { 0x2060, 0x206f },
	{ 0x3164, 0x3164 },   { 0xe000, 0xf8ff },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },   { 0xfffe, 0xffff },   { 0x110bd, 0x110bd },
	{ 0x110cd, 0x110cd }, { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
	{ 0xe0000, 0x10ffff },
};

bool text_is_printable(uint32_t ch)
{
	if (ch < 0x7f)
		return ch >= ' ';
	if (ch >= 0x10000 && (ch & 0xfffe) == 0xfffe)
		return false;
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(*unprintable); i++)
		if (ch >= unprintable[i].first && ch <= unprintable[i].last)
			return false;
	return true;
}

static void put_escaped(FILE *out, uint8_t byte)
{
	static const char letters[] = "abtnvfr"; /* from 7, BEL, to 13, CR */

	if (byte >= 7 && byte <= 13)
		fprintf(out, "\\%c", letters[byte - 7]);
	else
		fprintf(out, "\\%03o", byte);
}

void text_put(FILE *out, const uint8_t *bytes, size_t len, bool as_is, char quote)
{
	if (as_is) {
		if (quote && (bytes[0] == (uint8_t)quote || bytes[0] == '\\'))
			putc('\\', out);
		fwrite(bytes, 1, len, out);
		return;
	}
	for (size_t i = 0; i < len; i++)
		put_escaped(out, bytes[i]);
}

void text_print(FILE *out, const char *s, bool utf8)
{
	const uint8_t *bytes = (const uint8_t *)s;
	size_t len = strlen(s), start = 0, i = 0;

	while (i < len) {
		uint32_t ch;
		size_t n = text_decode(bytes + i, len - i, &ch);

		if (n && (utf8 || n == 1) && text_is_printable(ch)) {
			i += n;
			continue;
		}
		fwrite(bytes + start, 1, i - start, out);
		n = n ? n : 1;
		text_put(out, bytes + i, n, false, 0);
		i += n;
		start = i;
	}
	fwrite(bytes + start, 1, i - start, out);
}

const char *text_harmless(char *buf, size_t size, const char *s)
{
	FILE *out = fmemopen(buf, size, "w");

	*buf = '\0';
	if (!out)
		return buf;
	text_print(out, s, false);
	fclose(out);
	buf[size - 1] = '\0';
	return buf;
}

size_t text_width(const char *s, bool utf8)
{
	const uint8_t *bytes = (const uint8_t *)s;
	size_t len = strlen(s), width = 0;

	while (len) {
		uint32_t ch;
		size_t n = text_decode(bytes, len, &ch);

		if (n && (utf8 || n == 1) && text_is_printable(ch))
			width++;
		else if (!n || n == 1)
			width += *bytes >= 7 && *bytes <= 13 ? 2 : 4;
		else
			width += 4 * n;
		n = n ? n : 1;
		bytes += n;
		len -= n;
	}
	return width;
}

bool text_locale_is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", NULL);
	bool utf8 = locale && !strcmp(nl_langinfo_l(CODESET, locale), "UTF-8");

	if (locale)
		freelocale(locale);
	return utf8;
}

const char *text_int128(char buf[static TEXT_INT128], const uint8_t *bytes, size_t len,
			bool is_signed)
{
	unsigned __int128 u = 0;
	char *p = buf + TEXT_INT128 - 1;

	len = len < sizeof(u) ? len : sizeof(u);
	for (size_t i = len; i-- > 0;)
		u = u << 8 | bytes[i];
	bool negative = is_signed && len && bytes[len - 1] & 0x80;

	if (negative) {
		if (len < sizeof(u))
			u |= ~(unsigned __int128)0 << 8 * len;
		u = -u;
	}
	*p = '\0';
	do {
		*--p = (char)('0' + (int)(u % 10));
		u /= 10;
	} while (u);
	if (negative)
		*--p = '-';
	return p;
}
