/*
 * Values as text: what gdb prints of this program's own variables is what print_c() must make of
 * their bytes.
 */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/code.h"
#include "tracer/review/print_c.h"

enum { VALUES_MAX = 128, TEXT_MAX = 8192 };

/* The variables; gdb finds them by name. */
static signed char i8 = -1, i8_letter = 'A', i8_quote = '\'', i8_double = '"', i8_backslash = '\\',
		   i8_nul;
static unsigned char u8_high = 255, u8_newline = '\n', u8_escape = 27, u8_delete = 127;
static short i16 = -32768;
static unsigned short u16 = 65535;
static int i32 = -2147483647 - 1;
static unsigned u32 = 4294967295u;
static long i64 = -9223372036854775807 - 1;
static unsigned long u64 = 18446744073709551615u;
static __int128 i128 = -5, i128_low;
static unsigned __int128 u128;
static _Bool truth = 1, lie;
static float f32 = 0.1f, f32_inf = INFINITY, f32_nan, f32_small = 1e-40f, f32_whole = 16777216.0f;
static double f64 = 0.1, f64_inf = -INFINITY, f64_nan, f64_large = 1e20, f64_minus = -0.0,
	      f64_third = 1.0 / 3;
static long double f80 = 0.1L, f80_inf = INFINITY, f80_nan, f80_large = 1e4000L;
static float _Complex complex32 = 1.5f - 2.5f * I;
static double _Complex complex64 = 1 + 2 * I;
static long double _Complex complex80 = -1 + 0.1L * I;
static enum colour {
	RED,
	GREEN = 5,
	BLUE = -2
} colour_green = GREEN,
  colour_none = 7, colour_minus = -3, colour_blue = BLUE;
static enum flags {
	FLAG_A = 1,
	FLAG_B = 2,
	FLAG_C = 0x10
} flags_one = 2,
  flags_two = 3, flags_none = 0, flags_more = 9, flags_odd = 8, flags_all = 0x13;
static enum zero_flags { ZERO = 0, ONE = 1, TWO = 2 } zero_none = 0, zero_both = 3;
static char text8[8] = "abc", text16[16] = "abc", text_zero[8], text_zeros[40], text_one[1],
	    text_full[3] = "abc", text_inner[12] = "a\0b", text_digits[8] = "\0011\0x9",
	    text_run[40] = "xxxxxxxxxxxxabcyyyyyyyyyyyyyyyyy",
	    text_escapes[24] = "\a\b\f\n\r\t\v\033\177\"'\\\001?\r\n",
	    text_latin[6] = "\xc3\xa9\xff\x80z", text_long[300], text_200[200], text_201[201],
	    text_runs_long[300], text_late_run[300],
	    text_wide[12] = "\xe2\x82\xac\xf0\x9f\x98\x80\xcc\x81";
static unsigned char bytes[4] = { 1, 2, 0, 0 };
static const char *string = "hello, \"world\"\n", *string_empty = "", *string_null,
		  *string_long = text_long, *string_200 = text_201, *string_run = text_runs_long;
static int array10[10], array11[11], array_runs[20] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3 },
				     array_long[210], array_half[300];
static int matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }, zero_matrix[12][2];
static _Bool truths[3] = { 1, 0, 1 };
static enum flags flag_array[3] = { 1, 2, 7 };
static const char *strings[2] = { "a", NULL };
static float floats[2] = { 1, 2.5f };

static int add(int a)
{
	return a + 1;
}

static struct empty {
} empty;
static struct inner {
	char name[4];
	unsigned low : 3;
	int high : 5;
} inner = { "ab", 5, -3 };
static struct outer {
	int a;
	union {
		int x;
		float y;
	};
	struct inner in;
	struct {
		short deep;
	};
	int (*call)(int);
	int (*no_call)(int);
	void *pointer;
	const char *text;
	struct empty nothing;
	int *null;
} outer = { 1, { 2 }, { "abc", 1, 2 }, { 7 }, add, NULL, (void *)0x1234, "hi", {}, NULL };
static struct inner inners[12];
static union either {
	unsigned long number;
	unsigned char raw[8];
} either = { 0x4142 };

struct sample {
	const char *expr;
	const struct schema *schema;
	const void *memory;
};

