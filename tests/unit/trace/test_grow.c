/**
 * Reading on in a trace that is being written: each event comes once, in order, whenever one looks.
 */
#include "tests/unit/trace/support.h"

static const struct schema numbers = {
	.kind = SCHEMA_STRUCT, .ctype = "",
	LIST(S(.kind = SCHEMA_INT, .name = "n", .size = 8, .ctype = "unsigned long"))
};

static struct trace_writer *writer;
static int class;
static uint64_t written, seen;
static bool is_finished;

static void write_numbers(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct event_context context = at(10 + ++written);

		assert_int_equal(trace_entry(writer, class, &context, &written, sizeof(written), NULL, 0, 0), 0);
	}
}

/** All there is now: the numbers go on where they were. */
static void read_numbers(struct reader *rd)
{
	struct trace_event event;
	int r;

	while ((r = reader_next(rd, &event)) == 1) {
		if (event.kind != TRACE_ENTRY)
			continue;
		assert_int_equal(event.values->items[0].u, ++seen);
	}
	if (r < 0)
		fail_msg("%s", err_text());
}

static char *begin(struct reader **ret, bool has_events)
{
	char *dir = scratch_new();

	written = seen = 0;
	writer = create(dir);
	class = add_probe(writer, "f", &numbers, NO_CAPTURES);
	if (has_events)
		write_numbers(1);
	*ret = open_reader(dir);
	read_numbers(*ret);
	return dir;
}

static void end(char *dir, struct reader *rd)
{
	assert_int_equal(babeltrace_count(dir), written);
	reader_close(rd);
	scratch_remove(dir);
}

static void grow_and_read(struct reader *rd, int expected)
{
	int r = reader_grow(rd, &is_finished);

	if (r != expected)
		fail_msg("%d: %s", r, err_text());
	if (r == 1)
		read_numbers(rd);
	assert_int_equal(seen, written);
}

/** A little, nothing, a lot: within a packet and over the ends of several. */
static void test_steps(void **state)
{
	static const uint64_t steps[] = { 1, 0, 1, 5, 0, 0, 3000, 1, 100000, 0, 7, 40000, 1 };

	(void)state;
	for (int has_events = 0; has_events < 2; has_events++) {
		struct reader *rd;
		char *dir = begin(&rd, has_events);

		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
			write_numbers(steps[i]);
			grow_and_read(rd, steps[i] != 0);
			assert_false(is_finished);
		}
		assert_int_equal(trace_set_info(writer, "{\"end_ns\": 5}"), 0);
		assert_int_equal(trace_close(writer), 0);
		grow_and_read(rd, 0);
		assert_true(is_finished);
		end(dir, rd);
	}
}

/** Functions of libraries that come late. */
static void test_new_probes(void **state)
{
	struct reader *rd;
	char *dir = begin(&rd, true);
	const struct trace_probe *const *probes;
	const struct trace_probe *first;

	(void)state;
	assert_int_equal(reader_probes(rd, &probes), 1);
	first = probes[0];
	for (unsigned i = 0; i < 20; i++) {
		class = add_probe(writer, "g", &numbers, NO_CAPTURES);
		write_numbers(1 + 100 * i);
		grow_and_read(rd, 1);
		assert_int_equal(reader_probes(rd, &probes), 2 + i);
		assert_ptr_equal(probes[0], first);
		assert_string_equal(probes[1 + i]->function, "g");
		assert_int_equal(probes[1 + i]->index, 1 + i);
	}
	trace_close(writer);
	end(dir, rd);
}

/** Losses are told once. */
static void test_losses(void **state)
{
	struct reader *rd;
	char *dir = begin(&rd, true);
	struct trace_event event;
	uint64_t lost = 0, told = 0;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		write_numbers(i % 3 ? 2 : 4000);
		trace_lost(writer, 10 + written, "f", 3, "no room");
		told += 3;
		int r = reader_grow(rd, &is_finished);

		assert_int_equal(r, 1);
		while ((r = reader_next(rd, &event)) == 1)
			lost += event.kind == TRACE_LOST ? event.count : 0;
		assert_int_equal(r, 0);
		assert_int_equal(lost, told);
	}
	trace_close(writer);
	reader_close(rd);
	scratch_remove(dir);
}

/** Another recording in the same place is not this trace any more. */
static void test_replaced(void **state)
{
	struct reader *rd;
	char *dir = begin(&rd, true);

	(void)state;
	trace_close(writer);
	assert_int_equal(trace_create(dir, true, "{}", &writer), 0);
	class = add_probe(writer, "f", &numbers, NO_CAPTURES);
	written = 0;
	write_numbers(5);
	int r = reader_grow(rd, &is_finished);

	assert_true(r <= 0);
	trace_close(writer);
	reader_close(rd);
	scratch_remove(dir);
}

/** What is not a trace any more is an error, and the reader can be closed. */
static void test_removed(void **state)
{
	struct reader *rd;
	char *dir = begin(&rd, true);

	(void)state;
	write_numbers(10);
	trace_close(writer);
	shell("rm -r %s/.virtrace", dir);
	assert_true(reader_grow(rd, &is_finished) < 0);
	reader_close(rd);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),	 cmocka_unit_test(test_new_probes), cmocka_unit_test(test_losses),
		cmocka_unit_test(test_replaced), cmocka_unit_test(test_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
