/*
 * Conditions over recorded calls. What C says of the same expression over the same variables is the
 * oracle where there is one: each of those cases is also compiled.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/filter.h"
#include "tracer/review/print_c.h"
#include "tracer/trace/reader.h"

enum state { IDLE, RUNNING = 3 };
struct info {
	unsigned long capacity, allocation;
	union {
		int error;
		float ratio;
	};
};
struct stats {
	struct info *info;
	int values[3];
	char name[8];
};

/* The variables as C sees them; the call has recorded their values. */
static int ret = -3, minus = -1;
static unsigned flags = 0xffffffff;
static unsigned char small = 200;
static signed char letter = 'x';
static _Bool truth = 1;
static unsigned long large = 1ul << 40;
static long lowest = -9223372036854775807 - 1;
static float third = 1.0f / 3;
static double half = 0.5;
static enum state running = RUNNING;
static struct info object = { 100, 40, { 7 } }, *info = &object;
static struct stats stats = { &object, { 5, 6, 7 }, "vda" }, *statistics = &stats;
static const char *path = "vda", *null_path;
static __int128 wide = -5;
static void *pointer = &object;
static struct {
	const char *name;
	int id;
} domain = { "demo", 7 }, *vm = &domain;

static struct trace_probe probe = { .function = "getInfo", .module = "libx.so" };
static struct trace_probe other = { .function = "other", .module = "liby.so" };
static const struct trace_probe *const probes[] = { &probe, &other };
static struct call call = { .id = 12, .tid = 77, .depth = 2, .thread = "rpc-x", .probe = &probe,
			    .entered_ns = 1000, .ended_ns = 6000, .outcome = OUTCOME_RETURNED };
static struct call other_call = { .id = 13, .tid = 78, .probe = &other, .outcome = OUTCOME_OPEN };

static const struct schema *info_schema(void)
{
	const struct schema *u = UNION(4, member("error", 0, int_schema(4, true)),
				       member("ratio", 0, plain_schema(SCHEMA_FLOAT, 4)));

	return STRUCT(sizeof(struct info), member("capacity", 0, int_schema(8, false)),
		      member("allocation", 8, int_schema(8, false)), member("", 16, u));
}

static const struct schema *stats_schema(void)
{
	return STRUCT(sizeof(struct stats), member("info", 0, pointer_schema(info_schema())),
		      member("values", 8, array_schema(int_schema(4, true), 3, 4)),
		      member("name", 20, text_schema(8)));
}

struct recorded {
	const char *name;
	const struct schema *schema;
	const void *memory;
};

/* A payload: captures of these names. */
static struct value_node *payload(const struct recorded *recorded, size_t n,
				  const struct schema **ret_schema)
{
	const struct schema **members =
		arena_alloc(&nodes, (n + 1) * sizeof(const struct schema *));
	struct value_node *node = arena_alloc(&nodes, sizeof(*node));

	for (size_t i = 0; i < n; i++)
		members[i] = capture(recorded[i].name, recorded[i].schema);
	*ret_schema = node->schema = struct_schema(SCHEMA_STRUCT, 0, members);
	fill_items(node, n);
	for (size_t i = 0; i < n; i++)
		fill_node((struct value_node *)&node->items[i], recorded[i].schema,
			  recorded[i].memory);
	return node;
}