static struct sample samples[VALUES_MAX];
static size_t n_samples;

static void sample(const char *expr, const struct schema *schema, const void *memory)
{
	assert_true(n_samples < VALUES_MAX);
	samples[n_samples++] = (struct sample){ expr, schema, memory };
}

#define SAMPLE(variable, schema) sample(#variable, schema, &(variable))

static const struct schema *complex_schema(const struct schema *part)
{
	struct schema *schema = (struct schema *)STRUCT(2 * part->size, member("real", 0, part),
							member("imag", part->size, part));

	schema->is_complex = true;
	return schema;
}

static void make_numbers(void)
{
	memcpy(&f32_nan, &(uint32_t){ 0x7fc00001 }, 4);
	memcpy(&f64_nan, &(uint64_t){ 0xfff8000000000123 }, 8);
	f80_nan = -(long double)NAN;
	i128_low = (__int128)((unsigned __int128)1 << 127);
	u128 = ((unsigned __int128)1 << 127) + 7;
	SAMPLE(i8, char_schema(true));
	SAMPLE(i8_letter, char_schema(true));
	SAMPLE(i8_quote, char_schema(true));
	SAMPLE(i8_double, char_schema(true));
	SAMPLE(i8_backslash, char_schema(true));
	SAMPLE(i8_nul, char_schema(true));
	SAMPLE(u8_high, char_schema(false));
	SAMPLE(u8_newline, char_schema(false));
	SAMPLE(u8_escape, char_schema(false));
	SAMPLE(u8_delete, char_schema(false));
	SAMPLE(i16, int_schema(2, true));
	SAMPLE(u16, int_schema(2, false));
	SAMPLE(i32, int_schema(4, true));
	SAMPLE(u32, int_schema(4, false));
	SAMPLE(i64, int_schema(8, true));
	SAMPLE(u64, int_schema(8, false));
	SAMPLE(i128, bytes_schema(16, true, false));
	SAMPLE(i128_low, bytes_schema(16, true, false));
	SAMPLE(u128, bytes_schema(16, false, false));
	SAMPLE(truth, plain_schema(SCHEMA_BOOL, 1));
	SAMPLE(lie, plain_schema(SCHEMA_BOOL, 1));
	SAMPLE(f32, plain_schema(SCHEMA_FLOAT, 4));
	SAMPLE(f32_inf, plain_schema(SCHEMA_FLOAT, 4));
	SAMPLE(f32_nan, plain_schema(SCHEMA_FLOAT, 4));
	SAMPLE(f32_small, plain_schema(SCHEMA_FLOAT, 4));
	SAMPLE(f32_whole, plain_schema(SCHEMA_FLOAT, 4));
	SAMPLE(f64, plain_schema(SCHEMA_FLOAT, 8));
	SAMPLE(f64_inf, plain_schema(SCHEMA_FLOAT, 8));
	SAMPLE(f64_nan, plain_schema(SCHEMA_FLOAT, 8));
	SAMPLE(f64_large, plain_schema(SCHEMA_FLOAT, 8));
	SAMPLE(f64_minus, plain_schema(SCHEMA_FLOAT, 8));
	SAMPLE(f64_third, plain_schema(SCHEMA_FLOAT, 8));
	SAMPLE(complex32, complex_schema(plain_schema(SCHEMA_FLOAT, 4)));
	SAMPLE(complex64, complex_schema(plain_schema(SCHEMA_FLOAT, 8)));
	SAMPLE(complex80, complex_schema(bytes_schema(16, false, true)));
	SAMPLE(f80, bytes_schema(16, false, true));
	SAMPLE(f80_inf, bytes_schema(16, false, true));
	SAMPLE(f80_nan, bytes_schema(16, false, true));
	SAMPLE(f80_large, bytes_schema(16, false, true));
}

