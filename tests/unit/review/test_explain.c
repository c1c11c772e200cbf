/*
 * The way of a value: chains over trees of calls made by hand, with QMP replies whose numbers are known.
 */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/qmp_script.h"
#include "tracer/base/err.h"
#include "tracer/review/explain.h"
#include "tracer/review/explain_show.h"
#include "tracer/review/leaf.h"
#include "tracer/review/show.h"

/* json-c has things of the same names. */
#define json_object our_object
#define json_bool our_bool
#include "tracer/review/export/json.h"
#undef json_object
#undef json_bool

struct info {
	uint64_t capacity, allocation;
};

struct stats {
	uint64_t rd_bytes, wr_bytes, highest;
	int64_t flags;
};

static const struct trace_probe outer = { .function = "getInfo", .module = "m" };
static const struct trace_probe inner = { .function = "gather", .module = "m" };
static const struct trace_probe sender = { .function = "send", .module = "m" };
static const struct trace_probe receiver = { .function = "receive", .module = "m" };

static const struct schema *u64(void)
{
	return int_schema(8, false);
}

static const struct value_node *info_values(struct info info)
{
	struct schema *type = (struct schema *)STRUCT(sizeof(info), member("capacity", 0, u64()), member("allocation", 8, u64()));

	type->ctype = "info_t";
	return node_of(STRUCT(sizeof(info), member("*info", 0, type)), &info);
}

static const struct value_node *stats_values(struct stats stats)
{
	struct schema *type = (struct schema *)STRUCT(sizeof(stats), member("rd_bytes", 0, u64()), member("wr_bytes", 8, u64()),
						      member("highest", 16, u64()), member("flags", 24, int_schema(8, true)));

	type->ctype = "stats_t";
	return node_of(STRUCT(sizeof(stats), member("**stats", 0, type)), &stats);
}

#define ASK "{\"execute\":\"query-stats\",\"id\":\"1\"}"

/* getInfo > gather > send, whose reply another thread receives. */
static struct calls *make_calls(struct info info, struct stats stats, const char *reply, bool is_cut)
{
	static struct scripted events[8];
	static struct qmp_script script;

	memcpy(events, (struct scripted[]){
		{ 'E', 1, 0, 0, 10, 100, .probe = &outer },
		{ 'E', 2, 1, 1, 10, 110, .probe = &inner },
		{ 'E', 3, 2, 2, 10, 120, 0x71, ASK, .probe = &sender },
		{ 'E', 4, 0, 0, 20, 130, 0x71, reply, is_cut, .probe = &receiver },
		{ 'R', 4, 0, 0, 20, 140, .probe = &receiver },
		{ 'R', 3, 2, 2, 10, 150, .probe = &sender },
		{ 'R', 2, 1, 1, 10, 160, .values = stats_values(stats), .probe = &inner },
		{ 'R', 1, 0, 0, 10, 170, .values = info_values(info), .probe = &outer },
	}, sizeof(events));
	script = (struct qmp_script){ events, 8, 0 };
	return calls_new(next_scripted, &script, false);
}

/* The explanation of a member of *info, as JSON that json-c reads. */
static json_object *explained(struct info info, struct stats stats, const char *reply, bool is_cut, size_t member_index)
{
	struct calls *calls = make_calls(info, stats, reply, is_cut);
	const struct call *root;
	struct explainer *explainer = NULL;
	struct explanation explanation;
	char *text = NULL;
	size_t len;

	assert_int_equal(calls_next(calls, &root), 1);
	assert_int_equal(root->id, 1);
	assert_int_equal(explainer_new(root, &explainer), 0);
	assert_int_equal(explain(explainer, root, &root->ret->items[0].items[member_index], &explanation), 0);
	struct json json = { .out = open_memstream(&text, &len) };

	explain_json(&json, &explanation, 0);
	fclose(json.out);
	explainer_free(explainer);
	calls_free(calls);
	arena_free(&nodes);
	json_object *object = json_tokener_parse(text);

	assert_non_null(object);
	free(text);
	return object;
}

static json_object *step(json_object *object, size_t i)
{
	return json_object_array_get_idx(json_object_object_get(object, "steps"), i);
}

