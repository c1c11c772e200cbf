/*
 * The victim from outside: what is said of it comes from the kernel and the files, nothing from what traces it
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/probe/journal.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/selftest/selftest.h"

enum { PATIENCE_US = 10 * 1000000, END_PATIENCE_US = 3 * 1000000, POLL_US = 500, CHUNK = 1 << 16 };

volatile int selftest_interrupted;

uint64_t selftest_now_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

void selftest_nap(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

/* ---- start and end */

/* In a group of its own: Ctrl-C is for the test, whose end is its end. */
static void become_victim(int fd, pid_t parent)
{
	char number[16];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(number, sizeof(number), "%d", fd);
	fcntl(fd, F_SETFD, 0);
	if (getppid() == parent)
		execl("/proc/self/exe", "virtrace", "selftest", "--victim", number, (char *)NULL);
	_exit(127);
}

static bool is_ready(struct selftest_victim *victim)
{
	return victim->shared->ready == SELFTEST_THREADS && victim->shared->children > 0;
}

static uint64_t count_rounds(const struct selftest_victim *victim)
{
	uint64_t rounds = victim->shared->children;

	for (size_t i = 0; i < SELFTEST_THREADS; i++)
		rounds += victim->shared->threads[i].rounds;
	return rounds;
}

/* Until it is so, the victim has ended, or has not gone on for long: how fast it is depends on the machine. */
static bool wait_for(struct selftest_victim *victim, bool (*is_so)(struct selftest_victim *victim))
{
	uint64_t end = 0, rounds = UINT64_MAX;

	while (!is_so(victim)) {
		uint64_t now = selftest_now_us(), so_far = count_rounds(victim);

		end = so_far != rounds ? now + PATIENCE_US : end;
		rounds = so_far;
		if (selftest_interrupted || !victim_is_alive(victim) || now > end)
			return false;
		selftest_nap(POLL_US);
	}
	return true;
}

