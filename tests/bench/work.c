/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Looking at the clock is not the work: it is done once in so many calls. */
enum { THREADS_MAX = 64, CALLS_PER_LOOK = 16 };

struct worker {
	pthread_t thread;
	work_function *function;
	uint64_t calls;
	struct stats stats;
};

static uint64_t deadline_ns;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct stats *seen;

	do {
		for (unsigned i = 0; i < CALLS_PER_LOOK; i++)
			if (worker->function("vda", &worker->stats, &seen) || seen != &worker->stats)
				abort();
		worker->calls += CALLS_PER_LOOK;
	} while (now_ns() < deadline_ns);
	return NULL;
}

double work_run(work_function *function, unsigned threads, double seconds, uint64_t *calls)
{
	static struct worker workers[THREADS_MAX];
	uint64_t start_ns = now_ns();

	*calls = 0;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	deadline_ns = start_ns + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < threads; i++) {
		workers[i] = (struct worker){ .function = function };
		errno = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (errno)
			die("pthread_create");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		*calls += workers[i].calls;
	}
	return (double)(now_ns() - start_ns) / (double)*calls;
}
