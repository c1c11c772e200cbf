/*
 * What became of types from one trace to another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/type_diff.h"
#include "tracer/trace/reader.h"

static const struct schema *typed(const char *ctype, const struct schema *schema)
{
	struct schema *copy = arena_memdup(&nodes, schema, sizeof(*schema));

	copy->ctype = ctype;
	return copy;
}

static const struct schema *number(const char *ctype)
{
	return typed(ctype, int_schema(8, false));
}

static void note(void *ctx, const char *type, const char *name, const char *a, const char *b)
{
	char *text = ctx;

	sprintf(text + strlen(text), "%s.%s:%s>%s; ", type, name, a ? a : "", b ? b : "");
}

static const char *differences(const struct schema *a, const struct schema *b)
{
	static char text[4096];
	const struct trace_probe old = { .function = "f", .ret = a }, new = { .function = "f", .ret = b };

	*text = '\0';
	type_diff(&old, &new, note, text);
	return text;
}

static void members(void **state)
{
	const struct schema *a = typed("S", STRUCT(8, member("x", 0, number("long long")),
						   member("y", 8, number("int")), member("z", 8, number("int"))));
	const struct schema *inner = STRUCT(8, member("z", 8, number("int")), member("new", 8, number("T")));
	const struct schema *b = typed("S", STRUCT(8, member("y", 0, number("int")),
						   member("x", 8, number("unsigned")), member("", 0, inner)));

	(void)state;
	assert_string_equal(differences(STRUCT(0, capture("*s", a)), STRUCT(0, capture("*s", a))), "");
	assert_string_equal(differences(STRUCT(0, capture("*s", a)), STRUCT(0, capture("*s", b))),
			    "S.x:long long>unsigned; S.new:>T; ");
	assert_string_equal(differences(STRUCT(0, capture("*s", b)), STRUCT(0, capture("*s", a))),
			    "S.x:unsigned>long long; S.new:T>; ");
	/* behind pointers, in arrays, and once for all places */
	const struct schema *pa = typed("S *", pointer_schema(a)), *pb = typed("S *", pointer_schema(b));
	const struct schema *aa = typed("S[2]", array_schema(a, 2, 8)), *ab = typed("S[2]", array_schema(b, 2, 8));

	assert_string_equal(differences(STRUCT(0, capture("p", pa), capture("l", aa)),
					STRUCT(0, capture("p", pb), capture("l", ab))),
			    "S.x:long long>unsigned; S.new:>T; ");
	arena_free(&nodes);
}

static void captures(void **state)
{
	(void)state;
	assert_string_equal(differences(STRUCT(0, capture("a", number("int")), capture("b", number("int"))),
					STRUCT(0, capture("b", number("long")), capture("c", number("int")))),
			    "f.a:int>; f.b:int>long; f.c:>int; ");
	arena_free(&nodes);
}

static void enumerators(void **state)
{
	const struct schema_enumerator one[] = { { "A", 0 }, { "B", 1 } }, two[] = { { "B", 2 }, { "C", -3 } };
	const struct schema *a = typed("enum e", enum_schema(true, false, 2, one));
	const struct schema *b = typed("enum e", enum_schema(true, false, 2, two));

	(void)state;
	assert_string_equal(differences(STRUCT(0, capture("e", a)), STRUCT(0, capture("e", b))),
			    "enum e.A:0>; enum e.B:1>2; enum e.C:>-3; ");
	arena_free(&nodes);
}

/* What a limit of the recording left out may well be there. */
static void cut_structs(void **state)
{
	const struct schema *a = typed("S", STRUCT(8, member("x", 0, number("int")), member("y", 8, number("int"))));
	struct schema *b = (struct schema *)typed("S", STRUCT(8, member("x", 0, number("int"))));

	(void)state;
	b->is_cut = true;
	assert_string_equal(differences(STRUCT(0, capture("s", a)), STRUCT(0, capture("s", b))), "");
	assert_string_equal(differences(STRUCT(0, capture("s", b)), STRUCT(0, capture("s", a))), "");
	arena_free(&nodes);
}

/* A type in a type in a type, as a hostile trace may have it. */
static void nested(void **state)
{
	const struct schema *a = number("int"), *b = number("long");

	(void)state;
	for (int i = 0; i < 10000; i++) {
		a = typed("S", STRUCT(8, member("m", 0, a)));
		b = typed("S", STRUCT(8, member("m", 0, b)));
	}
	assert_string_equal(differences(STRUCT(0, capture("s", a)), STRUCT(0, capture("s", b))), "");
	arena_free(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),     cmocka_unit_test(captures), cmocka_unit_test(enumerators),
		cmocka_unit_test(cut_structs), cmocka_unit_test(nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
