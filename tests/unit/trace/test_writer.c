#include "tests/unit/trace/support.h"

#include <json-c/json.h>
#include <time.h>

static const struct schema number = { .kind = SCHEMA_INT, .name = "n", .size = 4, .is_signed = true };

static void test_builtin_events(void **state)
{
	static const char *const expected[] = {
		"virtrace:thread: { tid = 42, call = 0, parent = 0, depth = 0 }, { comm = { status = ( \"ok\" : container = 0 ), "
		"value = { { len = 13, chars = \"rpc-virtqemud\" } } } }\n",
		"virtrace:frame: { tid = 0, call = 0, parent = 0, depth = 0 }, { addr = 0x7F0012345678, index = 2, "
		"inlined = ( \"true\" : container = 1 ), ",
		"virtrace:closed: { tid = 7, call = 3, parent = 2, depth = 1 }, { end = ( \"unwound\" : container = 0 ) }\n",
		"virtrace:lost: { tid = 0, call = 0, parent = 0, depth = 0 }, { probe = ",
	};
	struct event_context context = { .time_ns = 30, .tid = 7, .call = 3, .parent = 2, .depth = 1 };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	assert_int_equal(trace_thread(w, 10, 42, "rpc-virtqemud"), 0);
	assert_int_equal(trace_frame(w, 20, 0x7f0012345678, 2, true, "f", "libx.so", NULL), 0);
	assert_int_equal(trace_closed(w, &context, CLOSED_UNWOUND), 0);
	assert_int_equal(trace_lost(w, 40, "f", 5, "gone"), 0);
	assert_int_equal(trace_thread(w, 50, 43, "\xff\xfe"), 0);
	assert_int_equal(trace_lost_count(w), 5);
	trace_close(w);

	char *text = babeltrace(dir, false, NULL);

	for (size_t i = 0; i < 4; i++)
		assert_babeltrace_says(text, expected[i]);
	free(text);

	struct reader *rd = open_reader(dir);
	struct trace_event e = next_event(rd);

	assert_true(e.kind == TRACE_THREAD && e.time_ns == 10 && e.tid == 42 && !e.probe);
	assert_string_equal(e.text, "rpc-virtqemud");
	e = next_event(rd);
	assert_true(e.kind == TRACE_FRAME && e.addr == 0x7f0012345678 && e.index == 2 && e.inlined && !e.source);
	assert_string_equal(e.text, "f");
	assert_string_equal(e.module, "libx.so");
	e = next_event(rd);
	assert_true(e.kind == TRACE_CLOSED && e.closed == CLOSED_UNWOUND && e.tid == 7 && e.call == 3 && e.parent == 2 &&
		    e.depth == 1);
	e = next_event(rd);
	assert_true(e.kind == TRACE_LOST && e.count == 5);
	assert_string_equal(e.module, "f");
	assert_string_equal(e.text, "gone");
	e = next_event(rd);
	assert_string_equal(e.text, "\xff\xfe");
	assert_int_equal(reader_next(rd, &e), 0);
	assert_int_equal(reader_next(rd, &e), 0);
	reader_close(rd);
	scratch_remove(dir);
}

static void test_ends_of_calls(void **state)
{
	static const char *const names[] = { "unwound", "open", "exited", "lost" };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct event_context context = { .time_ns = 10 + i, .call = 1 + i };

		assert_int_equal(trace_closed(w, &context, CLOSED_UNWOUND + i), 0);
	}
	trace_close(w);
	char *text = babeltrace(dir, false, NULL);
	struct reader *rd = open_reader(dir);

	for (unsigned i = 0; i < 4; i++) {
		char expected[64];
		struct trace_event e = next_event(rd);

		snprintf(expected, sizeof(expected), "{ end = ( \"%s\" : container = %u ) }", names[i], i);
		assert_babeltrace_says(text, expected);
		assert_true(e.kind == TRACE_CLOSED && e.closed == (int)(CLOSED_UNWOUND + i) && e.call == 1 + i);
	}
	free(text);
	reader_close(rd);
	scratch_remove(dir);
}