static const char *text_of(json_object *object, const char *key)
{
	return json_object_get_string(json_object_object_get(object, key));
}

static void assert_ends(json_object *object, size_t n, const char *end)
{
	assert_int_equal(json_object_array_length(json_object_object_get(object, "steps")), n);
	if (!strstr(text_of(object, "end"), end))
		fail_msg("ends: %s", text_of(object, "end"));
	json_object_put(object);
}

/* Two disks that look alike, each with its name; the second is the one. */
static const char two_disks[] =
	"{\"return\": ["
	"{\"name\": \"d1\", \"stats\": {\"rd_bytes\": 512, \"wr_bytes\": 999, \"highest\": 70000123}},"
	"{\"name\": \"d2\", \"stats\": {\"rd_bytes\": 1024, \"wr_bytes\": 2048, \"highest\": 70000123}}], \"id\": \"1\"}";

static void a_value_is_followed_to_its_reply(void **state)
{
	json_object *o = explained((struct info){ 5, 70000123 }, (struct stats){ 1024, 2048, 70000123, -1 }, two_disks, false, 1);

	(void)state;
	assert_string_equal(text_of(o, "value"), "70000123");
	assert_string_equal(text_of(o, "path"), "info->allocation");
	assert_string_equal(text_of(step(o, 0), "path"), "(*stats)->highest");
	assert_string_equal(text_of(step(o, 0), "at"), "return");
	assert_string_equal(text_of(step(o, 0), "call"), "2");
	assert_string_equal(text_of(step(o, 0), "time_ns"), "160");
	assert_string_equal(text_of(step(o, 1), "at"), "reply");
	assert_string_equal(text_of(step(o, 1), "path"), "return[1].stats.highest");
	assert_string_equal(text_of(step(o, 1), "command"), "query-stats");
	assert_string_equal(text_of(step(o, 1), "id"), "1");
	assert_string_equal(text_of(step(o, 1), "call"), "3");
	assert_string_equal(text_of(step(o, 1), "received_by"), "4");
	assert_string_equal(text_of(step(o, 1), "tid"), "20");
	/* the other disk is a rival, and less likely */
	json_object *rivals = json_object_object_get(step(o, 1), "rivals");

	assert_int_equal(json_object_array_length(rivals), 1);
	assert_string_equal(text_of(json_object_array_get_idx(rivals, 0), "path"), "return[0].stats.highest");
	assert_string_equal(text_of(step(o, 1), "trust"), "very likely");
	assert_string_equal(text_of(json_object_array_get_idx(rivals, 0), "trust"), "possible");
	assert_ends(o, 2, "came from QEMU");
}

static void places_that_cannot_be_told_apart_are_only_possible(void **state)
{
	static const char same[] = "{\"return\": [{\"x\": 70000123}, {\"x\": 70000123}], \"id\": \"1\"}";
	json_object *o = explained((struct info){ 5, 70000123 }, (struct stats){ 7, 8, 9, 10 }, same, false, 1);

	(void)state;
	assert_string_equal(text_of(step(o, 0), "at"), "reply");
	assert_string_equal(text_of(step(o, 0), "trust"), "possible");
	assert_int_equal(json_object_array_length(json_object_object_get(step(o, 0), "rivals")), 1);
	json_object_put(o);
}

/* Two idle disks: all their numbers are the same, and only their names differ. */
static void twins_are_only_possible(void **state)
{
	static const char twins[] =
		"{\"return\": ["
		"{\"name\": \"d1\", \"stats\": {\"rd_bytes\": 1024, \"wr_bytes\": 2048, \"highest\": 70000123}},"
		"{\"name\": \"d2\", \"stats\": {\"rd_bytes\": 1024, \"wr_bytes\": 2048, \"highest\": 70000123}}], \"id\": \"1\"}";
	json_object *o = explained((struct info){ 5, 70000123 }, (struct stats){ 1024, 2048, 70000123, -1 }, twins, false, 1);

	(void)state;
	assert_string_equal(text_of(step(o, 1), "at"), "reply");
	assert_string_equal(text_of(step(o, 1), "trust"), "possible");
	assert_int_equal(json_object_array_length(json_object_object_get(step(o, 1), "rivals")), 1);
	json_object_put(o);
}

