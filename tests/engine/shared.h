/**
 * Memory that a victim shares with the test: its own account of what it did.
 */
#ifndef TESTS_ENGINE_SHARED_H
#define TESTS_ENGINE_SHARED_H

#include <stdint.h>

enum { VICTIM_THREADS = 64, SHORT_ROUNDS = 10 /* of a thread that lives shortly */ };

struct victim_thread {
	int tid;
	uint64_t rounds; /* every function was called with 1, 2, … rounds */
};

struct shared {
	/* orders */
	volatile uint32_t stop; /* finish the round you are in, then wait */
	volatile uint32_t quit; /* end with status 0 if all was well */
	volatile uint32_t step; /* for victims that do one thing after the other */
	/* account */
	volatile uint32_t ready, done;
	volatile uint32_t hot_done; /* of them those in threads[] */
	volatile uint64_t bad; /* wrong results, or anything that must not be */
	char what[128];        /* the first of them */
	volatile uint64_t forks, signals_sent, signals_got, short_lived, loads;
	volatile uint32_t n_threads;
	struct victim_thread threads[VICTIM_THREADS];
};

#endif