static void make_enums(void)
{
	const struct schema_enumerator colours[] = { { "RED", 0 }, { "GREEN", 5 }, { "BLUE", -2 } };
	const struct schema_enumerator flags[] = { { "FLAG_A", 1 },
						   { "FLAG_B", 2 },
						   { "FLAG_C", 16 } };
	const struct schema_enumerator zeros[] = { { "ZERO", 0 }, { "ONE", 1 }, { "TWO", 2 } };
	const struct schema *colour = enum_schema(true, false, 3, colours),
			    *flag = enum_schema(false, true, 3, flags);

	SAMPLE(colour_green, colour);
	SAMPLE(colour_none, colour);
	SAMPLE(colour_minus, colour);
	SAMPLE(colour_blue, colour);
	SAMPLE(flags_one, flag);
	SAMPLE(flags_two, flag);
	SAMPLE(flags_none, flag);
	SAMPLE(flags_more, flag);
	SAMPLE(flags_odd, flag);
	SAMPLE(flags_all, flag);
	SAMPLE(zero_none, enum_schema(false, true, 3, zeros));
	SAMPLE(zero_both, enum_schema(false, true, 3, zeros));
	SAMPLE(flag_array, array_schema(flag, 3, 4));
}

static void make_texts(void)
{
	for (int i = 0; i < 299; i++) {
		text_long[i] = (char)('a' + i % 3);
		text_runs_long[i] = 'x';
		text_late_run[i] = i < 195 || i >= 215 ? (char)('a' + i % 5) : 'x';
	}
	for (int i = 0; i < 200; i++)
		text_200[i] = text_201[i] = (char)('b' + i % 3);
	SAMPLE(text8, text_schema(sizeof(text8)));
	SAMPLE(text16, text_schema(sizeof(text16)));
	SAMPLE(text_zero, text_schema(sizeof(text_zero)));
	SAMPLE(text_zeros, text_schema(sizeof(text_zeros)));
	SAMPLE(text_one, text_schema(sizeof(text_one)));
	SAMPLE(text_full, text_schema(sizeof(text_full)));
	SAMPLE(text_inner, text_schema(sizeof(text_inner)));
	SAMPLE(text_digits, text_schema(sizeof(text_digits)));
	SAMPLE(text_run, text_schema(sizeof(text_run)));
	SAMPLE(text_escapes, text_schema(sizeof(text_escapes)));
	SAMPLE(text_latin, text_schema(sizeof(text_latin)));
	SAMPLE(text_long, text_schema(sizeof(text_long)));
	SAMPLE(text_200, text_schema(sizeof(text_200)));
	SAMPLE(text_201, text_schema(sizeof(text_201)));
	SAMPLE(text_runs_long, text_schema(sizeof(text_runs_long)));
	SAMPLE(text_late_run, text_schema(sizeof(text_late_run)));
	SAMPLE(text_wide, text_schema(sizeof(text_wide)));
	SAMPLE(bytes, text_schema(sizeof(bytes)));
	SAMPLE(string, plain_schema(SCHEMA_STRING, 8));
	SAMPLE(string_empty, plain_schema(SCHEMA_STRING, 8));
	SAMPLE(string_null, plain_schema(SCHEMA_STRING, 8));
	SAMPLE(string_long, plain_schema(SCHEMA_STRING, 8));
	SAMPLE(string_200, plain_schema(SCHEMA_STRING, 8));
	SAMPLE(string_run, plain_schema(SCHEMA_STRING, 8));
	SAMPLE(strings, array_schema(plain_schema(SCHEMA_STRING, 8), 2, 8));
}

static void make_arrays(void)
{
	const struct schema *i = int_schema(4, true);

	for (int n = 0; n < 300; n++)
		array_half[n] = n < 50 ? 3 : n;
	for (int n = 0; n < 210; n++)
		array_long[n] = n;
	SAMPLE(array10, array_schema(i, 10, 4));
	SAMPLE(array11, array_schema(i, 11, 4));
	SAMPLE(array_runs, array_schema(i, 20, 4));
	SAMPLE(array_long, array_schema(i, 210, 4));
	SAMPLE(array_half, array_schema(i, 300, 4));
	SAMPLE(matrix, array_schema(array_schema(i, 3, 4), 2, 12));
	SAMPLE(zero_matrix, array_schema(array_schema(i, 2, 4), 12, 8));
	SAMPLE(truths, array_schema(plain_schema(SCHEMA_BOOL, 1), 3, 1));
	SAMPLE(floats, array_schema(plain_schema(SCHEMA_FLOAT, 4), 2, 4));
}

