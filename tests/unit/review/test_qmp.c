/*
 * Joining QMP requests and replies. What of a message is understood is compared with json-c's reading of it.
 */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/qmp_script.h"
#include "tracer/review/libvirt/qmp.h"

/* All calls of a script say: id:role(name id other), in the order of delivery. */
static const char *joined(const struct scripted *events, size_t n)
{
	static char text[2048];
	struct qmp_script script = { events, n, 0 };
	struct calls *calls = calls_new(next_scripted, &script, false);
	FILE *out = fmemopen(text, sizeof(text), "w");
	const struct call *root;

	text[0] = '\0';
	while (calls_next(calls, &root) > 0) {
		for (const struct call *call = root; call; call = call->first) {
			const struct qmp_exchange *qmp = call->qmp;

			if (!qmp)
				continue;
			fprintf(out, "%s#%lu %s", ftell(out) ? ", " : "", (unsigned long)call->id,
				qmp_is_sender(qmp, call) ? "sent" : qmp->is_event ? "event" : "got");
			fprintf(out, " %s%s", qmp->name, qmp->is_unclear ? "?" : "");
			if (qmp->request.call && !qmp->request.text)
				fprintf(out, " of #%lu", (unsigned long)qmp->request.call);
			if (qmp->reply.text && qmp->request.text)
				fprintf(out, "%s %s #%lu>#%lu %lu", qmp->is_error ? " error" : "", qmp->id,
					(unsigned long)qmp->request.call, (unsigned long)qmp->reply.call,
					(unsigned long)(qmp->reply.time_ns - qmp->request.time_ns));
		}
	}
	fclose(out);
	calls_free(calls);
	arena_free(&nodes);
	return text;
}

#define JOINED(...) joined((const struct scripted[]){ __VA_ARGS__ }, \
			   sizeof((const struct scripted[]){ __VA_ARGS__ }) / sizeof(struct scripted))

#define ASK(id) "{\"execute\":\"query-x\",\"id\":\"" id "\"}\r\n"
#define ANSWER(id) "{\"return\": [{\"id\": \"inner\", \"s\": \"}]\\\"\"}], \"id\": \"" id "\"}"

static void another_thread_receives_the_reply(void **state)
{
	(void)state;
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, .text = NULL },
				   { 'E', 2, 1, 1, 10, 110, 0x77, .text = ASK("libvirt-1") },
				   { 'E', 3, 0, 0, 20, 150, 0x77, .text = ANSWER("libvirt-1") },
				   { 'R', 3, 0, 0, 20, 160, .text = NULL },
				   { 'R', 2, 1, 1, 10, 170, .text = NULL },
				   { 'R', 1, 0, 0, 10, 180, .text = NULL }),
			    "#2 sent query-x libvirt-1 #2>#3 40, #3 got query-x libvirt-1 #2>#3 40");
}

static void ids_are_of_a_monitor(void **state)
{
	(void)state;
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'E', 2, 0, 0, 11, 101, 0x72, .text = ASK("1") },
				   { 'E', 3, 0, 0, 20, 102, 0x72, .text = ANSWER("1") },
				   { 'R', 3, 0, 0, 20, 103, .text = NULL },
				   { 'E', 4, 0, 0, 21, 104, 0x71, .text = ANSWER("1") },
				   { 'R', 4, 0, 0, 21, 105, .text = NULL },
				   { 'R', 1, 0, 0, 10, 106, .text = NULL },
				   { 'R', 2, 0, 0, 11, 107, .text = NULL }),
			    "#1 sent query-x 1 #1>#4 4, #2 sent query-x 1 #2>#3 1, "
			    "#3 got query-x 1 #2>#3 1, #4 got query-x 1 #1>#4 4");
}

