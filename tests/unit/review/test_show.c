/*
 * Calls and the head of a report as a person sees them.
 */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/report.h"
#include "tracer/review/show.h"
#include "tracer/review/stats.h"
#include "tracer/trace/reader.h"

struct info {
	unsigned long capacity, allocation;
	struct {
		int x[2];
	} in[2];
};

static struct trace_probe outer_probe = { .function = "getInfo",
					  .module = "/usr/lib/libvirt.so.0",
					  .source = "x.c:10" };
static struct trace_probe inner_probe = { .function = "readInfo",
					  .module = "/usr/lib/libvirt.so",
					  .index = 1 };
static struct call outer, inner;
static struct code_map *code;
static const uint64_t stack[] = { 0x10, 0x20, 0x30 }, inner_stack[] = { 0x40, 0x18, 0x20 };

static const struct schema *info_schema(void)
{
	const struct schema *in =
		STRUCT(8, member("x", 0, array_schema(int_schema(4, true), 2, 4)));

	return STRUCT(sizeof(struct info), member("capacity", 0, int_schema(8, false)),
		      member("allocation", 8, int_schema(8, false)),
		      member("in", 16, array_schema(in, 2, 8)));
}

static struct value_node *side(const struct schema *type, const void *memory)
{
	return node_of(type, memory);
}

/* getInfo(disk) calls readInfo(path), which fails. */
static int make(void **state)
{
	static const struct {
		const char *disk;
		struct info info;
	} before = { "vd\033a", { 7, 0, { { { 1, 2 } }, { { 3, 4 } } } } };
	static const struct {
		int ret;
		struct info info;
	} after = { 0, { 7, 40, { { { 1, 2 } }, { { 3, 5 } } } } };
	static const char *const path = "vda";
	static const int minus = -1;
	const struct schema *s = plain_schema(SCHEMA_STRING, 8);

	(void)state;
	setenv("TZ", "UTC", 1);
	code = code_map_new();
	code_map_add(code, 0x10, 0,
		     &(struct code_place){ "getInfo", "libvirt.so.0", "x.c:10", false });
	code_map_add(code, 0x20, 0, &(struct code_place){ "helper", "libvirt.so.0", "h.h:3", true });
	code_map_add(code, 0x20, 1, &(struct code_place){ "main\a", "daemon", NULL, false });
	outer = (struct call){
		.id = 388,
		.tid = 2131,
		.thread = "rpc\0332",
		.probe = &outer_probe,
		.entered_ns = 1000000,
		.ended_ns = 32200000,
		.outcome = OUTCOME_RETURNED,
		.return_source = "x.c:20",
		.entry = side(STRUCT(48, member("disk", 0, s), member("*info", 8, info_schema())),
			      &before),
		.ret = side(STRUCT(40, member("$ret", 0, int_schema(4, true)),
				   member("*info", 8, info_schema())),
			    &after),
		.stack = stack,
		.n_stack = 3,
		.first = &inner,
		.last = &inner,
	};
	inner = (struct call){
		.id = 389,
		.parent = 388,
		.depth = 1,
		.tid = 2131,
		.probe = &inner_probe,
		.entered_ns = 2000000,
		.ended_ns = 2000900,
		.outcome = OUTCOME_RETURNED,
		.return_source = "y.c:7",
		.entry = side(STRUCT(8, member("path", 0, s)), &path),
		.ret = side(STRUCT(4, member("$ret", 0, int_schema(4, true))), &minus),
		.stack = inner_stack,
		.n_stack = 3,
		.up = &outer,
	};
	return 0;
}

static int drop(void **state)
{
	(void)state;
	code_map_free(code);
	arena_free(&nodes);
	return 0;
}

static struct show show_to(FILE *out, unsigned width)
{
	return (struct show){
		.page = { .out = out, .width = width },
		.print = { .elements = 64, .repeats = 10, .is_brief = true, .code = code },
		.wall_offset_ns = 1795424042000000000, /* 2026-11-23 08:54:02 */
	};
}

static const char *shown_call(const struct call *call)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = show_to(out, 0);

	show_tree(&show, call);
	fclose(out);
	return text;
}

static const char *shown(bool verbose, unsigned width)
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = show_to(out, width);

	show.verbose = verbose;
	show.print.is_brief = !verbose;
	show_titles(&show);
	show_tree(&show, &outer);
	fclose(out);
	return text;
}