/* More places than are kept are counted. */
static void many_rivals_are_counted(void **state)
{
	static char many[20000] = "{\"id\": \"1\", \"return\": [";

	(void)state;
	for (int i = 0; i < 500; i++)
		strcat(many, i ? ",70000123" : "70000123");
	strcat(many, "]}");
	json_object *o = explained((struct info){ 5, 70000123 }, (struct stats){ 7, 8, 9, 10 }, many, false, 1);

	assert_int_equal(json_object_array_length(json_object_object_get(step(o, 0), "rivals")), EXPLAIN_RIVALS);
	assert_string_equal(text_of(step(o, 0), "more_rivals"), "491");
	json_object_put(o);
}

static void what_proves_nothing_is_not_followed(void **state)
{
	static const uint64_t numbers[] = { 0, 1 };
	static const char many[] = "{\"return\": [0, 1, -1], \"id\": \"1\"}";

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_ends(explained((struct info){ 5, numbers[i] }, (struct stats){ 0, 1, 0, -1 }, many, false, 1), 0,
			    "prove nothing");
	/* it is nowhere else */
	assert_ends(explained((struct info){ 5, 70000123 }, (struct stats){ 1, 2, 3, 4 }, many, false, 1), 0,
		    "no earlier place has it, of those in 3 calls and 1 QMP reply of this tree");
}

static void numbers_are_compared_exactly(void **state)
{
	static const struct {
		uint64_t value;
		const char *reply;
		size_t steps;
	} cases[] = {
		{ 9007199254740993u, "{\"return\": 9007199254740993, \"id\": \"1\"}", 1 },
		{ 9007199254740993u, "{\"return\": 9007199254740992, \"id\": \"1\"}", 0 },
		{ 9007199254740993u, "{\"return\": 9007199254740993.0, \"id\": \"1\"}", 0 },
		{ 9223372036854775809u, "{\"return\": 9223372036854775809, \"id\": \"1\"}", 1 },
		{ 9223372036854775809u, "{\"return\": -9223372036854775807, \"id\": \"1\"}", 0 },
		{ 18446744073709551614u, "{\"return\": 18446744073709551614, \"id\": \"1\"}", 1 },
		{ 18446744073709551614u, "{\"return\": -2, \"id\": \"1\"}", 0 },
		/* json-c makes these the largest number there is */
		{ 18446744073709551615u, "{\"return\": 18446744073709551616, \"id\": \"1\"}", 0 },
		{ 18446744073709551615u, "{\"return\": 99999999999999999999999, \"id\": \"1\"}", 0 },
		{ 70000123, "{\"return\": \"70000123\", \"id\": \"1\"}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_object *o = explained((struct info){ 5, cases[i].value }, (struct stats){ 7, 8, 9, 10 }, cases[i].reply,
					   false, 1);

		if (json_object_array_length(json_object_object_get(o, "steps")) != cases[i].steps)
			fail_msg("%s", cases[i].reply);
		json_object_put(o);
	}
}

static void replies_that_cannot_be_read(void **state)
{
	static char deep[5000];
	const struct info info = { 5, 70000123 };
	const struct stats stats = { 7, 8, 9, 10 };

	(void)state;
	assert_ends(explained(info, stats, "{\"return\": [{\"x\": 70000123", true, 1), 0, "1 more could not be read");
	assert_ends(explained(info, stats, "{\"return\": [70000123}, \"id\": \"1\"}", false, 1), 0, "0 QMP replies");
	strcpy(deep, "{\"id\": \"1\", \"return\": ");
	for (int i = 0; i < 1000; i++)
		strcat(deep, "[");
	strcat(deep, "70000123");
	assert_ends(explained(info, stats, deep, false, 1), 0, "1 more could not be read");
}

