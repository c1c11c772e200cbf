/**
 * A trace can be read at any moment: after a kill, after each single instruction of the writer, and while it is written.
 */
#include "tests/unit/trace/support.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>

/** What a writing child and its parent share. */
struct shared {
	atomic_ulong written; /**< appended and returned */
	atomic_bool stop;
};

static const struct schema numbers = { .kind = SCHEMA_STRUCT, .ctype = "",
				       LIST(S(.kind = SCHEMA_INT, .name = "n", .size = 8)) };

/* A sequence of words, so that events can be of any size. */
static const struct schema fillers = { .kind = SCHEMA_STRUCT, .ctype = "",
				       LIST(S(.kind = SCHEMA_SEQUENCE, .name = "filler",
					      .target = S(.kind = SCHEMA_INT, .size = 8))) };
static const struct schema nothing = { .kind = SCHEMA_STRUCT, .ctype = "" };

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void append_filler(struct trace_writer *w, int class, uint64_t time, size_t len)
{
	static struct bytes b;
	struct event_context context = at(time);

	b.len = 0;
	put_int(&b, len / 8, 2);
	memset(b.data + 2, 0x55, len);
	assert_int_equal(trace_entry(w, class, &context, b.data, len / 8 * 8 + 2, NULL, 0, 0), 0);
}

static struct shared *share(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(s, MAP_FAILED);
	return s;
}

/** Write until killed, or until `stop`: small and large events, now and then another probe. */
static void write_on(const char *dir, struct shared *shared, unsigned pause_ns)
{
	struct trace_writer *w = create(dir);
	int filler = add_probe(w, "filler", &fillers, &nothing);
	unsigned random = (unsigned)getpid();

	for (unsigned long i = 0; !shared->stop; i++) {
		random = random * 1103515245 + 12345;
		unsigned kind = random >> 16 & 0xff;
		size_t len = kind == 0 ? 65000 : kind < 8 ? 3000 : kind & 0x3f;

		append_filler(w, filler, now(), len);
		atomic_fetch_add(&shared->written, 1);
		if (i % 1000 == 999)
			add_probe(w, "later", &numbers, &nothing);
		for (uint64_t until = now() + pause_ns; now() < until;)
			;
	}
	trace_close(w);
}

static void wait_for_first(pid_t pid, const struct shared *shared)
{
	while (shared->written == 0)
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
}

/** Killed between making the newest packet and its first event. */
static bool newest_is_empty(const char *dir)
{
	char command[256];

	/* of its header: content_size, at byte 40, is that of the header alone */
	snprintf(command, sizeof(command), "test \"$(od -An -tu8 -j40 -N8 \"$(ls %s/stream_* | tail -n 1)\")\" -eq 640", dir);
	return system(command) == 0;
}

/** Another process goes on with a trace that has `n` events: then it has more, and ends. */
static void resume_one(const char *dir, size_t n)
{
	enum { MORE = 300 };
	struct event_name last;
	struct trace_writer *w = NULL;
	bool was_empty = newest_is_empty(dir);

	assert_int_equal(trace_resume(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &last, &w), 0);
	bool has_last = n && !was_empty;

	assert_int_equal(last.class, has_last ? CLASS_BUILTIN_COUNT : 0);
	if (has_last)
		assert_int_equal(shell("babeltrace2 %s | tail -n 1 | grep -q ' call = %lu,'", dir, (unsigned long)last.call), 0);
	for (int i = 0; i < MORE; i++)
		if (n)
			append_filler(w, CLASS_BUILTIN_COUNT, now(), i % 100 ? 8 : 65000);
		else
			assert_int_equal(trace_thread(w, now(), 1, "later"), 0);
	assert_int_equal(trace_close(w), 0);
	assert_int_equal(babeltrace_count(dir), n + MORE);
}

/** Kill a writer `delay_ns` after its first event, or after its start. */
static void kill_one(bool before_first_event, uint64_t delay_ns, bool resume)
{
	char *dir = scratch_new();
	struct shared *shared = share();
	uint64_t from = now();
	pid_t pid = fork();

	if (pid == 0) {
		write_on(dir, shared, 500);
		_exit(0);
	}
	if (!before_first_event) {
		wait_for_first(pid, shared);
		from = now();
	}
	while (now() < from + delay_ns)
		;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	/* All that was appended is there; the event that was being appended may be. */
	if (access(path_in(dir, "metadata"), F_OK) == 0) {
		unsigned long written = shared->written;
		int result;
		size_t n = read_all(dir, &result);

		if (result < 0)
			fail_msg("after %lu events: %s", written, err_text());
		assert_in_range(n, written, written + 1);
		assert_int_equal(shell("babeltrace2 -o dummy %s", dir), 0);
		if (resume) {
			assert_int_equal(babeltrace_count(dir), n);
			resume_one(dir, n);
		}
	} else {
		assert_true(before_first_event);
	}
	munmap(shared, sizeof(*shared));
	scratch_remove(dir);
}

static void test_killed_at_any_time(void **state)
{
	unsigned random = 1;

	(void)state;
	for (int i = 0; i < 120; i++) {
		random = random * 1103515245 + 12345;
		kill_one(i % 8 == 0, (random >> 8) % (i % 8 == 0 ? 1500000 : 6000000), i % 8 == 0 || i % 10 == 1);
	}
}

/* Every single state */