/* Addresses of strings differ from run to run. */
static const char *without_addresses(const char *text)
{
	static char out[8192];
	size_t n = 0;

	while (*text) {
		if (!strncmp(text, "0x", 2) && strspn(text + 2, "0123456789abcdef") > 6) {
			text += 2 + strspn(text + 2, "0123456789abcdef");
			out[n++] = '@';
		} else {
			out[n++] = *text++;
		}
	}
	out[n] = '\0';
	return out;
}

static void compact(void **state)
{
	(void)state;
	assert_string_equal(
		shown(false, 0),
		"ID      TIME                TID   DURATION  CALL\n"
		"#388    08:54:02.001000    2131             > getInfo(disk=\"vd\\033a\")\n"
		"#389    08:54:02.002000    2131     900 ns    = readInfo(path=\"vda\") = -1 at "
		"y.c:7\n"
		"#388    08:54:02.032200    2131    31.2 ms  < getInfo = 0\n"
		"                                                ~ *info={capacity = 7, allocation "
		"= 40, "
		"in = {{x = {1, 2}}, {x = {3, 5}}}}\n");
}

static void compact_on_a_narrow_page(void **state)
{
	(void)state;
	assert_string_equal(
		shown(false, 80),
		"ID      TIME                TID   DURATION  CALL\n"
		"#388    08:54:02.001000    2131             > getInfo(disk=\"vd\\033a\")\n"
		"#389    08:54:02.002000    2131     900 ns    = readInfo(path=\"vda\") = -1\n"
		"                                                  at y.c:7\n"
		"#388    08:54:02.032200    2131    31.2 ms  < getInfo = 0\n"
		"                                        ~ *info={capacity = 7, allocation = 40,\n"
		"                                          in = {{x = {1, 2}}, {x = {3, 5}}}}\n");
}

static void verbose(void **state)
{
	(void)state;
	assert_string_equal(
		without_addresses(shown(true, 0)),
		"> #388 getInfo  08:54:02.001000  thread 2131 rpc\\0332  x.c:10  libvirt.so.0\n"
		"    disk = @ \"vd\\033a\"\n"
		"    *info = {\n"
		"      capacity = 7\n"
		"      allocation = 0\n"
		"      in = {\n"
		"        [0] = {\n"
		"          x = {1, 2}\n"
		"        }\n"
		"        [1] = {\n"
		"          x = {3, 4}\n"
		"        }\n"
		"      }\n"
		"    }\n"
		"    at getInfo (x.c:10) libvirt.so.0\n"
		"    at helper (h.h:3) libvirt.so.0 [inlined]\n"
		"    at main\\a daemon\n"
		"    at 0x30\n"
		"  > #389 readInfo  08:54:02.002000  thread 2131 ?  libvirt.so\n"
		"      path = @ \"vda\"\n"
		"      at 0x40\n"
		"      at 0x18\n"
		"      ... as #388\n"
		"  < #389 readInfo = -1  900 ns  at y.c:7\n"
		"< #388 getInfo = 0  31.2 ms  at x.c:20\n"
		"  ~ *info = {\n"
		"      capacity = 7\n"
		"    ~ allocation = 40   (was 0)\n"
		"    ~ in = {\n"
		"        [0] = {\n"
		"          x = {1, 2}\n"
		"        }\n"
		"      ~ [1] = {\n"
		"        ~ x = {3, 5}   (was {3, 4})\n"
		"        }\n"
		"      }\n"
		"    }\n"
		"\n");
}

