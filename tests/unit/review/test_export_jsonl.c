/*
 * Calls as JSON Lines: jq must read each line, and find in it what was put in. jq 1.6 keeps numbers
 * as doubles, so those above 2^53 are looked for in the text.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/json.h"
#include "tracer/review/export/json_check.h"
#include "tracer/trace/reader.h"

enum { LINE_MAX_LEN = 1 << 16 };

/* The line of a call. */
static const char *exported(const struct call *call, const struct code_map *code)
{
	static char line[LINE_MAX_LEN];
	FILE *out = fmemopen(line, sizeof(line), "w");

	export_jsonl.call(&(struct export){ .out = out, .wall_offset_ns = 1000, .code = code },
			  call);
	fclose(out);
	return line;
}

/* What jq makes of a line. */
static const char *jq(const char *filter, const char *line)
{
	static char answer[LINE_MAX_LEN];
	char path[] = "/tmp/virtrace-test-XXXXXX", command[1024];
	FILE *file = fdopen(mkstemp(path), "w");

	fputs(line, file);
	fclose(file);
	snprintf(command, sizeof(command), "jq -c '%s' %s 2>&1", filter, path);
	FILE *pipe = popen(command, "r");

	answer[fread(answer, 1, sizeof(answer) - 1, pipe)] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	pclose(pipe);
	unlink(path);
	return answer;
}

static const struct trace_probe probe = { .function = "f",
					  .module = "/lib/m.so",
					  .source = "f.c:1" };

/* A call that has captured this as "x" at entry. */
static struct call call_with(const struct value_node *value)
{
	const struct schema *type = STRUCT(0, capture("x", value->schema));
	struct value_node *node = node_of(STRUCT(0, NULL), "");

	node->schema = type;
	fill_items(node, 1);
	*(struct value_node *)node->items = *value;
	return (struct call){ .id = 1, .probe = &probe, .entry = node };
}

static const char *json_of(const struct value_node *value)
{
	static char text[LINE_MAX_LEN];
	struct call call = call_with(value);
	const char *start = strstr(exported(&call, NULL), "\"entry\":{\"x\":"), *end;

	assert_non_null(start);
	start += strlen("\"entry\":{\"x\":");
	end = strstr(start, "},\"return\":");
	assert_non_null(end);
	snprintf(text, sizeof(text), "%.*s", (int)(end - start), start);
	return text;
}

static void all_members_are_there(void **state)
{
	const uint64_t stack[] = { 0x10, 0x20 };
	struct code_map *code = code_map_new();
	struct call call = call_with(node_of(int_schema(4, true), &(int){ -5 }));
	const char *line;

	(void)state;
	code_map_add(code, 0x10, 0, &(struct code_place){ "inner", "m.so", "f.c:3", true });
	code_map_add(code, 0x10, 1, &(struct code_place){ "outer", "m.so", NULL, false });
	call.id = 18446744073709551615u;
	call.parent = 3;
	call.depth = 2;
	call.tid = 77;
	call.thread = "rpc \"x\"\n";
	call.entered_ns = 5000;
	call.ended_ns = 7500;
	call.outcome = OUTCOME_RETURNED;
	call.return_source = "f.c:9";
	call.ret = node_of(STRUCT(4, member("$ret", 0, int_schema(4, true))), &(int){ -1 });
	call.stack = stack;
	call.n_stack = 2;
	line = exported(&call, code);
	assert_non_null(strstr(line, "{\"id\":18446744073709551615,\"parent\":3,"));
	assert_string_equal(jq("[.depth,.tid,.thread,.time_ns,.duration_ns]", line),
			    "[2,77,\"rpc \\\"x\\\"\\n\",6000,2500]");
	assert_string_equal(jq("[.function,.module,.source,.status,.return_source]", line),
			    "[\"f\",\"/lib/m.so\",\"f.c:1\",\"returned\",\"f.c:9\"]");
	assert_string_equal(jq("[.entry,.return]", line), "[{\"x\":-5},{\"$ret\":-1}]");
	assert_string_equal(
		jq(".backtrace", line),
		"[{\"pc\":\"0x10\",\"function\":\"inner\",\"module\":\"m.so\",\"source\":\"f.c:3\","
		"\"inlined\":true},"
		"{\"pc\":\"0x10\",\"function\":\"outer\",\"module\":\"m.so\",\"source\":null},"
		"{\"pc\":\"0x20\",\"function\":null,\"module\":null,\"source\":null}]");
	assert_string_equal(jq("keys|length", line), "15");
	code_map_free(code);
}

