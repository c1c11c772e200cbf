/*
 * Calls in which a value is another than in the call before.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/base/err.h"
#include "tracer/review/by.h"
#include "tracer/review/calls.h"
#include "tracer/review/changes.h"
#include "tracer/trace/reader.h"

static struct trace_probe f = { .function = "f" }, g = { .function = "g", .index = 1 };
static const struct trace_probe *const probes[] = { &f, &g };
static struct by *by;
static struct changes *changes;
static uint64_t next_id;

static int make(void **state)
{
	(void)state;
	f.entry = STRUCT(8, capture("disk", plain_schema(SCHEMA_STRING, 8)), capture("n", int_schema(4, true)));
	g.entry = f.entry;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	arena_free(&nodes);
	return 0;
}

static void open_changes(const char *expr, const char *by_expr)
{
	if (by_new(by_expr, probes, 2, false, &by) < 0 || changes_new(expr, probes, 2, by, &changes) < 0)
		fail_msg("%s", err_text());
	next_id = 1;
}

static void close_changes(void)
{
	changes_free(changes);
	by_free(by);
}

/* A call probe(disk, n) that returned; what changes_look() says of it. */
static int look(const struct trace_probe *probe, const char *disk, const struct value_node *n,
		struct change *change)
{
	struct value_node items[2] = { *node_of(probe->entry->members[0]->target, &disk), *n };
	struct value_node values = { .schema = probe->entry, .items = items, .n = 2 };
	struct call call = { .id = next_id++, .probe = probe, .entry = &values, .outcome = OUTCOME_RETURNED };

	return changes_look(changes, &call, change);
}

static int look_int(const struct trace_probe *probe, const char *disk, int n, struct change *change)
{
	return look(probe, disk, node_of(int_schema(4, true), &n), change);
}

static void by_function(void **state)
{
	struct change change = { 0 };

	(void)state;
	open_changes("n", NULL);
	assert_int_equal(look_int(&f, "vda", 1, &change), 0); /* there is none before */
	assert_int_equal(look_int(&g, "vda", 2, &change), 0);
	assert_int_equal(look_int(&f, "vda", 1, &change), 0);
	assert_int_equal(look_int(&f, "vda", 3, &change), 1);
	assert_int_equal(change.before_id, 3);
	assert_string_equal(change.before, "1");
	assert_string_equal(change.after, "3");
	assert_int_equal(change.old->u, 1);
	assert_int_equal(change.new->u, 3);
	assert_null(change.key);
	assert_int_equal(look_int(&g, "vda", 2, &change), 0);
	assert_int_equal(look_int(&f, "vda", 1, &change), 1);
	assert_int_equal(change.before_id, 4);
	close_changes();
}

static void by_key(void **state)
{
	struct change change = { 0 };

	(void)state;
	open_changes("n", "disk");
	assert_int_equal(look_int(&f, "vda", 1, &change), 0);
	assert_int_equal(look_int(&f, "vdb", 2, &change), 0);
	assert_int_equal(look_int(&f, "vda", 1, &change), 0);
	assert_int_equal(look_int(&f, "vdb", 3, &change), 1);
	assert_string_equal(change.key, "\"vdb\"");
	close_changes();
}

/* A function that comes while the trace grows; what was seen of the others stays. */
static void more_functions(void **state)
{
	struct change change = { 0 };

	(void)state;
	if (by_new("disk", probes, 1, false, &by) < 0 || changes_new("n", probes, 1, by, &changes) < 0)
		fail_msg("%s", err_text());
	next_id = 1;
	assert_int_equal(look_int(&f, "vda", 1, &change), 0);
	assert_int_equal(by_bind(by, probes, 2), 0);
	assert_int_equal(changes_bind(changes, probes, 2), 0);
	assert_int_equal(look_int(&g, "vda", 5, &change), 0);
	assert_int_equal(look_int(&g, "vda", 6, &change), 1);
	assert_int_equal(change.before_id, 2);
	assert_string_equal(change.key, "\"vda\"");
	assert_int_equal(look_int(&f, "vda", 2, &change), 1);
	assert_int_equal(change.before_id, 1);
	close_changes();
}

/* What is not there is compared with nothing; a NULL pointer is something. */
static void missing(void **state)
{
	const struct schema *i = int_schema(4, true);
	struct change change = { 0 };

	(void)state;
	open_changes("n", NULL);
	assert_int_equal(look_int(&f, "vda", 1, &change), 0);
	assert_int_equal(look(&f, "vda", missing_node(i, STATUS_UNREADABLE, 0x10), &change), 0);
	assert_int_equal(look_int(&f, "vda", 1, &change), 0);
	assert_int_equal(look(&f, "vda", missing_node(i, STATUS_NULL, 0), &change), 1);
	assert_string_equal(change.after, "<null>");
	assert_int_equal(look(&f, "vda", missing_node(i, STATUS_NULL, 0), &change), 0);
	assert_int_equal(look_int(&f, "vda", 1, &change), 1);
	close_changes();
}

static void computed(void **state)
{
	struct change change = { 0 };

	(void)state;
	open_changes("n / 10", NULL);
	assert_int_equal(look_int(&f, "vda", 11, &change), 0);
	assert_int_equal(look_int(&f, "vda", 19, &change), 0);
	assert_int_equal(look_int(&f, "vda", 20, &change), 1);
	assert_string_equal(change.before, "1");
	assert_string_equal(change.after, "2");
	assert_null(change.old);
	close_changes();
}

/* More keys than are kept apart are one. */
static void many(void **state)
{
	struct change change = { 0 };

	(void)state;
	open_changes("n", "n");
	for (int i = 0; i < CHANGES_MAX; i++)
		assert_true(look_int(i % 2 ? &f : &g, "vda", i / 2, &change) >= 0);
	assert_int_equal(changes_left_out(changes), 0);
	assert_true(by_is_full(by) || CHANGES_MAX / 2 <= BY_MAX);
	assert_int_equal(look_int(&f, "vda", -1, &change), 0);
	assert_int_equal(changes_left_out(changes), 1);
	close_changes();
}

static void mistakes(void **state)
{
	(void)state;
	assert_int_equal(by_new(NULL, probes, 2, false, &by), 0);
	assert_int_equal(changes_new("m", probes, 2, by, &changes), -EINVAL);
	assert_non_null(strstr(err_text(), "--changed: no function of this trace has a 'm'"));
	by_free(by);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_function), cmocka_unit_test(by_key), cmocka_unit_test(missing),
		cmocka_unit_test(more_functions),
		cmocka_unit_test(computed),    cmocka_unit_test(many),	 cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
