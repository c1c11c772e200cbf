/**
 * What the trace tests share: making schemas and values, and asking the babeltrace2 command, which is their oracle.
 */
#ifndef TRACE_SUPPORT_H
#define TRACE_SUPPORT_H

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"
#include "tracer/trace/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define S(...) (&(const struct schema){ __VA_ARGS__ })
#define LIST(...)                                                                                        \
	.members = (const struct schema *[]){ __VA_ARGS__ },                                             \
	.n_members = sizeof((const struct schema *[]){ __VA_ARGS__ }) / sizeof(struct schema *)
#define LABELS(...)                                                                                      \
	.enumerators = (const struct schema_enumerator[]){ __VA_ARGS__ },                                \
	.n_enumerators = sizeof((const struct schema_enumerator[]){ __VA_ARGS__ }) / sizeof(struct schema_enumerator)
#define NO_CAPTURES S(.kind = SCHEMA_STRUCT, .ctype = "")

/* Files */

static inline int __attribute__((format(printf, 1, 2))) shell(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/** Path of a trace to be made, alone in a new directory. */
static inline char *scratch_new(void)
{
	char *path = calloc(1, 64);

	assert_non_null(path);
	strcpy(path, "/tmp/virtrace-test.XXXXXX");
	assert_non_null(mkdtemp(path));
	return strcat(path, "/trace");
}

static inline void scratch_remove(char *path)
{
	assert_int_equal(shell("rm -rf $(dirname %s)", path), 0);
	free(path);
}

/** DIR/NAME, valid until this was called 15 times more. */
static inline const char *path_in(const char *dir, const char *name)
{
	static char *paths[16];
	static unsigned next;
	char **path = &paths[next++ % 16], *old = *path;

	assert_true(asprintf(path, "%s/%s", dir, name) > 0);
	free(old);
	return *path;
}

/** All that comes from a file, with a NUL behind; free() it. */
static inline char *read_whole(FILE *f, size_t *len_ret)
{
	size_t len = 0, cap = 1 << 16, n;
	char *text = malloc(cap);

	while (text && (n = fread(text + len, 1, cap - len - 1, f)) > 0) {
		len += n;
		if (len == cap - 1)
			text = realloc(text, cap *= 2);
	}
	assert_non_null(text);
	text[len] = '\0';
	if (len_ret)
		*len_ret = len;
	return text;
}

static inline char *file_read(const char *path, size_t *len_ret)
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	char *text = read_whole(f, len_ret);

	fclose(f);
	return text;
}

static inline void file_write(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* The oracle */

static inline char *said_by(const char *command, int *rc_ret)
{
	FILE *p = popen(command, "r");

	assert_non_null(p);
	char *text = read_whole(p, NULL);
	int status = pclose(p);

	if (rc_ret)
		*rc_ret = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return text;
}

/** What babeltrace2 says of a trace; free() it.  stderr comes first, if wanted. */
static inline char *babeltrace(const char *dir, bool with_stderr, int *rc_ret)
{
	char command[600];

	snprintf(command, sizeof(command), "babeltrace2 --no-delta --clock-cycles %s 2>%s", dir,
		 with_stderr ? "&1" : "/dev/null");
	return said_by(command, rc_ret);
}

/** The same by its component for details: a line for each field, and quick for long texts too, which the one above is not. */
static inline char *babeltrace_details(const char *dir)
{
	char command[600];
	int rc;

	snprintf(command, sizeof(command), "babeltrace2 %s -c sink.text.details 2>/dev/null", dir);
	char *text = said_by(command, &rc);

	assert_int_equal(rc, 0);
	return text;
}

static inline size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/** Events that babeltrace2 sees, which must not complain. */
static inline size_t babeltrace_count(const char *dir)
{
	int rc;
	char *text = babeltrace(dir, false, &rc);
	size_t n = count_lines(text);

	free(text);
	if (rc != 0)
		fail_msg("babeltrace2 fails: %s", babeltrace(dir, true, NULL));
	return n;
}

/** Check that some line of babeltrace2's ends in `expected`. */
static inline void assert_babeltrace_says(const char *text, const char *expected)
{
	if (!strstr(text, expected))
		fail_msg("babeltrace2 does not say\n%s\nbut\n%s", expected, text);
}

/* Captures, byte by byte as schema.h says */

struct bytes {
	uint8_t data[(1 << 20) + 4096];
	size_t len;
};

static inline void put(struct bytes *b, const void *data, size_t len)
{
	assert_true(b->len + len <= sizeof(b->data));
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

static inline void put_int(struct bytes *b, uint64_t value, size_t size)
{
	put(b, &value, size);
}

static inline void put_text(struct bytes *b, enum status status, const char *text, size_t len)
{
	put_int(b, status, 1);
	put_int(b, len, 4);
	put(b, text, len);
}

/* Writing and reading */

static inline struct trace_writer *create(const char *dir)
{
	struct trace_writer *w;

	if (trace_create(dir, false, "{\"test\": true}", &w) < 0)
		fail_msg("%s", err_text());
	return w;
}

/** Add one probe of that name with these captures and commit; its entry class. */
static inline int add_probe(struct trace_writer *w, const char *function, const struct schema *entry,
			    const struct schema *ret)
{
	const struct trace_probe_desc desc = { .function = function, .module = "/lib/libtest.so", .entry = entry, .ret = ret };
	int class = trace_add_probe(w, &desc);

	if (class < 0 || trace_commit(w) < 0)
		fail_msg("%s", err_text());
	return class;
}

static inline struct event_context at(uint64_t time_ns)
{
	return (struct event_context){ .time_ns = time_ns, .tid = 1, .call = time_ns };
}

static inline struct reader *open_reader(const char *dir)
{
	struct reader *rd;

	if (reader_open(dir, &rd) < 0)
		fail_msg("%s", err_text());
	return rd;
}

/** The next event, which must be there. */
static inline struct trace_event next_event(struct reader *rd)
{
	struct trace_event event;
	int r = reader_next(rd, &event);

	if (r != 1)
		fail_msg("no event: %d %s", r, r < 0 ? err_text() : "");
	return event;
}

/** Read all; how many events there are.  `*result` is what ended it. */
static inline size_t read_all(const char *dir, int *result)
{
	struct reader *rd;
	struct trace_event event;
	size_t n = 0;

	*result = reader_open(dir, &rd);
	if (*result < 0)
		return 0;
	while ((*result = reader_next(rd, &event)) == 1)
		n++;
	reader_close(rd);
	return n;
}

#endif