static int make(void **state)
{
	static const int old_ret = 11, only_other = 1;
	const struct schema *i = int_schema(4, true), *s = plain_schema(SCHEMA_STRING, 8);
	const struct schema_enumerator labels[] = { { "IDLE", 0 }, { "RUNNING", 3 } };
	const struct recorded entry[] = {
		{ "minus", i, &minus },
		{ "flags", int_schema(4, false), &flags },
		{ "small", int_schema(1, false), &small },
		{ "letter", char_schema(true), &letter },
		{ "truth", plain_schema(SCHEMA_BOOL, 1), &truth },
		{ "large", int_schema(8, false), &large },
		{ "lowest", int_schema(8, true), &lowest },
		{ "third", plain_schema(SCHEMA_FLOAT, 4), &third },
		{ "half", plain_schema(SCHEMA_FLOAT, 8), &half },
		{ "running", enum_schema(false, false, 2, labels), &running },
		{ "path", s, &path },
		{ "null_path", s, &null_path },
		{ "wide", bytes_schema(16, true, false), &wide },
		{ "pointer", pointer_schema(NULL), &pointer },
		{ "both", i, &old_ret },
		{ "gone", i, &old_ret },
		{ "cut", s, &path },
		{ "vm",
		  pointer_schema(VIEW("virDomain", member("name", 0, s), member("id", 8, i))), &vm },
	};
	const struct recorded out[] = {
		{ "$ret", i, &ret },	      { "*info", info_schema(), info },
		{ "both", i, &ret },	      { "statistics->name", text_schema(8), stats.name },
		{ "*statistics", stats_schema(), statistics },
	};
	const struct recorded others[] = { { "only_other", i, &only_other } };
	struct value_node *node = payload(entry, sizeof(entry) / sizeof(*entry), &probe.entry);

	(void)state;
	*(struct value_node *)&node->items[15] = *missing_node(i, STATUS_OPTIMIZED_OUT, 0);
	((struct value_node *)&node->items[16])->status = STATUS_CUT;
	call.entry = node;
	call.ret = payload(out, sizeof(out) / sizeof(*out), &probe.ret);
	other_call.entry = payload(others, 1, &other.entry);
	return 0;
}

/* 1 or 0; -1 with an error. */
static int matches(const char *condition, const struct call *of)
{
	struct filter *filter;

	if (filter_new(condition, probes, 2, &filter) < 0)
		return -1;
	int r = filter_matches(filter, of);

	filter_free(filter);
	return r;
}

#define IN_C(expr) { #expr, (expr) != 0 }

