/*
 * Numbers over time. The oracle is a search over all numbers, as the definition of each sum says.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/base/err.h"
#include "tracer/review/by.h"
#include "tracer/review/calls.h"
#include "tracer/review/filter.h"
#include "tracer/review/series.h"
#include "tracer/review/series_text.h"
#include "tracer/review/show.h"
#include "tracer/trace/reader.h"

static struct trace_probe probe = { .function = "f", .module = "libx.so" };
static struct trace_probe other = { .function = "other", .module = "libx.so", .index = 1 };
static const struct trace_probe *const probes[] = { &probe, &other };

/* Values that one call has recorded, used for all: the test changes what is in them. */
static uint64_t large;
static double real;
static int key;
static const char *text = "vda";
static struct value_node items[5];
static struct value_node values = { .items = items, .n = 5 };

static int make(void **state)
{
	(void)state;
	probe.entry = STRUCT(8, capture("large", int_schema(8, false)),
			     capture("real", plain_schema(SCHEMA_FLOAT, 8)),
			     capture("key", int_schema(4, true)),
			     capture("text", plain_schema(SCHEMA_STRING, 8)),
			     capture("gone", int_schema(4, true)));
	other.entry = STRUCT(8, capture("n", int_schema(4, true)));
	values.schema = probe.entry;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	arena_free(&nodes);
	return 0;
}

/* A call that has recorded what is in the variables now. */
static struct call call_now(uint64_t id, uint64_t time_ns)
{
	const void *const memory[] = { &large, &real, &key, &text };

	for (size_t i = 0; i < 4; i++)
		fill_node(&items[i], probe.entry->members[i]->target, memory[i]);
	items[4] = *missing_node(int_schema(4, true), STATUS_OPTIMIZED_OUT, 0);
	return (struct call){ .id = id,
			      .probe = &probe,
			      .entered_ns = time_ns,
			      .entry = &values,
			      .outcome = OUTCOME_RETURNED };
}

static struct filter *value;
static struct by *by;

static struct series_list *open_series(const char *expr, const char *by_expr)
{
	if (filter_new(expr, probes, 2, &value) < 0 || by_new(by_expr, probes, 2, false, &by) < 0)
		fail_msg("%s", err_text());
	return series_new(value, by);
}

static void close_series(struct series_list *list)
{
	series_free(list);
	filter_free(value);
	by_free(by);
}

/* The least number that at least so many percent do not exceed. */
static long double rank(const uint64_t *numbers, size_t n, unsigned percent)
{
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		size_t below = 0;

		for (size_t k = 0; k < n; k++)
			below += numbers[k] <= numbers[i];
		if (100 * below >= percent * n && numbers[i] < best)
			best = numbers[i];
	}
	return (long double)best;
}

static void sums(void **state)
{
	enum { N = 500 };
	static uint64_t numbers[N];
	struct series_list *list = open_series("large", NULL);
	uint64_t least = UINT64_MAX, greatest = 0, random = 1;
	unsigned __int128 sum = 0;
	const struct series *series;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		large = numbers[i] = random;
		sum += large;
		least = large < least ? large : least;
		greatest = large > greatest ? large : greatest;
		struct call call = call_now(i + 1, 1000 + i);

		assert_int_equal(series_add(list, &call), 0);
	}
	assert_int_equal(series_finish(list, &series), 1);
	assert_int_equal(series->n, N);
	assert_true(series->min == (long double)least && series->max == (long double)greatest);
	assert_int_equal(numbers[series->min_id - 1], least);
	assert_int_equal(numbers[series->max_id - 1], greatest);
	assert_true(series->avg == (long double)sum / N);
	assert_true(series->first == (long double)numbers[0]);
	assert_true(series->last == (long double)numbers[N - 1]);
	for (unsigned percent = 1; percent <= 100; percent += 7)
		assert_true(series_percentile(series, percent) == rank(numbers, N, percent));
	assert_false(series_is_thinned(list));
	close_series(list);
}

static void split(void **state)
{
	struct series_list *list = open_series("large", "key");
	const struct series *series;

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		key = (int)(i % 2) - 1;
		large = i;
		struct call call = call_now(i + 1, i);

		assert_int_equal(series_add(list, &call), 0);
	}
	assert_int_equal(series_finish(list, &series), 2);
	assert_string_equal(series[0].key, "-1");
	assert_int_equal(series[0].n, 5);
	assert_true(series[0].avg == 4);
	assert_string_equal(series[1].key, "0");
	assert_int_equal(series[1].n, 4);
	close_series(list);
}