static void test_calls(void **state)
{
	static const char *const sites[] = { "a.c:10", "a.c:12", "a.c:10", NULL };
	const struct schema *entry = S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(&number, S(.kind = SCHEMA_INT, .name = "stack", .size = 1)));
	const struct trace_probe_desc desc = {
		.function = "f", .module = "/usr/lib/lib\"x\".so", .source = "a.c:5", .prototype = "int f(int n)",
		.entry = entry, .ret = S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(&number)),
		.return_sites = sites, .n_return_sites = 4, .has_stack = true, .deferred = true,
	};
	const uint64_t stack[] = { 0x10, 0x20, 0x30 };
	struct event_context context = { .time_ns = 100, .tid = 7, .call = 3, .parent = 2, .depth = 1 };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	int class = trace_add_probe(w, &desc);

	(void)state;
	assert_int_equal(class, CLASS_BUILTIN_COUNT);
	assert_int_equal(trace_commit(w), 0);
	assert_int_equal(trace_entry(w, class, &context, "\1\0\0\0\2", 5, stack, 3, 90), 0);
	for (unsigned i = 0; i < 5; i++) {
		context.time_ns++;
		assert_int_equal(trace_return(w, class + 1, &context, i, "\xff\xff\xff\xff", 4), 0);
	}
	trace_close(w);

	char *text = babeltrace(dir, false, NULL);

	assert_babeltrace_says(text, "f: { tid = 7, call = 3, parent = 2, depth = 1 }, { n = 1, stack = 2, stack_2 = { n = 3, items = "
				     "[ [0] = 0x10, [1] = 0x20, [2] = 0x30 ] }, entered = 90 }\n");
	assert_babeltrace_says(text, "f:return: { tid = 7, call = 3, parent = 2, depth = 1 }, { return_site = ( \"a.c:12\" : "
				     "container = 1 ), n = -1 }\n");
	free(text);

	struct reader *rd = open_reader(dir);
	const struct trace_probe *const *probes;
	struct trace_event e = next_event(rd);

	assert_int_equal(reader_probes(rd, &probes), 1);
	assert_string_equal(probes[0]->function, "f");
	assert_string_equal(probes[0]->module, desc.module);
	assert_string_equal(probes[0]->source, "a.c:5");
	assert_string_equal(probes[0]->prototype, "int f(int n)");
	assert_true(probes[0]->deferred && probes[0]->index == 0);
	assert_true(e.kind == TRACE_ENTRY && e.probe == probes[0] && e.time_ns == 90 && e.n_stack == 3);
	assert_memory_equal(e.stack, stack, sizeof(stack));
	assert_true(e.values->n == 2 && e.values->schema == probes[0]->entry && e.values->items[1].u == 2);
	for (unsigned i = 0; i < 5; i++) {
		e = next_event(rd);
		assert_true(e.kind == TRACE_RETURN && e.time_ns == 101 + i && e.values->n == 1);
		assert_int_equal((int64_t)e.values->items[0].u, -1);
		if (i < 3)
			assert_string_equal(e.return_source, sites[i]);
		else
			assert_null(e.return_source);
	}
	reader_close(rd);
	scratch_remove(dir);
}

static void test_names_are_unique(void **state)
{
	static const struct {
		const char *module, *expected;
	} probes[] = {
		{ "/lib/liba.so", " f: " },
		{ "/lib/libb.so", " libb.so!f: " },
		{ "/lib/libb.so", " libb.so!f#2: " },
		{ "/lib/\x01x", " ?x!f: " },
	};
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct trace_probe_desc desc = { .function = "f", .module = probes[i].module, .entry = NO_CAPTURES,
						 .ret = NO_CAPTURES };
		struct event_context context = at(i + 1);
		int class = trace_add_probe(w, &desc);

		assert_int_equal(trace_commit(w), 0);
		trace_entry(w, class, &context, NULL, 0, NULL, 0, 0);
	}
	trace_close(w);
	char *text = babeltrace(dir, false, NULL);

	for (unsigned i = 0; i < 4; i++)
		assert_babeltrace_says(text, probes[i].expected);
	free(text);
	scratch_remove(dir);
}

