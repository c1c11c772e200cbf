/**
 * Traces that are not whole, not ours or no traces: clear errors, and everything that is there is shown.
 */
#include "tests/unit/trace/support.h"

#include <json-c/json.h>
#include <signal.h>

static const struct schema texts = {
	.kind = SCHEMA_STRUCT, .ctype = "",
	LIST(S(.kind = SCHEMA_CAPTURE, .name = "name", .target = S(.kind = SCHEMA_STRING, .size = 8, .ctype = "char *")),
	     S(.kind = SCHEMA_CAPTURE, .name = "list",
	       .target = S(.kind = SCHEMA_SEQUENCE, .ctype = "int[]",
			   .target = S(.kind = SCHEMA_INT, .size = 4, .is_signed = true, .ctype = "int"))))
};

/** A finished trace of 3 packets and `n` events, with all classes. */
static void make_trace(const char *dir, unsigned n)
{
	static struct bytes b;
	struct trace_writer *w = create(dir);
	int class = add_probe(w, "f", &texts, NO_CAPTURES);

	trace_thread(w, 1, 1, "thread");
	for (unsigned i = 1; i < n; i++) {
		struct event_context context = at(10 + i);

		b.len = 0;
		put_int(&b, STATUS_OK, 1);
		put_int(&b, 0x1000, 8);
		put_text(&b, STATUS_OK, "a name of some length", 21);
		put_int(&b, STATUS_OK, 1);
		put_int(&b, 3, 2);
		put(&b, "abcdefghijkl", 12);
		trace_entry(w, class, &context, b.data, b.len, NULL, 0, 0);
	}
	assert_int_equal(trace_close(w), 0);
}

static void assert_cannot_open(const char *path, int error, const char *text)
{
	struct reader *rd = NULL;

	assert_int_equal(reader_open(path, &rd), error);
	if (!strstr(err_text(), text))
		fail_msg("'%s' is not in '%s'", text, err_text());
	assert_null(rd);
}

static void test_not_a_trace(void **state)
{
	char *dir = scratch_new();

	(void)state;
	assert_cannot_open("/nonexistent", -ENOENT, "/nonexistent: No such file");
	assert_cannot_open("/etc/passwd", -EBADMSG, "/etc/passwd is not a trace, nor a packed one");
	mkdir(dir, 0700);
	assert_cannot_open(dir, -EBADMSG, "is not a trace: it has no file metadata");
	file_write(path_in(dir, "metadata"), "/* CTF 1.8 */\n", 14);
	assert_cannot_open(dir, -EBADMSG, "is a CTF trace of another program");
	mkdir(path_in(dir, ".virtrace"), 0700);
	assert_cannot_open(dir, -EBADMSG, "the metadata is cut");
	file_write(path_in(dir, "metadata"), "/* CTF 1.8 */\ntrace { major = 1; minor = 8; byte_order = le; };\n", 64);
	assert_cannot_open(dir, -EBADMSG, "the metadata is damaged, or not written by virtrace");
	scratch_remove(dir);
}

static void test_missing_files(void **state)
{
	static const struct {
		const char *command, *error;
	} cases[] = {
		{ "rm %s/.virtrace/schema.json", "the trace is damaged: it has no .virtrace/schema.json" },
		{ "rm %s/.virtrace/info.json", "the trace is damaged: it has no .virtrace/info.json" },
		{ "echo '[1]' >%s/.virtrace/info.json", ".virtrace/info.json is not a JSON object" },
		{ "printf '{' >%s/.virtrace/info.json", ".virtrace/info.json is not a JSON object" },
		{ ": >%s/.virtrace/schema.json", "schema.json is damaged" },
		{ "echo '{}' >%s/.virtrace/schema.json", "schema.json is damaged" },
		{ "rm %s/metadata; mkdir %s/metadata", "metadata is not a file of a trace" },
		{ "rm %s/.virtrace/info.json; mkfifo %s/.virtrace/info.json", "info.json is not a file of a trace" },
		{ "truncate -s 300M %s/.virtrace/schema.json", "schema.json is not a file of a trace" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *dir = scratch_new();

		make_trace(dir, 3);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		assert_int_equal(shell(cases[i].command, dir, dir), 0);
#pragma GCC diagnostic pop
		assert_cannot_open(dir, -EBADMSG, cases[i].error);
		scratch_remove(dir);
	}
}

/** Two traces with each other's schema.json. */
static void test_wrong_schema(void **state)
{
	char *dir = scratch_new();
	const char *other = path_in(dir, "../other");

	(void)state;
	make_trace(dir, 3);
	struct trace_writer *w = create(other);

	add_probe(w, "g", S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(S(.kind = SCHEMA_INT, .name = "i", .size = 4))), NO_CAPTURES);
	trace_close(w);
	shell("cp %s/.virtrace/schema.json %s/.virtrace/", other, dir);
	assert_cannot_open(dir, -EBADMSG, "schema.json and metadata do not agree");

	/* With this trace's own number. */
	char *text = file_read(path_in(dir, ".virtrace/schema.json"), NULL);
	size_t len;
	char *packet = file_read(path_in(dir, "stream_000000"), &len);

	for (unsigned i = 0; i < 16; i++)
		snprintf(strstr(text, "\"uuid\": \"") + 9 + 2 * i, 3, "%02x", (uint8_t)packet[4 + i]);
	strstr(text, "\"uuid\": \"")[9 + 32] = '"';
	*strstr(text, "\n \"checksum\"") = '\0';
	/* The checksum in another way: it is FNV-1a. */
	uint64_t sum = 0xcbf29ce484222325;
	char *whole;

	assert_true(asprintf(&whole, "%s\n", text) > 0);
	for (const char *p = whole; *p; p++)
		sum = (sum ^ (uint8_t)*p) * 0x100000001b3;
	FILE *f = fopen(path_in(dir, ".virtrace/schema.json"), "w");

	fprintf(f, "%s \"checksum\": \"%016lx\"}\n", whole, (unsigned long)sum);
	fclose(f);
	assert_cannot_open(dir, -EBADMSG, "schema.json and metadata do not agree");
	free(whole);
	free(packet);
	free(text);
	scratch_remove(dir);
}

