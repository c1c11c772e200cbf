/**
 * Copies of traces: the same to babeltrace2, what a power loss leaves of one at every byte of its last packet, and
 * none of what is hidden.
 */
#include "tests/unit/trace/support.h"
#include "tracer/trace/packet.h"
#include "tracer/trace/raw.h"
#include "tracer/trace/rewrite.h"

enum { N_LAST = 41, SECTOR = 512 }; /* events in the last packet */

#define FIRST_PACKET "stream_000001"
#define LAST_PACKET  "stream_000002"

static const struct schema label = { .kind = SCHEMA_TEXT, .name = "label", .ctype = "char [8]", .size = 8,
				     .count = 8, .stored = 8 };
static const struct schema number = { .kind = SCHEMA_INT, .name = "n", .ctype = "long", .size = 8, .is_signed = true };
static const struct schema object = { .kind = SCHEMA_STRUCT, .ctype = "struct object", LIST(&number, &label) };
static const struct schema letters = { .kind = SCHEMA_ARRAY, .ctype = "char [2][2]", .count = 2, .stored = 2,
				       .target = S(.kind = SCHEMA_ARRAY, .ctype = "char [2]", .count = 2, .stored = 2,
						   .target = S(.kind = SCHEMA_CHAR, .size = 1)) };
static const struct schema captures = {
	.kind = SCHEMA_STRUCT,
	.ctype = "",
	LIST(S(.kind = SCHEMA_CAPTURE, .name = "dom->name",
	       .target = S(.kind = SCHEMA_STRING, .size = 8, .ctype = "char *")),
	     S(.kind = SCHEMA_CAPTURE, .name = "*object",
	       .target = S(.kind = SCHEMA_PTR, .size = 8, .ctype = "struct object *", .target = &object)),
	     S(.kind = SCHEMA_CAPTURE, .name = "letters", .target = &letters),
	     S(.kind = SCHEMA_CAPTURE, .name = "count", .target = &number),
	     S(.kind = SCHEMA_CAPTURE, .name = "gone", .target = &number))
};
static const struct schema filler = { .kind = SCHEMA_STRUCT, .ctype = "",
				      LIST(S(.kind = SCHEMA_SEQUENCE, .name = "filler",
					     .target = S(.kind = SCHEMA_INT, .size = 8))) };

static void put_captures(struct bytes *b, unsigned i)
{
	b->len = 0;
	put_int(b, STATUS_OK, 1);
	put_int(b, 0x1000, 8);
	put_text(b, STATUS_OK, "secret-name", 11);
	put_int(b, STATUS_OK, 1);
	put_int(b, 0x2000, 8);
	put_int(b, STATUS_OK, 1);
	put_int(b, 0x1122334455667788 + i, 8);
	put_text(b, STATUS_OK, "hush", 4);
	put_int(b, STATUS_OK, 1);
	put(b, "PSST", 4);
	put_int(b, STATUS_OK, 1);
	put_int(b, 0x99aabbccddeeff00 + i, 8);
	put_int(b, STATUS_OPTIMIZED_OUT, 1);
}

/* A packet of fillers, and one of a few events; `closed`: trimmed, as a recording that came to its end leaves it. */
static void write_trace(const char *dir, bool closed)
{
	static struct bytes b;
	struct trace_writer *w;

	assert_int_equal(trace_create(dir, false, "{\"target\": {\"comm\": \"secret-comm\", \"pid\": 7}}", &w), 0);
	int fill = add_probe(w, "fill", &filler, NO_CAPTURES), class = add_probe(w, "f", &captures, NO_CAPTURES);
	struct event_context context = at(1000);

	b.len = 0;
	put_int(&b, 7744, 2);
	memset(b.data + 2, 0x55, 61952);
	assert_int_equal(trace_entry(w, fill, &context, b.data, 61954, NULL, 0, 0), 0);
	assert_int_equal(trace_thread(w, 1001, 1, "secret-thread"), 0);
	for (unsigned i = 0; i < N_LAST; i++) {
		/* The first one has no room in the packet before. */
		context = at(2000 + i);
		if (i == 0) {
			b.len = 0;
			put_int(&b, 300, 2);
			assert_int_equal(trace_entry(w, fill, &context, b.data, 2402, NULL, 0, 0), 0);
			continue;
		}
		put_captures(&b, i);
		assert_int_equal(trace_entry(w, class, &context, b.data, b.len, NULL, 0, 0), 0);
	}
	if (closed)
		assert_int_equal(trace_close(w), 0);
}