/* Calls may come out of the order of their time: first and last are of the clock. */
static void first_and_last(void **state)
{
	static const uint64_t times[] = { 50, 10, 90, 70 };
	struct series_list *list = open_series("large", NULL);
	const struct series *series;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		large = times[i];
		struct call call = call_now(i + 1, times[i]);

		assert_int_equal(series_add(list, &call), 0);
	}
	series_finish(list, &series);
	assert_true(series->first == 10 && series->last == 90);
	assert_int_equal(series->first_ns, 10);
	assert_int_equal(series->last_ns, 90);
	close_series(list);
}

static void gaps(void **state)
{
	static const struct {
		const char *expr;
		enum series_gap gap;
	} cases[] = { { "gone", GAP_OPTIMIZED_OUT }, { "gone + 1", GAP_OTHER }, { "text", GAP_NO_NUMBER } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct series_list *list = open_series(cases[i].expr, NULL);
		struct call call = call_now(1, 1), elsewhere = { .probe = &other };
		const struct series *series;

		assert_int_equal(series_add(list, &call), 0);
		assert_int_equal(series_add(list, &elsewhere), 0);
		assert_int_equal(series_finish(list, &series), 0);
		for (int gap = 0; gap < GAP_COUNT; gap++)
			assert_int_equal(series_gaps(list)[gap], gap == (int)cases[i].gap);
		close_series(list);
	}
}

/* However long it lasts, each slot has what was in its part of the time. */
static void slots(void **state)
{
	(void)state;
	for (uint64_t step = 1; step < 1ull << 50; step *= 37) {
		struct series_list *list = open_series("large", NULL);
		const struct series *series;
		uint64_t n = 0;

		for (unsigned i = 0; i < 200; i++) {
			large = i;
			struct call call = call_now(i + 1, 1000 + i * step);

			assert_int_equal(series_add(list, &call), 0);
		}
		series_finish(list, &series);
		unsigned used = series_slots(list);

		assert_true(used > SERIES_SLOTS / 2 || 200 * step < SERIES_SLOTS);
		for (unsigned i = 0; i < used; i++) {
			if (i && series->slots[i].n && series->slots[i - 1].n)
				assert_true(series->slots[i].sum / (long double)series->slots[i].n >
					    series->slots[i - 1].sum /
						    (long double)series->slots[i - 1].n);
			n += series->slots[i].n;
		}
		assert_int_equal(n, 200);
		close_series(list);
	}
}

/* The sums of more numbers than are kept are exact still, and percentiles nearly. */
static void thinned(void **state)
{
	enum { N = SERIES_KEPT_MAX + 1000 };
	struct series_list *list = open_series("large", "key");
	const struct series *series;

	(void)state;
	key = 1;
	for (unsigned i = 0; i < N; i++) {
		large = i * 2654435761u; /* all of 32 bits, scattered */
		struct call call = call_now(i + 1, i);

		assert_int_equal(series_add(list, &call), 0);
	}
	key = 2;
	large = 7;
	struct call call = call_now(N + 1, N);

	assert_int_equal(series_add(list, &call), 0);
	assert_int_equal(series_finish(list, &series), 2);
	assert_true(series_is_thinned(list));
	assert_int_equal(series[0].n, N);
	assert_true(series[0].n_kept < SERIES_KEPT_MAX);
	long double half = series_percentile(&series[0], 50) / 0x1p32L;

	assert_true(half > 0.499L && half < 0.501L);
	assert_true(series_percentile(&series[1], 50) == 7);
	close_series(list);
}

static unsigned page_width;

static const char *shown(struct series_list *list, const struct series_text *how, bool exact)
{
	static char buf[1 << 16];
	FILE *out = fmemopen(buf, sizeof(buf), "w");
	struct show show = { .page = { .out = out, .width = page_width }, .exact = exact };

	*buf = '\0';
	series_text(&show, list, how);
	fclose(out);
	return buf;
}