enum { EVENTS = 2000 }; /* in stream_000001 and stream_000002 */

struct damage_case {
	const char *command;
	const char *note; /**< NULL: none */
	unsigned events;  /**< at least */
	bool is_error;    /**< at the end */
};

static void check_damage(const struct damage_case *c)
{
	char *dir = scratch_new();
	struct trace_event e;
	unsigned n = 0;
	int r;

	make_trace(dir, EVENTS);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	assert_int_equal(shell(c->command, dir, dir), 0);
#pragma GCC diagnostic pop
	shell("tar -C %s -cf %s.before .", dir, dir);
	struct reader *rd = open_reader(dir);
	const char *note = reader_note(rd) ? reader_note(rd) : "none";

	if (!strstr(note, c->note ? c->note : "none"))
		fail_msg("%s: note is %s", c->command, note);
	while ((r = reader_next(rd, &e)) == 1)
		n++;
	if (r != (c->is_error ? -EBADMSG : 0) || n < c->events)
		fail_msg("%s: %u events, then %d %s", c->command, n, r, r < 0 ? err_text() : "");
	/* It stays at the end. */
	assert_int_equal(reader_next(rd, &e), r);
	reader_close(rd);
	/* The trace is as it was, and nothing is left over. */
	assert_int_equal(shell("tar -C %s -cf - . | cmp - %s.before", dir, dir), 0);
	assert_int_equal(shell("test -z \"$(ls -d $TMPDIR/virtrace.* 2>/dev/null)\""), 0);
	scratch_remove(dir);
}

static void test_damaged_streams(void **state)
{
	static const struct damage_case cases[] = {
		{ "test -d %s", NULL, EVENTS, false },
		/* power loss: files without their content */
		{ "truncate -s 0 %s/stream_000002; truncate -s 131072 %s/stream_000002", "stream_000002 is no packet", 700, false },
		{ "truncate -s 0 %s/stream_000002", "stream_000002 is no packet of it; what is whole is shown", 700, false },
		{ "head -c 65536 /dev/zero >%s/stream_000003", "stream_000003 is no packet", EVENTS, false },
		{ "head -c 9 /dev/zero >>%s/stream_000002", "stream_000002 has something behind its end", EVENTS, false },
		{ "truncate -s 4096 %s/stream_000001; rm %s/stream_000002", "stream_000001 is cut", 40, false },
		{ "truncate -s 50000 %s/stream_000002", "stream_000002 is cut", 1000, false },
		{ "truncate -s 81 %s/stream_000002", "stream_000002 is cut", 700, false },
		/* lost and foreign files */
		{ "rm %s/stream_000001", "stream_000001 is missing; what is there is shown", 900, false },
		{ "rm %s/stream_*", NULL, 0, false },
		{ "echo hello >%s/README", NULL, EVENTS, false },
		{ "mkdir %s/dir; touch %s/dir/x", NULL, EVENTS, false },
		{ "mkfifo %s/fifo", NULL, EVENTS, false },
		{ "mkfifo %s/stream_000003", "stream_000003 is no packet", EVENTS, false },
		{ "cp %s/stream_000002 %s/stream_x", NULL, EVENTS, false },
		{ "cp %s/stream_000002 %s/stream_2", NULL, EVENTS, false },
		/* damaged content */
		{ "head -c 200 /dev/zero | dd of=%s/stream_000002 bs=1 seek=10000 conv=notrunc 2>/dev/null", NULL, 700, true },
		{ "head -c 200 /dev/zero | tr '\\0' '\\377' | dd of=%s/stream_000002 bs=1 seek=10000 conv=notrunc 2>/dev/null", NULL,
		  700, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_damage(&cases[i]);
}

static void test_empty_trace(void **state)
{
	char *dir = scratch_new();
	int result;

	(void)state;
	trace_close(create(dir));
	assert_int_equal(babeltrace_count(dir), 0);
	assert_int_equal(read_all(dir, &result), 0);
	assert_int_equal(result, 0);
	scratch_remove(dir);
}

static void test_closed_early(void **state)
{
	char *dir = scratch_new();

	(void)state;
	make_trace(dir, 100);
	for (unsigned n = 0; n < 40; n++) {
		struct reader *rd = open_reader(dir);

		for (unsigned i = 0; i < n; i++)
			next_event(rd);
		reader_close(rd);
	}
	reader_close(NULL);
	scratch_remove(dir);
}

static void test_two_readers(void **state)
{
	char *dir = scratch_new();

	(void)state;
	make_trace(dir, 100);
	struct reader *a = open_reader(dir), *b = open_reader(dir);

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(next_event(a).time_ns, next_event(b).time_ns);
	reader_close(a);
	reader_close(b);
	scratch_remove(dir);
}

/* Random damage: any outcome but a crash or a hang.  The checksums let little through, so they are made right again, too. */

static unsigned random_state = 1;

static unsigned below(unsigned n)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 8) % n;
}