static void as_c_says(void **state)
{
	const struct {
		const char *condition;
		int truth;
	} cases[] = {
		IN_C(minus < 0),
		IN_C(minus == -1),
		IN_C(minus > 0),
		IN_C(minus),
		IN_C(!minus),
		IN_C(!!minus),
		IN_C((long)minus < (long)1),
		IN_C(minus + 1 == 0),
		IN_C(-minus == 1),
		IN_C(~minus == 0),
		IN_C(small == 200),
		IN_C(small + 100 == 300),
		IN_C(small << 1 == 400),
		IN_C(letter == 'x'),
		IN_C(truth),
		IN_C(truth == 1),
		IN_C(large > 4294967295),
		IN_C(large == 1ul << 40),
		IN_C(large >> 38 == 4),
		IN_C(large / 1024 / 1024 / 1024 == 1024),
		IN_C(large % 10 == 6),
		IN_C(lowest < 0),
		IN_C(lowest < minus),
		IN_C(lowest / 2 < 0),
		IN_C(lowest % 10 == -8),
		IN_C(minus / 2 == 0),
		IN_C(minus % 2 == -1),
		IN_C(third < half),
		IN_C(third * 3 > 0.9),
		IN_C(half == 0.5),
		IN_C(half + half == 1),
		IN_C(!half),
		IN_C(half - 1 < 0),
		IN_C(half / 2 == .25),
		IN_C(running == RUNNING),
		IN_C(running != IDLE),
		IN_C(running == 3),
		IN_C(wide == -5),
		IN_C(wide < 0),
		IN_C(wide * wide == 25),
		IN_C(info->capacity == 100),
		IN_C(info->allocation < info->capacity),
		IN_C((*info).allocation == 40),
		IN_C(info->error == 7),
		IN_C(info->ratio < 0.1),
		IN_C(statistics->values[1] == 6),
		IN_C(statistics->values[0] + statistics->values[2] == 12),
		IN_C(statistics->info->capacity == 100),
		IN_C((*statistics->info).capacity == 100),
		IN_C(statistics->name[0] == 'v'),
		IN_C(path[1] == 'd'),
		IN_C(path[3] == 0),
		IN_C(path != 0),
		IN_C(null_path == 0),
		IN_C(!null_path),
		IN_C(pointer != NULL),
		IN_C(minus && truth),
		IN_C(minus && !truth),
		IN_C(!minus || truth),
		IN_C(!minus || !truth),
		IN_C((flags & 0x10) != 0),
		IN_C((flags ^ 0xf) == 0xfffffff0),
		IN_C((small | 1) == 201),
		IN_C(minus <= -1),
		IN_C(minus >= 0),
		IN_C(1 - 2 - 3 == -4),
		IN_C(vm->id == 7),
		IN_C(vm->id + 1 < 8),
		IN_C(vm->name[0] == 'd'),
		IN_C((*vm).id),
		IN_C(vm != 0),
		IN_C(2 + 3 * 4 == 14),
		IN_C((2 + 3) * 4 == 20),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (matches(cases[i].condition, &call) != cases[i].truth)
			fail_msg("'%s' is %d in C; %s", cases[i].condition, cases[i].truth,
				 err_text());
}

/* Comparing signed with unsigned is what compilers warn of, so these are not compiled. */
static const struct {
	const char *condition;
	int truth;
} cases[] = {
	{ "minus == flags", 1 },
	{ "minus < flags", 0 },
	{ "flags == -1", 1 },
	{ "flags == 0xffffffff", 1 },
	{ "minus > 1u", 1 },
	{ "minus < 1ul", 0 },
	{ "minus < 5000000000", 1 },
	/* texts */
	{ "path == \"vda\"", 1 },
	{ "\"vda\" == path", 1 },
	{ "path != \"vda\"", 0 },
	{ "path == \"vd\"", 0 },
	{ "path == \"vdab\"", 0 },
	{ "path < \"vdb\"", 1 },
	{ "path > \"vd\"", 1 },
	{ "path <= \"vd\"", 0 },
	{ "cut < \"vdc\"", 1 },
	{ "cut < \"vdaa\"", 0 },
	{ "null_path < \"vda\"", 0 },
	{ "!(null_path < \"vda\")", 0 },
	{ "path == statistics->name", 1 },
	{ "statistics->name == \"vda\"", 1 },
	{ "null_path == \"vda\"", 0 },
	{ "null_path != \"vda\"", 1 },
	/* a text that was cut is known to differ, but never known to be equal */
	{ "cut == \"vda\"", 0 },
	{ "cut != \"vda\"", 0 },
	{ "cut == \"vdabc\"", 0 },
	{ "cut != \"vdabc\"", 0 },
	{ "cut != \"vdc\"", 1 },
	{ "cut != \"v\"", 1 },
	/* what is not there */
	{ "gone == 11", 0 },
	{ "gone != 11", 0 },
	{ "!(gone == 11)", 0 },
	{ "gone == 11 || truth", 1 },
	{ "truth || gone", 1 },
	{ "gone && truth", 0 },
	{ "!(gone && !truth)", 1 },
	{ "only_other == 1", 0 },
	{ "only_other != 1", 0 },
	{ "only_other == 1 || $ret < 0", 1 },
	{ "minus / 0 == 0", 0 },
	{ "minus % 0 == 0", 0 },
	{ "statistics->values[7] == 0", 0 },
	{ "statistics->values[-1] == 0", 0 },
	{ "path[4] == 0", 0 },
	{ "1 << 64 == 0", 0 },
	{ "lowest / -1 == lowest", 1 },
	/* at return rather than at entry */
	{ "both == -3", 1 },
	/* facts of the call */
	{ "$ret < 0", 1 },
	{ "$ret == -3", 1 },
	{ "$duration == 5000", 1 },
	{ "$duration > 5e3", 0 },
	{ "$id == 12 && $tid == 77 && $depth == 2", 1 },
	{ "$function == \"getInfo\"", 1 },
	{ "$module == \"libx.so\"", 1 },
	{ "$thread == \"rpc-x\"", 1 },
	{ "$status == \"returned\"", 1 },
	{ "true && !false", 1 },
};

static void conditions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (matches(cases[i].condition, &call) != cases[i].truth)
			fail_msg("'%s' should be %d; %s", cases[i].condition, cases[i].truth,
				 err_text());
}

static void other_functions(void **state)
{
	(void)state;
	assert_int_equal(matches("only_other == 1", &other_call), 1);
	assert_int_equal(matches("$ret < 0", &other_call), 0);
	assert_int_equal(matches("$status == \"open\"", &other_call), 1);
	assert_int_equal(matches("$duration >= 0", &other_call), 0);
	assert_int_equal(matches("$thread == \"x\" || true", &other_call), 1);
}