static void what_cannot_be_told_is_not_joined(void **state)
{
	(void)state;
	/* the same id twice, and no monitor */
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0, .text = ASK("1") },
				   { 'E', 2, 0, 0, 11, 101, 0, .text = ASK("1") },
				   { 'E', 3, 0, 0, 20, 102, 0, .text = ANSWER("1") },
				   { 'R', 3, 0, 0, 20, 103, .text = NULL },
				   { 'R', 1, 0, 0, 10, 104, .text = NULL },
				   { 'R', 2, 0, 0, 11, 105, .text = NULL }),
			    "#1 sent query-x, #2 sent query-x, #3 got ?");
	/* another id; another monitor; who asked has ended, and is named */
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'E', 2, 0, 0, 20, 101, 0x71, .text = ANSWER("2") },
				   { 'R', 2, 0, 0, 20, 102, .text = NULL },
				   { 'E', 3, 0, 0, 20, 103, 0x72, .text = ANSWER("1") },
				   { 'R', 3, 0, 0, 20, 104, .text = NULL },
				   { 'R', 1, 0, 0, 10, 105, .text = NULL },
				   { 'E', 4, 0, 0, 20, 106, 0x71, .text = ANSWER("1") },
				   { 'R', 4, 0, 0, 20, 107, .text = NULL }),
			    "#1 sent query-x, #2 got , #3 got , #4 got query-x of #1");
	/* the monitor of one of both is not recorded */
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'E', 2, 0, 0, 20, 101, 0, .text = ANSWER("1") },
				   { 'R', 2, 0, 0, 20, 102, .text = NULL },
				   { 'E', 3, 0, 0, 20, 103, 0, .text = ANSWER("2") },
				   { 'R', 3, 0, 0, 20, 104, .text = NULL },
				   { 'R', 1, 0, 0, 10, 105, .text = NULL }),
			    "#1 sent query-x, #2 got ?, #3 got ");
	/* who asked has ended, and was answered; ended, and asked twice */
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'R', 1, 0, 0, 10, 101, .text = NULL },
				   { 'E', 2, 0, 0, 20, 102, 0x71, .text = ANSWER("1") },
				   { 'R', 2, 0, 0, 20, 103, .text = NULL },
				   { 'E', 3, 0, 0, 20, 104, 0x71, .text = ANSWER("1") },
				   { 'R', 3, 0, 0, 20, 105, .text = NULL },
				   { 'E', 4, 0, 0, 10, 106, 0x71, .text = ASK("2") },
				   { 'R', 4, 0, 0, 10, 107, .text = NULL },
				   { 'E', 5, 0, 0, 10, 108, 0x71, .text = ASK("2") },
				   { 'R', 5, 0, 0, 10, 109, .text = NULL },
				   { 'E', 6, 0, 0, 20, 110, 0x71, .text = ANSWER("2") },
				   { 'R', 6, 0, 0, 20, 111, .text = NULL }),
			    "#1 sent query-x, #2 got query-x of #1, #3 got , #4 sent query-x, #5 sent query-x, #6 got ?");
	/* a second reply to the same request */
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'E', 2, 0, 0, 20, 101, 0x71, .text = ANSWER("1") },
				   { 'R', 2, 0, 0, 20, 102, .text = NULL },
				   { 'E', 3, 0, 0, 20, 103, 0x71, .text = ANSWER("1") },
				   { 'R', 3, 0, 0, 20, 104, .text = NULL },
				   { 'R', 1, 0, 0, 10, 105, .text = NULL }),
			    "#1 sent query-x 1 #1>#2 1, #2 got query-x 1 #1>#2 1, #3 got ");
}

static void a_cut_reply_goes_to_who_waits_for_the_monitor(void **state)
{
	(void)state;
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'E', 2, 0, 0, 11, 101, 0x72, .text = ASK("2") },
				   { 'E', 3, 0, 0, 20, 102, 0x72, .text = "{\"return\": [{\"x\": 1", .is_cut = true },
				   { 'R', 3, 0, 0, 20, 103, .text = NULL },
				   { 'R', 1, 0, 0, 10, 104, .text = NULL },
				   { 'R', 2, 0, 0, 11, 105, .text = NULL }),
			    "#1 sent query-x, #2 sent query-x 2 #2>#3 1, #3 got query-x 2 #2>#3 1");
	/* so does the next reply where the request was cut before its id */
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = "{\"execute\":\"query-x\",\"arguments\":{\"a\"", .is_cut = true },
				   { 'E', 2, 0, 0, 20, 101, 0x72, .text = ANSWER("1") },
				   { 'R', 2, 0, 0, 20, 102, .text = NULL },
				   { 'E', 3, 0, 0, 20, 103, 0x71, .text = ANSWER("1") },
				   { 'R', 3, 0, 0, 20, 104, .text = NULL },
				   { 'R', 1, 0, 0, 10, 105, .text = NULL }),
			    "#1 sent query-x  #1>#3 3, #2 got , #3 got query-x  #1>#3 3");
}

