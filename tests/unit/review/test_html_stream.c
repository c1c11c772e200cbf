/*
 * The data of a page must be what base64 and zlib say it is: `base64 -d` and uncompress() are the
 * oracles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "tracer/review/export/html_stream.h"

enum { SIZE_MAX_TRIED = 3 << 20 };

static uint8_t *random_bytes(size_t n)
{
	uint8_t *bytes = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(random() >> 3);
	return bytes;
}

/* What base64 makes of a file. */
static size_t decode(const char *path, uint8_t *ret, size_t size)
{
	char command[128];

	snprintf(command, sizeof(command), "base64 -d %s", path);
	FILE *pipe = popen(command, "r");
	size_t n = fread(ret, 1, size, pipe);

	assert_int_equal(pclose(pipe), 0);
	return n;
}

static void comes_back(const uint8_t *bytes, size_t n)
{
	char path[] = "/tmp/virtrace-test-XXXXXX";
	FILE *out = fdopen(mkstemp(path), "w"), *stream = html_stream_open(out);
	uLongf size = n + 1;
	uint8_t *text = malloc(2 * n + 100), *back = malloc(size);

	assert_non_null(stream);
	assert_int_equal(fwrite(bytes, 1, n, stream), n);
	assert_int_equal(ftello(stream), n);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(fclose(out), 0);
	size_t len = decode(path, text, 2 * n + 100);

	assert_int_equal(uncompress(back, &size, text, len), Z_OK);
	assert_int_equal(size, n);
	assert_memory_equal(back, bytes, n);
	free(text);
	free(back);
	unlink(path);
}

static void all_sizes(void **state)
{
	uint8_t *bytes = random_bytes(SIZE_MAX_TRIED);

	(void)state;
	for (size_t n = 0; n < 40; n++)
		comes_back(bytes, n);
	comes_back(bytes, 1 << 16);
	comes_back(bytes, SIZE_MAX_TRIED);
	memset(bytes, 'a', SIZE_MAX_TRIED);
	comes_back(bytes, SIZE_MAX_TRIED);
	free(bytes);
}

static void a_full_disk_is_told(void **state)
{
	uint8_t *bytes = random_bytes(1 << 20);
	FILE *out = fopen("/dev/full", "w"), *stream = html_stream_open(out);

	(void)state;
	fwrite(bytes, 1, 1 << 20, stream);
	assert_int_not_equal(fclose(stream), 0);
	fclose(out);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