int victim_start(struct selftest_victim *ret)
{
	struct selftest_victim victim = { 0 };
	int fd = memfd_create("virtrace-selftest", MFD_CLOEXEC);
	pid_t parent = getpid();

	if (fd < 0 || ftruncate(fd, sizeof(*victim.shared)) < 0)
		return err_set(-errno, "cannot make memory to share with the victim: %s", strerror(errno));
	victim.shared = mmap(NULL, sizeof(*victim.shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	victim.pid = victim.shared == MAP_FAILED ? -1 : fork();
	if (victim.pid == 0)
		become_victim(fd, parent);
	int error = errno;

	close(fd);
	if (victim.pid < 0)
		return err_set(-error, "cannot start the victim: %s", strerror(error));
	bool ready = wait_for(&victim, is_ready);

	*ret = victim;
	if (!ready)
		return err_set(-EIO, "the victim does not start");
	return proc_status(victim.pid, "SigCgt", 16, &ret->caught);
}

bool victim_is_alive(struct selftest_victim *victim)
{
	if (victim->pid && waitpid(victim->pid, &victim->status, WNOHANG) == victim->pid)
		victim->pid = 0;
	return victim->pid != 0;
}

bool victim_finish(struct selftest_victim *victim)
{
	uint64_t end = selftest_now_us() + END_PATIENCE_US;
	bool alive = victim_is_alive(victim);
	struct journal stale = { .fd = -1 }; /* one that nobody is at work on has failed the test; its process ends */

	if (alive)
		journal_open(victim->pid, &stale);
	if (victim->shared)
		victim->shared->quit = 1;
	while (victim_is_alive(victim) && selftest_now_us() < end)
		selftest_nap(POLL_US);
	if (victim->pid) {
		kill(victim->pid, SIGKILL);
		while (waitpid(victim->pid, &victim->status, 0) < 0 && errno == EINTR)
			;
		victim->pid = 0;
	}
	journal_remove(&stale);
	return alive && victim->status == 0;
}

/* ---- what its threads do */

void victim_run(struct selftest_victim *victim, uint64_t rounds)
{
	for (size_t i = 0; i < SELFTEST_THREADS; i++) {
		struct selftest_thread *thread = &victim->shared->threads[i];

		thread->limit = rounds == UINT64_MAX ? rounds : thread->rounds + rounds;
	}
}

static bool are_done(struct selftest_victim *victim)
{
	for (size_t i = 0; i < SELFTEST_THREADS; i++)
		if (victim->shared->threads[i].rounds < victim->shared->threads[i].limit)
			return false;
	return true;
}

static bool all_rest(struct selftest_victim *victim)
{
	for (size_t i = 0; i < SELFTEST_THREADS; i++)
		if (!victim->shared->threads[i].rests)
			return false;
	return true;
}

bool victim_wait_done(struct selftest_victim *victim)
{
	return wait_for(victim, are_done) && wait_for(victim, all_rest);
}

bool victim_rest(struct selftest_victim *victim)
{
	for (size_t i = 0; i < SELFTEST_THREADS; i++)
		victim->shared->threads[i].limit = 0;
	return wait_for(victim, all_rest);
}

static uint64_t progress_before[SELFTEST_THREADS + 1];

static bool has_gone_on(struct selftest_victim *victim)
{
	bool has = victim->shared->children > progress_before[SELFTEST_THREADS];

	for (size_t i = 0; i < SELFTEST_THREADS; i++)
		has = has && victim->shared->threads[i].rounds > progress_before[i] + 1;
	return has;
}

bool victim_goes_on(struct selftest_victim *victim)
{
	for (size_t i = 0; i < SELFTEST_THREADS; i++)
		progress_before[i] = victim->shared->threads[i].rounds;
	progress_before[SELFTEST_THREADS] = victim->shared->children;
	return wait_for(victim, has_gone_on);
}

/* ---- what the kernel says */

/* A piece of a mapping against the file it is of. */
static bool chunk_is_clean(int mem, int file, const struct mapping *m, uint64_t at, char *what, size_t len)
{
	static uint8_t have[CHUNK], want[CHUNK];
	uint64_t left = m->hi - m->lo - at;
	size_t size = left < CHUNK ? (size_t)left : CHUNK, i = 0;
	ssize_t n = pread(file, want, size, (off_t)(m->offset + at));

	if (n < 0 || pread(mem, have, size, (off_t)(m->lo + at)) != (ssize_t)size) {
		snprintf(what, len, "%s cannot be compared: %s", m->path, strerror(errno));
		return false;
	}
	memset(want + n, 0, size - (size_t)n); /* the last page of a file ends in zeros */
	while (i < size && have[i] == want[i])
		i++;
	if (i < size)
		snprintf(what, len, "%s+%#" PRIx64 " is %02x, was %02x", m->path, m->offset + at + i, have[i], want[i]);
	return i == size;
}

/* The program may have been replaced or moved since: it is asked for by the process. */
static int open_mapped(pid_t pid, const struct mapping *m, uint64_t exe_inode)
{
	char path[64];

	if (m->inode != exe_inode)
		return open(m->path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool mapping_is_clean(pid_t pid, int mem, const struct mapping *m, uint64_t exe_inode, char *what, size_t len)
{
	int file = open_mapped(pid, m, exe_inode);
	bool clean = file >= 0;

	if (!clean)
		snprintf(what, len, "cannot open %s: %s", m->path, strerror(errno));
	for (uint64_t at = 0; clean && at < m->hi - m->lo; at += CHUNK)
		clean = chunk_is_clean(mem, file, m, at, what, len);
	if (file >= 0)
		close(file);
	return clean;
}

bool victim_text_is_clean(const struct selftest_victim *victim, char *what, size_t len)
{
	char path[64];
	struct maps maps;
	bool clean = true;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)victim->pid);
	int mem = open(path, O_RDONLY | O_CLOEXEC);

	if (mem < 0 || maps_read(victim->pid, &maps) < 0) {
		snprintf(what, len, "its memory cannot be read");
		clean = false;
	}
	/* The first mapping is the program's. */
	for (size_t i = 0; clean && i < maps.n; i++)
		if (maps.items[i].executable && maps.items[i].loaded)
			clean = mapping_is_clean(victim->pid, mem, &maps.items[i], maps.items[0].inode, what, len);
	if (mem >= 0) {
		close(mem);
		maps_free(&maps);
	}
	return clean;
}

static uint64_t status_of(const struct selftest_victim *victim, const char *field, int base)
{
	uint64_t value = 0;

	proc_status(victim->pid, field, base, &value);
	return value;
}

bool victim_is_traced(const struct selftest_victim *victim)
{
	return status_of(victim, "TracerPid", 10) != 0;
}

bool victim_is_as_before(const struct selftest_victim *victim)
{
	return !victim_is_traced(victim) && status_of(victim, "SigCgt", 16) == victim->caught;
}

bool victim_has_handler(const struct selftest_victim *victim)
{
	return (status_of(victim, "SigCgt", 16) & ~victim->caught) >> (SIGTRAP - 1) & 1;
}

bool victim_has_no_journal(const struct selftest_victim *victim)
{
	struct journal journal;
	int r = journal_open(victim->pid, &journal);

	if (r == 0 && journal.file->n_sites == 0)
		journal_remove(&journal);
	else if (r == 0)
		journal_close(&journal);
	else
		return r == -ENOENT;
	return false;
}
