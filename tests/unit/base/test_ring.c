// The ring: what goes in comes out, whole and in order, between two threads that run as they like.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/ring.h"

enum { SIZE = 64 * 1024, LARGEST = 5000, RECORDS = 400000, PATIENCE_S = 120 };

static const uint64_t long_ns = 3600ull * 1000 * 1000 * 1000;

static struct ring *new_ring(size_t size)
{
	struct ring *ring = NULL;

	assert_int_equal(ring_new(size, &ring), 0);
	return ring;
}

static bool put(struct ring *ring, const void *data, size_t len, size_t keep)
{
	void *at = ring_reserve(ring, len, keep);

	if (!at)
		return false;
	memcpy(at, data, len);
	ring_commit(ring);
	return true;
}

static void records_come_out_as_they_went_in(void **state)
{
	struct ring *ring = new_ring(SIZE);
	size_t len;

	(void)state;
	assert_null(ring_peek(ring, &len));
	assert_true(put(ring, "", 0, 0));
	assert_true(put(ring, "one", 4, 0));
	assert_true(put(ring, "thirteen chars", 15, 0));
	assert_non_null(ring_peek(ring, &len));
	assert_int_equal(len, 0);
	ring_pop(ring);
	assert_string_equal(ring_peek(ring, &len), "one");
	assert_string_equal(ring_peek(ring, &len), "one"); /* it stays */
	assert_int_equal(len, 4);
	ring_pop(ring);
	const char *text = ring_peek(ring, &len);

	assert_string_equal(text, "thirteen chars");
	assert_int_equal((uintptr_t)text % 8, 0);
	ring_pop(ring);
	assert_null(ring_peek(ring, &len));
	ring_free(ring);
}

static void what_is_reserved_is_not_there_before_commit(void **state)
{
	struct ring *ring = new_ring(SIZE);
	size_t len;

	(void)state;
	assert_non_null(ring_reserve(ring, 100, 0));
	assert_null(ring_peek(ring, &len));
	assert_true(put(ring, "other", 6, 0)); /* instead of it */
	assert_string_equal(ring_peek(ring, &len), "other");
	ring_pop(ring);
	assert_null(ring_peek(ring, &len));
	ring_free(ring);
}

static void a_full_ring_refuses_and_keeps_what_it_has(void **state)
{
	struct ring *ring = new_ring(SIZE);
	uint64_t n = 0;
	size_t len;

	(void)state;
	while (put(ring, &n, sizeof(n), 0))
		n++;
	assert_int_equal(n, SIZE / ring_room_of(sizeof(n)));
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(*(uint64_t *)ring_peek(ring, &len), i);
		ring_pop(ring);
	}
	assert_null(ring_peek(ring, &len));
	assert_null(ring_reserve(ring, SIZE, 0)); /* its head has no room */
	assert_non_null(ring_reserve(ring, SIZE - ring_room_of(0), 0));
	assert_null(ring_reserve(ring, SIZE_MAX / 2, 0));
	assert_null(ring_reserve(ring, 0, SIZE_MAX / 2));
	ring_free(ring);
}

static void what_is_kept_is_there_for_others(void **state)
{
	struct ring *ring = new_ring(SIZE);
	size_t n = 0, keep = 10 * ring_room_of(16);
	uint8_t data[16] = { 0 };

	(void)state;
	while (put(ring, data, sizeof(data), keep))
		n++;
	assert_int_equal(n, SIZE / ring_room_of(16) - 10);
	for (int i = 0; i < 10; i++)
		assert_true(put(ring, data, sizeof(data), 0));
	assert_false(put(ring, data, sizeof(data), 0));
	ring_free(ring);
}

/* A record over the end is in one piece, wherever the end falls. */
static void records_are_whole_over_the_end(void **state)
{
	struct ring *ring = new_ring(SIZE);
	uint8_t data[3001], *got;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		size_t n = 1 + i * 7919 % sizeof(data);

		memset(data, (int)i, n);
		assert_true(put(ring, data, n, 0));
		got = ring_peek(ring, &len);
		assert_int_equal(len, n);
		assert_memory_equal(got, data, n);
		ring_pop(ring);
	}
	ring_free(ring);
}