static const struct schema *inner_schema(void)
{
	return STRUCT(sizeof(struct inner), member("name", 0, text_schema(4)),
		      bits("low", 4, 0, 3, int_schema(4, false)),
		      bits("high", 4, 3, 5, int_schema(4, true)));
}

#define AT(field) offsetof(struct outer, field)

static void make_structs(void)
{
	const struct schema *nothing = SCHEMA(.kind = SCHEMA_STRUCT);
	const struct schema *i = int_schema(4, true), *function = plain_schema(SCHEMA_FUNC, 8);
	const struct schema *pair =
		UNION(4, member("x", 0, i), member("y", 0, plain_schema(SCHEMA_FLOAT, 4)));
	const struct schema *deep = STRUCT(2, member("deep", 0, int_schema(2, true)));

	SAMPLE(empty, nothing);
	SAMPLE(inner, inner_schema());
	SAMPLE(inners, array_schema(inner_schema(), 12, sizeof(struct inner)));
	SAMPLE(either, UNION(8, member("number", 0, int_schema(8, false)),
			     member("raw", 0, text_schema(8))));
	SAMPLE(outer,
	       STRUCT(sizeof(outer), member("a", AT(a), i), member("", AT(x), pair),
		      member("in", AT(in), inner_schema()), member("", AT(deep), deep),
		      member("call", AT(call), function), member("no_call", AT(no_call), function),
		      member("pointer", AT(pointer), pointer_schema(NULL)),
		      member("text", AT(text), plain_schema(SCHEMA_STRING, 8)),
		      member("nothing", AT(nothing), nothing),
		      member("null", AT(null), pointer_schema(NULL))));
}

/* What gdb prints of all samples, attached to this process; a line each. */
static FILE *run_gdb(const char *locale, const char *setting)
{
	char commands[] = "/tmp/virtrace-test-XXXXXX", line[512];
	int fd = mkstemp(commands);
	FILE *file = fdopen(fd, "w");

	fprintf(file, "set width 0\nset print symbol off\n%s\n", setting);
	for (size_t i = 0; i < n_samples; i++)
		fprintf(file, "echo @\noutput %s\necho \\n\n", samples[i].expr);
	fclose(file);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	snprintf(line, sizeof(line), "LC_ALL=%s gdb -nx -batch -p %d -x %s 2>/dev/null; rm -f %s",
		 locale, (int)getpid(), commands, commands);
	return popen(line, "r");
}

static char *next_answer(FILE *gdb, char text[static TEXT_MAX])
{
	while (fgets(text, TEXT_MAX, gdb)) {
		if (text[0] != '@')
			continue;
		text[strcspn(text, "\n")] = '\0';
		return text + 1;
	}
	return NULL;
}

static char *print(const struct value_node *value, const struct print_options *options)
{
	static char text[TEXT_MAX];
	FILE *out = fmemopen(text, sizeof(text), "w");

	print_c(out, value, options);
	fclose(out);
	return text;
}

static void compare_with_gdb(const char *locale, const char *setting, struct print_options options)
{
	struct code_map *code = code_map_new();
	char text[TEXT_MAX];
	FILE *gdb = run_gdb(locale, setting);

	code_map_add(code, (uint64_t)add, 0, &(struct code_place){ .function = "add" });
	options.code = code;
	for (size_t i = 0; i < n_samples; i++) {
		const char *expected = next_answer(gdb, text);
		const char *found = print(node_of(samples[i].schema, samples[i].memory), &options);

		if (!expected && !i) {
			pclose(gdb);
			code_map_free(code);
			skip(); /* no gdb here */
		}
		if (!expected || strcmp(expected, found) != 0)
			fail_msg("%s, locale %s:\n  gdb  %s\n  ours %s", samples[i].expr, locale,
				 expected, found);
	}
	pclose(gdb);
	code_map_free(code);
}

static void as_gdb_prints_in_ascii(void **state)
{
	(void)state;
	compare_with_gdb("C", "", (struct print_options){ .elements = 200, .repeats = 10 });
}

static void as_gdb_prints_in_utf8(void **state)
{
	(void)state;
	compare_with_gdb("C.UTF-8", "",
			 (struct print_options){ .elements = 200, .repeats = 10, .utf8 = true });
}

