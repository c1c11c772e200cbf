/**
 * What the tracer thread tells the writer thread: the engine's events, through a ring (base/ring.h).
 *
 * Events that do not fit are refused, never waited for.  With each entry that is taken goes the room for its call's end: so no call
 * stays open in the trace that did end, only what it returned may be lost.
 *
 * The ring is in a file that outlives us: what the writer had not taken when we were killed is there for who inherits it (salvage.h).
 */
#ifndef RECORD_FEED_H
#define RECORD_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/probe/engine.h"

struct feed;

/** Why a call, or what it returned, is not in the trace.  Each call is lost once at most: whole, or its return. */
enum loss {
	LOSS_NO_ROOM,   /**< in the feed */
	LOSS_NO_MEMORY, /**< for open calls */
	LOSS_NO_SLOT,   /**< for the place a tail call returns to */
	LOSS_UNKNOWN,   /**< the trace does not know their class */
	LOSS_UNWRITTEN, /**< the disk did not take it */
	LOSS_COUNT,
};

/** The same for people, in messages and in the trace. */
const char *loss_reason(enum loss why);

enum feed_kind {
	FEED_ENTER,
	FEED_LEAVE,
	FEED_THREAD,
	FEED_CODE,
};

struct feed_record {
	enum feed_kind kind;
	int class; /**< ENTER, LEAVE: of entries of this probe, in the trace */
	uint64_t time_ns; /**< CLOCK_MONOTONIC of the stop it comes from */
	uint64_t refused; /**< calls and returns that had no room, before this one */
	bool return_lost; /**< LEAVE: it returned, but its payload had no room */
	union {
		struct call_event event; /**< ENTER, LEAVE */
		struct {
			pid_t tid;
			char comm[16];
		} thread;
		uint64_t code; /**< an address */
	};
};

/** `size` bytes of records, in the file `fd` of ring_file(). */
int feed_new(int fd, size_t size, struct feed **ret);
/** What is left of one whose threads are gone, for the writer's side; errors as ring_inherit() has them. */
int feed_inherit(int fd, struct feed **ret);
void feed_free(struct feed *feed);

/* The tracer thread.  False: no room. */

bool feed_enter(struct feed *feed, const struct call_event *event, int class);
/** The end of a call whose entry was taken; false: its payload is lost. */
bool feed_leave(struct feed *feed, const struct call_event *event, int class);
bool feed_thread(struct feed *feed, pid_t tid, const char *comm, uint64_t time_ns);
/** Addresses that were told lately are not told again. */
bool feed_code(struct feed *feed, uint64_t addr);

/* The writer thread */

/** The oldest record, with all it points at; NULL if there is none.  It stays until feed_pop(). */
const struct feed_record *feed_next(struct feed *feed);
void feed_pop(struct feed *feed);
/** Wait for records, feed_wake(), or a while: a short one if `busy`, which costs the tracer thread nothing. */
void feed_wait(struct feed *feed, bool busy);

/* Any thread, and who inherits the feed */

/** Count one more that is lost; and `n` that are told of in the trace. */
void feed_count_lost(struct feed *feed, enum loss why);
void feed_count_told(struct feed *feed, enum loss why, uint64_t n);
uint64_t feed_lost(const struct feed *feed, enum loss why);
/** Those that are lost and not told of. */
uint64_t feed_untold(const struct feed *feed, enum loss why);

/* Any thread */

/** Let feed_wait() return. */
void feed_wake(struct feed *feed);

#endif
