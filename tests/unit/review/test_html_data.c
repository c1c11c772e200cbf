/*
 * The data of a page: jq must read each line, and find in it what was put in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/review/nodes.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export/html_data.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/trace/reader.h"

enum { TEXT_MAX = 1 << 20 };

static struct trace_probe probe = { .function = "f", .module = "m.so" };

/* What jq makes of the lines of these calls, all on level 0. */
static const char *jq(const char *filter, const struct call *calls, size_t n,
		      const struct code_map *code)
{
	static char answer[TEXT_MAX];
	char path[] = "/tmp/virtrace-test-XXXXXX", command[1024];
	FILE *out = fdopen(mkstemp(path), "w");
	struct html_data *data = html_data_new(out, code, 1000);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(html_data_call(data, &calls[i], 0), 0);
	html_data_free(data);
	fclose(out);
	snprintf(command, sizeof(command), "jq -cs '%s' %s 2>&1", filter, path);
	FILE *pipe = popen(command, "r");

	answer[fread(answer, 1, sizeof(answer) - 1, pipe)] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	pclose(pipe);
	unlink(path);
	return answer;
}

/* A call of the probe, which captures this as "x" at entry. */
static struct call call_with(const struct value_node *value)
{
	struct value_node *node = node_of(STRUCT(0, NULL), "");

	node->schema = STRUCT(0, capture("x", value->schema));
	fill_items(node, 1);
	*(struct value_node *)node->items = *value;
	probe.entry = node->schema;
	probe.ret = STRUCT(0, NULL);
	return (struct call){ .id = 1, .probe = &probe, .entry = node };
}

/* The value as the page gets it. */
static const char *value_of(const struct value_node *value)
{
	struct call call = call_with(value);

	return jq("map(arrays)[0][10][0]", &call, 1, NULL);
}

static void facts_of_a_call(void **state)
{
	struct call calls[2];

	(void)state;
	calls[0] = call_with(node_of(int_schema(4, true), &(int){ -5 }));
	calls[0].tid = 7;
	calls[0].thread = "rpc \"x\"\n";
	calls[0].entered_ns = 5000;
	calls[0].ended_ns = 7500;
	calls[0].outcome = OUTCOME_RETURNED;
	calls[0].return_source = "f.c:9";
	calls[1] = calls[0];
	calls[1].id = UINT64_MAX;
	calls[1].entered_ns = 4000;
	calls[1].outcome = OUTCOME_OPEN;
	assert_string_equal(
		jq("map(arrays)", calls, 2, NULL),
		"[[1,0,7,\"rpc \\\"x\\\"\\n\",0,0,2500,\"returned\",\"f.c:9\",false,[\"-5\"],null,[],null],"
		"[\"18446744073709551615\",0,7,\"rpc \\\"x\\\"\\n\",0,-1000,null,\"open\",\"f.c:9\","
		"false,[\"-5\"],null,[],null]]");
	assert_string_equal(jq("map(objects|select(.base_ns))", calls, 2, NULL),
			    "[{\"base_ns\":\"6000\"}]");
}

/* A part names the call that made it, which comes later. */
static void parts(void **state)
{
	struct call maker = { .id = UINT64_MAX }, call = call_with(node_of(int_schema(4, true), &(int){ 1 }));

	(void)state;
	call.up = &maker;
	assert_string_equal(jq("map(arrays|[length,.[14]])", &call, 1, NULL), "[[14,null]]");
	call.is_part = true;
	assert_string_equal(jq("map(arrays|[length,.[14]])", &call, 1, NULL), "[[15,\"18446744073709551615\"]]");
}

/* A call that has this text at its entry, and what the joiner has made of it. */
static struct call call_with_message(uint64_t id, const char *text, const struct qmp_exchange *qmp)
{
	string_limit = 1000;
	struct call call = call_with(node_of(plain_schema(SCHEMA_STRING, 8), &text));

	call.id = id;
	call.entered_ns = 100 * id;
	call.qmp = qmp;
	return call;
}

