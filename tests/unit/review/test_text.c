/*
 * Characters: the C library's UTF-8 decoder and character classes are the oracle.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>
#include <cmocka.h>

#include "tracer/base/utf8.h"
#include "tracer/review/text.h"

static void same_characters_as_the_c_library(const uint8_t *bytes, size_t len)
{
	uint32_t ch = 0;
	mbstate_t state = { 0 };
	wchar_t expected = 0;
	size_t n = mbrtowc(&expected, (const char *)bytes, len, &state);
	size_t found = utf8_decode(bytes, len, &ch);

	if (n == (size_t)-1 || n == (size_t)-2)
		n = 0;
	else if (!n)
		n = 1; /* a NUL */
	if (n != found || (n && (uint32_t)expected != ch))
		fail_msg("%02x %02x %02x %02x (%zu): %zu bytes, U+%04x, not %zu, U+%04x", bytes[0],
			 bytes[1], bytes[2], bytes[3], len, n, (unsigned)expected, found,
			 (unsigned)ch);
}

static void decoding(void **state)
{
	static const uint8_t interesting[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
					       0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xff };

	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (unsigned second = 0; second < 256; second++)
			for (size_t i = 0; i < sizeof(interesting); i++)
				for (size_t j = 0; j < sizeof(interesting); j++) {
					const uint8_t bytes[] = { (uint8_t)first, (uint8_t)second,
								  interesting[i], interesting[j] };

					/*
					 * glibc has five and six byte forms no more, but takes what
					 * is above Unicode
					 */
					for (size_t len = 1;
					     len <= 4 &&
					     (first < 0xf4 || (first == 0xf4 && second < 0x90));
					     len++)
						same_characters_as_the_c_library(bytes, len);
				}
}

/* What the C library calls printable may be withheld, but a control character never let through. */
static void printable(void **state)
{
	unsigned n = 0;

	(void)state;
	for (uint32_t ch = 0; ch < 0x110000; ch++) {
		if (utf8_is_printable(ch) && iswcntrl((wint_t)ch))
			fail_msg("U+%04x is a control character", (unsigned)ch);
		n += utf8_is_printable(ch);
	}
	assert_in_range(n, 900000, 1000000);
	for (uint32_t ch = ' '; ch < 0x7f; ch++)
		assert_true(utf8_is_printable(ch));
	for (uint32_t ch = 0x202a; ch <= 0x202e; ch++)
		assert_false(utf8_is_printable(ch));
	for (uint32_t ch = 0x2066; ch <= 0x2069; ch++)
		assert_false(utf8_is_printable(ch));
}

static const char *printed(const char *s, bool utf8)
{
	static char text[256];
	FILE *out = fmemopen(text, sizeof(text), "w");

	text[0] = '\0';
	text_print(out, s, utf8);
	fclose(out);
	assert_int_equal(text_width(s, utf8), utf8 ? mbstowcs(NULL, text, 0) : strlen(text));
	return text;
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(printed("qemuDomainGetBlockInfo", false), "qemuDomainGetBlockInfo");
	assert_string_equal(printed("", false), "");
	assert_string_equal(printed("a\033[2Jb\n\xff", true), "a\\033[2Jb\\n\\377");
	assert_string_equal(printed("\xc3\xa9", true), "\xc3\xa9");
	assert_string_equal(printed("\xc3\xa9", false), "\\303\\251");
	assert_string_equal(printed("\xe2\x80\xae" "abc", true), "\\342\\200\\256abc");
}

static void names_in_messages(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(text_harmless(buf, sizeof(buf), "a\n\xff"), "a\\n\\377");
	assert_string_equal(text_harmless(buf, sizeof(buf), "0123456789"), "0123456");
	assert_string_equal(text_harmless(buf, sizeof(buf), ""), "");
}

static void integers_of_128_bits(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t len;
		bool is_signed;
		const char *text;
	} cases[] = {
		{ { 0 }, 16, true, "0" },
		{ { 5 }, 16, false, "5" },
		{ { 0xfb, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		    255 },
		  16,
		  true,
		  "-5" },
		{ { [15] = 0x80 }, 16, true, "-170141183460469231731687303715884105728" },
		{ { [15] = 0x80 }, 16, false, "170141183460469231731687303715884105728" },
		{ { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		    255 },
		  16,
		  false,
		  "340282366920938463463374607431768211455" },
		{ { 0xfe, 0xff }, 2, true, "-2" },
		{ { 0 }, 0, true, "0" },
	};
	char buf[TEXT_INT128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
			text_int128(buf, cases[i].bytes, cases[i].len, cases[i].is_signed),
			cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding),
		cmocka_unit_test(printable),
		cmocka_unit_test(names),
		cmocka_unit_test(names_in_messages),
		cmocka_unit_test(integers_of_128_bits),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
