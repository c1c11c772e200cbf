/* Sizes of encodings; the numbers follow from the table in schema.h. */
#include "symbols/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct schema int4 = { .kind = SCHEMA_INT, .size = 4 };
static const struct schema char1 = { .kind = SCHEMA_CHAR, .size = 1 };
static const struct schema bool1 = { .kind = SCHEMA_BOOL, .size = 1 };
static const struct schema real8 = { .kind = SCHEMA_FLOAT, .size = 8 };
static const struct schema enum4 = { .kind = SCHEMA_ENUM, .size = 4 };
static const struct schema ptr = { .kind = SCHEMA_PTR, .size = 8 };
static const struct schema func = { .kind = SCHEMA_FUNC, .size = 8 };
static const struct schema ptr_int4 = { .kind = SCHEMA_PTR, .size = 8, .target = &int4 };
static const struct schema string = { .kind = SCHEMA_STRING, .size = 8 };
static const struct schema text8 = { .kind = SCHEMA_TEXT, .size = 8, .count = 8, .stored = 8 };
static const struct schema text_cut = { .kind = SCHEMA_TEXT, .size = 4096, .count = 4096, .stored = 100 };
static const struct schema bytes16 = { .kind = SCHEMA_BYTES, .size = 16 };
static const struct schema *const fixed_members[] = { &int4, &char1, &ptr };
static const struct schema *const open_members[] = { &int4, &string };
static const struct schema fixed_struct = { .kind = SCHEMA_STRUCT, .size = 16, .n_members = 3, .members = (void *)fixed_members };
static const struct schema open_struct = { .kind = SCHEMA_STRUCT, .size = 16, .n_members = 2, .members = (void *)open_members };
static const struct schema fixed_union = { .kind = SCHEMA_UNION, .size = 8, .n_members = 3, .members = (void *)fixed_members };
static const struct schema empty = { .kind = SCHEMA_STRUCT };
static const struct schema array = { .kind = SCHEMA_ARRAY, .count = 100, .stored = 10, .target = &int4, .stride = 4 };
static const struct schema structs = { .kind = SCHEMA_ARRAY, .count = 3, .stored = 3, .target = &open_struct };
static const struct schema sequence = { .kind = SCHEMA_SEQUENCE, .stored = 7, .target = &int4 };
static const struct schema capture_int = { .kind = SCHEMA_CAPTURE, .target = &int4 };
static const struct schema capture_struct = { .kind = SCHEMA_CAPTURE, .target = &fixed_struct };
static const struct schema huge = { .kind = SCHEMA_ARRAY, .count = UINT32_MAX, .stored = UINT32_MAX, .target = &array };
static const struct schema huger = { .kind = SCHEMA_ARRAY, .count = UINT32_MAX, .stored = UINT32_MAX, .target = &huge };

static const struct {
	const char *what;
	const struct schema *schema;
	uint64_t max; /**< for strings of up to 100 bytes */
	bool fixed;
} cases[] = {
	{ "int", &int4, 4, true },
	{ "char", &char1, 1, true },
	{ "bool", &bool1, 1, true },
	{ "double", &real8, 8, true },
	{ "enum", &enum4, 4, true },
	{ "pointer", &ptr, 8, true },
	{ "function pointer", &func, 8, true },
	{ "followed pointer", &ptr_int4, 8 + 1 + 8, false },
	{ "string", &string, 8 + 1 + 4 + 100, false },
	{ "text", &text8, 1 + 4 + 8, false },
	{ "text of a limited part", &text_cut, 1 + 4 + 100, false },
	{ "bytes", &bytes16, 16, true },
	{ "struct", &fixed_struct, 13, true },
	{ "struct with a string", &open_struct, 4 + 113, false },
	{ "union", &fixed_union, 13, true },
	{ "empty struct", &empty, 0, true },
	{ "array", &array, 40, true },
	{ "array of structs", &structs, 3 * 117, false },
	{ "sequence", &sequence, 2 + 28, false },
	{ "capture", &capture_int, 1 + 8, false },
	{ "capture of a struct", &capture_struct, 1 + 13, false },
	{ "array in array", &huge, UINT32_MAX * UINT64_C(40), true },
	{ "overflow", &huger, UINT64_MAX, true },
};

static void sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t size = 12345, max = schema_max_size(cases[i].schema, 100);
		bool fixed = schema_fixed_size(cases[i].schema, &size);

		if (max != cases[i].max || fixed != cases[i].fixed)
			fail_msg("%s: max %llu, %s", cases[i].what, (unsigned long long)max, fixed ? "fixed" : "not fixed");
		assert_int_equal(size, fixed ? cases[i].max : 12345);
	}
}

static void strings_may_be_long(void **state)
{
	(void)state;
	assert_int_equal(schema_max_size(&string, UINT32_MAX), 8 + 1 + 4 + (uint64_t)UINT32_MAX);
	assert_int_equal(schema_max_size(&string, 0), 8 + 1 + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(strings_may_be_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