/* Both calls of an exchange refer to it, and the texts are there once. */
static void messages(void **state)
{
	const char *request = "{\"execute\":\"stop\",\"id\":\"7\"}", *reply = "{\"return\":\"\\u2028<\",\"id\":\"7\"}";
	const struct qmp_exchange qmp = { .name = "stop", .id = "7",
					  .request = { request, strlen(request), false, 5, 500, 10 },
					  .reply = { reply, strlen(reply), true, 6, 600, 20 } };
	char sent[100];

	(void)state;
	snprintf(sent, sizeof(sent), "%s\r\n", request);
	struct call calls[] = { call_with_message(5, sent, &qmp), call_with_message(6, reply, &qmp), call_with_message(7, "x", NULL) };

	calls[1].tid = 20;
	assert_string_equal(jq("map(objects|.qmp|arrays)", calls, 3, NULL),
			    "[[\"stop\",\"7\",\"\",[5,0,10,\"{\\\"execute\\\":\\\"stop\\\",\\\"id\\\":\\\"7\\\"}\",false],"
			    "[6,100,20,\"{\\\"return\\\":\\\"\\\\u2028<\\\",\\\"id\\\":\\\"7\\\"}\",true]]]");
	assert_string_equal(jq("map(arrays|[.[0],.[10][0],.[13]])", calls, 2, NULL),
			    "[[5,\"QMP stop\",0],[6,\"QMP reply to stop\",0]]");
	assert_string_equal(jq("map(arrays|.[13])", &calls[2], 1, NULL), "[null]");
}

/* What stands beside a message is not lost. */
static void several_messages_in_a_text(void **state)
{
	const char *text = "{\"event\":\"STOP\"}\n{\"event\":\"RESUME\"}\n";
	const struct qmp_exchange qmp = { .name = "STOP", .id = "", .is_event = true, .reply = { text, 16, false, 5, 500, 10 } };
	struct call call = call_with_message(5, text, &qmp);

	(void)state;
	assert_string_equal(jq("map(objects|.qmp|arrays)|.[0][2:4]", &call, 1, NULL), "[\"event\",null]");
	assert_string_equal(jq("map(arrays|.[10][0]|test(\"RESUME\"))", &call, 1, NULL), "[true]");
}

/* Each is defined once, before it is needed. */
static void definitions(void **state)
{
	struct call calls[2];
	const uint64_t stack[] = { 0x10, 0x20, 0x10 };
	struct code_map *code = code_map_new();

	(void)state;
	code_map_add(code, 0x10, 0, &(struct code_place){ "inner", "m.so", "f.c:3", true });
	code_map_add(code, 0x10, 1, &(struct code_place){ "outer", "m.so", NULL, false });
	calls[0] = call_with(node_of(STRUCT(8, member("a", 0, int_schema(4, true)),
					    member("b", 4, int_schema(4, false))),
				     (int[]){ 1, -1 }));
	calls[0].stack = stack;
	calls[0].n_stack = 3;
	calls[1] = calls[0];
	calls[1].id = 2;
	assert_string_equal(jq("map(objects|.type)|map(arrays|[.[0],.[1],.[3]])", calls, 2, code),
			    "[[\"int\",\"a\",[]],[\"int\",\"b\",[]],[\"struct\",null,[0,1]],"
			    "[\"capture\",\"x\",[2]],[\"struct\",null,[3]],[\"struct\",null,[]]]");
	assert_string_equal(jq("map(objects|.probe|objects|[.function,.entry,.return])", calls, 2, code),
			    "[[\"f\",4,5]]");
	assert_string_equal(jq("map(objects|.place|arrays)", calls, 2, code),
			    "[[\"0x10\",[[\"inner\",\"m.so\",\"f.c:3\",true],[\"outer\",\"m.so\",null,false]]],"
			    "[\"0x20\",[]]]");
	assert_string_equal(jq("map(arrays|.[12])", calls, 2, code), "[[0,1,0],[0,1,0]]");
	code_map_free(code);
}

