/*
 * Telling calls apart by what an expression is worth.
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
#include "tracer/trace/reader.h"

static struct trace_probe outer = { .function = "outer", .module = "libx.so" };
static struct trace_probe inner = { .function = "inner", .module = "libx.so", .index = 1 };
static const struct trace_probe *const probes[] = { &outer, &inner };

static int make(void **state)
{
	(void)state;
	outer.entry = STRUCT(8, capture("disk", plain_schema(SCHEMA_STRING, 8)),
			     capture("size", int_schema(8, false)));
	inner.entry = STRUCT(8, capture("n", int_schema(4, true)));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	arena_free(&nodes);
	return 0;
}

/* A call of outer(disk, size). */
static struct call outer_call(const char *disk, uint64_t size)
{
	struct value_node *items = arena_alloc(&nodes, 2 * sizeof(*items));
	struct value_node *values = arena_alloc(&nodes, sizeof(*values));

	fill_node(&items[0], outer.entry->members[0]->target, &disk);
	fill_node(&items[1], outer.entry->members[1]->target, &size);
	*values = (struct value_node){ .schema = outer.entry, .items = items, .n = 2 };
	return (struct call){ .id = 1, .probe = &outer, .entry = values };
}

static struct by *open_by(const char *source)
{
	struct by *by = NULL;

	if (by_new(source, probes, 2, false, &by) < 0)
		fail_msg("%s", err_text());
	return by;
}

static const char *text_of(struct by *by, const struct call *call)
{
	const struct by_key *key;

	assert_int_equal(by_find(by, call, &key), 0);
	return key ? key->text : NULL;
}

static void keys(void **state)
{
	struct by *by = open_by("disk");
	struct call vda = outer_call("vda", 1), vdb = outer_call("vdb", 1);
	struct call hostile = outer_call("\033[31mv\n", 1), null = outer_call(NULL, 1);
	const struct by_key *a, *b;

	(void)state;
	assert_string_equal(text_of(by, &vda), "\"vda\"");
	assert_string_equal(text_of(by, &vdb), "\"vdb\"");
	assert_string_equal(text_of(by, &hostile), "\"\\033[31mv\\n\"");
	assert_string_equal(text_of(by, &null), "0x0");
	by_find(by, &vda, &a);
	by_find(by, &vda, &b);
	assert_ptr_equal(a, b);
	assert_int_equal(a->index, 0);
	by_find(by, &vdb, &b);
	assert_int_equal(b->index, 1);
	by_free(by);
}

/* Two long texts that differ at their ends are two values. */
static void long_texts(void **state)
{
	struct by *by = open_by("disk");
	char one[200], two[200];

	(void)state;
	memset(one, 'x', sizeof(one));
	memset(two, 'x', sizeof(two));
	one[198] = 'a';
	two[198] = 'b';
	one[199] = two[199] = '\0';
	struct call a = outer_call(one, 1), b = outer_call(two, 1);

	assert_string_not_equal(text_of(by, &a), text_of(by, &b));
	by_free(by);
}

/* What a call does not have, the calls around it tell. */
static void around(void **state)
{
	struct by *by = open_by("disk");
	struct call vda = outer_call("vda", 1);
	struct call in = { .id = 2, .probe = &inner, .up = &vda }, deep = in, alone = in;
	const struct by_key *key;

	(void)state;
	deep.up = &in;
	alone.up = NULL;
	assert_string_equal(text_of(by, &deep), "\"vda\"");
	assert_null(text_of(by, &alone));
	assert_int_equal(by_find_own(by, &deep, &key), 0);
	assert_null(key);
	by_free(by);
}

static void not_so_many(void **state)
{
	struct by *by = open_by("size");
	const struct by_key *key;

	(void)state;
	for (unsigned i = 0; i < BY_MAX; i++) {
		struct call call = outer_call("vda", i);

		assert_int_equal(by_find(by, &call, &key), 0);
		assert_int_equal(key->index, i);
	}
	assert_false(by_is_full(by));
	for (unsigned i = 0; i < 2; i++) {
		struct call call = outer_call("vda", BY_MAX + i);

		assert_string_equal(text_of(by, &call), "(others)");
		by_find(by, &call, &key);
		assert_int_equal(key->index, BY_MAX);
	}
	struct call known = outer_call("vda", 77);

	assert_string_equal(text_of(by, &known), "77");
	assert_true(by_is_full(by));
	by_free(by);
}

static void no_expression(void **state)
{
	struct by *by = open_by(NULL);
	struct call vda = outer_call("vda", 1), in = { .probe = &inner };

	(void)state;
	assert_string_equal(text_of(by, &vda), "");
	assert_string_equal(text_of(by, &in), "");
	by_free(by);
}

static void mistakes(void **state)
{
	struct by *by = NULL;

	(void)state;
	assert_int_equal(by_new("dsk", probes, 2, false, &by), -EINVAL);
	assert_non_null(strstr(err_text(), "--by: no function of this trace has a 'dsk'"));
	assert_non_null(strstr(err_text(), "did you mean 'disk'?"));
	assert_null(by);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),		 cmocka_unit_test(long_texts),
		cmocka_unit_test(around),	 cmocka_unit_test(not_so_many),
		cmocka_unit_test(no_expression), cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