/* Where the caret stands, and what is said. */
static const struct {
	const char *condition, *message;
} mistakes[] = {
	{ "minus <", "minus <\n" },
	{ "minus < 0 && nam == 3", "no function of this trace has a 'nam'" },
	{ "info->allocatoin > 3", "no function of this trace has a member 'allocatoin'" },
	{ "$rte < 0", "no function of this trace has a '$rte'" },
	{ "$rte < 0", "\ndid you mean '$ret'?" },
	{ "inof->capacity > 3", "\ndid you mean 'info'?" },
	{ "info->alocation > 3", "\ndid you mean 'allocation'?" },
	{ "info->raito > 3", "\ndid you mean 'ratio'?" },
	{ "minus->x == 1", "'x'" },
	{ "(struct nowhere)minus == 1", "recorded a value of type 'struct nowhere'" },
	{ "sizeof(struct nowhere) == 1", "recorded this" },
	{ "&minus == 0", "recorded this" },
};

static void mistakes_are_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		err_clear();
		if (matches(mistakes[i].condition, &call) != -1 ||
		    !strstr(err_text(), mistakes[i].message) || !strstr(err_text(), "^"))
			fail_msg("'%s' gives: %s", mistakes[i].condition, err_text());
	}
	matches("minus < 0 && nam == 3", &call);
	assert_non_null(strstr(err_text(), "\n  minus < 0 && nam == 3\n               ^"));
	assert_non_null(
		strstr(err_text(), "cut, vm, $ret, *info, statistics->name, *statistics, only_other"));
	assert_non_null(strstr(err_text(), "$duration"));
}

/* What an expression is worth, and its text; a missing value tells why it is not there. */
static const struct {
	const char *expr;
	enum operand_kind kind;
	const char *text;
	bool applies;
} values[] = {
	{ "minus", OPERAND_INT, "-1", true },
	{ "minus + 1", OPERAND_INT, "0", true },
	{ "large * large", OPERAND_INT, "0", true },
	{ "18446744073709551615", OPERAND_INT, "18446744073709551615", true },
	{ "running", OPERAND_INT, "RUNNING", true },
	{ "half / 4", OPERAND_REAL, "0.125", true },
	{ "path", OPERAND_TEXT, "\"vda\"", true },
	{ "$function", OPERAND_TEXT, "getInfo", true },
	{ "$duration", OPERAND_INT, "5000", true },
	{ "null_path", OPERAND_TEXT, "0x0", true },
	{ "gone", OPERAND_MISSING, "<optimized out>", true },
	{ "gone + 1", OPERAND_MISSING, "<not recorded>", true },
	{ "gone->x", OPERAND_MISSING, "", false },
	{ "*info", OPERAND_OBJECT, "{capacity = 100, allocation = 40, {error = 7, ratio = 9.80908925e-45}}",
	  true },
	{ "info->capacity", OPERAND_INT, "100", true },
	{ "statistics->values", OPERAND_OBJECT, "{5, 6, 7}", true },
	{ "statistics->values[7]", OPERAND_MISSING, "<not recorded>", true },
	{ "only_other", OPERAND_MISSING, "<not recorded>", false },
	{ "only_other + minus", OPERAND_MISSING, "<not recorded>", false },
};

static void values_of_expressions(void **state)
{
	const struct print_options print = { .is_brief = true };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct filter *filter;

		if (filter_new(values[i].expr, probes, 2, &filter) < 0) {
			assert_false(values[i].applies);
			continue;
		}
		struct operand operand = filter_value(filter, &call);
		char *text = operand_text(&operand, &print);

		if (operand.kind != values[i].kind || strcmp(text, values[i].text) != 0 ||
		    filter_applies(filter, &call) != values[i].applies)
			fail_msg("'%s' is '%s', of kind %d", values[i].expr, text,
				 (int)operand.kind);
		free(text);
		filter_free(filter);
	}
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
		cmocka_unit_test(as_c_says),
		cmocka_unit_test(conditions),
		cmocka_unit_test(other_functions),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(values_of_expressions),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
