/*
 * Sums over calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/calls.h"
#include "tracer/review/stats.h"
#include "tracer/trace/reader.h"

enum { A, B, C, D, N };

static const struct trace_probe probes[N] = {
	{ .function = "a", .module = "libvirt.so.0", .index = A },
	{ .function = "b", .module = "libvirt.so.0", .index = B },
	{ .function = "c", .module = "libvirt.so.0", .index = C },
	{ .function = "d", .module = "libvirt.so.0", .index = D },
};

static struct call call_of(int probe, uint64_t id, uint64_t ns)
{
	return (struct call){ .id = id,
			      .probe = &probes[probe],
			      .entered_ns = 1000,
			      .ended_ns = 1000 + ns,
			      .outcome = OUTCOME_RETURNED };
}

/*
 * Nearest rank, as its definition says: the smallest time that at least that part of all does not
 * exceed.
 */
static uint64_t rank(const uint64_t *times, size_t n, unsigned percent)
{
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < n; i++) {
		size_t below = 0;

		for (size_t j = 0; j < n; j++)
			below += times[j] <= times[i];
		if (100 * below >= percent * n && times[i] < best)
			best = times[i];
	}
	return best;
}

static void percentiles(void **state)
{
	(void)state;
	srand(1);
	for (size_t n = 1; n <= 210; n += n < 5 ? 1 : 41) {
		const struct function_stats *found;
		struct stats *stats = stats_new(N);
		uint64_t times[210], total = 0, max = 0;

		for (size_t i = 0; i < n; i++) {
			struct call call =
				call_of(B, i + 1, times[i] = (uint64_t)rand() % 1000 + 1);

			total += times[i];
			max = times[i] > max ? times[i] : max;
			assert_int_equal(stats_add(stats, &call, NULL), 0);
		}
		assert_int_equal(stats_finish(stats, &found), 1);
		assert_ptr_equal(found->probe, &probes[B]);
		assert_int_equal(found->timed, n);
		assert_int_equal(found->total_ns, total);
		assert_int_equal(found->max_ns, max);
		assert_int_equal(found->p50_ns, rank(times, n, 50));
		assert_int_equal(found->p99_ns, rank(times, n, 99));
		assert_int_equal(found->slowest[0].ns, max);
		for (size_t i = 1; i < STATS_EXAMPLES && found->slowest[i].id; i++)
			assert_true(found->slowest[i].ns <= found->slowest[i - 1].ns);
		stats_free(stats);
	}
}

/* d is called by a alone; b by a and by c; c by nobody, and is slower than a. */
static void functions_below_their_only_caller(void **state)
{
	struct stats *stats = stats_new(N);
	struct call a = call_of(A, 1, 10), d = call_of(D, 2, 5), b = call_of(B, 3, 3),
		    c = call_of(C, 4, 20);
	const struct function_stats *found;

	(void)state;
	stats_add(stats, &a, NULL);
	stats_add(stats, &d, &a);
	stats_add(stats, &b, &a);
	stats_add(stats, &c, NULL);
	stats_add(stats, &b, &c);
	assert_int_equal(stats_finish(stats, &found), N);
	assert_string_equal(found[0].probe->function, "c");
	assert_string_equal(found[1].probe->function, "a");
	assert_string_equal(found[2].probe->function, "d");
	assert_int_equal(found[2].level, 1);
	assert_string_equal(found[3].probe->function, "b");
	assert_int_equal(found[3].level, 0);
	stats_free(stats);
}

static void recursion(void **state)
{
	struct stats *stats = stats_new(N);
	struct call a = call_of(A, 1, 10), b = call_of(B, 2, 8), again = call_of(A, 3, 6);
	const struct function_stats *found;

	(void)state;
	stats_add(stats, &a, NULL);
	stats_add(stats, &b, &a);
	stats_add(stats, &again, &b);
	assert_int_equal(stats_finish(stats, &found), 2);
	assert_string_equal(found[0].probe->function, "a");
	assert_int_equal(found[0].calls, 2);
	assert_int_equal(found[1].level, 1);
	stats_free(stats);
}

static void failures(void **state)
{
	const struct schema *s = plain_schema(SCHEMA_STRING, 8), *p = pointer_schema(NULL);
	static const char *const null;
	static const char *const text = "x";
	const struct {
		const struct schema *type;
		const void *memory;
		enum verdict verdict;
	} cases[] = {
		{ int_schema(4, true), &(int){ -1 }, CALL_FAILED },
		{ int_schema(4, true), &(int){ 0 }, CALL_SUCCEEDED },
		{ int_schema(4, false), &(int){ -1 }, CALL_NOT_JUDGED },
		{ int_schema(8, true), &(long){ -5 }, CALL_FAILED },
		{ plain_schema(SCHEMA_BOOL, 1), "\0", CALL_NOT_JUDGED },
		{ p, &null, CALL_NOT_JUDGED },
		{ p, &text, CALL_NOT_JUDGED },
		{ s, &null, CALL_NOT_JUDGED },
		{ plain_schema(SCHEMA_FLOAT, 8), &(double){ -1 }, CALL_NOT_JUDGED },
	};
	static const struct trace_probe foreign = { .function = "ngx_http_handler", .module = "/usr/sbin/nginx", .index = B };
	struct stats *stats = stats_new(N);
	const struct function_stats *found;
	size_t n = 0, judged = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct call call = call_of(A, i + 1, 10);

		call.ret = node_of(STRUCT(8, member("$ret", 0, cases[i].type)), cases[i].memory);
		if (call_verdict(&call) != cases[i].verdict)
			fail_msg("case %zu", i);
		n += cases[i].verdict == CALL_FAILED;
		judged += cases[i].verdict != CALL_NOT_JUDGED;
		stats_add(stats, &call, NULL);
		call.probe = &foreign;
		assert_int_equal(call_verdict(&call), CALL_NOT_JUDGED);
	}
	stats_finish(stats, &found);
	assert_int_equal(found->errors, n);
	assert_int_equal(found->judged, judged);
	assert_int_equal(found->failed[0], 1);
	assert_int_equal(found->failed[1], 4);
	stats_free(stats);
	arena_free(&nodes);
}

/* Calls without an end have no time; a probe with a number that is not there is not counted. */
static void odd_calls(void **state)
{
	static const struct trace_probe beyond = { .function = "x", .module = "x", .index = 1000 };
	struct stats *stats = stats_new(N);
	struct call open = call_of(A, 1, 10), strange = call_of(B, 2, 10);
	const struct function_stats *found;

	(void)state;
	open.outcome = OUTCOME_OPEN;
	strange.probe = &beyond;
	stats_add(stats, &open, NULL);
	stats_add(stats, &strange, &open);
	assert_int_equal(stats_finish(stats, &found), 1);
	assert_int_equal(found->calls, 1);
	assert_int_equal(found->timed, 0);
	stats_free(stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles),
		cmocka_unit_test(functions_below_their_only_caller),
		cmocka_unit_test(recursion),
		cmocka_unit_test(failures),
		cmocka_unit_test(odd_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
