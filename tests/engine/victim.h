/**
 * What all victims need: the shared account.  Victims are compiled without the project's flags and
 * know nothing of it.
 */
#ifndef TESTS_ENGINE_VICTIM_H
#define TESTS_ENGINE_VICTIM_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/engine/shared.h"

static struct shared *shared;

static inline void open_shared(const char *path)
{
	int fd = open(path, O_RDWR);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || shared == MAP_FAILED)
		_exit(99);
	close(fd);
}

static inline void bad(const char *what, long detail)
{
	if (__sync_fetch_and_add(&shared->bad, 1) == 0)
		snprintf(shared->what, sizeof(shared->what), "%s (%ld)", what, detail);
}

static inline void nap(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	while (nanosleep(&ts, &ts) < 0)
		;
}

static inline int finish(void)
{
	while (!shared->quit)
		nap(1000);
	return shared->bad ? 1 : 0;
}

#define CHECK(condition, detail) ((condition) ? (void)0 : bad(#condition, (long)(detail)))

#endif