/* Two threads */

struct pair {
	struct ring *ring;
	atomic_bool ended;
	uint64_t sent, refused;
	enum ring_wait how;
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* A record: its number, then bytes that follow from the number. */
static void *produce(void *arg)
{
	struct pair *pair = arg;
	uint64_t random = 1;

	for (uint64_t i = 0; i < RECORDS; i++) {
		uint64_t r = next_random(&random);
		size_t len = sizeof(i) + (r % 64 ? r % 200 : r % LARGEST);
		uint8_t *at = ring_reserve(pair->ring, len, 0);

		if (!at) {
			pair->refused++;
			if (r % 16 == 0)
				sched_yield();
			continue;
		}
		memcpy(at, &i, sizeof(i));
		memset(at + sizeof(i), (int)(i * 31), len - sizeof(i));
		ring_commit(pair->ring);
		pair->sent++;
	}
	atomic_store(&pair->ended, true);
	ring_wake(pair->ring);
	return NULL;
}

static void check_record(const uint8_t *record, size_t len, uint64_t *last)
{
	uint64_t number;

	assert_true(len >= sizeof(number));
	memcpy(&number, record, sizeof(number));
	assert_true(number > *last || number == 0);
	*last = number;
	for (size_t i = sizeof(number); i < len; i++)
		if (record[i] != (uint8_t)(number * 31))
			fail_msg("byte %zu of record %lu is wrong", i, (unsigned long)number);
}

static uint64_t consume(struct pair *pair)
{
	uint64_t got = 0, last = 0;

	for (;;) {
		bool ended = atomic_load(&pair->ended); /* before looking: what was sent before is then seen */
		size_t len;
		uint8_t *record = ring_peek(pair->ring, &len);

		if (record) {
			check_record(record, len, &last);
			ring_pop(pair->ring);
			got++;
		} else if (ended) {
			return got;
		} else {
			ring_wait(pair->ring, pair->how, pair->how == RING_NAP ? 1000000 : long_ns);
		}
	}
}

/* A lost wake-up would let the sleeping consumer, and so the test, wait for ever. */
static void run_pair(enum ring_wait how)
{
	struct pair pair = { .ring = new_ring(SIZE), .how = how };
	pthread_t thread;

	alarm(PATIENCE_S);
	assert_int_equal(pthread_create(&thread, NULL, produce, &pair), 0);
	uint64_t got = consume(&pair);

	pthread_join(thread, NULL);
	alarm(0);
	assert_int_equal(got, pair.sent);
	assert_int_equal(pair.sent + pair.refused, RECORDS);
	assert_true(got > 0);
	ring_free(pair.ring);
}

static void two_threads_with_naps(void **state)
{
	(void)state;
	run_pair(RING_NAP);
}

static void two_threads_with_sleeps(void **state)
{
	(void)state;
	run_pair(RING_SLEEP);
}

static void *put_one(void *arg)
{
	put(arg, "wake up", 8, 0);
	return NULL;
}

static void *fill_a_part(void *arg)
{
	static const uint8_t data[1024];

	for (int i = 0; i < SIZE / 2 / (int)sizeof(data); i++)
		put(arg, data, sizeof(data), 0);
	return NULL;
}

/* Each ends a wait of an hour, whether it comes before it or after. */
static void waiting_is_ended_by(enum ring_wait how, void *(*act)(void *), bool leaves_records)
{
	struct ring *ring = new_ring(SIZE);
	pthread_t thread;
	size_t len;

	alarm(PATIENCE_S);
	pthread_create(&thread, NULL, act, ring);
	do
		ring_wait(ring, how, long_ns);
	while (leaves_records && !ring_peek(ring, &len));
	pthread_join(thread, NULL);
	alarm(0);
	ring_free(ring);
}

static void *wake(void *arg)
{
	ring_wake(arg);
	return NULL;
}

static void waits_end(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		waiting_is_ended_by(RING_SLEEP, put_one, true);
		waiting_is_ended_by(RING_NAP, fill_a_part, true);
		waiting_is_ended_by(RING_SLEEP, wake, false);
		waiting_is_ended_by(RING_NAP, wake, false);
	}
}

