#include "tests/kill/aftermath.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/probe/journal.h"

enum { TEXT_PATIENCE_MS = 1000, PATIENCE_MS = 30000 };
char trace[64];

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void nap_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Every thread of the victim goes on. */
void check_goes_on(const struct victim *victim, const char *at)
{
	uint64_t end = now_ms() + PATIENCE_MS, before[VICTIM_THREADS];

	for (unsigned i = 0; i < victim->shared->n_threads; i++)
		before[i] = victim->shared->threads[i].rounds;
	for (unsigned i = 0; i < victim->shared->n_threads; i++) {
		while (victim->shared->threads[i].rounds < before[i] + 2) {
			victim_check_alive(victim);
			if (now_ms() > end)
				fail_msg("killed at %s: thread %u does not go on", at, i);
			nap_ms(1);
		}
	}
	if (victim->shared->bad)
		fail_msg("killed at %s: the victim says: %s", at, victim->shared->what);
}

static void check_text_soon(const struct victim *victim, const char *at)
{
	uint64_t end = now_ms() + TEXT_PATIENCE_MS;
	char what[512];

	while (!victim_text_is_clean(victim, what, sizeof(what))) {
		victim_check_alive(victim);
		if (now_ms() > end)
			fail_msg("killed at %s, a second later: %s", at, what);
		nap_ms(5);
	}
}

/*
 * Read by babeltrace2: it takes it, and the serial numbers of f_rets rise by one in each thread, but for those that are told as lost (as
 * a busy machine may not write as fast).  How many events there are tells that this is no empty truth.
 */
static long check_trace(const char *at)
{
	static const char script[] =
		"babeltrace2 %s 2>&1 >%s.txt | grep -v 'discarded' >%s.err; [ -s %s.err ] && exit 1; "
		"awk '/ f_rets: / { match($0, /tid = [0-9]+/); t = substr($0, RSTART + 6, RLENGTH - 6);"
		"  match($0, /value = { [0-9]+/); v = substr($0, RSTART + 10, RLENGTH - 10) + 0;"
		"  if (t in last) missing += v - last[t] - 1; if (t in last && v <= last[t]) bad = 1; last[t] = v } "
		"/ virtrace:lost: .* \"f_rets\" / { match($0, /count = [0-9]+/); told += substr($0, RSTART + 8, RLENGTH - 8) } "
		"END { print NR > \"%s.n\"; exit bad || missing > told }' %s.txt";
	char command[1024], path[96];
	long n = -1;

	snprintf(path, sizeof(path), "%s/metadata", trace);
	if (access(path, F_OK) < 0)
		return 0;
	snprintf(command, sizeof(command), script, trace, trace, trace, trace, trace, trace);
	if (system(command) != 0)
		fail_msg("killed at %s: the trace %s is not right", at, trace);
	snprintf(path, sizeof(path), "%s.n", trace);
	FILE *f = fopen(path, "r");

	assert_true(f && fscanf(f, "%ld", &n) == 1);
	fclose(f);
	return n;
}

void journal_name(const struct victim *victim, char *path, size_t len)
{
	char directory[96];

	assert_int_equal(journal_directory(directory, sizeof(directory)), 0);
	snprintf(path, len, "%s/%d.%llu", directory, (int)victim->pid,
		 (unsigned long long)process_start_time(victim->pid));
}

/* The guardian has put its journal away. */
void check_journal_gone(const struct victim *victim, const char *at)
{
	uint64_t end = now_ms() + PATIENCE_MS;
	char path[160];

	journal_name(victim, path, sizeof(path));
	while (access(path, F_OK) == 0) {
		if (now_ms() > end)
			fail_msg("killed at %s: %s stays", at, path);
		nap_ms(1);
	}
}

/* The trace is nobody's any more: virtrace is gone, and its guardian has written what was left to be written. */
void wait_for_trace(const char *at)
{
	uint64_t end = now_ms() + PATIENCE_MS;
	int fd = open(trace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (now_ms() > end)
			fail_msg("killed at %s: somebody keeps the trace", at);
		nap_ms(1);
	}
	if (fd >= 0)
		close(fd);
}

long check_all(const struct victim *victim, const char *at)
{
	victim_check_alive(victim);
	check_text_soon(victim, at);
	check_goes_on(victim, at);
	check_journal_gone(victim, at);
	wait_for_trace(at);
	return check_trace(at);
}

bool catches_sigtrap(const struct victim *victim)
{
	char path[64], line[256];
	unsigned long long caught = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)victim->pid);
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "SigCgt: %llx", &caught);
	if (f)
		fclose(f);
	return caught >> (SIGTRAP - 1) & 1;
}