static void test_time_never_goes_back(void **state)
{
	static const uint64_t times[] = { 0, 1000, 500, 1000, 1001, 999, 2000 };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < 7; i++)
		trace_thread(w, times[i], 1, "t");
	trace_close(w);
	assert_int_equal(babeltrace_count(dir), 7);
	struct reader *rd = open_reader(dir);

	for (size_t i = 0; i < 7; i++) {
		struct trace_event e = next_event(rd);

		assert_true(e.time_ns >= last && e.time_ns >= times[i] && e.time_ns <= (i ? 2000 : 1));
		last = e.time_ns;
	}
	reader_close(rd);
	scratch_remove(dir);
}

static void test_wall_clock(void **state)
{
	struct timespec mono, real;
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	uint64_t time = (uint64_t)mono.tv_sec * 1000000000 + (uint64_t)mono.tv_nsec;

	trace_thread(w, time, 1, "now");
	trace_close(w);
	struct reader *rd = open_reader(dir);
	int64_t wall = (int64_t)reader_wall_ns(rd, next_event(rd).time_ns);

	assert_in_range(wall - real.tv_sec * 1000000000 - real.tv_nsec + 1000000000, 900000000, 1100000000);
	reader_close(rd);

	/* babeltrace2 shows the same, to the nanosecond. */
	char expected[40], line[100] = "";
	FILE *p;
	char command[200];

	snprintf(command, sizeof(command), "babeltrace2 --clock-seconds %s", dir);
	p = popen(command, "r");
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	snprintf(expected, sizeof(expected), "[%ld.%09ld]", (long)(wall / 1000000000), (long)(wall % 1000000000));
	assert_memory_equal(line, expected, strlen(expected));
	scratch_remove(dir);
}

static void test_info_and_module(void **state)
{
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	add_probe(w, "f", NO_CAPTURES, NO_CAPTURES);
	assert_int_equal(trace_set_info(w, "{\"end\": \"\\u20ac\"}"), 0);
	trace_close(w);
	struct reader *rd = open_reader(dir);
	struct json_object *end;

	assert_true(json_object_object_get_ex(reader_info(rd), "end", &end));
	assert_string_equal(json_object_get_string(end), "\xe2\x82\xac");
	reader_close(rd);
	assert_int_equal(shell("grep -q 'model.emf.uri = \"elf:/lib/libtest.so\";' %s/metadata", dir), 0);
	assert_int_equal(shell("test \"$(head -n 1 %s/metadata)\" = '/* CTF 1.8 */'", dir), 0);
	scratch_remove(dir);
}

static void test_uncommitted_class(void **state)
{
	const struct trace_probe_desc desc = { .function = "f", .module = "m", .entry = NO_CAPTURES, .ret = NO_CAPTURES };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	struct event_context context = at(1);
	int class = trace_add_probe(w, &desc);

	(void)state;
	assert_int_equal(trace_entry(w, class, &context, NULL, 0, NULL, 0, 0), -EINVAL);
	assert_int_equal(trace_thread(w, 2, 1, "t"), 0);
	assert_int_equal(trace_commit(w), 0);
	assert_int_equal(trace_entry(w, class, &context, NULL, 0, NULL, 0, 0), 0);
	trace_close(w);
	assert_int_equal(babeltrace_count(dir), 2);
	scratch_remove(dir);
}

/** Discarded events are told with a number, from the first packet on, and where they were. */
static void test_lost_events(void **state)
{
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	trace_lost(w, 10, "f", 3, "first of all");
	for (unsigned i = 0; i < 20000; i++)
		trace_thread(w, 20 + i, 1, "filler");
	trace_lost(w, 30000, "f", 4, "later");
	trace_close(w);
	char *text = babeltrace(dir, true, NULL);

	assert_babeltrace_says(text, "Tracer discarded 3 events between [");
	assert_babeltrace_says(text, "Tracer discarded 4 events between");
	assert_null(strstr(text, "may have"));
	assert_null(strstr(text, "packets"));
	free(text);

	/* The reader does not count twice what LOST events explain. */
	struct reader *rd = open_reader(dir);
	struct trace_event e;
	uint64_t lost = 0;
	unsigned n = 0;

	while (reader_next(rd, &e) == 1) {
		n++;
		lost += e.kind == TRACE_LOST ? e.count : 0;
	}
	assert_int_equal(n, 20002);
	assert_int_equal(lost, 7);
	reader_close(rd);
	scratch_remove(dir);
}

