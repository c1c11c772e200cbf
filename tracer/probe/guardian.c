/*
 * The guardian
 *
 *	WATCHING --the pipe is closed--> REPAIRING --all is clean--> gone
 *	    |                               ^
 *	    +--the tracer hangs: killed-----+
 *
 * It is forked before anything is done to the target, has a session of its own, so that no terminal and no job control reaches
 * it, blocks every signal, and asks not to be chosen when memory runs out.  It sleeps in poll() on a pipe whose other end only the
 * tracer has.  From the start on it allocates nothing: it has the target's memory open, and the journal mapped.
 *
 * A tracer hangs if its heartbeat stands still for HUNG_ROUNDS of the guardian's own wake-ups, and a thread of the target is stopped
 * by it.  Wake-ups are counted, not time: on a machine that was suspended both have slept.  A hung tracer is killed, which the
 * target's handler makes harmless; where there is none (`fragile`), a tracer that was only stopped is continued first.
 *
 * In a killed tracer's place the handler in the target has most often restored the text when the guardian comes to it.  It
 * is the second net: for a target that hits no site for a long time, and for children that were forked with int3s in their memory
 * and have not been cleaned.  What it cannot restore stays in the journal, for `virtrace repair`.
 */
#include "tracer/probe/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/probe/journal.h"
#include "tracer/probe/repair.h"

enum {
	ROUND_MS = 100,
	HUNG_ROUNDS = 20,
	REPAIR_PASSES = 50, REPAIR_PAUSE_MS = 20,
	LIFE_FD = 0, MEM_FD = 1, JOURNAL_FD = 2, /* all that it keeps open */
};

static const struct journal *journal;
static struct guarded *shared;

/* ---- names in /proc, made and read without an allocation */

static char *put(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	*at = '\0';
	return at;
}

static char *put_number(char *at, long n)
{
	char digits[24];
	int len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	while (len > 0)
		*at++ = digits[--len];
	*at = '\0';
	return at;
}

static ssize_t read_file(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, len - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

struct dirent64_head { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* Call `each` with every thread of the target, until it says true. */
static bool for_each_thread(bool (*each)(const char *task_path, long tid))
{
	char path[64], entries[4096] __attribute__((aligned(8)));
	bool found = false;
	long n;

	put(put_number(put(path, "/proc/"), journal->file->pid), "/task/");
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (!found && fd >= 0 && (n = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
		for (long at = 0; !found && at < n;) {
			const struct dirent64_head *entry = (const void *)(entries + at);
			long tid = atol(entry->name);

			found = tid > 0 && each(path, tid);
			at += entry->len;
		}
	}
	if (fd >= 0)
		close(fd);
	return found;
}

/* ---- watching */

static bool is_stopped_by_tracer(const char *task_path, long tid)
{
	char path[96], text[512];

	put(put_number(put(path, task_path), tid), "/stat");
	if (read_file(path, text, sizeof(text)) <= 0)
		return false;
	const char *end = strrchr(text, ')');

	return end && end[1] == ' ' && end[2] == 't';
}

static void end_hang(int times)
{
	pid_t tracer = journal->file->tracer;

	if (process_start_time(tracer) != journal->file->tracer_start_time)
		return;
	kill(tracer, shared->fragile && times == 1 ? SIGCONT : SIGKILL);
}

/* Until nobody has the other end of the pipe. */
static void watch(void)
{
	struct pollfd life = { .fd = LIFE_FD, .events = POLLIN };
	uint64_t last_beat = 0;
	int rounds = 0, hangs = 0;

	for (;;) {
		int n = poll(&life, 1, ROUND_MS);
		uint64_t beat = shared->beat;

		if (n > 0 && life.revents)
			return;
		rounds = beat == last_beat ? rounds + 1 : 0;
		last_beat = beat;
		if (rounds < HUNG_ROUNDS)
			continue;
		if (for_each_thread(is_stopped_by_tracer))
			end_hang(++hangs);
		rounds = 0;
	}
}

/* ---- repairing */

static bool repair_child(long pid)
{
	struct repair_result result;
	char path[64];

	put(put_number(put(path, "/proc/"), pid), "/mem");
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	repair_sites(journal->file, fd, NULL, NULL, &result);
	close(fd);
	return false;
}

/* Children that one thread has made: /proc/PID/task/TID/children. */
static bool repair_children(const char *task_path, long tid)
{
	char path[96], text[4096], *at = text, *end;

	put(put_number(put(path, task_path), tid), "/children");
	read_file(path, text, sizeof(text));
	for (long pid; (pid = strtol(at, &end, 10)) > 0 && end > at; at = end)
		repair_child(pid);
	return false;
}

/* Whether nothing is left. */
static bool repair(void)
{
	static const struct timespec pause = { 0, REPAIR_PAUSE_MS * 1000000L };
	struct repair_result result = { .failed = 1 };

	for (int i = 0; i < REPAIR_PASSES && (result.failed || result.restored); i++) {
		if (i)
			nanosleep(&pause, NULL);
		repair_sites(journal->file, MEM_FD, NULL, NULL, &result);
		for_each_thread(repair_children);
	}
	return !result.failed;
}

static void __attribute__((noreturn)) run(void)
{
	watch();
	if (!shared->dismissed && repair())
		unlink(journal->path);
	_exit(0);
}

/* ---- starting */

static void leave_alone(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	sigset_t all;

	if (fd >= 0 && write(fd, "-1000", 5) < 0) {
		/* Not allowed to us: then it may be chosen. */
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "virtrace-guard");
	if (chdir("/") < 0)
		_exit(1);
}

/* Keep three files, at 0, 1 and 2, and nothing of the terminal. */
static void keep_files(int life, int mem)
{
	int files[] = { life, mem, journal->fd };

	for (int i = 0; i < 3; i++)
		files[i] = fcntl(files[i], F_DUPFD, 3);
	for (int i = 0; i < 3; i++)
		if (files[i] < 0 || dup2(files[i], i) < 0)
			_exit(1);
	if (syscall(SYS_close_range, 3, ~0u, 0) == 0)
		return;
	for (int fd = 3; fd < 1024; fd++) /* before Linux 5.9 */
		close(fd);
}

/* In a child: its child becomes the guardian, which so is no child of the tracer's, whose waits see none but the target. */
static void __attribute__((noreturn)) become(int life, int mem)
{
	setsid();
	if (fork() != 0)
		_exit(0);
	keep_files(life, mem);
	leave_alone();
	run();
}

int guardian_start(const struct journal *its_journal, int mem_fd, struct guardian *ret)
{
	int ends[2];

	journal = its_journal;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0)
		return err_set(-errno, "cannot start the guardian: %s", strerror(errno));
	pid_t child = fork();

	if (child == 0)
		become(ends[0], mem_fd);
	int error = errno;

	close(ends[0]);
	if (child < 0) {
		close(ends[1]);
		munmap(shared, sizeof(*shared));
		return err_set(-error, "cannot start the guardian: %s", strerror(error));
	}
	waitpid(child, NULL, 0);
	*ret = (struct guardian){ .shared = shared, .life = ends[1] };
	return 0;
}

void guardian_stop(struct guardian *guardian, bool clean)
{
	if (!guardian->shared)
		return;
	guardian->shared->dismissed = clean;
	close(guardian->life);
	munmap(guardian->shared, sizeof(*guardian->shared));
	*guardian = (struct guardian){ 0 };
}