static void plain(void **state)
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = show_to(out, 0);

	(void)state;
	show.print = (struct print_options){ .code = code };
	show_plain(&show, &outer);
	fclose(out);
	assert_string_equal(without_addresses(text),
			    "#388 function = getInfo\n"
			    "#388 module = /usr/lib/libvirt.so.0\n"
			    "#388 source = x.c:10\n"
			    "#388 depth = 0\n"
			    "#388 tid = 2131\n"
			    "#388 thread = rpc\\0332\n"
			    "#388 time_ns = 1795424042001000000\n"
			    "#388 duration_ns = 31200000\n"
			    "#388 status = returned\n"
			    "#388 return_source = x.c:20\n"
			    "#388 entry disk = @ \"vd\\033a\"\n"
			    "#388 entry *info = {capacity = 7, allocation = 0, in = {{x = {1, 2}}, "
			    "{x = {3, 4}}}}\n"
			    "#388 return $ret = 0\n"
			    "#388 return *info = {capacity = 7, allocation = 40, in = {{x = {1, "
			    "2}}, {x = {3, 5}}}}\n"
			    "#388 backtrace = 0x10 getInfo (x.c:10) libvirt.so.0\n"
			    "#388 backtrace = 0x20 helper (h.h:3) libvirt.so.0 [inlined]\n"
			    "#388 backtrace = 0x20 main\\a () daemon\n"
			    "#388 backtrace = 0x30\n"
			    "#389 function = readInfo\n"
			    "#389 module = /usr/lib/libvirt.so\n"
			    "#389 parent = 388\n"
			    "#389 depth = 1\n"
			    "#389 tid = 2131\n"
			    "#389 time_ns = 1795424042002000000\n"
			    "#389 duration_ns = 900\n"
			    "#389 status = returned\n"
			    "#389 return_source = y.c:7\n"
			    "#389 entry path = @ \"vda\"\n"
			    "#389 return $ret = -1\n"
			    "#389 backtrace = 0x40\n"
			    "#389 backtrace = 0x18\n"
			    "#389 backtrace = 0x20 helper (h.h:3) libvirt.so.0 [inlined]\n"
			    "#389 backtrace = 0x20 main\\a () daemon\n");
}

/* An object stays an argument as long as the call does not change it. */
static void objects(void **state)
{
	static const struct object {
		const char *name;
		int id;
	} off = { "demo", -1 }, on = { "demo", 7 };
	static const struct object *const before = &off, *const same = &off, *const after = &on;
	const struct schema *vm = pointer_schema(VIEW("vm", member("name", 0, plain_schema(SCHEMA_STRING, 8)),
						      member("id", 8, int_schema(4, true))));
	const struct schema *captures = STRUCT(8, member("vm", 0, vm));
	struct call call = inner;

	(void)state;
	call.up = NULL;
	call.entry = side(captures, &before);
	call.ret = side(captures, &same);
	assert_non_null(strstr(shown_call(&call), "readInfo(vm=vm{name = \"demo\", id = -1})\n"));
	call.ret = side(captures, &after);
	((struct value_node *)&call.ret->items[0])->addr = call.entry->items[0].addr;
	assert_non_null(strstr(shown_call(&call), "readInfo()  ~ vm=vm{name = \"demo\", id = 7}\n"));
	call.outcome = OUTCOME_OPEN;
	call.ret = NULL;
	assert_non_null(strstr(shown_call(&call), "readInfo(vm=vm{name = \"demo\", id = -1}) = <"));
}

static void calls_that_did_not_return(void **state)
{
	char text[512] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = show_to(out, 0);
	struct call call = inner;

	(void)state;
	call.ret = NULL;
	call.outcome = OUTCOME_OPEN;
	show_tree(&show, &call);
	call.outcome = OUTCOME_UNWOUND;
	show_tree(&show, &call);
	fclose(out);
	assert_string_equal(
		text,
		"#389    08:54:02.002000    2131             = readInfo(path=\"vda\") = <open>\n"
		"#389    08:54:02.002000    2131     900 ns  = readInfo(path=\"vda\") = "
		"<unwound>\n");
}

static void colours_are_only_added(void **state)
{
	char plain_text[8192], text[8192] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = show_to(out, 80);
	size_t n = 0;

	(void)state;
	strcpy(plain_text, shown(false, 80));
	show.page.has_colour = true;
	show_titles(&show);
	show_tree(&show, &outer);
	fclose(out);
	assert_non_null(strstr(text, "\033["));
	for (const char *c = text; *c; c++) {
		if (*c == '\033')
			c += strcspn(c, "m");
		else
			text[n++] = *c;
	}
	text[n] = '\0';
	assert_string_equal(text, plain_text);
}

static void durations(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 9994, "9.99 us" },
		{ 9996, "10.0 us" },
		{ 99960, "100 us" },
		{ 999400, "999 us" },
		{ 999600, "1.00 ms" },
		{ 31200000, "31.2 ms" },
		{ 1500000000, "1.50 s" },
		{ 4000000000000, "4000 s" },
	};
	char buf[SHOW_DURATION_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(show_duration(buf, cases[i].ns), cases[i].text);
}

static const char *head_of(const char *info, const struct report *facts, unsigned width)
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct show show = show_to(out, width);
	struct report report = *facts;

	report.info = json_tokener_parse(info);
	report_head(&show, &report);
	report_table(&show, &report);
	json_object_put(report.info);
	fclose(out);
	return text;
}

