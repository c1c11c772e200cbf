/**
 * The directory of a trace: how it is made, what is overwritten, and who may do that.
 */
#include "tests/unit/trace/support.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_new_directory(void **state)
{
	char *dir = scratch_new();
	struct trace_writer *w, *other;
	mode_t mask = umask(0277);

	(void)state;
	assert_int_equal(trace_create(dir, false, "{}", &w), 0);
	umask(0);
	trace_thread(w, 1, 2, "x");
	assert_string_equal(trace_path(w), dir);
	assert_int_equal(mode_of(dir), 0700);
	assert_int_equal(mode_of(path_in(dir, ".virtrace")), 0700);
	assert_int_equal(trace_set_info(w, "{}"), 0);
	assert_int_equal(trace_commit(w), 0);
	trace_thread(w, 1, 2, "x");
	trace_close(w);
	umask(mask);
	static const char *const files[] = { "metadata", "stream_000000", "stream_000001", ".virtrace/info.json",
					     ".virtrace/schema.json" };

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(mode_of(path_in(dir, files[i])) & 077, 0);
	/* Nothing but these. */
	assert_int_equal(shell("test $(find %s -type f | wc -l) = 5", dir), 0);

	assert_int_equal(trace_create(dir, false, "{}", &other), -EEXIST);
	assert_non_null(strstr(err_text(), "exists already"));
	assert_int_equal(babeltrace_count(dir), 2);
	scratch_remove(dir);
}

static void test_force(void **state)
{
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		trace_thread(w, i, 1, "first");
	trace_close(w);
	assert_int_equal(trace_create(dir, true, "{}", &w), 0);
	trace_thread(w, 1, 1, "second");
	trace_close(w);
	char *text = babeltrace(dir, false, NULL);

	assert_int_equal(count_lines(text), 1);
	assert_babeltrace_says(text, "\"second\"");
	free(text);
	scratch_remove(dir);
}

static void test_force_removes_only_traces(void **state)
{
	static const struct {
		const char *command;
		bool replaced;
	} cases[] = {
		{ "mkdir %s", true },
		{ "mkdir %s; touch %s/x", false },
		{ "mkdir %s; touch %s/metadata", false },
		{ "mkdir -p %s/.virtrace", true }, /* killed when it had just been begun */
		{ "mkdir -p %s/.virtrace; touch %s/.metadata.tmp %s/.virtrace/schema.json.tmp", true },
		{ "mkdir -p %s/.virtrace; touch %s/.stream.tmp %s/.virtrace/info.json", true },
		{ "mkdir -p %s/.virtrace; touch %s/precious", false },
		{ "mkdir -p %s; ln -s /tmp %s/.virtrace; touch %s/metadata", false },
		{ "mkdir -p %s/.virtrace; touch %s/metadata", true },
		{ "mkdir -p %s/.virtrace; touch %s/metadata; touch %s/precious", false },
		{ "mkdir -p %s/.virtrace; touch %s/metadata; touch %s/.virtrace/precious", false },
		{ "mkdir -p %s/.virtrace; touch %s/metadata; mkdir %s/stream_000000; touch %s/stream_000000/precious", false },
		{ "mkdir -p %s/.virtrace; touch %s/metadata; touch %s/.stream.tmp", true },
		{ "touch %s", false },
		{ "ln -s /tmp %s", false },
		{ "ln -s /nowhere %s", false },
	};
	char *dir = scratch_new();
	struct trace_writer *w;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *before, *after, list[100];

		snprintf(list, sizeof(list), "%s.list", dir);
		assert_int_equal(shell("rm -rf %s", dir), 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		shell(cases[i].command, dir, dir, dir, dir);
#pragma GCC diagnostic pop
		shell("find %s -ls >%s", dir, list);
		before = file_read(list, NULL);
		int r = trace_create(dir, true, "{}", &w);

		if (r == 0)
			trace_close(w);
		if ((r == 0) != cases[i].replaced)
			fail_msg("%s: %s", cases[i].command, r < 0 ? err_text() : "replaced");
		shell("find %s -ls >%s", dir, list);
		after = file_read(list, NULL);
		if (r < 0) {
			assert_int_equal(r, -EEXIST);
			assert_string_equal(before, after);
		}
		free(before);
		free(after);
	}
	shell("rm -rf %s", dir);
	scratch_remove(dir);
}

/* Killed at its first system call `nr`. */
static void create_and_die_at(const char *dir, unsigned nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	struct rlimit no_core = { 0, 0 };
	struct trace_writer *w;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
		trace_create(dir, true, "{}", &w);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* What is left of a recording that is killed before there is a trace is no obstacle to the next. */
static void test_force_after_kill(void **state)
{
	static const unsigned calls[] = { SYS_mkdirat, SYS_unlinkat, SYS_renameat };
	struct trace_writer *w;

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char *dir = scratch_new();

		create_and_die_at(dir, calls[i]);
		assert_int_equal(access(dir, F_OK), 0);
		assert_int_equal(access(path_in(dir, "metadata"), F_OK), -1);
		assert_int_equal(trace_create(dir, false, "{}", &w), -EEXIST);
		assert_int_equal(trace_create(dir, true, "{}", &w), 0);
		trace_thread(w, 1, 2, "x");
		trace_close(w);
		assert_int_equal(babeltrace_count(dir), 1);
		scratch_remove(dir);
	}
}

/* flock() is this program's own: what it is told to do comes between, once. */
static void (*before_lock)(const char *dir);
static const char *dir_to_lock;

int flock(int fd, int operation)
{
	void (*act)(const char *dir) = before_lock;

	before_lock = NULL;
	if (act)
		act(dir_to_lock);
	return (int)syscall(SYS_flock, fd, operation);
}

static struct trace_writer *faster;

static void be_faster(const char *dir)
{
	assert_int_equal(trace_create(dir, true, "{}", &faster), 0);
}

/*
 * Two recordings into one directory: one comes when the other has just looked at what is there, or has made the directory and not
 * locked it yet.  The one that was faster keeps its trace.
 */
static void test_force_twice(void **state)
{
	struct trace_writer *w;

	(void)state;
	for (int is_old = 0; is_old <= 1; is_old++) {
		char *dir = scratch_new();

		if (is_old)
			trace_close(create(dir));
		dir_to_lock = dir;
		before_lock = be_faster;
		assert_int_equal(trace_create(dir, true, "{}", &w), -EEXIST);
		assert_non_null(strstr(err_text(), "is being recorded"));
		assert_null(before_lock);
		trace_thread(faster, 1, 2, "x");
		assert_int_equal(trace_close(faster), 0);
		assert_int_equal(babeltrace_count(dir), 1);
		scratch_remove(dir);
	}
}

static void test_cannot_create(void **state)
{
	struct trace_writer *w;

	(void)state;
	assert_int_equal(trace_create("/nonexistent/trace", false, "{}", &w), -ENOENT);
	assert_string_equal(err_text(), "cannot create /nonexistent/trace: No such file or directory");
	assert_int_equal(trace_create("/proc/trace", false, "{}", &w), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_directory),
		cmocka_unit_test(test_force),
		cmocka_unit_test(test_force_removes_only_traces),
		cmocka_unit_test(test_force_after_kill),
		cmocka_unit_test(test_force_twice),
		cmocka_unit_test(test_cannot_create),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