/** Everything that is visible in the directory, as one text. */
static char *snapshot(const char *dir, size_t *len_ret)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len_ret);
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			size_t len;
			char *content = file_read(path_in(dir, names[i]->d_name), &len);

			fprintf(out, "%s:%zu:", names[i]->d_name, len);
			fwrite(content, 1, len, out);
			free(content);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	fclose(out);
	return text;
}

/**
 * Run the stopped child, by single instructions or from system call to system call, and have babeltrace2 and the reader look at
 * each state that the directory goes through.  Returns the number of states.
 */
static unsigned watch_states(pid_t pid, const char *dir, bool by_instruction, size_t first_count, size_t last_count)
{
	size_t len, old_len, count = first_count;
	char *old = snapshot(dir, &old_len);
	unsigned n = 0;
	int status;

	for (;;) {
		assert_int_equal(ptrace(by_instruction ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) || WSTOPSIG(status) == SIGSTOP)
			break;
		char *new = snapshot(dir, &len);

		if (len != old_len || memcmp(new, old, len) != 0) {
			int result;
			size_t seen = read_all(dir, &result);

			if (result < 0)
				fail_msg("state %u: %s", n, err_text());
			assert_in_range(seen, count, last_count);
			count = seen;
			assert_int_equal(babeltrace_count(dir), seen);
			n++;
		}
		free(old);
		old = new;
		old_len = len;
	}
	free(old);
	assert_int_equal(count, last_count);
	return n;
}

enum stage { STAGE_EVENT, STAGE_NEW_PACKET, STAGE_COMMIT, STAGE_CLOSE };

/** In the child: the stage to look at is between two SIGSTOPs. */
static void do_stage(const char *dir, enum stage stage)
{
	struct trace_writer *w = create(dir);
	int filler = add_probe(w, "filler", &fillers, &nothing);

	for (unsigned i = 0; i < 5; i++)
		append_filler(w, filler, 1000 + i, 100);
	if (stage == STAGE_NEW_PACKET)
		append_filler(w, filler, 2000, 64 * 1024 - 500);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	if (stage == STAGE_EVENT)
		append_filler(w, filler, 3000, 100);
	else if (stage == STAGE_NEW_PACKET)
		append_filler(w, filler, 3000, 1000);
	else if (stage == STAGE_COMMIT)
		add_probe(w, "later", &numbers, &nothing);
	else
		trace_close(w);
	raise(SIGSTOP);
}

static unsigned count_states(enum stage stage, bool by_instruction, size_t first_count, size_t last_count)
{
	char *dir = scratch_new();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		do_stage(dir, stage);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	unsigned n = watch_states(pid, dir, by_instruction, first_count, last_count);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	scratch_remove(dir);
	return n;
}

static void test_each_instruction_of_an_event(void **state)
{
	(void)state;
	/* The parts of the event, the end time and the content size. */
	assert_true(count_states(STAGE_EVENT, true, 5, 6) >= 4);
}

static void test_each_instruction_of_a_new_packet(void **state)
{
	(void)state;
	assert_true(count_states(STAGE_NEW_PACKET, true, 6, 7) >= 5);
}

static void test_each_system_call_of_a_commit(void **state)
{
	(void)state;
	assert_true(count_states(STAGE_COMMIT, false, 5, 5) >= 1);
}

static void test_each_system_call_of_the_end(void **state)
{
	(void)state;
	assert_true(count_states(STAGE_CLOSE, false, 5, 5) >= 1);
}

static void test_read_while_written(void **state)
{
	char *dir = scratch_new();
	struct shared *shared = share();
	size_t last = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		write_on(dir, shared, 300000);
		_exit(0);
	}
	wait_for_first(pid, shared);
	for (int i = 0; i < 25; i++) {
		unsigned long before = shared->written;
		int result;

		assert_int_equal(shell("babeltrace2 -o dummy %s", dir), 0);
		size_t n = read_all(dir, &result);

		if (result < 0)
			fail_msg("%s", err_text());
		assert_true(n >= before && n >= last);
		last = n;
	}
	shared->stop = true;
	waitpid(pid, NULL, 0);
	assert_int_equal(babeltrace_count(dir), shared->written);
	munmap(shared, sizeof(*shared));
	scratch_remove(dir);
}

/* Killed between the two files of a commit: schema.json knows a class that the metadata does not. */
static void test_resumed_within_a_commit(void **state)
{
	char *dir = scratch_new();
	struct trace_writer *w = create(dir);
	struct event_name last;
	size_t len;

	(void)state;
	append_filler(w, add_probe(w, "filler", &fillers, &nothing), now(), 8);
	char *metadata = file_read(path_in(dir, "metadata"), &len);
	int later = add_probe(w, "later", &fillers, &nothing);

	assert_int_equal(trace_close(w), 0);
	file_write(path_in(dir, "metadata"), metadata, len);
	free(metadata);
	assert_int_equal(trace_resume(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &last, &w), 0);
	append_filler(w, later, now(), 8);
	assert_int_equal(trace_close(w), 0);
	assert_int_equal(babeltrace_count(dir), 2);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_at_any_time),
		cmocka_unit_test(test_resumed_within_a_commit),
		cmocka_unit_test(test_each_instruction_of_an_event),
		cmocka_unit_test(test_each_instruction_of_a_new_packet),
		cmocka_unit_test(test_each_system_call_of_a_commit),
		cmocka_unit_test(test_each_system_call_of_the_end),
		cmocka_unit_test(test_read_while_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