static void head(void **state)
{
	static const char info[] =
		"{\"version\":\"0.1\",\"command\":[\"virtrace\",\"record\",\"-x\",\"a < \\u001b\"],"
		"\"target\":{\"pid\":2114,\"comm\":\"libvirtd\"},\"host\":{\"name\":\"kvm7\","
		"\"kernel\":\"6.1\"},"
		"\"start_ns\":1795424042000000000,\"end_ns\":1795424085200000000,\"end\":"
		"\"interrupted\","
		"\"modules\":[{\"path\":\"/usr/lib/"
		"libvirt.so.0\",\"build_id\":\"3bf7\",\"debug\":\"dwarf\",\"deleted\":true}],"
		"\"disarmed\":[{\"function\":\"getInfo\",\"reason\":\"too \\u001b\"},7],"
		"\"summary\":{\"hits\":10,\"stopped_ns\":380000}}";
	const struct calls_summary summary = { .calls = 2, .lost = 3, .open = 1 };
	const struct lost_note lost = { "getInfo", "thread gone", 3 };
	struct stats *stats = stats_new(2);
	struct report report = { .path = "/tmp/blk.trace",
				 .summary = &summary,
				 .lost = &lost,
				 .n_lost = 1,
				 .note = "the last event is cut" };

	(void)state;
	stats_add(stats, &outer, NULL);
	stats_add(stats, &inner, &outer);
	report.n_functions = stats_finish(stats, &report.functions);
	assert_string_equal(
		head_of(info, &report, 0),
		"# blk.trace: libvirtd[2114] on kvm7, Linux 6.1, 2026-11-23 08:54:02 +0000, 43.2 "
		"s, ended: interrupted\n"
		"# libvirt.so.0  build-id 3bf7, debug info: dwarf, replaced on disk before the "
		"recording\n"
		"# virtrace record -x 'a < \\033'  (version 0.1)\n"
		"# 2 calls, 3 lost, 1 open at the end.  Times include the tracer's own stops, "
		"about 38.0 us per hit.\n"
		"# lost 3 of getInfo: thread gone\n"
		"# getInfo was disarmed: too \\033\n"
		"# ? was disarmed: ?\n"
		"# the last event is cut\n"
		"\n"
		"  CALLS    ERR    TOTAL      AVG      P50      P99      MAX  FUNCTION    WHERE\n"
		"      1      0  31.2 ms  31.2 ms  31.2 ms  31.2 ms  31.2 ms  getInfo     "
		"libvirt.so.0\n"
		"      1      1   900 ns   900 ns   900 ns   900 ns   900 ns    readInfo  libvirt.so\n"
		"\n"
		"FAILED  readInfo #389\n"
		"\n");
	stats_free(stats);
}

/* Whatever is in info.json, or is not. */
static void head_of_a_hostile_trace(void **state)
{
	static const char *const infos[] = {
		"{}",
		"[]",
		"3",
		"null",
		"{\"target\":3,\"host\":[],\"modules\":{},\"command\":3,\"summary\":\"x\"}",
		"{\"modules\":[1,null,{\"path\":3},{\"path\":\"\\u001b\"}],\"command\":[1,null,{}],"
		"\"version\":\"\\u001b\"}",
		"{\"start_ns\":-1,\"end_ns\":1e99,\"end\":\"\\u009b\",\"target\":{\"comm\":"
		"\"\\u001b[2J\",\"pid\":\"x\"}}",
		"{\"start_ns\":18446744073709551615,\"summary\":{\"hits\":-1,\"stopped_ns\":"
		"9999999999999999999999}}",
	};
	const struct calls_summary summary = { .calls = 2 };
	const struct report report = { .path = "\033", .summary = &summary };

	(void)state;
	for (size_t i = 0; i < sizeof(infos) / sizeof(*infos); i++) {
		const char *text = head_of(infos[i], &report, 60);

		assert_non_null(strstr(text, "2 calls, 0 lost"));
		for (; *text; text++)
			assert_true(*text == '\n' || (*text >= ' ' && *text <= '~'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compact),
		cmocka_unit_test(compact_on_a_narrow_page),
		cmocka_unit_test(verbose),
		cmocka_unit_test(plain),
		cmocka_unit_test(objects),
		cmocka_unit_test(calls_that_did_not_return),
		cmocka_unit_test(colours_are_only_added),
		cmocka_unit_test(durations),
		cmocka_unit_test(head),
		cmocka_unit_test(head_of_a_hostile_trace),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
