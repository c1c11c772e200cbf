#include "tracer/remote/tasks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct dirent64_head { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

bool tasks_each(pid_t pid, bool (*each)(pid_t pid, pid_t tid, void *ctx), void *ctx)
{
	char path[64], entries[4096] __attribute__((aligned(8)));
	bool found = false;
	long n;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (!found && fd >= 0 && (n = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
		for (long at = 0; !found && at < n;) {
			const struct dirent64_head *entry = (const void *)(entries + at);
			pid_t tid = atoi(entry->name);

			found = tid > 0 && each(pid, tid, ctx);
			at += entry->len;
		}
	}
	if (fd >= 0)
		close(fd);
	return found;
}

uint64_t task_run_ns(pid_t tid)
{
	char path[64], text[96];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strtoull(text, NULL, 10);
}

void task_each_child(pid_t pid, pid_t tid, void (*each)(pid_t maker, pid_t child))
{
	char path[64], text[4096];
	ssize_t n;
	pid_t child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* Numbers, each with a space behind it. */
	while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				child = 10 * child + text[i] - '0';
			} else if (child) {
				each(tid, child);
				child = 0;
			}
		}
	}
	if (fd >= 0)
		close(fd);
}
