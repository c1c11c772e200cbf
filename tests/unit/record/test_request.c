#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/record/request.h"

/* "a|b" for a list, "-" for none. */
static void assert_list(const char *const *list, const char *expected)
{
	char text[512] = "";

	if (!list) {
		assert_string_equal("-", expected);
		return;
	}
	for (; *list; list++) {
		if (text[0])
			strcat(text, "|");
		strcat(text, *list);
	}
	assert_string_equal(text, expected);
}

static void probes_are_split_into_their_parts(void **state)
{
	static const struct {
		const char *text, *pattern, *in, *out;
	} cases[] = {
		{ "f", "f", "-", "-" },
		{ "  f  ", "f", "-", "-" },
		{ "libvirt.so.0!vir*", "libvirt.so.0!vir*", "-", "-" },
		{ "qemu_driver.c:f a", "qemu_driver.c:f", "a", "-" },
		{ "f a, b->c ,*d", "f", "a|b->c|*d", "-" },
		{ "f a => $ret, *b", "f", "a", "$ret|*b" },
		{ "f => $ret", "f", "", "$ret" },
		{ "f a =>", "f", "a", "" },
		{ "f (unsigned int)a, x[b ? 1 : 2]", "f", "(unsigned int)a|x[b ? 1 : 2]", "-" },
		{ "f s == \"a, b => c\", d", "f", "s == \"a, b => c\"|d", "-" },
		{ "f c == ',', d", "f", "c == ','|d", "-" },
		{ "f a >= 1 => b <= 2", "f", "a >= 1", "b <= 2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request_list list = { 0 };

		print_message("%s\n", cases[i].text);
		assert_int_equal(request_add(&list, cases[i].text), 0);
		assert_int_equal(list.n, 1);
		assert_string_equal(list.items[0].pattern, cases[i].pattern);
		assert_list(list.items[0].in, cases[i].in);
		assert_list(list.items[0].out, cases[i].out);
		assert_false(list.items[0].lenient);
		request_list_free(&list);
	}
}

static void bad_probes_are_refused(void **state)
{
	static const char *const cases[] = { "", "   ", "f a,,b", "f ,a" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request_list list = { 0 };

		assert_int_equal(request_add(&list, cases[i]), -EINVAL);
		assert_int_equal(list.n, 0);
		request_list_free(&list);
	}
}

/* Add a preset of this text; the message of a failure is in err_text(). */
static int add_preset_text(struct request_list *list, const char *text)
{
	char path[] = "/tmp/test_request.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	int r = request_add_preset(list, path);

	unlink(path);
	return r;
}

static void a_preset_is_a_list_of_lenient_requests(void **state)
{
	struct request_list list = { 0 };

	(void)state;
	assert_int_equal(add_preset_text(&list, "; a comment\n"
						"[preset]\n"
						"description = two functions\n"
						"[one]\n"
						"module = lib*.so\n"
						"in = a->b, c\n"
						"out = $ret\n"
						"if = c == \"x\" && a->n >= 2\n"
						"stack = 3\n"
						"[two]\n"
						"module = m\n"), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].pattern, "lib*.so!one");
	assert_list(list.items[0].in, "a->b|c");
	assert_list(list.items[0].out, "$ret");
	assert_string_equal(list.items[0].filter, "c == \"x\" && a->n >= 2");
	assert_int_equal(list.items[0].stack, 3);
	assert_true(list.items[0].lenient);
	assert_string_equal(list.items[1].pattern, "m!two");
	assert_null(list.items[1].in);
	assert_int_equal(list.items[1].stack, -1);
	request_list_free(&list);
}

static void a_preset_may_have_alternatives_and_limits(void **state)
{
	struct request_list list = { 0 };

	(void)state;
	assert_int_equal(add_preset_text(&list, "[one]\n"
						"module = m\n"
						"in = a->b, f(c, d),\n"
						"     e\n"
						"string-limit = 1M\n"
						"[two]\n"
						"instead-of = one\n"
						"string-limit = 64k\n"
						"[three]\n"
						"instead-of = one\n"
						"[other]\n"
						"string-limit = 100\n"), 0);
	assert_int_equal(list.n, 4);
	assert_list(list.items[0].in, "a->b|f(c, d)|e");
	assert_int_equal(list.items[0].string_limit, 1024 * 1024);
	assert_int_equal(list.items[1].string_limit, 64 * 1024);
	assert_int_equal(list.items[2].string_limit, 0);
	assert_int_equal(list.items[3].string_limit, 100);
	assert_non_null(list.items[0].group);
	assert_ptr_equal(list.items[1].group, list.items[0].group);
	assert_ptr_equal(list.items[2].group, list.items[0].group);
	assert_null(list.items[3].group);
	request_list_free(&list);
}