/** The packet that says how many are lost is the one that says why. */
static void test_lost_events_at_packet_ends(void **state)
{
	enum { N = 6000 };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	struct trace_event e;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++)
		trace_lost(w, i + 1, "f", 2, "lost");
	trace_close(w);
	struct reader *rd = open_reader(dir);

	while (reader_next(rd, &e) == 1) {
		assert_true(e.kind == TRACE_LOST && e.count == 2);
		assert_string_equal(e.text, "lost");
		n++;
	}
	assert_int_equal(n, N);
	reader_close(rd);
	scratch_remove(dir);
}

/* A text of length 0 is not the one that was before it. */
static void test_empty_texts(void **state)
{
	enum { N = 64 };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	for (unsigned i = 0; i < N; i++)
		trace_frame(w, i, 0x1000 + i, 0, false, i % 2 ? "" : "named", "libx.so", NULL);
	trace_close(w);
	struct reader *rd = open_reader(dir);

	for (unsigned i = 0; i < N; i++) {
		struct trace_event e = next_event(rd);

		assert_string_equal(e.text, i % 2 ? "" : "named");
		assert_string_equal(e.module, "libx.so");
	}
	reader_close(rd);
	scratch_remove(dir);
}

static void test_many_probes(void **state)
{
	enum { N = 2000 };
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	const struct schema *entry = S(.kind = SCHEMA_STRUCT, .ctype = "", LIST(&number));
	int first = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		char name[20];
		struct trace_probe_desc desc = { .function = name, .module = "m", .entry = entry, .ret = NO_CAPTURES };

		snprintf(name, sizeof(name), "f%u", i);
		first = trace_add_probe(w, &desc) - 2 * (int)i;
		assert_int_equal(first, CLASS_BUILTIN_COUNT);
	}
	assert_int_equal(trace_commit(w), 0);
	for (int i = 0; i < N; i++) {
		struct event_context context = at((uint64_t)i + 1);

		assert_int_equal(trace_entry(w, first + 2 * i, &context, &i, 4, NULL, 0, 0), 0);
	}
	trace_close(w);
	assert_int_equal(babeltrace_count(dir), N);
	struct reader *rd = open_reader(dir);

	for (unsigned i = 0; i < N; i++) {
		struct trace_event e = next_event(rd);

		assert_int_equal(e.probe->index, i);
		assert_int_equal(e.values->items[0].u, i);
	}
	reader_close(rd);
	scratch_remove(dir);
}

static void test_class_numbers_run_out(void **state)
{
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	struct trace_probe_desc desc = { .function = "f", .module = "m", .entry = NO_CAPTURES, .ret = NO_CAPTURES };
	char name[20];
	int r, n = 0;

	(void)state;
	desc.function = name;
	do {
		snprintf(name, sizeof(name), "f%d", n++);
		r = trace_add_probe(w, &desc);
	} while (r >= 0 && n < 40000);
	assert_int_equal(r, -E2BIG);
	assert_in_range(n, 32700, 32768);
	trace_close(w);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin_events),
		cmocka_unit_test(test_ends_of_calls),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_time_never_goes_back),
		cmocka_unit_test(test_wall_clock),
		cmocka_unit_test(test_info_and_module),
		cmocka_unit_test(test_uncommitted_class),
		cmocka_unit_test(test_lost_events),
		cmocka_unit_test(test_lost_events_at_packet_ends),
		cmocka_unit_test(test_empty_texts),
		cmocka_unit_test(test_many_probes),
		cmocka_unit_test(test_class_numbers_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
