/**
 * What the harnesses share: a file and a stopped thread made of the input, and the terminal as the judge of what is shown.
 *
 * A harness is one file with LLVMFuzzerTestOneInput() (libFuzzer).  A finding is a crash, a
 * sanitizer's report, a failed assert, more than 10 s or 1 GiB for one input, or a byte that a
 * terminal would act on.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols/frame.h"
#include "tracer/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* The input, eaten from its start; behind its end come zeros. */
struct input {
	const uint8_t *data;
	size_t len;
};

static inline uint8_t input_byte(struct input *input)
{
	if (!input->len)
		return 0;
	input->len--;
	return *input->data++;
}

/** The bytes up to the next `end`, as a text to free(). */
static inline char *input_text(struct input *input, char end)
{
	const uint8_t *at = memchr(input->data, end, input->len);
	size_t len = at ? (size_t)(at - input->data) : input->len;
	char *text = malloc(len + 1);

	assert(text);
	memcpy(text, input->data, len);
	text[len] = '\0';
	input->data += len + !!at;
	input->len -= len + !!at;
	return text;
}

/** A file with these bytes; its path, valid until the next call. */
static inline const char *file_of(const void *data, size_t len)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("input", MFD_CLOEXEC);
	assert(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, len, 0) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* A stopped thread of a hostile process: its memory is the input over and over, with holes in it. */
static inline size_t hostile_read_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct input *input = ctx;
	uint8_t *to = buf;
	size_t n = 0;

	while (n < len && addr + n >= 4096 && ((addr + n) >> 12 & 15) != 13) {
		to[n] = input->len ? input->data[(addr + n) % input->len] : 0;
		n++;
	}
	return n;
}

static inline int hostile_read_reg(void *ctx, unsigned reg, void *buf, size_t len)
{
	hostile_read_mem(ctx, 8192 + 16 * reg, buf, len);
	return reg > DWARF_ST0 + 7 ? -ENODATA : 0;
}

static const struct frame_ops hostile_ops = { .read_mem = hostile_read_mem, .read_reg = hostile_read_reg };

/** No byte of this may steer a terminal: lines of printable UTF-8 and tabs. */
static inline void check_shown(const char *text, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)text;

	while (len) {
		uint32_t ch;
		size_t n = utf8_decode(bytes, len, &ch);

		if (!n || (ch != '\n' && ch != '\t' && !utf8_is_printable(ch))) {
			fprintf(stderr, "shown on a terminal: byte 0x%02x\n", *bytes);
			abort();
		}
		bytes += n;
		len -= n;
	}
}

/** Each line is one JSON value; changes the text. */
static inline void check_json_lines(char *text)
{
	char *save;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct json_tokener *tokener = json_tokener_new_ex(2000);

		json_object_put(json_tokener_parse_ex(tokener, line, -1));
		if (json_tokener_get_error(tokener) != json_tokener_success) {
			fprintf(stderr, "no JSON: %s\n", line);
			abort();
		}
		json_tokener_free(tokener);
	}
}

#endif