/* The reply that another call waited for at the same time is never looked at. */
static void replies_of_others_are_not_named(void **state)
{
	struct scripted events[] = {
		{ 'E', 1, 0, 0, 10, 100, .probe = &outer },
		{ 'E', 2, 1, 1, 10, 110, 0x71, ASK, .probe = &sender },
		{ 'E', 3, 0, 0, 11, 111, 0x72, ASK, .probe = &sender },
		{ 'E', 4, 0, 0, 21, 112, 0x72, "{\"return\": 70000123, \"id\": \"1\"}", .probe = &receiver },
		{ 'R', 4, 0, 0, 21, 113, .probe = &receiver },
		{ 'E', 5, 0, 0, 20, 114, 0x71, "{\"return\": 70000124, \"id\": \"1\"}", .probe = &receiver },
		{ 'R', 5, 0, 0, 20, 115, .probe = &receiver },
		{ 'R', 3, 0, 0, 11, 116, .probe = &sender },
		{ 'R', 2, 1, 1, 10, 117, .probe = &sender },
		{ 'R', 1, 0, 0, 10, 118, .values = info_values((struct info){ 5, 70000123 }), .probe = &outer },
	};
	struct qmp_script script = { events, sizeof(events) / sizeof(*events), 0 };
	struct calls *calls = calls_new(next_scripted, &script, false);
	struct explainer *explainer = NULL;
	struct explanation explanation;
	const struct call *root;

	(void)state;
	assert_int_equal(calls_next(calls, &root), 1);
	assert_int_equal(explainer_new(root, &explainer), 0);
	assert_int_equal(explain(explainer, root, &root->ret->items[0].items[1], &explanation), 0);
	assert_int_equal(explanation.n_steps, 0);
	explainer_free(explainer);
	calls_free(calls);
	arena_free(&nodes);
}

static void what_is_no_value_is_refused(void **state)
{
	struct calls *calls = make_calls((struct info){ 5, 6 }, (struct stats){ 1, 2, 3, 4 }, two_disks, false);
	struct explainer *explainer = NULL;
	struct explanation explanation;
	const struct call *root;

	(void)state;
	assert_int_equal(calls_next(calls, &root), 1);
	assert_int_equal(explainer_new(root, &explainer), 0);
	assert_int_equal(explain(explainer, root, &root->ret->items[0], &explanation), -EINVAL);
	assert_int_equal(explain(explainer, root, root->first->ret->items, &explanation), -EINVAL);
	explainer_free(explainer);
	calls_free(calls);
	arena_free(&nodes);
}

