/**
 * Disks that are full, fail or lose the trace: an error, never a signal, and what was written stays readable.
 */
#include "tests/unit/trace/support.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

static const struct schema texts = { .kind = SCHEMA_STRUCT, .ctype = "",
				     LIST(S(.kind = SCHEMA_TEXT, .name = "text", .count = 1000)) };
static const struct schema nothing = { .kind = SCHEMA_STRUCT, .ctype = "" };

static int append(struct trace_writer *w, int class, uint64_t time)
{
	static struct bytes b;
	struct event_context context = at(time);
	char text[1000];

	memset(text, 'x', sizeof(text));
	b.len = 0;
	put_text(&b, STATUS_OK, text, sizeof(text));
	return trace_entry(w, class, &context, b.data, b.len, NULL, 0, 0);
}

/** Append until it fails, and as many again; how many are in the trace.  The first failure must be `error`. */
static size_t append_until(struct trace_writer *w, int class, int error, size_t *lost_ret)
{
	size_t n = 0, lost;
	int r;

	while ((r = append(w, class, 1000 + n)) == 0 && n < 100000)
		n++;
	assert_int_equal(r, error);
	for (lost = 1; lost < 50; lost++)
		assert_int_equal(append(w, class, 200000 + lost), error);
	/* There is room for a few words still; behind that it is counted, though why cannot be told any more. */
	assert_int_equal(trace_lost(w, 300000, "f", lost, "no room"), 0);
	assert_int_equal(append(w, class, 300000), error);
	while (trace_lost(w, 300000, "f", 7, "no room") == 0)
		lost += 7;
	lost += 7;
	assert_int_equal(trace_lost_count(w), lost);
	*lost_ret = lost;
	return n;
}

/** The reader must see `n` events, and then that `lost` are missing; of all but the last 7 it is told why. */
static void check_lost(const char *dir, size_t n, size_t lost)
{
	struct reader *rd = open_reader(dir);
	struct trace_event event;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(next_event(rd).kind, TRACE_ENTRY);
	uint64_t told = 0, unexplained = 0, n_told = 0;
	int r;

	while ((r = reader_next(rd, &event)) > 0) {
		assert_int_equal(event.kind, TRACE_LOST);
		told += strcmp(event.text, "no room") == 0 ? event.count : 0;
		unexplained += strcmp(event.text, "no room") == 0 ? 0 : event.count;
		n_told += strcmp(event.text, "no room") == 0;
	}
	assert_int_equal(r, 0);
	assert_true(n_told > 10);
	assert_int_equal(unexplained, 7);
	assert_int_equal(told + unexplained, lost);
	assert_null(reader_note(rd));
	reader_close(rd);
	assert_int_equal(babeltrace_count(dir), n + n_told);

	char expected[100], *text = babeltrace(dir, true, NULL);

	snprintf(expected, sizeof(expected), "Tracer discarded %zu events", lost);
	assert_babeltrace_says(text, expected);
	free(text);
}

static void test_full_disk(void **state)
{
	char *dir = scratch_new();
	char *parent = strndup(dir, (size_t)(strrchr(dir, '/') - dir));
	size_t n, lost;

	(void)state;
	/* A file system of our own, which goes away with this process. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", parent, "tmpfs", 0, "size=2m") < 0) {
		print_message("cannot mount a small file system: %s\n", strerror(errno));
		free(parent);
		scratch_remove(dir);
		skip();
	}
	struct trace_writer *w = create(dir);
	int class = add_probe(w, "f", &texts, &nothing);

	n = append_until(w, class, -ENOSPC, &lost);
	assert_in_range(n, 800, 2000);
	assert_in_range(trace_bytes(w), n * (34 - 2 + 5 + 1000), n * (34 - 2 + 5 + 1000) + 4096);
	/* As it is now, after the end, and when nothing can be added to the directory any more. */
	check_lost(dir, n, lost);
	file_write(path_in(parent, "filler"), "", 0);
	assert_int_not_equal(shell("dd if=/dev/zero of=%s/filler bs=4k 2>/dev/null", parent), 0);
	assert_int_equal(trace_commit(w), -ENOSPC);
	assert_int_equal(trace_set_info(w, "{\"why\": \"full\"}"), -ENOSPC);
	check_lost(dir, n, lost);
	assert_int_equal(trace_close(w), 0);
	check_lost(dir, n, lost);

	struct trace_writer *other;

	assert_int_equal(trace_create(path_in(parent, "other"), false, "{}", &other), -ENOSPC);
	assert_int_not_equal(access(path_in(parent, "other"), F_OK), 0);
	umount2(parent, MNT_DETACH);
	free(parent);
	scratch_remove(dir);
}