static void values(void **state)
{
	int n = 3;
	int *p = &n, *null = NULL;
	const char *text = "a\"<", *no_text = NULL;
	const struct schema *array = array_schema(int_schema(4, true), 10, 4);

	(void)state;
	assert_string_equal(value_of(node_of(int_schema(8, false), &(uint64_t){ UINT64_MAX })),
			    "\"18446744073709551615\"");
	assert_string_equal(value_of(node_of(STRUCT(8, member("a", 0, int_schema(4, true)),
						    member("b", 4, int_schema(4, false))),
					     (int[]){ 1, -1 })),
			    "[\"1\",\"4294967295\"]");
	assert_string_equal(value_of(node_of(array_schema(int_schema(4, true), 2, 4), (int[]){ 1, 2 })),
			    "[\"1\",\"2\"]");
	((struct schema *)array)->stored = 3;
	assert_string_equal(value_of(node_of(array, (int[]){ 1, 2, 3 })), "[\"1\",\"2\",\"3\",7]");
	assert_true(strstr(value_of(node_of(pointer_schema(int_schema(4, true)), &p)), ",\"3\"]"));
	assert_string_equal(value_of(node_of(pointer_schema(int_schema(4, true)), &null)), "\"0x0\"");
	assert_true(strstr(value_of(node_of(plain_schema(SCHEMA_STRING, 8), &text)), " \\\"a\\\\\\\"<\\\"\""));
	assert_string_equal(value_of(node_of(plain_schema(SCHEMA_STRING, 8), &no_text)), "\"0x0\"");
	assert_string_equal(value_of(missing_node(int_schema(4, true), STATUS_OPTIMIZED_OUT, 0)),
			    "\"<optimized out>\"");
}

/* The page is told what is JSON, and which decoder chose members. */
static void kinds_that_decoders_make(void **state)
{
	struct schema *view = (struct schema *)STRUCT(4, member("a", 0, int_schema(4, true)));
	struct call call;

	(void)state;
	view->view = "virDomain";
	call = call_with(node_of(view, &(int){ 1 }));
	assert_string_equal(jq("map(objects|.type|arrays)|map(select(.[0] == \"struct\")|.[2])[0]", &call, 1, NULL),
			    "\"virDomain\"");
	call = call_with(node_of(SCHEMA(.kind = SCHEMA_STRING, .size = 8, .is_json = true),
				 &(const char *){ "{\"a\":[1]}" }));
	assert_string_equal(jq("map(objects|.type|arrays)[0][0]", &call, 1, NULL), "\"json\"");
	assert_string_equal(jq("map(arrays)[0][10][0]|sub(\"0x[0-9a-f]+ \";\"\")|fromjson|.a", &call, 1, NULL), "[1]");
}

/* Names that are no UTF-8, values nested past all limits. */
static void hostile_traces(void **state)
{
	const struct schema *type = int_schema(4, true);
	struct call call;

	(void)state;
	for (int i = 0; i < 1000; i++)
		type = i % 2 ? STRUCT(4, member("m\xff\001", 0, type)) : array_schema(type, 1, 4);
	call = call_with(node_of(type, &(int){ 1 }));
	call.thread = "\xff</script>";
	assert_string_equal(jq("map(arrays)[0]|[(.[10]|tostring|length < 200), .[3]]", &call, 1, NULL),
			    "[true,\"\357\277\275</script>\"]");
	assert_string_equal(jq("map(objects|.type|arrays)|length < 100", &call, 1, NULL), "true");
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
		cmocka_unit_test(facts_of_a_call),
		cmocka_unit_test(parts),
		cmocka_unit_test(messages),
		cmocka_unit_test(several_messages_in_a_text),
		cmocka_unit_test(definitions),
		cmocka_unit_test(values),
		cmocka_unit_test(kinds_that_decoders_make),
		cmocka_unit_test(hostile_traces),
	};

	return cmocka_run_group_tests(tests, NULL, drop);
}
