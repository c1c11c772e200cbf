/*
 * A record in the ring is a struct feed_record, then the payload, then the stack if there is one: its struct unwind_sample and its copy.
 * Each begins at a multiple of 8.  The pointers in them are set by the reader.
 *
 * n_open calls have their entry in the ring or behind it, and no end yet.  The ring always has room for that many more records
 * without payload: no record may take it but the ends of these calls.
 */
#include "tracer/record/feed.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/ring.h"
#include "tracer/probe/unwind.h"

enum { CODE_SLOTS = 4096 };

/*
 * While events come, the writer looks for them every few ms: what it lets pile up meanwhile is small, and so is what is without a backtrace
 * if we are killed.  When none have come for a while it sleeps until the tracer thread wakes it.
 */
static const uint64_t nap_ns = 5ull * 1000 * 1000, sleep_ns = 1000ull * 1000 * 1000;

struct feed {
	struct ring *ring;
	/* the tracer thread's */
	size_t n_open;
	uint64_t last_ns, refused;
	uint64_t code[CODE_SLOTS]; /* told lately, by their low bits */
};

static int wrap(struct ring *ring, struct feed **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret) {
		ring_free(ring);
		return err_set(-ENOMEM, "out of memory");
	}
	(*ret)->ring = ring;
	return 0;
}

int feed_new(int fd, size_t size, struct feed **ret)
{
	struct ring *ring;
	int r = ring_new_in(fd, size, &ring);

	return r < 0 ? r : wrap(ring, ret);
}

int feed_inherit(int fd, struct feed **ret)
{
	struct ring *ring;
	int r = ring_inherit(fd, &ring);

	return r < 0 ? r : wrap(ring, ret);
}

void feed_free(struct feed *feed)
{
	if (!feed)
		return;
	ring_free(feed->ring);
	free(feed);
}

static size_t padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

/* Room for a record with `extra` bytes behind it, such that the ends of `n_ends` calls still fit. */
static struct feed_record *reserve(struct feed *feed, size_t extra, size_t n_ends)
{
	return ring_reserve(feed->ring, sizeof(struct feed_record) + extra,
			    n_ends * ring_room_of(sizeof(struct feed_record)));
}

static void commit(struct feed *feed, struct feed_record *record, enum feed_kind kind, uint64_t time_ns)
{
	record->kind = kind;
	record->refused = feed->refused;
	record->time_ns = feed->last_ns = time_ns;
	ring_commit(feed->ring);
}

static bool put_event(struct feed *feed, enum feed_kind kind, const struct call_event *event, int class,
		      size_t n_ends)
{
	size_t payload = padded(event->len);
	size_t stack = event->stack ? sizeof(*event->stack) + event->stack->stack_len : 0;
	struct feed_record *record = reserve(feed, payload + stack, n_ends);

	if (!record)
		return false;
	uint8_t *behind = (uint8_t *)(record + 1);

	record->return_lost = false;
	record->class = class;
	record->event = *event;
	if (event->len)
		memcpy(behind, event->payload, event->len);
	if (event->stack) {
		memcpy(behind + payload, event->stack, sizeof(*event->stack));
		memcpy(behind + payload + sizeof(*event->stack), event->stack->stack, event->stack->stack_len);
	}
	commit(feed, record, kind, event->time_ns);
	return true;
}

bool feed_enter(struct feed *feed, const struct call_event *event, int class)
{
	if (!put_event(feed, FEED_ENTER, event, class, feed->n_open + 1)) {
		feed->refused++;
		return false;
	}
	feed->n_open++;
	return true;
}

bool feed_leave(struct feed *feed, const struct call_event *event, int class)
{
	assert(feed->n_open);
	feed->n_open--;
	if (put_event(feed, FEED_LEAVE, event, class, feed->n_open))
		return true;
	struct feed_record *record = reserve(feed, 0, feed->n_open);

	assert(record); /* it has been kept since the entry */
	record->return_lost = true;
	record->class = class;
	record->event = *event;
	record->event.len = 0;
	record->event.stack = NULL;
	commit(feed, record, FEED_LEAVE, event->time_ns);
	feed->refused++;
	return false;
}

bool feed_thread(struct feed *feed, pid_t tid, const char *comm, uint64_t time_ns)
{
	struct feed_record *record = reserve(feed, 0, feed->n_open);

	if (!record)
		return false;
	record->thread.tid = tid;
	snprintf(record->thread.comm, sizeof(record->thread.comm), "%s", comm);
	commit(feed, record, FEED_THREAD, time_ns);
	return true;
}

bool feed_code(struct feed *feed, uint64_t addr)
{
	uint64_t *told = &feed->code[addr % CODE_SLOTS];

	if (*told == addr)
		return true;
	struct feed_record *record = reserve(feed, 0, feed->n_open);

	if (!record)
		return false;
	*told = addr;
	record->code = addr;
	commit(feed, record, FEED_CODE, feed->last_ns);
	return true;
}

const struct feed_record *feed_next(struct feed *feed)
{
	size_t len;
	struct feed_record *record = ring_peek(feed->ring, &len);

	if (!record || record->kind == FEED_THREAD || record->kind == FEED_CODE)
		return record;
	uint8_t *behind = (uint8_t *)(record + 1);

	record->event.payload = behind;
	if (record->event.stack) {
		struct unwind_sample *stack = (struct unwind_sample *)(behind + padded(record->event.len));

		stack->stack = (uint8_t *)(stack + 1);
		record->event.stack = stack;
	}
	return record;
}

void feed_pop(struct feed *feed)
{
	ring_pop(feed->ring);
}

void feed_wait(struct feed *feed, bool busy)
{
	ring_wait(feed->ring, busy ? RING_NAP : RING_SLEEP, busy ? nap_ns : sleep_ns);
}

const char *loss_reason(enum loss why)
{
	static const char *const reasons[LOSS_COUNT] = {
		[LOSS_NO_ROOM] = "calls came faster than they could be written",
		[LOSS_NO_MEMORY] = "more calls were open than there is memory for (256 MiB)",
		[LOSS_NO_SLOT] = "there was no room for a breakpoint where a tail call returns to",
		[LOSS_UNKNOWN] = "virtrace ended before it had described them",
		[LOSS_UNWRITTEN] = "the disk did not take them",
	};

	return reasons[why];
}

/* Of each reason: how many are lost, and how many of these are told. */
static _Atomic uint64_t *counters_of(const struct feed *feed, enum loss why)
{
	_Static_assert(2 * LOSS_COUNT <= RING_COUNTERS, "there are more reasons than counters");
	return ring_counters(feed->ring) + (ptrdiff_t)(2 * why);
}

void feed_count_lost(struct feed *feed, enum loss why)
{
	atomic_fetch_add_explicit(&counters_of(feed, why)[0], 1, memory_order_relaxed);
}

void feed_count_told(struct feed *feed, enum loss why, uint64_t n)
{
	atomic_fetch_add_explicit(&counters_of(feed, why)[1], n, memory_order_relaxed);
}

uint64_t feed_lost(const struct feed *feed, enum loss why)
{
	return atomic_load_explicit(&counters_of(feed, why)[0], memory_order_relaxed);
}

uint64_t feed_untold(const struct feed *feed, enum loss why)
{
	return feed_lost(feed, why) - atomic_load_explicit(&counters_of(feed, why)[1], memory_order_relaxed);
}

void feed_wake(struct feed *feed)
{
	ring_wake(feed->ring);
}
