/*
 * Calls as CSV: names of columns, what stands in cells, and what is too much for columns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/calls.h"
#include "tracer/review/export/export.h"
#include "tracer/trace/reader.h"

#define FACTS                                                                                      \
	"id,parent,depth,tid,thread,time,duration_ns,function,module,source,status,return_source"

enum { TEXT_SIZE = 1 << 20 };

/* The CSV of calls of these probes, without the columns that every call has. */
static const char *exported(const struct trace_probe *const *probes, size_t n_probes,
			    const struct call *calls, size_t n_calls)
{
	static char text[TEXT_SIZE], cells[TEXT_SIZE];
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct export export = { .out = out, .probes = probes, .n_probes = n_probes };

	assert_int_equal(export_csv.begin(&export), 0);
	for (size_t i = 0; i < n_calls; i++)
		assert_int_equal(export_csv.call(&export, &calls[i]), 0);
	assert_int_equal(export_csv.end(&export), 0);
	fclose(out);
	*cells = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *cell = line;

		for (int i = 0; i < 12; i++)
			cell += strcspn(cell, ",") + (i < 11);
		strcat(strcat(cells, *cell ? cell + 1 : cell), "\n");
	}
	return cells;
}

/* One call that captured these values; the last is NULL. */
static const char *exported_values(const struct schema *side, const struct value_node *const *values)
{
	const struct trace_probe probe = { .function = "f", .module = "m", .entry = side,
					   .ret = STRUCT(0, NULL) };
	struct value_node *node = arena_alloc(&nodes, sizeof(*node));

	node->schema = side;
	fill_items(node, side->n_members);
	for (size_t i = 0; i < side->n_members; i++)
		((struct value_node *)node->items)[i] = *values[i];
	const struct call call = { .id = 1, .probe = &probe, .entry = node };

	return exported(&(const struct trace_probe *){ &probe }, 1, &call, 1);
}

#define VALUES(...) ((const struct value_node *const[]){ __VA_ARGS__ })

static void names(void **state)
{
	const struct schema *number = int_schema(8, true);
	const struct schema *inner = STRUCT(16, member("x", 0, number), member("y", 8, number));
	const struct schema *outer = STRUCT(24, member("a", 0, number), member("", 8, inner));
	const int64_t memory[] = { 1, -2, INT64_MIN };
	const int64_t *pointer = memory, **pointer_pointer = &pointer;
	const struct schema *followed = pointer_schema(outer), *twice = pointer_schema(followed);
	const struct schema *side =
		STRUCT(0, capture("s", outer), capture("*p", outer), capture("**q", outer),
		       capture("f", followed), capture("g", twice));
	char expected[512];

	(void)state;
	snprintf(expected, sizeof(expected),
		 "entry.s.a,entry.s.x,entry.s.y,entry.p->a,entry.p->x,entry.p->y,entry.(*q)->a,"
		 "entry.(*q)->x,entry.(*q)->y,entry.f,entry.f->a,entry.f->x,entry.f->y,entry.g,"
		 "entry.*g,entry.(*g)->a,entry.(*g)->x,entry.(*g)->y\n"
		 "1,-2,-9223372036854775808,1,-2,-9223372036854775808,1,-2,-9223372036854775808,"
		 "%p,1,-2,-9223372036854775808,%p,%p,1,-2,-9223372036854775808\n",
		 (void *)pointer, (void *)pointer_pointer, (void *)pointer);
	assert_string_equal(exported_values(side, VALUES(node_of(outer, memory), node_of(outer, memory),
							 node_of(outer, memory), node_of(followed, &pointer),
							 node_of(twice, &pointer_pointer))),
			    expected);
}

static void texts(void **state)
{
	static const struct {
		const char *text, *cell;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "a,b", "\"a,b\"" },
		{ "say \"x\"", "\"say \"\"x\"\"\"" },
		{ "two\nlines\r", "two\\nlines\\r" },
		{ "\033[31m", "\\033[31m" },
		{ "=1+1", "'=1+1" },
		{ "+1", "'+1" },
		{ "-1", "'-1" },
		{ "@x", "'@x" },
		{ "=\"a\",b", "\"'=\"\"a\"\",b\"" },
		{ "\tx", "\\tx" },
		{ "k\xc3\xa4se", "k\xc3\xa4se" },
		{ "\xff", "\\377" },
	};
	const struct schema *string = plain_schema(SCHEMA_STRING, 8);
	char expected[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(expected, sizeof(expected), "entry.t\n%s\n", cases[i].cell);
		assert_string_equal(exported_values(STRUCT(0, capture("t", string)),
						    VALUES(node_of(string, &cases[i].text))),
				    expected);
	}
	string_limit = 3;
	assert_string_equal(exported_values(STRUCT(0, capture("t", string)),
					    VALUES(node_of(string, &(const char *){ "abcdef" }))),
			    "entry.t\nabc…\n");
	string_limit = 200;
}

