/*
 * Quoting for a shell: shells are the oracle.
 */
#include "tracer/base/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
	"",
	"plain-1.2_x/y:z@a%b+c,d",
	"'';id;#",
	"$(id) `id` ${x} \\ \" ! * ? [a] {b,c} ~ # & | < > ( )",
	"--help",
	"~root",
	"a b\tc",
	"first\nid\n",
	"it's",
	"'",
	"''",
	"\\'",
	"\033]0;title\007",
	"\xff\x80 no utf-8",
	"Grüße \xe2\x80\xae turned",
	"ende\\",
};

/* What a shell makes of a command that has the text as an argument. */
static char *read_by(const char *shell, const char *word)
{
	static char said[256];
	char *command;

	assert_true(asprintf(&command, "printf '<%%s>' %s", word) > 0);
	assert_int_equal(setenv("COMMAND", command, 1), 0);
	free(command);
	assert_true(asprintf(&command, "%s -c \"$COMMAND\"", shell) > 0);
	FILE *in = popen(command, "r");

	assert_non_null(in);
	size_t n = fread(said, 1, sizeof(said) - 1, in);

	said[n] = '\0';
	assert_int_equal(pclose(in), 0);
	free(command);
	return said;
}

static void shells_read_what_was_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char want[256], *word = shell_quote(texts[i]);

		snprintf(want, sizeof(want), "<%s>", texts[i]);
		assert_string_equal(read_by("bash", word), want);
		assert_null(strpbrk(word, "\n\033\t"));
		free(word);
	}
}

static void safe_words_stay(void **state)
{
	static const char *const words[] = { "blk.trace", "/tmp/virtrace.libvirtd.20260101-120000", "file.c:name" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char *word = shell_quote(words[i]);

		assert_string_equal(word, words[i]);
		free(word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shells_read_what_was_meant),
		cmocka_unit_test(safe_words_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
