#include "tracer/base/utf8.h"

size_t utf8_decode(const uint8_t *bytes, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t c = len ? bytes[0] : 0xff;
	size_t n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 0;

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

bool utf8_valid(const void *text, size_t len)
{
	const uint8_t *bytes = text;
	uint32_t ch;

	while (len) {
		size_t n = utf8_decode(bytes, len, &ch);

		if (!n || !ch)
			return false;
		bytes += n;
		len -= n;
	}
	return true;
}

/*
 * Characters that show nothing, move the cursor or change how others are shown: the C0 and C1 controls and the general
 * categories Cf, Zl and Zp, private use and non-characters of Unicode 15, and the invisible Hangul fillers.
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

bool utf8_is_printable(uint32_t ch)
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
