/*
 * list: its output and exit status, over a sample file and over this very process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/record/target.h"

enum { ARGS_MAX = 8 };

static char sample[] = "/tmp/virtrace-test.XXXXXX";

/* Run the command in a child: what it writes to both streams is in `*out` and `*err`, for the caller to free. */
static int run_list(char *const *args, char **out, char **err)
{
	char *argv[ARGS_MAX + 2] = { (char[]){ "list" } };
	FILE *streams[2] = { tmpfile(), tmpfile() };
	char **texts[2] = { out, err };
	int argc = 1, status;

	for (; args[argc - 1]; argc++)
		argv[argc] = args[argc - 1];
	fflush(NULL);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		dup2(fileno(streams[0]), STDOUT_FILENO);
		dup2(fileno(streams[1]), STDERR_FILENO);
		optind = 1;
		status = cmd_list(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	for (int i = 0; i < 2; i++) {
		size_t cap = 0;

		rewind(streams[i]);
		*texts[i] = NULL;
		if (getdelim(texts[i], &cap, '\0', streams[i]) < 0)
			**texts[i] = '\0';
		fclose(streams[i]);
	}
	return WEXITSTATUS(status);
}

static void check(char *const *args, int status, const char *in_out, const char *in_err)
{
	char *out, *err;
	int s = run_list(args, &out, &err);

	if (s != status || !strstr(out, in_out) || !strstr(err, in_err) || (!in_err[0] && err[0]))
		fail_msg("%s %s: status %d\n%s\n%s", args[0] ? args[0] : "",
			 args[0] && args[1] ? args[1] : "", s, out, err);
	free(out);
	free(err);
}

static void files_are_listed(void **state)
{
	static const struct {
		const char *args[ARGS_MAX];
		int status;
		const char *out, *err;
	} cases[] = {
		{ { "exported" },
		  EXIT_OK,
		  " functions.c:13  int exported(int a, const char *text)\n",
		  "" },
		{ { "other.c:*" },
		  EXIT_OK,
		  " other.c:4  static int same_name(const char *text)",
		  "" },
		{ { "replaced" }, EXIT_OK, "[replaced.", "" },
		{ { "inlined" },
		  EXIT_OK,
		  " functions.c:86  inlined inlined into calls_inlined  (not traced yet)\n",
		  "" },
		{ { "chosen" }, EXIT_OK, "cannot be traced", "" },
		{ { "hand_written" },
		  EXIT_OK,
		  " -  hand_written  (no types: no debug info)\n",
		  "" },
		{ { NULL }, EXIT_OK, " int main(int argc, char **argv)\n", "" },
		{ { "exported", "nowhere" },
		  EXIT_NO_PROBE,
		  "int exported(",
		  "no function 'nowhere'" },
		{ { "exportet" }, EXIT_NO_PROBE, "", "did you mean" },
		{ { "other!exported" }, EXIT_NO_PROBE, "", "no function 'exported' in other" },
		{ { "--types", "struct pair" }, EXIT_OK, "\n    long b;", "" },
		{ { "--types", "pair" }, EXIT_OK, "/*   size     16 */\n", "" },
		{ { "--types", "pears" }, EXIT_NO_PROBE, "", "no type 'pears'" },
		{ { "--types", "pare" }, EXIT_NO_PROBE, "", "!pair" },
		{ { "--types", "int[" }, EXIT_ERROR, "", "not a type" },
		{ { "--types" }, EXIT_USAGE, "", "needs the name of a type" },
		{ { "x!" }, EXIT_USAGE, "", "names no function" },
		{ { "--nonsense" }, EXIT_USAGE, "", "nonsense" },
		{ { "-p", "12x" }, EXIT_USAGE, "", "needs a process id, not '12x'" },
		{ { "--help" }, EXIT_OK, "Examples:", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *args[ARGS_MAX + 1] = { sample };

		for (int k = 0; k < ARGS_MAX - 1; k++)
			args[k + 1] = (char *)(uintptr_t)cases[i].args[k];
		check(args, cases[i].status, cases[i].out, cases[i].err);
	}
}

int list_me(int x);
int __attribute__((noinline)) list_me(int x)
{
	return x + 1;
}

static void processes_are_listed(void **state)
{
	char pid[16], line[100];
	char *args[] = { (char[]){ "-p" }, pid, (char[]){ "test_list*!list_me" }, NULL };

	(void)state;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(line, sizeof(line),
		 "0x%012" PRIxPTR " test_list test_list.c:", (uintptr_t)list_me);
	check(args, EXIT_OK, line, "");
	args[2] = (char[]){ "getppid" };
	snprintf(line, sizeof(line), "0x%012" PRIxPTR " libc.so.6 ", (uintptr_t)getppid);
	check(args, EXIT_OK, line, "");
	args[2] = (char[]){ "no_such_function" };
	check(args, EXIT_NO_PROBE, "",
	      "no function 'no_such_function' in any module of the process");
	args[1] = (char[]){ "999999999" };
	check(args, EXIT_ERROR, "", "999999999");
}

static void bad_files_are_told(void **state)
{
	static char missing[] = "/nowhere/file", text[] = "/etc/passwd";

	(void)state;
	check((char *[]){ missing, NULL }, EXIT_ERROR, "",
	      "cannot open /nowhere/file: No such file");
	check((char *[]){ text, NULL }, EXIT_ERROR, "", "/etc/passwd is not an ELF file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_listed),
		cmocka_unit_test(processes_are_listed),
		cmocka_unit_test(bad_files_are_told),
	};
	char command[400];
	int fd = mkstemp(sample);

	close(fd);
	snprintf(command, sizeof(command),
		 "gcc -g -O2 -w -o %s tests/unit/symbols/samples/functions.c tests/unit/symbols/samples/other.c", sample);
	if (system(command) != 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	unlink(sample);
	return failed;
}