static void a_call_that_is_open(void **state)
{
	struct call call = { .id = 1, .probe = &probe };
	const char *line = exported(&call, NULL);

	(void)state;
	assert_string_equal(
		jq("[.parent,.duration_ns,.status,.return,.thread,has(\"backtrace\")]", line),
		"[null,null,\"open\",null,null,false]");
}

static void numbers_are_exact(void **state)
{
	const long double tenth = 0.1L, inf = -INFINITY;
	const __int128 small = -5, big = (__int128)((unsigned __int128)1 << 127);

	(void)state;
	assert_string_equal(
		json_of(node_of(int_schema(8, false), &(uint64_t){ 18446744073709551615u })),
		"18446744073709551615");
	assert_string_equal(
		json_of(node_of(int_schema(8, true), &(int64_t){ -9223372036854775807 - 1 })),
		"-9223372036854775808");
	assert_string_equal(json_of(node_of(char_schema(true), "A")), "65");
	assert_string_equal(json_of(node_of(plain_schema(SCHEMA_BOOL, 1), "\1")), "true");
	assert_string_equal(json_of(node_of(plain_schema(SCHEMA_BOOL, 1), "\2")), "2");
	assert_string_equal(json_of(node_of(bytes_schema(16, true, false), &small)), "-5");
	assert_string_equal(json_of(node_of(bytes_schema(16, true, false), &big)),
			    "\"-170141183460469231731687303715884105728\"");
	assert_string_equal(json_of(node_of(bytes_schema(16, false, false), &big)),
			    "\"170141183460469231731687303715884105728\"");
	assert_string_equal(json_of(node_of(bytes_schema(16, false, true), &inf)), "\"-inf\"");
	assert_true(strtold(json_of(node_of(bytes_schema(16, false, true), &tenth)), NULL) ==
		    tenth);
}

/* Reading back must give the same number. */
static void floats_are_exact(void **state)
{
	const double doubles[] = { 0.1, -0.0, 1.0 / 3, DBL_MAX, DBL_TRUE_MIN, 1e22, 123456789 };
	const float floats[] = { 0.1f, FLT_MAX, FLT_TRUE_MIN, 16777217.0f };

	(void)state;
	for (size_t i = 0; i < sizeof(doubles) / sizeof(*doubles); i++) {
		const char *text = json_of(node_of(plain_schema(SCHEMA_FLOAT, 8), &doubles[i]));
		double found = strtod(text, NULL);

		assert_memory_equal(&found, &doubles[i], sizeof(found));
		assert_string_equal(jq("type", text), "\"number\"");
	}
	for (size_t i = 0; i < sizeof(floats) / sizeof(*floats); i++)
		assert_true(strtof(json_of(node_of(plain_schema(SCHEMA_FLOAT, 4), &floats[i])),
				   NULL) == floats[i]);
	assert_string_equal(json_of(node_of(plain_schema(SCHEMA_FLOAT, 8), &(double){ NAN })),
			    "\"nan\"");
	assert_string_equal(json_of(node_of(plain_schema(SCHEMA_FLOAT, 8), &(double){ INFINITY })),
			    "\"inf\"");
}

static const char *text_through_jq(const char *text)
{
	struct call call = call_with(node_of(plain_schema(SCHEMA_STRING, 8), &text));

	return jq(".entry.x|explode", exported(&call, NULL));
}

