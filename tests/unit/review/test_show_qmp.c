/*
 * QMP messages in a report, as a person sees them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/review/qmp_script.h"
#include "tracer/review/show.h"

static const char *shown(const struct scripted *events, size_t n, bool verbose)
{
	static char text[8192];
	struct qmp_script script = { events, n, 0 };
	struct calls *calls = calls_new(next_scripted, &script, false);
	const struct call *root;

	memset(text, 0, sizeof(text));
	setenv("TZ", "UTC", 1);
	struct show show = {
		.page = { .out = fmemopen(text, sizeof(text), "w") },
		.print = { .elements = 20, .is_brief = !verbose },
		.verbose = verbose,
	};

	while (calls_next(calls, &root) > 0)
		show_tree(&show, root);
	fclose(show.page.out);
	calls_free(calls);
	arena_free(&nodes);
	return text;
}

static const struct scripted answered[] = {
	{ 'E', 1, 0, 0, 10, 1000000, 0x71, .text = "{\"execute\":\"query-x\",\"id\":\"libvirt-7\"}\r\n" },
	{ 'E', 2, 0, 0, 20, 1400000, 0x71,
	  .text = "{\"return\": [{\"a\": 18446744073709551616, \"b\": [], \"c\": {}, \"d\": \"x, {y}\\\"\"}], \"id\": \"libvirt-7\"}" },
	{ 'R', 2, 0, 0, 20, 1450000, .text = NULL },
	{ 'R', 1, 0, 0, 10, 1500000, .text = NULL },
};

static void a_line_for_request_and_reply(void **state)
{
	(void)state;
	assert_string_equal(shown(answered, 4, false),
			    "#1      00:00:00.001000      10     500 us  = f(mon=0x71, QMP query-x -> 95 B, 400 us)\n"
			    "#2      00:00:00.001400      20    50.0 us  = f(mon=0x71, QMP reply to query-x of #1, 95 B)\n");
}

static void other_messages(void **state)
{
	static const struct scripted events[] = {
		{ 'E', 1, 0, 0, 10, 0, 0x71, .text = "{\"execute\":\"a\",\"id\":\"1\"}" },
		{ 'R', 1, 0, 0, 10, 1, .text = NULL },
		{ 'E', 2, 0, 0, 10, 2, 0x71, .text = "{\"execute\":\"b\\u001b\033[1m\",\"id\":\"2\"}" },
		{ 'E', 3, 0, 0, 20, 3, 0x71, .text = "{\"id\": \"2\", \"error\": {}}" },
		{ 'R', 3, 0, 0, 20, 4, .text = NULL },
		{ 'R', 2, 0, 0, 10, 5, .text = NULL },
		{ 'E', 4, 0, 0, 20, 6, 0x71, .text = "{\"event\": \"STOP\"}" },
		{ 'R', 4, 0, 0, 20, 7, .text = NULL },
		{ 'E', 5, 0, 0, 20, 8, 0x71, .text = "{\"return\": {}, \"id\": \"9\"}" },
		{ 'R', 5, 0, 0, 20, 9, .text = NULL },
	};
	const char *text = shown(events, sizeof(events) / sizeof(*events), false);

	(void)state;
	assert_non_null(strstr(text, "f(mon=0x71, QMP a -> no reply in the trace)\n"));
	assert_non_null(strstr(text, "f(mon=0x71, QMP b\\u001b\\033[1m -> error, 24 B, 1 ns)\n"));
	assert_non_null(strstr(text, "f(mon=0x71, QMP event STOP, 17 B)\n"));
	assert_non_null(strstr(text, "f(mon=0x71, QMP reply to a request that is not in the trace: 9, 25 B)\n"));
	assert_null(strchr(text, '\033'));
}

static void whole_messages(void **state)
{
	const char *text = shown(answered, 4, true);

	(void)state;
	assert_non_null(strstr(text,
			       "    mon = 0x71\n"
			       "    QMP query-x -> 95 B, 400 us, id libvirt-7, received by thread 20 in #2\n"
			       "    request\n"
			       "      {\n"
			       "        \"execute\": \"query-x\",\n"
			       "        \"id\": \"libvirt-7\"\n"
			       "      }\n"
			       "    reply\n"
			       "      {\n"
			       "        \"return\": [\n"
			       "          {\n"
			       "            \"a\": 18446744073709551616,\n"
			       "            \"b\": [],\n"
			       "            \"c\": {},\n"
			       "            \"d\": \"x, {y}\\\"\"\n"
			       "          }\n"
			       "        ],\n"
			       "        \"id\": \"libvirt-7\"\n"
			       "      }\n"));
	assert_non_null(strstr(text, "    QMP reply to query-x of #1, 95 B\n"));
	assert_null(strstr(text, "text = "));
}

static void what_was_cut_and_what_is_hostile(void **state)
{
	static const struct scripted events[] = {
		{ 'E', 1, 0, 0, 10, 0, 0x71, .text = "{\"execute\":\"a\",\"id\":\"1\"}" },
		{ 'E', 2, 0, 0, 20, 1, 0x71, .text = "{\"return\": [\"\033[2J\", ]]}}}, {\"s\": \"never end", .is_cut = true },
		{ 'R', 2, 0, 0, 20, 2, .text = NULL },
		{ 'R', 1, 0, 0, 10, 3, .text = NULL },
	};
	const char *text = shown(events, 4, true);

	(void)state;
	assert_non_null(strstr(text, "\"\\033[2J\",\n"));
	assert_non_null(strstr(text, "\"s\": \"never end\n      ... cut by the recording's limit of texts\n"));
	assert_null(strchr(text, '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_for_request_and_reply),
		cmocka_unit_test(other_messages),
		cmocka_unit_test(whole_messages),
		cmocka_unit_test(what_was_cut_and_what_is_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
