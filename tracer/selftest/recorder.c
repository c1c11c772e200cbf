/*
 * `virtrace record` as its user runs it: a process of its own, of which only what it says and its trace are known
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/remote/proc.h"
#include "tracer/selftest/selftest.h"
#include "tracer/trace/reader.h"

enum { PATIENCE_MS = 30000, POLL_MS = 20 };

/* The victim's functions, in the program alone where it has a name that needs no quotes: other modules need not be searched. */
static void name_functions(char *probe, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	const char *slash = strrchr(path, '/');

	if (slash && !slash[1 + strspn(slash + 1, plain)])
		snprintf(probe, len, "%s!%s*", slash + 1, SELFTEST_PREFIX);
	else
		snprintf(probe, len, "%s*", SELFTEST_PREFIX);
}

/* In a group of its own, as the victim is. */
static void become_recorder(const struct selftest_victim *victim, const char *trace, int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char pid[16], probe[NAME_MAX + 64];

	name_functions(probe, sizeof(probe));
	setpgid(0, 0);
	dup2(null, 0);
	dup2(null, 1);
	dup2(out, 2);
	snprintf(pid, sizeof(pid), "%d", (int)victim->pid);
	setenv("VIRTRACE_DEBUG", "protect", 1); /* why there is no handler in the victim, if so */
	/* --max-pause 0: a busy host is no reason to leave out calls. */
	execl("/proc/self/exe", "virtrace", "record", "-o", trace, "--no-debuginfod", "--no-decoders",
	      "--max-pause", "0", "-p", pid, "-e", probe, (char *)NULL);
	_exit(127);
}

int recorder_start(const struct selftest_victim *victim, const char *trace, struct recorder *ret)
{
	struct recorder recorder = { 0 };
	int ends[2];

	*ret = recorder;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(-errno, "cannot make a pipe: %s", strerror(errno));
	recorder.pid = fork();
	if (recorder.pid == 0)
		become_recorder(victim, trace, ends[1]);
	int error = errno;

	close(ends[1]);
	if (recorder.pid < 0) {
		close(ends[0]);
		return err_set(-error, "cannot start virtrace: %s", strerror(error));
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	recorder.fd = ends[0];
	*ret = recorder;
	return 0;
}

/* Keep what it has said; false when nothing more will come.  What there is no room for is dropped. */
static bool listen_to(struct recorder *recorder)
{
	char text[512];
	ssize_t n;

	while ((n = read(recorder->fd, text, sizeof(text))) > 0) {
		size_t room = sizeof(recorder->said) - 1 - recorder->n;
		size_t len = (size_t)n < room ? (size_t)n : room;

		memcpy(recorder->said + recorder->n, text, len);
		recorder->n += len;
		recorder->said[recorder->n] = '\0';
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

bool recorder_records(struct recorder *recorder)
{
	listen_to(recorder);
	return strstr(recorder->said, "virtrace: recording ") != NULL;
}

bool recorder_wait(struct recorder *recorder)
{
	uint64_t end = selftest_now_us() + PATIENCE_MS * 1000ull;
	bool open = true;

	while (!recorder_records(recorder)) {
		struct pollfd file = { .fd = recorder->fd, .events = POLLIN };

		if (!open || selftest_interrupted || selftest_now_us() > end)
			return false;
		poll(&file, 1, POLL_MS);
		open = listen_to(recorder);
	}
	return true;
}

int recorder_end(struct recorder *recorder, int signal)
{
	uint64_t end = selftest_now_us() + PATIENCE_MS * 1000ull;
	int status = -1;

	if (!recorder->pid)
		return status;
	kill(recorder->pid, signal);
	while (waitpid(recorder->pid, &status, WNOHANG) == 0) {
		listen_to(recorder);
		if (selftest_now_us() > end)
			kill(recorder->pid, SIGKILL);
		selftest_nap(500);
	}
	listen_to(recorder);
	close(recorder->fd);
	recorder->pid = 0;
	return status;
}

bool recorder_is_watched(const struct recorder *recorder)
{
	char path[64];
	uint64_t tracer = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)recorder->pid);
	DIR *tasks = opendir(path);

	for (const struct dirent *entry; tasks && !tracer && (entry = readdir(tasks));)
		if (entry->d_name[0] != '.')
			proc_status(atoi(entry->d_name), "TracerPid", 10, &tracer);
	if (tasks)
		closedir(tasks);
	return tracer != 0;
}

/* ---- its trace */

static size_t find_thread(const struct selftest_shared *shared, pid_t tid)
{
	size_t i = 0;

	while (i < SELFTEST_THREADS && shared->threads[i].tid != tid)
		i++;
	return i;
}

static size_t find_function(const char *name)
{
	size_t i = 0;

	while (i < SELFTEST_FUNCTIONS && strcmp(selftest_functions[i], name) != 0)
		i++;
	return i;
}

static void count_event(const struct trace_event *event, const struct selftest_shared *shared, struct trace_counts *counts)
{
	if (event->kind == TRACE_LOST)
		counts->lost += event->count;
	if (event->kind != TRACE_ENTRY && event->kind != TRACE_RETURN)
		return;
	size_t thread = find_thread(shared, event->tid), function = find_function(event->probe->function);

	if (thread == SELFTEST_THREADS || function == SELFTEST_FUNCTIONS)
		counts->others++;
	else if (event->kind == TRACE_ENTRY)
		counts->begun[thread][function]++;
	else
		counts->ended[thread][function]++;
}

int trace_count(const char *trace, const struct selftest_shared *shared, struct trace_counts *ret)
{
	struct trace_event event;
	struct reader *reader;
	int r = reader_open(trace, &reader);

	*ret = (struct trace_counts){ 0 };
	if (r < 0)
		return r;
	while ((r = reader_next(reader, &event)) > 0)
		count_event(&event, shared, ret);
	reader_close(reader);
	return r;
}