static void as_gdb_prints_without_limits(void **state)
{
	(void)state;
	string_limit = sizeof(text_long);
	compare_with_gdb("C", "set print elements 0\nset print repeats unlimited",
			 (struct print_options){ 0 });
}

/* What gdb has no form for, or prints only with a symbol or a message around it. */
static void values_that_are_not_there(void **state)
{
	const struct schema *i = int_schema(4, true), *s = plain_schema(SCHEMA_STRING, 8);
	const struct print_options options = { .elements = 200, .repeats = 10 };
	struct value_node *v = missing_node(s, STATUS_UNREADABLE, 0x1000);

	(void)state;
	assert_string_equal(print(missing_node(i, STATUS_OPTIMIZED_OUT, 0), &options),
			    "<optimized out>");
	assert_string_equal(print(missing_node(i, STATUS_NULL, 0), &options), "<null>");
	assert_string_equal(print(missing_node(i, STATUS_UNREADABLE, 0x10), &options),
			    "<error: Cannot access memory at address 0x10>");
	v->schema = s;
	assert_string_equal(print(v, &options),
			    "0x1000 <error: Cannot access memory at address 0x1000>");
}

static void kinds_nobody_knows(void **state)
{
	const struct print_options options = { 0 };
	struct schema *opaque = (struct schema *)bytes_schema(4, false, false);

	(void)state;
	opaque->is_hex = true;
	assert_string_equal(print(node_of(opaque, "\1\2\xff"), &options), "<bytes 01 02 ff 00>");
	assert_string_equal(print(node_of(bytes_schema(20, false, false), text_zeros), &options),
			    "<bytes 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00>");
	assert_string_equal(print(node_of(bytes_schema(4, false, true), "\1\2\xff"), &options),
			    "<bytes 01 02 ff 00>");
}

static void values_that_are_cut(void **state)
{
	const struct print_options options = { .elements = 200, .repeats = 10 };
	struct schema *schema = (struct schema *)STRUCT(8, member("a", 0, int_schema(4, true)));
	struct schema *text = (struct schema *)text_schema(100);
	struct schema *array = (struct schema *)array_schema(int_schema(4, true), 10, 4);
	struct value_node *string_node = node_of(plain_schema(SCHEMA_STRING, 8), &string_empty);

	(void)state;
	schema->is_cut = true;
	assert_string_equal(print(node_of(schema, array10), &options), "{a = 0...}");
	text->stored = 4;
	assert_string_equal(print(node_of(text, text8), &options), "\"abc\\000\"...");
	array->stored = 3;
	assert_string_equal(print(node_of(array, array_long), &options), "{0, 1, 2...}");
	string_node->status = STATUS_CUT;
	string_node->addr = 0x10;
	assert_string_equal(print(string_node, &options), "0x10 \"\"...");
}

static void followed_pointers(void **state)
{
	const struct schema *schema =
		pointer_schema(STRUCT(4, member("a", 0, int_schema(4, true))));
	const struct print_options options = { 0 };
	struct value_node *v = node_of(schema, &(int *){ &array_long[5] });

	(void)state;
	v->addr = 0x1000;
	assert_string_equal(print(v, &options), "0x1000 -> {a = 5}");
	assert_string_equal(print(node_of(schema, &(int *){ NULL }), &options), "0x0");
	v->n = 0;
	v->status = STATUS_UNREADABLE;
	assert_string_equal(print(v, &options),
			    "0x1000 -> <error: Cannot access memory at address 0x1000>");
}

static void views(void **state)
{
	static const struct {
		const char *name;
		int id;
	} object = { "demo", 7 }, *pointer = &object;
	const struct schema *schema =
		pointer_schema(VIEW("virDomain", member("name", 0, plain_schema(SCHEMA_STRING, 8)),
				    member("id", 8, int_schema(4, true))));
	const struct print_options plain = { 0 }, brief = { .is_brief = true };
	struct value_node *v = node_of(schema, &pointer);
	struct value_node *name = (struct value_node *)v->items->items;

	(void)state;
	v->addr = 0x1000;
	name->addr = 0x20;
	assert_string_equal(print(v, &plain), "0x1000 -> virDomain{name = 0x20 \"demo\", id = 7}");
	assert_string_equal(print(v, &brief), "virDomain{name = \"demo\", id = 7}");
	*name = *missing_node(name->schema, STATUS_NULL, 0);
	assert_string_equal(print(v, &brief), "virDomain{name = <null>, id = 7}");
	*name = *missing_node(name->schema, STATUS_UNREADABLE, 0x20);
	assert_string_equal(print(v, &brief), "virDomain{name = <unreadable 0x20>, id = 7}");
	assert_string_equal(print(node_of(schema, &(void *){ NULL }), &brief), "0x0");
	v->n = 0;
	v->status = STATUS_UNREADABLE;
	assert_string_equal(print(v, &brief), "0x1000 -> <unreadable 0x1000>");
}

