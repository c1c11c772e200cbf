#include "tests/unit/trace/support.h"

static const struct schema leaf = { .kind = SCHEMA_INT, .size = 4 };
static const struct schema a = { .kind = SCHEMA_INT, .name = "a", .size = 4 };
static const struct schema b = { .kind = SCHEMA_INT, .name = "b", .size = 4 };
static const struct schema c = { .kind = SCHEMA_INT, .name = "c", .size = 4 };
static const struct schema inner = { .kind = SCHEMA_UNION, .name = "", LIST(&b, &c) };
static const struct schema outer = { .kind = SCHEMA_STRUCT, .name = NULL, LIST(&inner, &a, &c) };

static void test_member(void **state)
{
	const struct value_node in[] = { { .schema = &b, .u = 2 }, { .schema = &c, .u = 3 } };
	const struct value_node items[] = { { .schema = &inner, .items = in, .n = 2 }, { .schema = &a, .u = 1 }, { .schema = &c, .u = 4 } };
	const struct value_node node = { .schema = &outer, .items = items, .n = 3 };
	const struct value_node missing = { .schema = &outer, .status = STATUS_UNREADABLE };

	(void)state;
	assert_ptr_equal(value_member(&node, "a"), &items[1]);
	assert_ptr_equal(value_member(&node, "b"), &in[0]);
	assert_ptr_equal(value_member(&node, "c"), &items[2]);
	assert_null(value_member(&node, "d"));
	assert_null(value_member(&missing, "a"));
	assert_null(value_member(&items[1], "a"));
}

static void test_equal(void **state)
{
	static const struct schema text = { .kind = SCHEMA_TEXT }, array = { .kind = SCHEMA_ARRAY, .target = &leaf };
	const struct value_node one = { .schema = &leaf, .u = 1 }, two = { .schema = &leaf, .u = 2 };
	const struct value_node different[] = {
		one,
		two,
		{ .schema = &leaf, .status = STATUS_NULL },
		{ .schema = &leaf, .status = STATUS_UNREADABLE, .addr = 8 },
		{ .schema = &leaf, .status = STATUS_UNREADABLE, .addr = 9 },
		{ .schema = &text, .bytes = (const uint8_t *)"ab", .len = 2 },
		{ .schema = &text, .bytes = (const uint8_t *)"ac", .len = 2 },
		{ .schema = &text, .bytes = (const uint8_t *)"ab", .len = 1 },
		{ .schema = &text, .bytes = (const uint8_t *)"ab", .len = 2, .status = STATUS_CUT },
		{ .schema = &array, .items = &one, .n = 1 },
		{ .schema = &array, .items = &two, .n = 1 },
		{ .schema = &array },
	};
	enum { N = sizeof(different) / sizeof(*different) };

	(void)state;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++)
			assert_int_equal(value_equal(&different[i], &different[j]), i == j);
	assert_true(value_equal(&different[5], &(struct value_node){ .schema = &text, .bytes = (const uint8_t *)"abc", .len = 2 }));
}

static const struct schema narrow = { .kind = SCHEMA_ENUM, .size = 1, .is_signed = true, LABELS({ "M", -1 }, { "Z", 0 }) };
static const struct schema wide = { .kind = SCHEMA_ENUM, .size = 8, LABELS({ "M", -1 }, { "A", 1 }, { "B", 1 }) };
static const struct schema none = { .kind = SCHEMA_ENUM, .size = 4 };

static void test_enumerator(void **state)
{
	(void)state;
	assert_string_equal(value_enumerator(&(struct value_node){ .schema = &narrow, .u = (uint64_t)-1 }), "M");
	assert_string_equal(value_enumerator(&(struct value_node){ .schema = &narrow, .u = 255 }), "M");
	assert_string_equal(value_enumerator(&(struct value_node){ .schema = &narrow, .u = 0 }), "Z");
	assert_null(value_enumerator(&(struct value_node){ .schema = &narrow, .u = 1 }));
	assert_string_equal(value_enumerator(&(struct value_node){ .schema = &wide, .u = UINT64_MAX }), "M");
	assert_null(value_enumerator(&(struct value_node){ .schema = &wide, .u = 255 }));
	assert_string_equal(value_enumerator(&(struct value_node){ .schema = &wide, .u = 1 }), "A");
	assert_null(value_enumerator(&(struct value_node){ .schema = &none, .u = 1 }));
	assert_null(value_enumerator(&(struct value_node){ .schema = &leaf, .u = 1 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_member),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_enumerator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
