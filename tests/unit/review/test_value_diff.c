/*
 * Where two values differ: C structs as three versions of a program might have them, and values that are not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/value_diff.h"
#include "tracer/review/value_path.h"

enum state { IDLE, RUNNING };

struct stats_1 {
	long long rd_req, rd_bytes;
	enum state state;
	char name[8];
	int values[3];
};

/* Another order, other sizes, more members; what was in `values` is longer. */
struct stats_2 {
	const char *name;
	unsigned char rd_req;
	unsigned long long rd_bytes, write_threshold;
	int values[4];
	enum state state;
};

static const struct schema *state_schema(int idle, int running)
{
	const struct schema_enumerator labels[] = { { "IDLE", idle }, { "RUNNING", running } };

	return enum_schema(false, false, 2, labels);
}

static const struct schema *schema_1(void)
{
	const struct schema *counter = int_schema(8, true), *i = int_schema(4, true);

	return STRUCT(sizeof(struct stats_1), member("rd_req", offsetof(struct stats_1, rd_req), counter),
		      member("rd_bytes", offsetof(struct stats_1, rd_bytes), counter),
		      member("state", offsetof(struct stats_1, state), state_schema(0, 1)),
		      member("name", offsetof(struct stats_1, name), text_schema(8)),
		      member("values", offsetof(struct stats_1, values), array_schema(i, 3, 4)));
}

static const struct schema *schema_2(void)
{
	const struct schema *counter = int_schema(8, false), *i = int_schema(4, true);
	const struct schema *inner =
		STRUCT(16, member("rd_bytes", 0, counter), member("write_threshold", 8, counter));

	return STRUCT(sizeof(struct stats_2),
		      member("name", offsetof(struct stats_2, name), plain_schema(SCHEMA_STRING, 8)),
		      member("rd_req", offsetof(struct stats_2, rd_req), int_schema(1, false)),
		      member("", offsetof(struct stats_2, rd_bytes), inner),
		      member("values", offsetof(struct stats_2, values), array_schema(i, 4, 4)),
		      member("state", offsetof(struct stats_2, state), state_schema(10, 11)));
}

/* The paths, each followed by a blank. */
static bool note(void *ctx, const char *path, const struct value_node *a, const struct value_node *b)
{
	char *text = ctx;

	assert_true(a || b);
	strcat(strcat(text, path), " ");
	return true;
}

static const char *differences(const char *name, const struct value_node *a, const struct value_node *b)
{
	static char text[1024];

	*text = '\0';
	bool differs = value_diff(name, a, b, note, text);

	assert_int_equal(differs, *text != '\0');
	assert_int_equal(value_diff(name, a, b, NULL, NULL), differs);
	return text;
}

static void members_by_name(void **state)
{
	struct stats_1 one = { 5, 1 << 20, RUNNING, "vda", { 1, 2, 3 } };
	struct stats_2 two = { "vda", 5, 1 << 20, 99, { 1, 2, 3, 4 }, 11 };

	(void)state;
	assert_string_equal(differences("*s", node_of(schema_1(), &one), node_of(schema_2(), &two)),
			    "s->values[3] ");
	two.rd_req = 6;
	two.name = "vdb";
	two.state = 10;
	two.values[1] = 7;
	two.rd_bytes++;
	assert_string_equal(differences("*s", node_of(schema_1(), &one), node_of(schema_2(), &two)),
			    "s->rd_req s->rd_bytes s->state s->name s->values[1] s->values[3] ");
	/* from the other side */
	assert_string_equal(differences("s", node_of(schema_2(), &two), node_of(schema_1(), &one)),
			    "s.name s.rd_req s.rd_bytes s.values[1] s.values[3] s.state ");
	arena_free(&nodes);
}

static void signs(void **state)
{
	int minus = -1;
	unsigned char byte = 255;
	unsigned long long most = UINT64_MAX;
	double real = 255;
	const struct value_node *a = node_of(int_schema(4, true), &minus),
				*b = node_of(int_schema(1, false), &byte),
				*c = node_of(int_schema(8, false), &most),
				*d = node_of(plain_schema(SCHEMA_FLOAT, 8), &real);

	(void)state;
	assert_string_equal(differences("n", a, b), "n ");
	assert_string_equal(differences("n", a, c), "n ");
	assert_string_equal(differences("n", b, c), "n ");
	assert_string_equal(differences("n", b, d), "");
	assert_string_equal(differences("n", c, c), "");
	arena_free(&nodes);
}