static void texts(void **state)
{
	const char *bad = "a\xff" "b";
	struct value_node *node = node_of(plain_schema(SCHEMA_STRING, 8), &bad);

	(void)state;
	assert_string_equal(text_through_jq(""), "[]");
	assert_string_equal(text_through_jq("a\"\\/\b\f\n\r\t\001\037\177"),
			    "[97,34,92,47,8,12,10,13,9,1,31,127]");
	assert_string_equal(text_through_jq("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
			    "[233,8364,128512]");
	assert_string_equal(text_through_jq("\xe2\x80\xa8\xe2\x80\xae\xef\xbf\xbf"),
			    "[8232,8238,65535]");
	assert_string_equal(text_through_jq("\xf3\xa0\x81\x81"), "[917569]");
	node->status = STATUS_BYTES;
	assert_string_equal(json_of(node), "{\"bytes\":\"61ff62\"}");
	node->status = STATUS_BYTES_CUT;
	assert_string_equal(json_of(node), "{\"bytes\":\"61ff62\",\"truncated\":true}");
	bad = "abc";
	node = node_of(plain_schema(SCHEMA_STRING, 8), &bad);
	node->status = STATUS_CUT;
	assert_string_equal(json_of(node), "{\"value\":\"abc\",\"truncated\":true}");
	bad = NULL;
	assert_string_equal(json_of(node_of(plain_schema(SCHEMA_STRING, 8), &bad)),
			    "{\"unavailable\":\"null\"}");
	assert_string_equal(json_of(node_of(text_schema(8), "abc\0\0\0\0\0")), "\"abc\"");
	assert_string_equal(json_of(node_of(text_schema(5), "a\0b\0\0")), "{\"bytes\":\"610062\"}");
}

static void values_that_are_not_there(void **state)
{
	const struct schema *i = int_schema(4, true);

	(void)state;
	assert_string_equal(json_of(missing_node(i, STATUS_NULL, 0)), "{\"unavailable\":\"null\"}");
	assert_string_equal(json_of(missing_node(i, STATUS_UNREADABLE, 1)),
			    "{\"unavailable\":\"unreadable\"}");
	assert_string_equal(json_of(missing_node(i, STATUS_OPTIMIZED_OUT, 0)),
			    "{\"unavailable\":\"optimized out\"}");
}

static void enums(void **state)
{
	const struct schema_enumerator labels[] = { { "A", 1 }, { "B", 2 } };
	const struct schema *plain = enum_schema(false, false, 2, labels),
			    *flags = enum_schema(false, true, 2, labels);

	(void)state;
	assert_string_equal(json_of(node_of(plain, &(int){ 2 })), "\"B\"");
	assert_string_equal(json_of(node_of(plain, &(int){ 3 })), "3");
	assert_string_equal(json_of(node_of(flags, &(int){ 3 })), "\"A|B\"");
	assert_string_equal(json_of(node_of(flags, &(int){ 0 })), "0");
	assert_string_equal(json_of(node_of(flags, &(int){ 5 })), "5");
}

/* What is no JSON, though it says so, stays a text. */
static void trees(void **state)
{
	static const char *const whole[] = {
		"{\"a\":[1,-2.5e+3,true,false,null,\"x\\u0041\\\"\"],\"b\":{}}", "[]", "0", "18446744073709551615", "\"\"",
	};
	static const struct {
		const char *text, *json;
	} others[] = {
		{ "", "\"\"" }, { "{", "\"{\"" }, { "[1,]", "\"[1,]\"" }, { "01", "\"01\"" }, { "1.", "\"1.\"" },
		{ "-", "\"-\"" }, { "1e", "\"1e\"" }, { "nul", "\"nul\"" }, { "[1}", "\"[1}\"" }, { "1,2", "\"1,2\"" },
		{ "[1 ]", "\"[1 ]\"" }, { "[1\n]", "\"[1\\u000a]\"" }, { "{\"a\"}", "\"{\\\"a\\\"}\"" },
		{ "{1:2}", "\"{1:2}\"" }, { "\"\\x\"", "\"\\\"\\\\x\\\"\"" }, { "\"\\u12g4\"", "\"\\\"\\\\u12g4\\\"\"" },
		{ "\"", "\"\\\"\"" }, { "\"\\", "\"\\\"\\\\\"" }, { "\"\t\"", "\"\\\"\\u0009\\\"\"" },
	};
	char deep[201] = "";
	const char *text = deep;

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		assert_string_equal(json_of(node_of(json_schema(), &whole[i])), whole[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_string_equal(json_of(node_of(json_schema(), &others[i].text)), others[i].json);
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	assert_int_equal(json_of(node_of(json_schema(), &text))[0], '"');
	/* nothing reaches a terminal raw */
	text = "{\"\xe2\x80\xae\":\"\x7f\xf3\xa0\x81\x81\"}";
	assert_string_equal(json_of(node_of(json_schema(), &text)), "{\"\\u202e\":\"\\u007f\\udb40\\udc41\"}");
	text = "[1]";
	struct value_node *node = node_of(json_schema(), &text);

	node->status = STATUS_CUT;
	assert_string_equal(json_of(node), "{\"value\":\"[1]\",\"truncated\":true}");
}

static void trees_for_doubles(void **state)
{
	static const struct {
		const char *text;
		bool fits;
	} cases[] = {
		{ "[1,-123456789012345,0.12345678901234]", true }, { "[1234567890123456]", false },
		{ "{\"1234567890123456789\":\"\\\"1234567890123456789\"}", true }, { "[1,12345678.12345678]", false },
		{ "[123456789,123456789]", true }, { "1e400", false }, { "[true,1,false]", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(json_fits_doubles((const uint8_t *)cases[i].text, strlen(cases[i].text)), cases[i].fits);
}

static void views(void **state)
{
	static const struct {
		const char *name;
		int id;
	} object = { "demo", 7 }, *to = &object;
	struct value_node *node =
		node_of(pointer_schema(VIEW("virDomain", member("name", 0, plain_schema(SCHEMA_STRING, 8)),
					    member("id", 8, int_schema(4, true)))),
			&to);

	(void)state;
	node->addr = 0x10;
	assert_string_equal(json_of(node), "{\"pointer\":\"0x10\",\"value\":{\"name\":\"demo\",\"id\":7}}");
	*(struct value_node *)&node->items->items[0] = *missing_node(int_schema(4, true), STATUS_NULL, 0);
	assert_string_equal(json_of(node), "{\"pointer\":\"0x10\",\"value\":{\"name\":"
					   "{\"unavailable\":\"null\"},\"id\":7}}");
}

static void pointers(void **state)
{
	static const int five = 5;
	const struct schema *followed = pointer_schema(int_schema(4, true));
	const int *to = &five, *null = NULL;
	struct value_node *node = node_of(followed, &to);

	(void)state;
	node->addr = 0x7fff12345678;
	assert_string_equal(json_of(node), "{\"pointer\":\"0x7fff12345678\",\"value\":5}");
	assert_string_equal(json_of(node_of(followed, &null)),
			    "{\"pointer\":\"0x0\",\"value\":{\"unavailable\":\"null\"}}");
	node->n = 0;
	node->status = STATUS_UNREADABLE;
	assert_string_equal(
		json_of(node),
		"{\"pointer\":\"0x7fff12345678\",\"value\":{\"unavailable\":\"unreadable\"}}");
	assert_string_equal(json_of(node_of(pointer_schema(NULL), &null)), "\"0x0\"");
	assert_string_equal(json_of(node_of(plain_schema(SCHEMA_FUNC, 8), &(uint64_t){ 0x401136 })),
			    "\"0x401136\"");
}

static void aggregates(void **state)
{
	const int numbers[] = { 1, 2, 3 };
	const struct schema *i = int_schema(4, true);
	const struct schema *pair =
		UNION(4, member("u", 0, i), member("v", 0, int_schema(4, false)));
	struct schema *cut = (struct schema *)array_schema(i, 3, 4);
	struct schema *partly = (struct schema *)STRUCT(4, member("a", 0, i));

	(void)state;
	assert_string_equal(json_of(node_of(STRUCT(12, member("a", 0, i), member("", 4, pair),
						   member("b", 8, i)),
					    numbers)),
			    "{\"a\":1,\"u\":2,\"v\":2,\"b\":3}");
	assert_string_equal(json_of(node_of(STRUCT(0, NULL), numbers)), "{}");
	assert_string_equal(json_of(node_of(array_schema(array_schema(i, 1, 4), 3, 4), numbers)),
			    "[[1],[2],[3]]");
	cut->count = 10;
	assert_string_equal(json_of(node_of(cut, numbers)),
			    "{\"value\":[1,2,3],\"truncated\":true}");
	partly->is_cut = true;
	assert_string_equal(json_of(node_of(partly, numbers)),
			    "{\"value\":{\"a\":1},\"truncated\":true}");
}

/* Names of a hostile trace, and values nested past all limits. */
static void hostile_traces(void **state)
{
	const struct schema *type = int_schema(4, true);
	const struct trace_probe evil = { .function = "f\"\n\xff", .module = "m", .source = NULL };
	struct call call;

	(void)state;
	call = call_with(node_of(STRUCT(4, member("a\"\xff\001", 0, type)), &(int){ 1 }));
	call.probe = &evil;
	assert_string_equal(
		jq("[.function, (.entry.x|keys[0])]|map(explode)", exported(&call, NULL)),
		"[[102,34,10,65533],[97,34,65533,1]]");
	for (int i = 0; i < 1000; i++)
		type = i % 2 ? STRUCT(4, member("m", 0, type)) : array_schema(type, 1, 4);
	call = call_with(node_of(type, &(int){ 1 }));
	assert_string_equal(jq("[.entry.x|..|.truncated?|select(.)]|length", exported(&call, NULL)),
			    "1");
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
		cmocka_unit_test(all_members_are_there),
		cmocka_unit_test(a_call_that_is_open),
		cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(floats_are_exact),
		cmocka_unit_test(texts),
		cmocka_unit_test(values_that_are_not_there),
		cmocka_unit_test(enums),
		cmocka_unit_test(views),
		cmocka_unit_test(trees),
		cmocka_unit_test(trees_for_doubles),
		cmocka_unit_test(pointers),
		cmocka_unit_test(aggregates),
		cmocka_unit_test(hostile_traces),
	};

	return cmocka_run_group_tests(tests, NULL, drop);
}
