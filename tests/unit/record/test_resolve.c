/*
 * From requests to functions: what of several that mean the same is recorded.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/function.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/record/request.h"
#include "tracer/record/resolve.h"
#include "tracer/record/target.h"

static char folder[] = "/tmp/virtrace-test.XXXXXX";
static struct module_set *set;
static const struct resolve_options options = { .limits = LIMITS_DEFAULT };

static int make(void **state)
{
	static const struct module_options module_options = { .no_debuginfod = true };
	char command[512];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "printf '%s' | gcc -g -O1 -shared -fPIC -xc - -o %s/named.so",
		 "int first(int a) { return a + 1; }\\nint second(int a, int b) { return a + b; }\\n"
		 "int other(int a) __attribute__((alias(\"first\")));\\n",
		 folder);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/named.so", folder);
	assert_non_null(dlopen(command, RTLD_NOW));
	log_set_quiet(true);
	return module_set_new(getpid(), &module_options, &set);
}

static int clean(void **state)
{
	char command[64];

	(void)state;
	module_set_free(set);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* Of which request each function is recorded: "first:0 second:1", in the order of requests. */
static const char *recorded(const char *const *patterns, bool *lenient)
{
	static char text[256];
	struct request_list requests = { 0 };
	struct binding_list bindings = { 0 };
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; patterns[i]; i++) {
		assert_int_equal(request_add(&requests, patterns[i]), 0);
		requests.items[i].lenient = lenient[i];
	}
	for (size_t i = 0; i < requests.n; i++)
		if (resolve_request(set, all_files, &requests.items[i], &options, &bindings) < 0)
			fail_msg("%s: %s", patterns[i], err_text());
	assert_int_equal(resolve_mark_doubles(&bindings, 0), 0);
	for (size_t i = 0; i < bindings.n; i++)
		if (!bindings.items[i].is_double)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%zu", len ? " " : "",
						bindings.items[i].function->name,
						(size_t)(bindings.items[i].request - requests.items));
	array_free(&bindings);
	request_list_free(&requests);
	return text;
}

static void each_function_is_recorded_once(void **state)
{
	static const struct {
		const char *patterns[5];
		bool lenient[4]; /* of a preset */
		const char *expected;
	} cases[] = {
		{ { "named.so!first", "named.so!second" }, { 0 }, "first:0 second:1" },
		{ { "named.so!first a", "named.so!first => $ret" }, { 0 }, "first:0" },
		/* the function's name, wherever it stands, then a preset's, then a pattern */
		{ { "named.so![fs][ie]*", "named.so!second b" }, { 0 }, "first:0 second:1" },
		{ { "named.so!second b", "named.so![fs][ie]*" }, { 0 }, "second:0 first:1" },
		{ { "named.so!second a", "named.so!second b" }, { true }, "second:1" },
		{ { "named.so!second*", "named.so!second b" }, { false, true }, "second:1" },
		{ { "named.so!s*", "named.so!*d", "named.so!second", "named.so!sec*" }, { 0 }, "second:2" },
		/* two names of the same code */
		{ { "named.so!first", "named.so!other" }, { 0 }, "first:0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(recorded(cases[i].patterns, (bool *)cases[i].lenient), cases[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_function_is_recorded_once) };

	return cmocka_run_group_tests(tests, make, clean);
}
