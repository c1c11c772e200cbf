#include "tracer/base/utf8.h"
#include "tracer/review/text.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "tracer/base/utf8.h"

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
		size_t n = utf8_decode(bytes + i, len - i, &ch);

		if (n && (utf8 || n == 1) && utf8_is_printable(ch)) {
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
		size_t n = utf8_decode(bytes, len, &ch);

		if (n && (utf8 || n == 1) && utf8_is_printable(ch))
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