static void test_file_size_limit(void **state)
{
	struct rlimit old, limit;
	char *dir = scratch_new();
	size_t n, lost;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	struct trace_writer *w = create(dir);
	int class = add_probe(w, "f", &texts, &nothing);

	/* SIGXFSZ would end this program. */
	limit = (struct rlimit){ 100 * 1024, old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &limit);
	n = append_until(w, class, -EFBIG, &lost);
	assert_int_equal(trace_close(w), 0);
	setrlimit(RLIMIT_FSIZE, &old);
	check_lost(dir, n, lost);
	scratch_remove(dir);
}

static void test_truncated_by_somebody(void **state)
{
	char *dir = scratch_new();
	struct sigaction bus, size, after;
	int result;

	(void)state;
	sigaction(SIGBUS, NULL, &bus);
	sigaction(SIGXFSZ, NULL, &size);
	struct trace_writer *w = create(dir);
	int class = add_probe(w, "f", &texts, &nothing);

	assert_int_equal(append(w, class, 1000), 0);
	assert_int_equal(truncate(path_in(dir, "stream_000001"), 0), 0);
	/* SIGBUS would end this program. */
	assert_int_equal(append(w, class, 1001), -EIO);
	assert_int_equal(append(w, class, 1002), -EIO);
	trace_lost(w, 1003, "f", 2, "gone");
	assert_int_equal(trace_lost_count(w), 2);
	assert_int_equal(trace_close(w), 0);
	assert_int_equal(read_all(dir, &result), 0);
	assert_int_equal(result, 0);

	/* The handlers were only borrowed. */
	sigaction(SIGBUS, NULL, &after);
	assert_ptr_equal(after.sa_handler, bus.sa_handler);
	sigaction(SIGXFSZ, NULL, &after);
	assert_ptr_equal(after.sa_handler, size.sa_handler);
	scratch_remove(dir);
}

static void test_other_bus_errors_are_not_ours(void **state)
{
	char *dir = scratch_new();
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		signal(SIGBUS, SIG_DFL);
		struct trace_writer *w = create(dir);

		append(w, add_probe(w, "f", &texts, &nothing), 1000);
		raise(SIGBUS);
		raise(SIGBUS);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
	scratch_remove(dir);
}

static void test_directory_removed(void **state)
{
	char *dir = scratch_new();

	(void)state;
	struct trace_writer *w = create(dir);
	int class = add_probe(w, "f", &texts, &nothing);

	assert_int_equal(append(w, class, 1000), 0);
	assert_int_equal(shell("rm -rf %s", dir), 0);
	for (int i = 0; i < 50; i++)
		append(w, class, 1001);
	assert_int_equal(append(w, class, 1002), 0);
	for (int i = 0; i < 50; i++)
		append(w, class, 1002);
	assert_int_equal(append(w, class, 1003), -ENOENT);
	assert_int_equal(trace_commit(w), -ENOENT);
	assert_int_equal(trace_close(w), -ENOENT);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_size_limit),
		cmocka_unit_test(test_truncated_by_somebody),
		cmocka_unit_test(test_other_bus_errors_are_not_ours),
		cmocka_unit_test(test_directory_removed),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