static void damage_file(const char *path)
{
	size_t len;
	char *text = file_read(path, &len);
	unsigned kind = below(8);

	if (kind == 0) {
		len = below((unsigned)len + 1);
	} else {
		for (unsigned i = 0; len && i < kind; i++) {
			size_t at_byte = below(2) ? below((unsigned)len) : below(len < 600 ? (unsigned)len : 600);

			text[at_byte] = below(2) ? (char)(text[at_byte] ^ 1 << below(8)) : (char)below(256);
		}
	}
	file_write(path, text, len);
	free(text);
}

/** Put the right checksum into the last line of a file. */
static void renew_checksum(const char *path, const char *line_begin, const char *line_end)
{
	size_t len;
	char *text = file_read(path, &len);
	size_t line_len = strlen(line_begin) + 16 + strlen(line_end);
	uint64_t sum = 0xcbf29ce484222325;

	if (len > line_len) {
		for (size_t i = 0; i < len - line_len; i++)
			sum = (sum ^ (uint8_t)text[i]) * 0x100000001b3;
		FILE *f = fopen(path, "w");

		fwrite(text, 1, len - line_len, f);
		fprintf(f, "%s%016lx%s", line_begin, (unsigned long)sum, line_end);
		fclose(f);
	}
	free(text);
}

static void touch_all(const struct value_node *node, size_t *sum)
{
	*sum += node->len ? node->bytes[node->len - 1] : node->u;
	if (node->schema->kind == SCHEMA_ENUM)
		*sum += value_enumerator(node) != NULL;
	for (size_t i = 0; i < node->n; i++)
		touch_all(&node->items[i], sum);
}

/** Read in a child: a hang is ended by an alarm and is a failure as a crash is. */
static void read_in_child(const char *dir, const char *what)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct reader *rd;
		struct trace_event e;
		size_t sum = 0;

		alarm(60);
		if (reader_open(dir, &rd) == 0) {
			while (reader_next(rd, &e) == 1)
				if (e.values)
					touch_all(e.values, &sum);
			reader_close(rd);
		}
		exit(0);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		shell("cp -a %s /tmp/virtrace-damaged", dir);
		fail_msg("reading a trace with damaged %s: status %x (kept in /tmp/virtrace-damaged)", what, status);
	}
}

static void test_random_damage(void **state)
{
	static const char *const files[] = { "metadata", "stream_000001", ".virtrace/schema.json", ".virtrace/info.json",
					     "stream_000000", ".virtrace/schema.json" };
	char *dir = scratch_new(), *copy = scratch_new();

	(void)state;
	make_trace(dir, 300);
	for (unsigned i = 0; i < 360; i++) {
		const char *file = files[i % 6];

		shell("rm -rf %s; cp -a %s %s", copy, dir, copy);
		damage_file(path_in(copy, file));
		if (i % 6 == 5)
			renew_checksum(path_in(copy, file), " \"checksum\": \"", "\"}\n");
		read_in_child(copy, file);
	}
	scratch_remove(copy);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_a_trace),
		cmocka_unit_test(test_missing_files),
		cmocka_unit_test(test_wrong_schema),
		cmocka_unit_test(test_damaged_streams),
		cmocka_unit_test(test_empty_trace),
		cmocka_unit_test(test_closed_early),
		cmocka_unit_test(test_two_readers),
		cmocka_unit_test(test_random_damage),
	};
	char temporary[] = "/tmp/virtrace-test.XXXXXX";

	/* Where views of damaged traces are made: nobody else's may be there. */
	if (!mkdtemp(temporary))
		return 1;
	setenv("TMPDIR", temporary, 1);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	rmdir(temporary);
	return failed;
}
