/*
 * A fault in such memory is answered by a thread of the process, which reads an event for it and puts a page there.  A read of ours
 * makes that fault like any other (mm/userfaultfd.c, handle_userfault), and waits, not to be interrupted, for a thread that may wait
 * for us.  There is no way to read without a fault.
 *
 * Which mappings are registered is told by /proc/PID/smaps only (VmFlags um, ui), which walks all page tables, and any of them may be
 * registered the next moment.  So it is not asked.  Who registers memory has an open file of userfaultfd(2) before: a process
 * without one has no such memory.  Of a process with one only that is read which is in memory, as /proc/PID/pagemap tells page by page
 * (Documentation/admin-guide/mm/pagemap.rst, bit 63): there no fault can come of it.  Some other memory is not read then,
 * either: what was never touched, and what is swapped out.
 *
 * The file may be opened after we have attached: the open files are looked at again, some at a time.
 */
#include "tracer/remote/lazy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES_AT_ONCE = 64 };
static const uint64_t is_present = 1ull << 63;

void lazy_open(struct lazy *lazy, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	*lazy = (struct lazy){ .pid = pid, .files = opendir(path), .pagemap = -1 };
}

void lazy_close(struct lazy *lazy)
{
	if (lazy->files)
		closedir(lazy->files);
	if (lazy->pagemap >= 0)
		close(lazy->pagemap);
}

static bool is_userfaultfd(DIR *files, const char *name)
{
	static const char ours[] = "anon_inode:[userfaultfd]";
	char target[sizeof(ours)];
	ssize_t n = readlinkat(dirfd(files), name, target, sizeof(target));

	return n == sizeof(ours) - 1 && !memcmp(target, ours, sizeof(ours) - 1);
}

bool lazy_look(struct lazy *lazy, size_t n)
{
	char path[64];

	for (size_t i = 0; i < n && lazy->files && !lazy->is_there; i++) {
		const struct dirent *entry = readdir(lazy->files);

		if (!entry) {
			rewinddir(lazy->files);
			return false;
		}
		lazy->is_there = is_userfaultfd(lazy->files, entry->d_name);
		if (!lazy->is_there)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)lazy->pid);
		lazy->pagemap = open(path, O_RDONLY | O_CLOEXEC);
		return true;
	}
	return false;
}

size_t lazy_readable(const struct lazy *lazy, uint64_t addr, size_t len)
{
	uint64_t entries[PAGES_AT_ONCE], end = addr + len < addr ? UINT64_MAX : addr + len, at = addr;

	while (at < end) {
		uint64_t first = at / PAGE, wanted = (end - 1) / PAGE - first + 1;
		size_t n = wanted < PAGES_AT_ONCE ? wanted : PAGES_AT_ONCE, known = 0;
		ssize_t got = pread(lazy->pagemap, entries, n * sizeof(entries[0]), (off_t)(first * sizeof(entries[0])));

		while (got > 0 && known < (size_t)got / sizeof(entries[0]) && entries[known] & is_present)
			known++;
		if (known)
			at = (first + known) * PAGE;
		if (known < n)
			break;
	}
	return (size_t)((at < end ? at : end) - addr);
}