static void table(void **state)
{
	struct series_list *list = open_series("large", "key");

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		key = i % 4 == 3;
		large = 1024 * i;
		struct call call = call_now(i + 1, 1000000000ull * i);

		assert_int_equal(series_add(list, &call), 0);
	}
	assert_string_equal(
		shown(list, &(struct series_text){ "large", "key", FIGURE_BYTES, false }, false),
		"       N      MIN      AVG      P50      P99      MAX     LAST  PER_SEC  "
		"OVER_TIME                         key\n"
		"       6      0 B  3.0 KiB  2.0 KiB  6.0 KiB  6.0 KiB  6.0 KiB  1.0 KiB  "
		".  :   -      *   #   @           0\n"
		"       2  3.0 KiB  5.0 KiB  3.0 KiB  7.0 KiB  7.0 KiB  7.0 KiB  1.0 KiB  "
		"           .              @       1\n");
	assert_string_equal(
		shown(list, &(struct series_text){ "large", "key", FIGURE_BYTES, false }, true),
		"       N      MIN      AVG      P50      P99      MAX     LAST  PER_SEC  "
		"OVER_TIME                         key\n"
		"       6        0     3072     2048     6144     6144     6144     1024  "
		".  :   -      *   #   @           0\n"
		"       2     3072     5120     3072     7168     7168     7168     1024  "
		"           .              @       1\n");
	page_width = 80; /* not enough for all on one line */
	assert_string_equal(
		shown(list, &(struct series_text){ "large", "key", FIGURE_BYTES, false }, true),
		"       N      MIN      AVG      P50      P99      MAX     LAST  PER_SEC\n"
		"         OVER_TIME                         key\n"
		"       6        0     3072     2048     6144     6144     6144     1024\n"
		"         .  :   -      *   #   @           0\n"
		"       2     3072     5120     3072     7168     7168     7168     1024\n"
		"                    .              @       1\n");
	close_series(list);
}

/* Each range has the numbers between its edges: all are counted again. */
static void check_histogram(const long double *numbers, size_t n, size_t least_rows)
{
	struct series series = { .kept = numbers, .n_kept = n, .n = n };
	static char buf[1 << 16];
	FILE *out = fmemopen(buf, sizeof(buf), "w");
	struct show show = { .page = { .out = out }, .exact = true };
	long double from, to;
	unsigned long count, total = 0;
	size_t rows = 0;

	series_histogram(&show, &series, FIGURE_PLAIN);
	fclose(out);
	for (const char *line = buf; *line; line = strchr(line, '\n') + 1) {
		unsigned long found = 0;

		assert_int_equal(sscanf(line, "%Lf ..%Lf %lu |", &from, &to, &count), 3);
		for (size_t i = 0; i < n; i++)
			found += numbers[i] >= from && numbers[i] < to;
		if (found != count)
			fail_msg("%s: %lu are there", line, found);
		total += count;
		rows++;
	}
	assert_int_equal(total, n);
	assert_true(rows >= least_rows && rows < 40);
}

static void histograms(void **state)
{
	static const long double far[] = { 0, 0, 1, 2, 3, 4, 7, 8, 1000, 1023, 1024, 5000 };
	static const long double near[] = { 100, 101, 110, 117, 117, 120 };
	static const long double below[] = { -1000, -7, -3, -0.5L, 0, 20 };
	static const long double parts[] = { 0.11L, 0.15L, 0.25L, 0.31L };
	static const long double same[] = { 7623480832.0L, 7623480832.0L };

	(void)state;
	check_histogram(far, 12, 14);
	check_histogram(near, 6, 6);
	check_histogram(parts, 4, 5);
	check_histogram(same, 2, 1);
	/* below zero by hand, as each range there has its other end */
	struct series series = { .kept = below, .n_kept = 6, .n = 6 };
	static char buf[1 << 16];
	FILE *out = fmemopen(buf, sizeof(buf), "w");
	struct show show = { .page = { .out = out } };

	series_histogram(&show, &series, FIGURE_PLAIN);
	fclose(out);
	assert_non_null(strstr(buf, "     -1024 ..      -512        1 |"));
	assert_non_null(strstr(buf, "        -8 ..        -4        1 |"));
	assert_non_null(strstr(buf, "        -4 ..        -2        1 |"));
	assert_non_null(strstr(buf, "        -1 ..         1        2 |"));
	assert_non_null(strstr(buf, "        16 ..        32        1 |"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),	   cmocka_unit_test(split),   cmocka_unit_test(first_and_last),
		cmocka_unit_test(gaps),	   cmocka_unit_test(slots),   cmocka_unit_test(thinned),
		cmocka_unit_test(table),   cmocka_unit_test(histograms),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