static void write_preset(const char *dir, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/virtrace/presets/%s.ini", dir, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void presets_include_each_other_once(void **state)
{
	char dir[] = "/tmp/test_request.XXXXXX", command[128];
	struct request_list list = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("XDG_CONFIG_HOME", dir, 1);
	snprintf(command, sizeof(command), "mkdir -p %s/virtrace/presets", dir);
	assert_int_equal(system(command), 0);
	write_preset(dir, "a", "[preset]\ninclude = b c\n[fa]\nmodule = m\n");
	write_preset(dir, "b", "[preset]\ninclude = c\n[fb]\nmodule = m\n");
	write_preset(dir, "c", "[preset]\ninclude = a\n[fc]\nmodule = m\n[fa]\nmodule = m\n");
	write_preset(dir, "bad", "[preset]\n\ninclude = worse\n");
	write_preset(dir, "worse", "[f]\nwhat = is this\n");
	assert_int_equal(request_add_preset(&list, "c"), 0);
	assert_int_equal(request_add_preset(&list, "a"), 0);
	assert_int_equal(list.n, 4);
	assert_string_equal(list.items[0].pattern, "m!fb");
	assert_string_equal(list.items[1].pattern, "m!fa");
	assert_string_equal(list.items[2].pattern, "m!fc");
	assert_string_equal(list.items[3].pattern, "m!fa");
	assert_int_equal(request_add_preset(&list, "bad"), -EINVAL);
	assert_non_null(strstr(err_text(), "bad.ini:3: "));
	assert_non_null(strstr(err_text(), "worse.ini:2: unknown key 'what'"));
	request_list_free(&list);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void bad_presets_name_their_line(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "[f]\ncolour = red\n", ":2: unknown key 'colour'" },
		{ "in = a\n", ":1: 'in' stands before any [section]" },
		{ "[f]\nstack = many\n", ":2: stack must be a number" },
		{ "[f]\nin = a,,b\n", ":2: an expression is missing" },
		{ "[f]\nnonsense\n", ":2: not a key = value line" },
		{ "[f]\n", "no [FUNCTION] section" },
		{ "[f]\nstring-limit = 2M\n", ":2: string-limit must be a number of bytes" },
		{ "[f]\nstring-limit = -1\n", ":2: string-limit must be" },
		{ "[f]\nstring-limit = 1g\n", ":2: string-limit must be" },
		{ "[f]\ninstead-of = g\n", ":2: there is no section [g] above" },
		{ "[f]\nmodule = m\n[preset]\ninclude = g\n", ":4: 'include' must stand above" },
		{ "[preset]\ninclude = no-such-preset\n", ":2: there is no preset 'no-such-preset'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request_list list = { 0 };

		assert_int_equal(add_preset_text(&list, cases[i].text), -EINVAL);
		print_message("%s\n", err_text());
		assert_non_null(strstr(err_text(), cases[i].message));
		request_list_free(&list);
	}
}

static void an_unknown_preset_lists_those_there_are(void **state)
{
	char dir[] = "/tmp/test_request.XXXXXX", path[128];
	struct request_list list = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("XDG_CONFIG_HOME", dir, 1);
	snprintf(path, sizeof(path), "mkdir -p %s/virtrace/presets && echo '[f]\nmodule=m' > %s/virtrace/presets/mine.ini",
		 dir, dir);
	assert_int_equal(system(path), 0);
	assert_int_equal(request_add_preset(&list, "nope"), -ENOENT);
	assert_non_null(strstr(err_text(), "mine"));
	assert_int_equal(request_add_preset(&list, "mine"), 0);
	assert_string_equal(list.items[0].pattern, "m!f");
	request_list_free(&list);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_are_split_into_their_parts),
		cmocka_unit_test(bad_probes_are_refused),
		cmocka_unit_test(a_preset_is_a_list_of_lenient_requests),
		cmocka_unit_test(a_preset_may_have_alternatives_and_limits),
		cmocka_unit_test(presets_include_each_other_once),
		cmocka_unit_test(bad_presets_name_their_line),
		cmocka_unit_test(an_unknown_preset_lists_those_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