static void texts(void **state)
{
	const char *longer = "vda and more", *shorter = "vda", *other = "vdb", *null = NULL, *empty = "";
	const struct schema *s = plain_schema(SCHEMA_STRING, 8);
	struct value_node *cut = node_of(s, &shorter);

	(void)state;
	assert_string_equal(differences("t", node_of(s, &longer), node_of(s, &shorter)), "t ");
	assert_string_equal(differences("t", node_of(s, &other), node_of(s, &shorter)), "t ");
	assert_string_equal(differences("t", node_of(s, &null), node_of(s, &empty)), "t ");
	assert_string_equal(differences("t", node_of(s, &null), node_of(s, &null)), "");
	assert_string_equal(differences("t", node_of(text_schema(8), "vda\0\0\0\0"), node_of(s, &shorter)), "");
	cut->status = STATUS_CUT;
	assert_string_equal(differences("t", cut, node_of(s, &longer)), "");
	assert_string_equal(differences("t", node_of(s, &longer), cut), "");
	assert_string_equal(differences("t", cut, node_of(s, &other)), "t ");
	assert_string_equal(differences("t", cut, node_of(s, &empty)), "t ");
	arena_free(&nodes);
}

/* Addresses are of one run; NULL, and what is behind, are not. */
static void pointers(void **state)
{
	int one = 1, two = 2;
	const int *a = &one, *b = &two, *null = NULL;
	const struct schema *plain = pointer_schema(NULL), *followed = pointer_schema(int_schema(4, true));

	(void)state;
	assert_string_equal(differences("p", node_of(plain, &a), node_of(plain, &b)), "");
	assert_string_equal(differences("p", node_of(plain, &a), node_of(plain, &null)), "p ");
	assert_string_equal(differences("p", node_of(plain, &null), node_of(followed, &null)), "");
	assert_string_equal(differences("p", node_of(followed, &a), node_of(followed, &b)), "*p ");
	assert_string_equal(differences("p", node_of(plain, &a), node_of(followed, &b)), "");
	arena_free(&nodes);
}

static void missing_values(void **state)
{
	int one = 1;
	const struct schema *i = int_schema(4, true);
	const struct value_node *gone = missing_node(i, STATUS_OPTIMIZED_OUT, 0),
				*here = missing_node(i, STATUS_UNREADABLE, 0x10),
				*there = missing_node(i, STATUS_UNREADABLE, 0x20),
				*null = missing_node(i, STATUS_NULL, 0), *value = node_of(i, &one);

	(void)state;
	assert_string_equal(differences("x", gone, value), "x ");
	assert_string_equal(differences("x", value, gone), "x ");
	assert_string_equal(differences("x", gone, gone), "");
	assert_string_equal(differences("x", here, there), "");
	assert_string_equal(differences("x", here, gone), "x ");
	assert_string_equal(differences("x", null, value), "x ");
	assert_string_equal(differences("x", null, null), "");
	arena_free(&nodes);
}

static bool stop(void *ctx, const char *path, const struct value_node *a, const struct value_node *b)
{
	(void)path;
	(void)a;
	(void)b;
	++*(unsigned *)ctx;
	return false;
}

static void enough(void **state)
{
	struct stats_1 one = { 0 }, two = { 1, 2, RUNNING, "a", { 1, 2, 3 } };
	unsigned n = 0;

	(void)state;
	assert_true(value_diff("s", node_of(schema_1(), &one), node_of(schema_1(), &two), stop, &n));
	assert_int_equal(n, 1);
	arena_free(&nodes);
}

static void paths(void **state)
{
	static const struct {
		const char *object, *member;
		bool is_pointer;
	} cases[] = {
		{ "*info", "info->m", false },	     { "info", "info.m", false },
		{ "info", "info->m", true },	     { "**stats", "(*stats)->m", false },
		{ "*a->b", "(*a->b).m", false },     { "*a->b", "(*a->b)->m", true },
		{ "list[2]", "list[2].m", false },   { "*list[2]", "(*list[2]).m", false },
		{ "a->b", "a->b->m", true },
	};
	char buf[VALUE_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		value_path_member(buf, cases[i].object, cases[i].is_pointer, "m");
		assert_string_equal(buf, cases[i].member);
	}
	value_path_element(buf, "a->b", 3);
	assert_string_equal(buf, "a->b[3]");
	value_path_element(buf, "*a", 3);
	assert_string_equal(buf, "(*a)[3]");
	value_path_target(buf, "a->b");
	assert_string_equal(buf, "*a->b");
}

static void long_paths(void **state)
{
	static char name[4 * VALUE_PATH_MAX];
	char buf[VALUE_PATH_MAX];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	value_path_member(buf, name, false, name);
	value_path_element(buf, name, SIZE_MAX);
	value_path_target(buf, name);
	assert_int_equal(strlen(buf), VALUE_PATH_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_by_name), cmocka_unit_test(signs),
		cmocka_unit_test(texts),	   cmocka_unit_test(pointers),
		cmocka_unit_test(missing_values),  cmocka_unit_test(enough),
		cmocka_unit_test(paths),	   cmocka_unit_test(long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