static void missing(void **state)
{
	const struct schema *number = int_schema(4, false), *pair = STRUCT(8, member("x", 0, number), member("y", 4, number));
	const struct schema *pointer = pointer_schema(pair);
	const void *null = NULL;

	(void)state;
	assert_string_equal(
		exported_values(STRUCT(0, capture("a", number), capture("*b", pair), capture("c", number),
				       capture("d", number), capture("p", pointer)),
				VALUES(missing_node(number, STATUS_OPTIMIZED_OUT, 0), missing_node(pair, STATUS_NULL, 0),
				       missing_node(number, STATUS_UNREADABLE, 1), missing_node(number, STATUS_REDACTED, 0),
				       node_of(pointer, &null))),
		"entry.a,entry.b->x,entry.b->y,entry.c,entry.d,entry.p,entry.p->x,entry.p->y\n"
		"<optimized out>,<null>,<null>,<unreadable>,<redacted>,0x0,<null>,<null>\n");
}

static void arrays(void **state)
{
	const struct schema *bytes = array_schema(int_schema(1, false), 3, 1);

	(void)state;
	assert_string_equal(exported_values(STRUCT(0, capture("v", bytes)), VALUES(node_of(bytes, "\1\2\3"))),
			    "entry.v\n\"[1,2,3]\"\n");
}

/* Functions that captured the same share columns; others leave cells empty. */
static void several(void **state)
{
	const struct schema *number = int_schema(4, true);
	const struct schema *one = STRUCT(0, capture("n", number)), *two = STRUCT(0, capture("n", number), capture("m", number));
	const struct trace_probe a = { .function = "a", .module = "", .entry = one, .ret = STRUCT(0, NULL) },
				 b = { .function = "b", .module = "", .entry = two, .ret = one, .index = 7 };
	const int numbers[] = { 5, 6 };
	struct value_node single = { .schema = one }, pair = { .schema = two };

	(void)state;
	fill_items(&single, 1);
	fill_items(&pair, 2);
	fill_node((struct value_node *)single.items, number, &numbers[0]);
	fill_node((struct value_node *)pair.items, number, &numbers[0]);
	fill_node((struct value_node *)pair.items + 1, number, &numbers[1]);
	const struct call calls[] = {
		{ .id = 1, .probe = &a, .entry = &single },
		{ .id = 2, .probe = &b, .entry = &pair, .ret = &single, .outcome = OUTCOME_RETURNED },
	};

	assert_string_equal(exported((const struct trace_probe *[]){ &a, &b }, 2, calls, 2),
			    "entry.n,entry.m,return.n\n5,,\n5,6,5\n");
}

/* What would be too many columns is one. */
static void too_many(void **state)
{
	enum { MEMBERS = 5000 };
	static const struct schema *members[MEMBERS + 1];
	static char memory[MEMBERS];
	const struct schema *number = int_schema(1, false);

	(void)state;
	for (unsigned i = 0; i < MEMBERS; i++)
		members[i] = member(arena_printf(&nodes, "m%u", i), i, number);
	const struct schema *wide = struct_schema(SCHEMA_STRUCT, MEMBERS, members);
	const char *text = exported_values(STRUCT(0, capture("w", wide)), VALUES(node_of(wide, memory)));

	static const char start[] = "entry\n\"{\"\"entry\"\":{\"\"w\"\":{\"\"m0\"\":0,";

	assert_memory_equal(text, start, strlen(start));
}

static int free_nodes(void **state)
{
	(void)state;
	arena_free(&nodes);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),  cmocka_unit_test(texts),   cmocka_unit_test(missing),
		cmocka_unit_test(arrays), cmocka_unit_test(several), cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, free_nodes);
}