/* As the recorder leaves it when the machine goes down: nothing was trimmed. */
static void write_unclosed(const char *dir)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		write_trace(dir, false);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static struct rewrite_report rewrite(const char *from, const char *to, const struct rewrite_options *options)
{
	struct rewrite_report report;

	if (rewrite_trace(from, to, options, &report) < 0)
		fail_msg("%s", err_text());
	return report;
}

static const struct rewrite_options mend = { .mends = true };

static void assert_same_text(char *expected, char *got)
{
	assert_string_equal(expected, got);
	free(expected);
	free(got);
}

static void assert_same_file(const char *a, const char *b)
{
	assert_same_text(file_read(a, NULL), file_read(b, NULL));
}

/* Where each event of the last packet ends. */
static size_t event_ends(const uint8_t *packet, size_t len, size_t ends[N_LAST])
{
	struct packet_header header;
	size_t at = sizeof(header);
	static struct bytes b;

	memcpy(&header, packet, sizeof(header));
	put_captures(&b, 0);
	for (unsigned i = 0; i < N_LAST; i++) {
		at += sizeof(struct event_header) + (i ? b.len : 2402);
		ends[i] = at;
	}
	assert_int_equal(at * 8, header.content_size);
	assert_true(at <= len);
	return at;
}

static void whole(void **state)
{
	(void)state;
	for (int closed = 0; closed < 2; closed++) {
		char *dir = scratch_new(), *copy = scratch_new();

		if (closed)
			write_trace(dir, true);
		else
			write_unclosed(dir);
		struct rewrite_report report = rewrite(dir, copy, &mend);

		assert_int_equal(report.lost_bytes, 0);
		assert_int_equal(report.lost_packets, 0);
		assert_int_equal(report.found_events, 0);
		assert_false(report.has_no_info || report.has_no_metadata);
		assert_int_equal(report.packets, 3);
		assert_int_equal(report.events, 2 + N_LAST);
		assert_int_equal(babeltrace_count(copy), 2 + N_LAST);
		assert_same_text(babeltrace(dir, true, NULL), babeltrace(copy, true, NULL));
		assert_same_file(path_in(dir, "metadata"), path_in(copy, "metadata"));
		assert_same_file(path_in(dir, ".virtrace/schema.json"), path_in(copy, ".virtrace/schema.json"));
		assert_same_file(path_in(dir, ".virtrace/info.json"), path_in(copy, ".virtrace/info.json"));
		scratch_remove(dir);
		scratch_remove(copy);
	}
}

/* The events of which no byte was changed, before the first of which one was. */
static unsigned unchanged(const uint8_t *before, const uint8_t *after, const size_t ends[N_LAST])
{
	for (unsigned i = 0; i < N_LAST; i++) {
		size_t from = i ? ends[i - 1] : sizeof(struct packet_header);

		if (memcmp(before + from, after + from, ends[i] - from) != 0)
			return i;
	}
	return N_LAST;
}

/* Mend a trace whose last packet is `torn`, and look at the copy with both readers. */
static void check_torn(const char *dir, const uint8_t *torn, size_t len, unsigned expected, bool with_command)
{
	char *copy = scratch_new();
	int result;

	file_write(path_in(dir, LAST_PACKET), (const char *)torn, len);
	struct rewrite_report report = rewrite(dir, copy, &mend);
	bool has_loss = expected < N_LAST;

	/* Beside what was kept, one event tells that there was more. */
	assert_int_equal(report.events, 2 + expected + has_loss);
	assert_int_equal(has_loss, report.lost_bytes > 0);
	assert_int_equal(read_all(copy, &result), 2 + expected + has_loss);
	assert_int_equal(result, 0);
	if (with_command)
		assert_int_equal(babeltrace_count(copy), 2 + expected + has_loss);
	scratch_remove(copy);
}

