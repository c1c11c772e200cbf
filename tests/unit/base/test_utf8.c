#include "tracer/base/utf8.h"

#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static iconv_t utf8;

/** What the C library thinks of the text. */
static bool iconv_valid(const uint8_t *text, size_t len)
{
	char *in = (char *)(uintptr_t)text, out[64], *to = out;
	size_t n_out = sizeof(out);

	iconv(utf8, NULL, NULL, NULL, NULL);
	return iconv(utf8, &in, &len, &to, &n_out) != (size_t)-1;
}

static void compare(const uint8_t *text, size_t len)
{
	bool has_nul = memchr(text, 0, len);

	if (utf8_valid(text, len) != (!has_nul && iconv_valid(text, len)))
		fail_msg("%02x %02x %02x %02x, %zu bytes", text[0], text[1], text[2], text[3], len);
}

static void test_all_short_texts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1 << 16; i++) {
		uint8_t text[4] = { (uint8_t)i, (uint8_t)(i >> 8) };

		compare(text, 1);
		compare(text, 2);
	}
}

static void test_long_texts(void **state)
{
	/* Bytes at the borders of all that RFC 3629 tells apart. */
	static const uint8_t bytes[] = { 0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
					 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff };
	enum { N = sizeof(bytes) };

	(void)state;
	for (unsigned i = 0; i < N * N * N * N; i++) {
		uint8_t text[4] = { bytes[i % N], bytes[i / N % N], bytes[i / N / N % N], bytes[i / N / N / N] };

		compare(text, 3);
		compare(text, 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_short_texts),
		cmocka_unit_test(test_long_texts),
	};

	utf8 = iconv_open("UTF-32LE", "UTF-8");
	return utf8 == (iconv_t)-1 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