/* A process is killed while its two threads are at work */

enum { KILLS = 100, PAYLOAD = 120 };

struct counters {
	_Atomic uint64_t sent, got; /* known to be in the ring; known to be out of it */
};

struct doomed {
	struct ring *ring;
	struct counters *counters;
};

static void *send_for_ever(void *arg)
{
	struct doomed *doomed = arg;
	uint64_t n = 0;

	for (;;) {
		size_t len = sizeof(n) + n % PAYLOAD;
		uint8_t *at = ring_reserve(doomed->ring, len, 0);

		if (!at)
			continue;
		memcpy(at, &n, sizeof(n));
		memset(at + sizeof(n), (int)(n * 31), len - sizeof(n));
		ring_commit(doomed->ring);
		doomed->counters->sent = ++n;
	}
	return NULL;
}

static void __attribute__((noreturn)) send_and_take(int fd, struct counters *counters)
{
	struct doomed doomed = { .counters = counters };
	pthread_t thread;
	size_t len;

	if (ring_new_in(fd, SIZE, &doomed.ring) < 0 || pthread_create(&thread, NULL, send_for_ever, &doomed))
		_exit(1);
	for (;;) {
		if (!ring_peek(doomed.ring, &len))
			continue;
		ring_pop(doomed.ring);
		counters->got++;
	}
}

/* Exactly what was put in and not taken: the counters may lag behind by one. */
static void check_inherited(int fd, const struct counters *counters)
{
	uint64_t first = 0, n = 0, number;
	struct ring *ring = NULL;
	size_t len;

	assert_int_equal(ring_inherit(fd, &ring), 0);
	for (uint8_t *record; (record = ring_peek(ring, &len)); n++) {
		memcpy(&number, record, sizeof(number));
		first = n ? first : number;
		assert_int_equal(number, first + n);
		assert_int_equal(len, sizeof(number) + number % PAYLOAD);
		for (size_t i = sizeof(number); i < len; i++)
			assert_int_equal(record[i], (uint8_t)(number * 31));
		ring_pop(ring);
	}
	if (n) {
		assert_true(first == counters->got || first == counters->got + 1);
		assert_true(first + n == counters->sent || first + n == counters->sent + 1);
	} else {
		assert_true(counters->sent - counters->got <= 1 || counters->got - counters->sent <= 1);
	}
	ring_free(ring);
}

static void what_a_killed_process_left_is_inherited(void **state)
{
	struct counters *counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(counters != MAP_FAILED);
	for (uint64_t i = 0; i < KILLS; i++) {
		int fd = ring_file(), status;

		assert_true(fd >= 0);
		counters->sent = counters->got = 0;
		pid_t pid = fork();

		if (pid == 0)
			send_and_take(fd, counters);
		while (counters->sent < 1000 + i * 37)
			assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		check_inherited(fd, counters);
		close(fd);
	}
	munmap(counters, sizeof(*counters));
}

static void a_file_without_a_ring_is_refused(void **state)
{
	int fd = ring_file();
	struct ring *ring = NULL;
	uint64_t size = 1 << 20;

	(void)state;
	assert_int_equal(ring_inherit(fd, &ring), -ENODATA);
	assert_int_equal(ring_new_in(fd, SIZE, &ring), 0);
	ring_free(ring);
	assert_int_equal(pwrite(fd, &size, sizeof(size), sizeof(size)), sizeof(size)); /* more than the file has */
	assert_int_equal(ring_inherit(fd, &ring), -EBADMSG);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_as_they_went_in),
		cmocka_unit_test(what_is_reserved_is_not_there_before_commit),
		cmocka_unit_test(a_full_ring_refuses_and_keeps_what_it_has),
		cmocka_unit_test(what_is_kept_is_there_for_others),
		cmocka_unit_test(records_are_whole_over_the_end),
		cmocka_unit_test(two_threads_with_naps),
		cmocka_unit_test(two_threads_with_sleeps),
		cmocka_unit_test(waits_end),
		cmocka_unit_test(what_a_killed_process_left_is_inherited),
		cmocka_unit_test(a_file_without_a_ring_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