/* The last events cut at every byte. */
static void cut_anywhere(void **state)
{
	char *dir = scratch_new();
	size_t len, ends[N_LAST];
	unsigned n = N_LAST - 3;

	(void)state;
	write_unclosed(dir);
	uint8_t *packet = (uint8_t *)file_read(path_in(dir, LAST_PACKET), &len);
	size_t content = event_ends(packet, len, ends);

	for (size_t at = ends[n - 1]; at <= content; at++) {
		n += at == ends[n];
		check_torn(dir, packet, at, n, at % 16 == 0);
	}
	assert_int_equal(n, N_LAST);
	free(packet);
	scratch_remove(dir);
}

/* Zeros from each sector on. */
static void zeros_at_the_end(void **state)
{
	char *dir = scratch_new();
	size_t len, ends[N_LAST];

	(void)state;
	write_unclosed(dir);
	uint8_t *packet = (uint8_t *)file_read(path_in(dir, LAST_PACKET), &len), *torn = malloc(len);
	size_t content = event_ends(packet, len, ends);

	for (size_t at = SECTOR; at < content + SECTOR; at += SECTOR) {
		memcpy(torn, packet, len);
		memset(torn + at, 0, len - at);
		check_torn(dir, torn, len, unchanged(packet, torn, ends), true);
	}
	free(packet);
	free(torn);
	scratch_remove(dir);
}

/* The header is older than the events: they are found. */
static void old_header(void **state)
{
	char *dir = scratch_new(), *copy = scratch_new();
	struct packet_header header;
	size_t len, ends[N_LAST];

	(void)state;
	write_unclosed(dir);
	char *packet = file_read(path_in(dir, LAST_PACKET), &len);

	event_ends((uint8_t *)packet, len, ends);
	memcpy(&header, packet, sizeof(header));
	header.content_size = ends[1] * 8;
	header.timestamp_end = 2001;
	memcpy(packet, &header, sizeof(header));
	file_write(path_in(dir, LAST_PACKET), packet, len);
	assert_int_equal(babeltrace_count(dir), 4);
	struct rewrite_report report = rewrite(dir, copy, &mend);

	assert_int_equal(report.found_events, N_LAST - 2);
	assert_int_equal(report.lost_bytes, 0);
	assert_int_equal(babeltrace_count(copy), 2 + N_LAST);
	free(packet);
	scratch_remove(dir);
	scratch_remove(copy);
}

static void no_header(void **state)
{
	char *dir = scratch_new(), *copy = scratch_new();
	size_t len;

	(void)state;
	write_unclosed(dir);
	char *packet = file_read(path_in(dir, FIRST_PACKET), &len);

	memset(packet, 0, 4096);
	file_write(path_in(dir, FIRST_PACKET), packet, len);
	struct rewrite_report report = rewrite(dir, copy, &mend);

	assert_int_equal(report.lost_packets, 1);
	assert_int_equal(report.packets, 2);
	assert_int_equal(babeltrace_count(copy), N_LAST);
	free(packet);
	scratch_remove(dir);
	scratch_remove(copy);
}

/* What is made anew is what was there. */
static void no_metadata(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		char *dir = scratch_new(), *copy = scratch_new(), *other = scratch_new();

		write_trace(dir, true);
		rewrite(dir, other, &mend);
		if (i == 0)
			assert_int_equal(shell("rm %s/metadata", dir), 0);
		else if (i == 1)
			assert_int_equal(shell("truncate -s 1000 %s/metadata", dir), 0);
		else
			assert_int_equal(shell("s=$(stat -c %%s %s/metadata); truncate -s 0 %s/metadata; "
					       "truncate -s $s %s/metadata", dir, dir, dir), 0);
		struct rewrite_report report = rewrite(dir, copy, &mend);

		assert_true(report.has_no_metadata);
		assert_same_file(path_in(other, "metadata"), path_in(copy, "metadata"));
		assert_int_equal(babeltrace_count(copy), 2 + N_LAST);
		scratch_remove(dir);
		scratch_remove(copy);
		scratch_remove(other);
	}
}