static void json(void **state)
{
	const char *text = "{\"a\":\"\xc3\xa9\\n\"}";
	const struct print_options brief = { .is_brief = true, .utf8 = true }, plain = { 0 };
	const struct print_options some = { .is_brief = true, .utf8 = true, .elements = 7 };
	struct value_node *v = node_of(json_schema(), &text);

	(void)state;
	v->addr = 0x10;
	assert_string_equal(print(v, &brief), "{\"a\":\"\xc3\xa9\\n\"}");
	assert_string_equal(print(v, &plain), "0x10 {\"a\":\"\\303\\251\\n\"}");
	/* not within a character */
	assert_string_equal(print(v, &some), "{\"a\":\"...");
	v->status = STATUS_CUT;
	assert_string_equal(print(v, &brief), "{\"a\":\"\xc3\xa9\\n\"}...");
	v->status = STATUS_BYTES;
	assert_string_equal(print(v, &plain), "0x10 \"{\\\"a\\\":\\\"\\303\\251\\\\n\\\"}\"");
	v->status = STATUS_UNREADABLE;
	assert_string_equal(print(v, &brief), "<unreadable 0x10>");
	text = "\033[2J\xe2\x80\xae";
	assert_string_equal(print(node_of(json_schema(), &text), &brief), "\\033[2J\\342\\200\\256");
}

/* No character that a terminal acts on gets through: neither in strings nor in names. */
static void nothing_reaches_the_terminal_raw(void **state)
{
	static const char *const hostile[] = {
		"\033[2J",
		"\x9b"
		"31m",
		"\xc2\x9b"
		"31m",
		"a\rb",
		"a\bb",
		"\x7f",
		"\xe2\x80\xae"
		"abc",
		"\xe2\x81\xa6",
		"\xe2\x80\x8b",
		"\xef\xbb\xbf",
		"\xf3\xa0\x81\x81",
		"\xed\xa0\x80",
		"\xc0\x9b",
		"\xff\xfe",
	};
	const struct print_options options = { .utf8 = true };

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		const struct schema_enumerator label = { hostile[i], 0 };
		const struct schema *type =
			VIEW(hostile[i], member(hostile[i], 0, enum_schema(false, false, 1, &label)),
			     member("text", 4, text_schema(8)));
		char memory[12] = { 0 };

		memcpy(memory + 4, hostile[i], strlen(hostile[i]));
		for (const char *c = print(node_of(type, memory), &options); *c; c++)
			assert_in_range(*c, ' ', '~');
	}
}

static void deep_nesting_is_cut(void **state)
{
	const struct schema *type = int_schema(4, true);
	const struct print_options options = { 0 };
	int zero = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		type = STRUCT(4, member("m", 0, type));
	assert_non_null(strstr(print(node_of(type, &zero), &options), "{m = {...}}"));
}

static int make(void **state)
{
	(void)state;
	make_numbers();
	make_enums();
	make_texts();
	make_arrays();
	make_structs();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	arena_free(&nodes);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_gdb_prints_in_ascii),
		cmocka_unit_test(as_gdb_prints_in_utf8),
		cmocka_unit_test(as_gdb_prints_without_limits),
		cmocka_unit_test(values_that_are_not_there),
		cmocka_unit_test(kinds_nobody_knows),
		cmocka_unit_test(values_that_are_cut),
		cmocka_unit_test(followed_pointers),
		cmocka_unit_test(views),
		cmocka_unit_test(json),
		cmocka_unit_test(nothing_reaches_the_terminal_raw),
		cmocka_unit_test(deep_nesting_is_cut),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
