/*
 * The engine under load: nothing missed, nothing doubled, nothing harmed.
 *
 * Every thread of the victim calls every function with rising serial numbers, so its own arguments
 * tell whether a hit was missed or doubled, wherever attaching and detaching fell.  VIRTRACE_ROUNDS
 * sets the number of attach/detach rounds.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/engine/harness.h"

static unsigned rounds(unsigned by_default)
{
	const char *text = getenv("VIRTRACE_ROUNDS");

	return text ? (unsigned)atoi(text) : by_default;
}

enum { PATIENCE = 2400 };

/* Every hot thread was seen for more than a round. */
static bool all_seen(const struct recorder *recorder, const struct victim *victim)
{
	for (unsigned i = 0; i < victim->shared->n_threads; i++) {
		const struct seen *seen = recorder_seen(recorder, victim->shared->threads[i].tid,
							(unsigned)recorder->watched.n - 1);

		if (!seen || seen->entries < 3)
			return false;
	}
	return true;
}

/* Threads of which every call was recorded, from the first to the last. */
static uint64_t count_whole_lives(const struct recorder *recorder)
{
	uint64_t n_whole = UINT64_MAX;

	for (unsigned f = 0; f < recorder->watched.n; f++) {
		unsigned repeat = recorder->watched.items[f]->repeat;
		uint64_t n = 0;

		for (const struct seen *seen = recorder->seen; seen; seen = seen->hh.next)
			n += seen->key.function == f && seen->first == 1 && seen->last == SHORT_ROUNDS &&
			     seen->entries == (uint64_t)SHORT_ROUNDS * repeat && seen->returns == seen->entries && !seen->open;
		n_whole = n < n_whole ? n : n_whole;
	}
	return n_whole;
}

/*
 * After the victim's threads have stopped, the last serial recorded is the last one they counted
 * themselves.
 */
static void check_counts(struct recorder *recorder, struct victim *victim)
{
	recorder_forget(recorder);
	recorder_attach(recorder);
	for (int i = 0; i < PATIENCE && !all_seen(recorder, victim); i++)
		recorder_run(recorder, 50);
	/* Four at a time: those of the round under way may have begun before all was armed. */
	uint64_t lives = victim->shared->short_lived + 4;

	for (int i = 0; i < PATIENCE && lives > 4 && victim->shared->short_lived < lives + 8; i++)
		recorder_run(recorder, 50);
	uint64_t whole = victim->shared->short_lived;

	victim->shared->stop = 1;
	for (int i = 0; i < PATIENCE && victim->shared->hot_done < victim->shared->n_threads; i++)
		recorder_run(recorder, 50);
	recorder_detach(recorder);
	if (lives > 4 && count_whole_lives(recorder) < whole - lives)
		fail_msg("%lu threads lived and died while traced, all calls were recorded of %lu",
			 (unsigned long)(whole - lives), (unsigned long)count_whole_lives(recorder));
	for (unsigned i = 0; i < victim->shared->n_threads; i++) {
		const struct victim_thread *thread = &victim->shared->threads[i];

		for (unsigned f = 0; f < recorder->watched.n; f++) {
			const struct watched *watched = recorder->watched.items[f];
			const struct seen *seen = recorder_seen(recorder, thread->tid, f);

			assert_non_null(seen);
			if (seen->last != thread->rounds || seen->times != watched->repeat || seen->open)
				fail_msg("%s in %d: recorded to %lu (%u times, %lu open), called to %lu", watched->name,
					 thread->tid, (unsigned long)seen->last, seen->times,
					 (unsigned long)seen->open, (unsigned long)thread->rounds);
		}
	}
	recorder_check(recorder);
}

static void run_load(const char *threads, const char *modes, unsigned n)
{
	const char *const args[] = { threads, modes, NULL };
	struct victim victim = victim_start("load", args, (uint32_t)atoi(threads));
	struct recorder recorder;
	size_t n_maps = 0;

	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	for (unsigned i = 0; i < n; i++) {
		recorder_forget(&recorder);
		recorder_attach(&recorder);
		recorder_run(&recorder, 10 + i % 7 * 5);
		recorder_detach(&recorder);
		recorder_check(&recorder);
		victim_check_text(&victim);
		if (i == 1)
			n_maps = victim_count_maps(&victim);
	}
	check_counts(&recorder, &victim);
	victim_check_text(&victim);
	/* Threads and their stacks come and go; slots must not. */
	if (n > 20)
		assert_true(victim_count_maps(&victim) <= n_maps + 24);
	recorder_fini(&recorder);
	victim_finish(&victim);
}

static void hot_threads(void **state)
{
	(void)state;
	run_load("4", "", rounds(15));
}

static void forks(void **state)
{
	(void)state;
	run_load("2", "fl", rounds(15));
}

static void shared_memory_children(void **state)
{
	(void)state;
	run_load("2", "vs", rounds(15));
}

static void signals(void **state)
{
	(void)state;
	run_load("3", "S", rounds(15));
}

static void blocked_signals(void **state)
{
	(void)state;
	run_load("2", "b", rounds(10));
}

static void thread_creation(void **state)
{
	(void)state;
	run_load("2", "t", rounds(15));
}

static void all_together(void **state)
{
	(void)state;
	run_load("3", "flvsbSt", rounds(20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hot_threads),
		cmocka_unit_test(forks),
		cmocka_unit_test(shared_memory_children),
		cmocka_unit_test(signals),
		cmocka_unit_test(blocked_signals),
		cmocka_unit_test(thread_creation),
		cmocka_unit_test(all_together),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
