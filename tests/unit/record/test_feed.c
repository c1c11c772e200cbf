// The feed: what the tracer thread tells, the writer thread gets, or the tracer thread knows that it does not.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/ring.h"
#include "tracer/probe/unwind.h"
#include "tracer/record/feed.h"

enum { SIZE = 64 * 1024, CALLS = 200000, DEPTH_MAX = 40, PATIENCE_S = 120 };

static struct feed *new_feed(void)
{
	struct feed *feed = NULL;

	int file = ring_file();

	assert_int_equal(feed_new(file, SIZE, &feed), 0);
	close(file);
	return feed;
}

static void entries_come_with_payload_and_stack(void **state)
{
	uint8_t payload[13], stack[999];
	struct unwind_sample sample = { .regs = { [7] = 0x1000 }, .stack_addr = 0x1000, .stack = stack,
					.stack_len = sizeof(stack) };
	struct call_event event = { .id = 5, .parent = 3, .tid = 77, .time_ns = 99, .payload = payload,
				    .len = sizeof(payload), .stack = &sample };
	struct feed *feed = new_feed();

	(void)state;
	memset(payload, 'p', sizeof(payload));
	memset(stack, 's', sizeof(stack));
	assert_true(feed_enter(feed, &event, 4));
	memset(payload, 0, sizeof(payload));
	memset(stack, 0, sizeof(stack));
	const struct feed_record *record = feed_next(feed);

	assert_int_equal(record->kind, FEED_ENTER);
	assert_int_equal(record->time_ns, 99);
	assert_true(record->event.id == 5 && record->event.parent == 3 && record->event.tid == 77);
	assert_true(record->event.len == 13 && record->event.stack->stack_len == 999);
	assert_true(record->event.payload[0] == 'p' && record->event.payload[12] == 'p');
	assert_true(record->event.stack->stack[0] == 's' && record->event.stack->stack[998] == 's');
	assert_true(record->event.stack->regs[7] == 0x1000 && record->event.stack->stack_addr == 0x1000);
	feed_pop(feed);
	assert_null(feed_next(feed));
	feed_free(feed);
}

static void threads_and_code(void **state)
{
	struct feed *feed = new_feed();

	(void)state;
	assert_true(feed_thread(feed, 7, "rpc-virtqemud", 30));
	for (int i = 0; i < 10; i++)
		assert_true(feed_code(feed, 0x7f0000001234)); /* told once */
	const struct feed_record *record = feed_next(feed);

	assert_int_equal(record->kind, FEED_THREAD);
	assert_int_equal(record->thread.tid, 7);
	assert_string_equal(record->thread.comm, "rpc-virtqemud");
	feed_pop(feed);
	record = feed_next(feed);
	assert_int_equal(record->kind, FEED_CODE);
	assert_int_equal(record->code, 0x7f0000001234);
	assert_int_equal(record->time_ns, 30); /* that of the event before */
	feed_pop(feed);
	assert_null(feed_next(feed));
	feed_free(feed);
}

/* However full it is, each call that was taken can end, and all ends are there. */
static void taken_calls_can_end(void **state)
{
	uint8_t payload[500] = { 0 };
	struct feed *feed = new_feed();
	uint64_t n = 0;

	(void)state;
	for (;; n++) {
		struct call_event event = { .id = n, .payload = payload, .len = n % 100 };

		if (!feed_enter(feed, &event, 4))
			break;
	}
	assert_true(n > 100);
	/* What is left is for the ends. */
	while (feed_thread(feed, 1, "t", 0))
		;
	for (uint64_t i = n; i-- > 0;) {
		struct call_event event = { .id = i, .payload = payload, .len = sizeof(payload), .end = CALL_RETURNED };

		feed_leave(feed, &event, 4);
	}
	uint64_t entries = 0, ends = 0, cut = 0;

	for (const struct feed_record *record; (record = feed_next(feed)); feed_pop(feed)) {
		entries += record->kind == FEED_ENTER;
		ends += record->kind == FEED_LEAVE;
		cut += record->kind == FEED_LEAVE && record->return_lost && record->event.len == 0;
	}
	assert_int_equal(entries, n);
	assert_int_equal(ends, n);
	assert_true(cut > n / 2);
	feed_free(feed);
}

/* Two threads */

struct work {
	struct feed *feed;
	atomic_bool ended;
	uint64_t entries_lost, returns_lost; /* as the producer knows it */
};

/* Calls nested at random. */
static void *trace(void *arg)
{
	struct work *work = arg;
	uint8_t payload[300] = { 0 };
	struct {
		uint64_t id;
		bool taken;
	} open[DEPTH_MAX];
	unsigned depth = 0, random = 1;
	uint64_t id = 0;

	while (id < CALLS || depth) {
		random = random * 1103515245 + 12345;
		bool enters = id < CALLS && depth < DEPTH_MAX && (depth == 0 || random >> 16 & 1);
		struct call_event event = { .payload = payload, .len = random >> 20 & 255, .end = CALL_RETURNED };

		memset(payload, (int)event.len, event.len);
		if (enters) {
			event.id = open[depth].id = ++id;
			open[depth].taken = feed_enter(work->feed, &event, 4);
			work->entries_lost += !open[depth++].taken;
		} else if (open[--depth].taken) {
			event.id = open[depth].id;
			work->returns_lost += !feed_leave(work->feed, &event, 4);
		}
	}
	atomic_store(&work->ended, true);
	feed_wake(work->feed);
	return NULL;
}

static void losses_are_known_exactly(void **state)
{
	struct work work = { .feed = new_feed() };
	uint64_t entries = 0, ends = 0, cut = 0, n = 0;
	uint8_t *is_open = calloc(CALLS + 1, 1);
	pthread_t thread;

	(void)state;
	alarm(PATIENCE_S);
	pthread_create(&thread, NULL, trace, &work);
	for (;;) {
		bool ended = atomic_load(&work.ended);
		const struct feed_record *record = feed_next(work.feed);

		if (!record && ended)
			break;
		if (!record) {
			feed_wait(work.feed, n++ % 2);
			continue;
		}
		for (size_t i = 0; i < record->event.len; i++)
			assert_int_equal(record->event.payload[i], record->event.len);
		if (record->kind == FEED_ENTER) {
			is_open[record->event.id]++;
			entries++;
		} else {
			assert_int_equal(is_open[record->event.id]--, 1);
			cut += record->return_lost;
			ends++;
		}
		feed_pop(work.feed);
	}
	pthread_join(thread, NULL);
	alarm(0);
	assert_int_equal(entries + work.entries_lost, CALLS);
	assert_int_equal(ends, entries);
	assert_int_equal(cut, work.returns_lost);
	assert_true(entries > 0);
	free(is_open);
	feed_free(work.feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_with_payload_and_stack),
		cmocka_unit_test(threads_and_code),
		cmocka_unit_test(taken_calls_can_end),
		cmocka_unit_test(losses_are_known_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