static void errors_events_and_other_texts(void **state)
{
	(void)state;
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'E', 2, 0, 0, 20, 101, 0x71, .text = "{\"id\": \"1\", \"error\": {\"class\": \"X\"}}" },
				   { 'R', 2, 0, 0, 20, 102, .text = NULL },
				   { 'R', 1, 0, 0, 10, 105, .text = NULL }),
			    "#1 sent query-x error 1 #1>#2 1, #2 got query-x error 1 #1>#2 1");
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 20, 100, 0x71, .text = "{\"event\": \"STOP\", \"data\": {\"id\": \"1\"}}" },
				   { 'R', 1, 0, 0, 20, 101, .text = NULL },
				   { 'E', 2, 0, 0, 20, 102, 0x71, .text = "{\"QMP\": {\"version\": {}}}" },
				   { 'R', 2, 0, 0, 20, 103, .text = NULL },
				   { 'E', 3, 0, 0, 20, 104, 0x71, .text = "no message" },
				   { 'R', 3, 0, 0, 20, 105, .text = NULL }),
			    "#1 event STOP");
	/* several in one text: the reply counts, wherever it is */
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
				   { 'E', 2, 0, 0, 20, 101, 0x71,
				     .text = "{\"event\": \"A\"}\r\n" ANSWER("1") "\r\n{\"event\": \"B\"}\r\n{\"event" },
				   { 'R', 2, 0, 0, 20, 102, .text = NULL },
				   { 'R', 1, 0, 0, 10, 105, .text = NULL }),
			    "#1 sent query-x 1 #1>#2 1, #2 got query-x 1 #1>#2 1");
}

static void texts_are_kept_whole(void **state)
{
	const struct scripted events[] = {
		{ 'E', 1, 0, 0, 10, 100, 0x71, .text = ASK("1") },
		{ 'E', 2, 0, 0, 20, 101, 0x71, .text = ANSWER("1") "\r\n" },
		{ 'R', 2, 0, 0, 20, 102, .text = NULL },
		{ 'R', 1, 0, 0, 10, 105, .text = NULL },
	};
	struct qmp_script script = { events, 4, 0 };
	struct calls *calls = calls_new(next_scripted, &script, false);
	const struct call *root;

	(void)state;
	assert_int_equal(calls_next(calls, &root), 1);
	assert_string_equal(root->qmp->request.text, "{\"execute\":\"query-x\",\"id\":\"1\"}");
	assert_string_equal(root->qmp->reply.text, ANSWER("1"));
	assert_int_equal(root->qmp->reply.len, strlen(ANSWER("1")));
	assert_int_equal(root->qmp->reply.tid, 20);
	assert_ptr_equal(qmp_text(root), &root->entry->items[1]);
	assert_int_equal(calls_next(calls, &root), 1);
	/* the sender is gone by now */
	assert_string_equal(root->qmp->reply.text, ANSWER("1"));
	calls_free(calls);
	arena_free(&nodes);
}

/* Random JSON, as json-c writes it. */
static json_object *random_json(unsigned depth)
{
	static const char *const strings[] = { "", "id", "return", "a\"b", "{", "}]", "\\", "x,y: z", "\xe2\x82\xac", "\033[1m" };
	json_object *object;

	switch (rand() % (depth ? 6 : 4)) {
	case 0:
		return json_object_new_string(strings[rand() % 10]);
	case 1:
		return json_object_new_int64(((int64_t)rand() << 32) - rand());
	case 2:
		return json_object_new_boolean(rand() % 2);
	case 3:
		return json_object_new_double(rand() / 7.0);
	case 4:
		object = json_object_new_array();
		for (int n = rand() % 4; n; n--)
			json_object_array_add(object, random_json(depth - 1));
		return object;
	default:
		object = json_object_new_object();
		for (int n = rand() % 4; n; n--)
			json_object_object_add(object, strings[rand() % 10], random_json(depth - 1));
		return object;
	}
}

