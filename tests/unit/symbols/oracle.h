/**
 * Building samples and asking other programs about them.  Tests run in the root of the source tree.
 */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAMPLES "tests/unit/symbols/samples"

/** A directory for what is built, removed by sample_dir_free(). */
static inline char *sample_dir(void)
{
	char template[] = "/tmp/virtrace-test.XXXXXX";

	assert_non_null(mkdtemp(template));
	return strdup(template);
}

/** Run a command made by a format; fails the test if the command fails. */
__attribute__((format(printf, 1, 2))) static inline void run(const char *fmt, ...)
{
	char *command;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	int status = system(command);

	if (status != 0)
		fail_msg("%s: status %d", command, status);
	free(command);
}

static inline void sample_dir_free(char *dir)
{
	run("rm -rf %s", dir);
	free(dir);
}

/** Output of a command; the caller frees it. */
__attribute__((format(printf, 1, 2))) static inline char *output_of(const char *fmt, ...)
{
	char *command, *text = NULL;
	size_t len = 0;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	FILE *in = popen(command, "r");

	assert_non_null(in);
	if (getdelim(&text, &len, '\0', in) < 0)
		fail_msg("no output: %s", command);
	int status = pclose(in);

	if (status != 0)
		fail_msg("%s: status %d", command, status);
	free(command);
	return text;
}

/** Fail with the first line in which two texts differ. */
static inline void assert_same_text(const char *ours, const char *theirs, const char *what)
{
	while (*ours || *theirs) {
		int n = (int)strcspn(ours, "\n"), m = (int)strcspn(theirs, "\n");

		if (n != m || memcmp(ours, theirs, (size_t)n) != 0)
			fail_msg("%s:\n  ours   %.*s\n  theirs %.*s", what, n, ours, m, theirs);
		ours += n + (ours[n] == '\n');
		theirs += m + (theirs[m] == '\n');
	}
}

#endif