/* A step is looked for once, whatever values it is on the way of. */
static void ways_share_their_steps(void **state)
{
	struct calls *calls = make_calls((struct info){ 5, 70000123 }, (struct stats){ 1024, 2048, 70000123, -1 }, two_disks, false);
	const struct explain_step *const *steps;
	struct explanation outermost, within;
	struct explainer *explainer = NULL;
	const struct call *root;
	uint64_t work;

	(void)state;
	assert_int_equal(calls_next(calls, &root), 1);
	assert_int_equal(explainer_new(root, &explainer), 0);
	const struct value_node *allocation = &root->ret->items[0].items[1], *highest = &root->first->ret->items[0].items[2];

	assert_int_equal(explain(explainer, root, allocation, &outermost), 0);
	assert_int_equal(outermost.n_steps, 2);
	work = explainer_work(explainer);
	assert_int_equal(explain(explainer, root->first, highest, &within), 0);
	assert_int_equal(within.n_steps, 1);
	assert_ptr_equal(within.steps[0], outermost.steps[1]);
	assert_string_equal(within.end, outermost.end);
	assert_int_equal(explainer_work(explainer), work);
	assert_int_equal(explainer_steps(explainer, &steps), 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(steps[i]->index, i);
	/* two of the calls, two of the reply */
	assert_int_equal(explain_places(explainer, allocation), 4);
	assert_int_equal(explain_places(explainer, &root->ret->items[0].items[0]), 1);
	explainer_free(explainer);
	calls_free(calls);
	arena_free(&nodes);
}

/* An element has what the elements in it have; another disk's are in another one. */
static void elements_in_elements(void **state)
{
	static const char nested[] =
		"{\"return\": ["
		"{\"name\": \"d1\", \"highest\": 70000123, \"layers\": [{\"rd_bytes\": 512}, {\"wr_bytes\": 999}]},"
		"{\"name\": \"d2\", \"highest\": 70000123, \"layers\": [{\"rd_bytes\": 1024}, {\"wr_bytes\": 2048}]}], \"id\": \"1\"}";
	json_object *o = explained((struct info){ 5, 70000123 }, (struct stats){ 1024, 2048, 70000123, -1 }, nested, false, 1);

	(void)state;
	assert_string_equal(text_of(step(o, 1), "path"), "return[1].highest");
	assert_non_null(strstr(text_of(step(o, 1), "reasons"), "2 of 2 other members of the struct are beside it"));
	json_object_put(o);
}

static void shown_to_people(void **state)
{
	struct calls *calls = make_calls((struct info){ 5, 70000123 }, (struct stats){ 1024, 2048, 70000123, -1 }, two_disks, false);
	struct explainer *explainer = NULL;
	struct explanation explanation;
	const struct call *root;
	char *text = NULL;
	size_t len;

	(void)state;
	setenv("TZ", "UTC", 1);
	struct show show = { .page = { .out = open_memstream(&text, &len) } };

	assert_int_equal(calls_next(calls, &root), 1);
	assert_int_equal(explainer_new(root, &explainer), 0);
	assert_int_equal(explain(explainer, root, &root->ret->items[0].items[1], &explanation), 0);
	explain_show(&show, &explanation);
	fclose(show.page.out);
	assert_string_equal(
		text,
		"info->allocation at the return of #1 getInfo = 70000123\n"
		"    00:00:00.000000 thread 10\n"
		"<-  (*stats)->highest at the return of #2 gather\n"
		"    00:00:00.000000 thread 10\n"
		"    likely: same value, returned to #1\n"
		"<-  return[1].stats.highest of the reply to QMP query-stats, id 1\n"
		"    00:00:00.000000 received by thread 20 in #4, waited for by thread 10 in #3\n"
		"    very likely: same value, a call within #2 waited for this reply, same name, "
		"2 of 2 other members of the struct are beside it\n"
		"    or return[0].stats.highest of the reply to QMP query-stats, id 1; possible: same value, "
		"a call within #2 waited for this reply, same name\n"
		"End: it came from QEMU: there is nothing before a reply.\n"
		"These are matches of values, not proof.\n");
	free(text);
	explainer_free(explainer);
	calls_free(calls);
	arena_free(&nodes);
}

static void collect_path(void *ctx, const struct leaf *leaf)
{
	FILE *out = ctx;
	char *path = leaf_path(leaf);

	fprintf(out, "%s|%s ", path, leaf_name(leaf));
	free(path);
}

/* Names as one writes them in C. */
static void paths_of_leaves(void **state)
{
	static struct {
		uint64_t v[2];
	} pointed = { { 1, 2 } };
	static const struct {
		void *p;
		uint64_t a, b;
	} memory = { &pointed, 3, 4 };
	const struct schema *type = STRUCT(24, member("a", 8, u64()), member("", 16, STRUCT(8, member("b", 0, u64()))));
	const struct schema *array = STRUCT(16, member("v", 0, array_schema(u64(), 2, 8)));
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	leaf_visit(node_of(STRUCT(24, member("*info", 0, type), member("**p", 0, type), member("x.y", 0, type),
				  member("((T *)p)->q", 8, u64()), member("*(T *)p", 0, type),
				  member("ptr", 0, pointer_schema(array))), &memory), collect_path, out);
	leaf_visit(NULL, collect_path, out);
	fclose(out);
	assert_string_equal(text, "info->a|a info->b|b (*p)->a|a (*p)->b|b x.y.a|a x.y.b|b ((T *)p)->q|q "
				  "((T *)p)->a|a ((T *)p)->b|b ptr->v[0]|v ptr->v[1]|v ");
	free(text);
	arena_free(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_followed_to_its_reply),
		cmocka_unit_test(places_that_cannot_be_told_apart_are_only_possible),
		cmocka_unit_test(twins_are_only_possible),
		cmocka_unit_test(many_rivals_are_counted),
		cmocka_unit_test(what_proves_nothing_is_not_followed),
		cmocka_unit_test(numbers_are_compared_exactly),
		cmocka_unit_test(replies_that_cannot_be_read),
		cmocka_unit_test(replies_of_others_are_not_named),
		cmocka_unit_test(what_is_no_value_is_refused),
		cmocka_unit_test(ways_share_their_steps),
		cmocka_unit_test(elements_in_elements),
		cmocka_unit_test(shown_to_people),
		cmocka_unit_test(paths_of_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
