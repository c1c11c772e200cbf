/* Decoders out of files: which count, and what is wrong with others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/record/decoders.h"

static char config[] = "/tmp/virtrace-test.XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/virtrace/decoders/%s", config, name);
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

/* The user's folder is the first that is looked in. */
static int make(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(config) || setenv("XDG_CONFIG_HOME", config, 1))
		return -1;
	snprintf(path, sizeof(path), "%s/virtrace", config);
	mkdir(path, 0700);
	strcat(path, "/decoders");
	return mkdir(path, 0700);
}

static int drop(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", config);
	return system(command);
}

static const struct decoder *find(const struct decoder_set *set, const char *type)
{
	const struct decoder *found = NULL;

	for (size_t i = 0; i < set->decoders.n; i++) {
		if (strcmp(set->decoders.items[i].type, type) != 0)
			continue;
		assert_null(found);
		found = &set->decoders.items[i];
	}
	return found;
}

static void assert_item(const struct decoder *decoder, size_t i, const char *label, const char *source)
{
	assert_non_null(decoder);
	assert_true(i < decoder->n);
	assert_string_equal(decoder->items[i].label, label);
	assert_string_equal(decoder->items[i].source, source);
}

static void labels_of_a_type(void **state)
{
	struct decoder_set set = { 0 };

	(void)state;
	write_file("b.ini", "; mine\n[__node]\nname = p->name\nid = a[1] == 2\nid = (int)id ; as it was\n"
			    "[other]\nmodule = lib*.so\nx = y\n");
	write_file("notes.txt", "[ignored]\nx = y\n");
	assert_int_equal(decoder_set_load(&set), 0);
	const struct decoder *node = find(&set, "node"), *other = find(&set, "other");

	assert_item(node, 0, "name", "p->name");
	assert_item(node, 1, "id", "a[1] == 2");
	assert_item(node, 2, "id", "(int)id");
	assert_int_equal(node->n, 3);
	assert_null(node->module);
	assert_item(other, 0, "x", "y");
	assert_int_equal(other->n, 1);
	assert_string_equal(other->module, "lib*.so");
	assert_null(find(&set, "ignored"));
	decoder_set_free(&set);
}

static void the_first_file_counts(void **state)
{
	struct decoder_set set = { 0 };

	(void)state;
	write_file("a.ini", "[node]\nmine = 1\n");
	write_file("b.ini", "[node]\nname = name\n[rest]\nx = y\n");
	assert_int_equal(decoder_set_load(&set), 0);
	assert_item(find(&set, "node"), 0, "mine", "1");
	assert_int_equal(find(&set, "node")->n, 1);
	assert_item(find(&set, "rest"), 0, "x", "y");
	decoder_set_free(&set);
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "x = y\n", "b.ini:1: 'x' stands below no [type]" },
		{ "[__]\nx = y\n", "b.ini:2: 'x' stands below no [type]" },
		{ "[t]\nx = y\nz = a +\n", "b.ini:3: " },
		{ "[t]\nnonsense\n", "b.ini:2: not a 'label = expression' line" },
	};
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct decoder_set set = { 0 };

		write_file("b.ini", cases[i].text);
		assert_int_equal(decoder_set_load(&set), -EINVAL);
		if (!strstr(err_text(), cases[i].message))
			fail_msg("'%s' is not in '%s'", cases[i].message, err_text());
		decoder_set_free(&set);
	}
	/* not waited for */
	struct decoder_set set = { 0 };

	snprintf(path, sizeof(path), "%s/virtrace/decoders/b.ini", config);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(decoder_set_load(&set), -EINVAL);
	assert_non_null(strstr(err_text(), "b.ini is not a file"));
	decoder_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_of_a_type),
		cmocka_unit_test(the_first_file_counts),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