static void no_side_files(void **state)
{
	char *dir = scratch_new(), *copy = scratch_new();
	struct rewrite_report report;
	int result;

	(void)state;
	write_trace(dir, true);
	assert_int_equal(shell("truncate -s 3 %s/.virtrace/info.json", dir), 0);
	report = rewrite(dir, copy, &mend);
	assert_true(report.has_no_info);
	assert_int_equal(read_all(copy, &result), 2 + N_LAST);
	scratch_remove(copy);
	copy = scratch_new();
	assert_int_equal(shell("truncate -s 300 %s/.virtrace/schema.json", dir), 0);
	assert_int_equal(rewrite_trace(dir, copy, &mend, &report), -EBADMSG);
	assert_int_equal(access(copy, F_OK), -1);
	scratch_remove(dir);
	scratch_remove(copy);
}

static bool is_named(void *ctx, const char *name)
{
	return strcmp(ctx, name) == 0;
}

/* Whether a text is in some file of the trace. */
static bool is_left(const char *dir, const char *text)
{
	return shell("grep -raqF -- '%s' %s", text, dir) == 0;
}

static void hide_strings(void **state)
{
	const struct raw_hide hide = { .strings = true };
	const struct rewrite_options options = { .hide = &hide };
	static const char *const texts[] = { "secret-name", "hush", "PSST", "secret-thread" };
	char *dir = scratch_new(), *copy = scratch_new();
	struct trace_event event;

	(void)state;
	write_trace(dir, true);
	struct rewrite_report report = rewrite(dir, copy, &options);

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_true(is_left(dir, texts[i]));
		assert_false(is_left(copy, texts[i]));
	}
	/* The thread's name, and three of each of the other calls. */
	assert_int_equal(report.hidden, 1 + 3 * (N_LAST - 1));
	assert_int_equal(babeltrace_count(copy), 2 + N_LAST);
	struct reader *rd = open_reader(copy);

	next_event(rd);
	event = next_event(rd);
	assert_int_equal(event.kind, TRACE_THREAD);
	assert_string_equal(event.text, "<redacted>");
	next_event(rd);
	event = next_event(rd);
	const struct value_node *values = event.values->items;

	assert_int_equal(values[0].status, STATUS_REDACTED);
	assert_int_equal(values[1].items[0].items[0].u, 0x1122334455667788 + 1);
	assert_int_equal(values[1].items[0].items[1].status, STATUS_REDACTED);
	assert_int_equal(values[2].status, STATUS_REDACTED);
	assert_int_equal(values[3].u, 0x99aabbccddeeff00 + 1);
	assert_int_equal(values[4].status, STATUS_OPTIMIZED_OUT);
	reader_close(rd);
	scratch_remove(dir);
	scratch_remove(copy);
}

static void hide_capture(void **state)
{
	const struct raw_hide hide = { .capture = is_named, .ctx = (void *)"*object" };
	const struct rewrite_options options = { .hide = &hide };
	char *dir = scratch_new(), *copy = scratch_new();

	(void)state;
	write_trace(dir, true);
	struct rewrite_report report = rewrite(dir, copy, &options);

	assert_int_equal(report.hidden_captures, 1);
	assert_int_equal(report.hidden, N_LAST - 1);
	assert_false(is_left(copy, "hush"));
	assert_true(is_left(copy, "secret-name"));
	static const char find_number[] = "LC_ALL=C grep -rUqP '\\x77\\x66\\x55\\x44\\x33\\x22\\x11' %s";

	assert_int_equal(shell(find_number, copy), 1);
	assert_int_equal(shell(find_number, dir), 0);
	struct reader *rd = open_reader(copy);

	for (int i = 0; i < 3; i++)
		next_event(rd);
	const struct value_node *values = next_event(rd).values->items;

	assert_int_equal(values[0].status, STATUS_OK);
	assert_int_equal(values[1].status, STATUS_REDACTED);
	assert_int_equal(values[1].schema->kind, SCHEMA_CAPTURE);
	assert_int_equal(values[3].u, 0x99aabbccddeeff00 + 1);
	reader_close(rd);
	scratch_remove(dir);
	scratch_remove(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),	 cmocka_unit_test(cut_anywhere),  cmocka_unit_test(zeros_at_the_end),
		cmocka_unit_test(old_header),
		cmocka_unit_test(no_header),	 cmocka_unit_test(no_metadata),	  cmocka_unit_test(no_side_files),
		cmocka_unit_test(hide_strings),	 cmocka_unit_test(hide_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