static void messages_are_read_as_json(void **state)
{
	static const char *const keys[] = { "execute", "return", "error", "event", "id", "arguments", "x" };
	static const int styles[] = { JSON_C_TO_STRING_PLAIN, JSON_C_TO_STRING_SPACED };

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		json_object *message = json_object_new_object();

		/* one of the first four decides what it is; all others are in the way */
		const char *kind = keys[rand() % 4];

		for (int n = rand() % 3; n; n--)
			json_object_object_add(message, keys[5 + rand() % 2], random_json(3));
		json_object_object_add(message, kind, kind[0] == 'e' && kind[1] != 'r' ? json_object_new_string("n-1")
										       : random_json(4));
		json_object_object_add(message, "id", json_object_new_string("i-9"));
		if (rand() % 2)
			json_object_object_add(message, "z", random_json(3));
		const struct scripted events[] = {
			{ 'E', 1, 0, 0, 10, 100, 0x71, .text = json_object_to_json_string_ext(message, styles[i % 2]) },
		};
		struct qmp_script script = { events, 1, 0 };
		struct calls *calls = calls_new(next_scripted, &script, false);
		const struct call *root;

		assert_int_equal(calls_next(calls, &root), 1);
		if (!root->qmp)
			fail_msg("not seen: %s", events[0].text);
		assert_string_equal(root->qmp->id, "i-9");
		assert_string_equal(root->qmp->name, kind[0] == 'e' && kind[1] != 'r' ? "n-1" : "");
		assert_int_equal(qmp_is_sender(root->qmp, root), !strcmp(kind, "execute"));
		assert_int_equal(root->qmp->is_event, !strcmp(kind, "event"));
		assert_int_equal(root->qmp->is_error, !strcmp(kind, "error"));
		calls_free(calls);
		arena_free(&nodes);
		json_object_put(message);
	}
}

/* Whatever the text, nothing is read behind its end and the scan ends. */
static void hostile_texts(void **state)
{
	static const char alphabet[] = "{}[]\",:\\ \r\n1eidxecutrnvo";
	char text[200];

	(void)state;
	srand(2);
	for (int i = 0; i < 50000; i++) {
		size_t len = (size_t)rand() % sizeof(text);

		strcpy(text, i % 2 ? "{\"return\":" : "{\"id\": \"1\",\"execute\":\"");
		for (size_t k = strlen(text); k < len; k++) {
			text[k] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
			text[k + 1 < sizeof(text) ? k + 1 : k] = '\0';
		}
		joined((const struct scripted[]){ { 'E', 1, 0, 0, 10, 100, 1, .text = text, .is_cut = rand() % 2 } }, 1);
	}
	size_t deep = 500000;
	char *nested = malloc(deep + 20);

	strcpy(nested, "{\"return\":");
	memset(nested + strlen("{\"return\":"), '[', deep);
	nested[deep] = '\0';
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 1, .text = nested }), "#1 got ");
	free(nested);
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 1, .text = "{\"execute\":\"" }), "#1 sent ");
	assert_string_equal(JOINED({ 'E', 1, 0, 0, 10, 100, 1, .text = "{" }), "");
}

/* Waiting under one key, ended in any order. */
static void many_wait(void **state)
{
	enum { N = 20000 };
	struct scripted *events = calloc(2 * N, sizeof(*events));
	struct qmp_script script = { events, 2 * N, 0 };
	const struct call *root;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		events[i] = (struct scripted){ 'E', i + 1, 0, 0, (pid_t)i + 1, i, 0x71, .text = ASK("1") };
		events[N + i] = (struct scripted){ 'R', i + 1, 0, 0, (pid_t)i + 1, N + i, .text = NULL };
	}
	struct calls *calls = calls_new(next_scripted, &script, false);

	while (calls_next(calls, &root) > 0)
		n += root->qmp && !root->qmp->reply.text;
	assert_int_equal(n, N);
	calls_free(calls);
	free(events);
	arena_free(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_thread_receives_the_reply),
		cmocka_unit_test(ids_are_of_a_monitor),
		cmocka_unit_test(what_cannot_be_told_is_not_joined),
		cmocka_unit_test(a_cut_reply_goes_to_who_waits_for_the_monitor),
		cmocka_unit_test(errors_events_and_other_texts),
		cmocka_unit_test(texts_are_kept_whole),
		cmocka_unit_test(messages_are_read_as_json),
		cmocka_unit_test(hostile_texts),
		cmocka_unit_test(many_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
