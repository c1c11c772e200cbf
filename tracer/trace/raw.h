/**
 * Events as the bytes they are in a packet, without libbabeltrace2: where each ends, whether it can be
 * one, and a copy of it with values hidden.
 */
#ifndef TRACE_RAW_H
#define TRACE_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw;
struct schema_json_doc;

/** Which values a copy shall not have. */
struct raw_hide {
	bool strings; /**< all text: strings, char arrays, names of threads */
	/** Whether all that was captured under this name is hidden; may be NULL. */
	bool (*capture)(void *ctx, const char *name);
	void *ctx;
};

/** What raw_event() makes: one buffer for all events of a packet. */
struct raw_copy {
	uint8_t *bytes; /**< for free() */
	size_t len, cap;
	uint64_t hidden; /**< values that are not there any more */
};

/**
 * For the events of this trace; `doc` must live longer.  `hide` may be NULL.  0, or a negative errno
 * with a message.
 */
int raw_new(const struct schema_json_doc *doc, const struct raw_hide *hide, struct raw **ret);
void raw_free(struct raw *raw);

/** Captures that raw_hide.capture said yes to. */
size_t raw_n_hidden_captures(const struct raw *raw);

/**
 * Look at the event that starts at `bytes`, of which there are `len`, and append it to `copy` without
 * what is hidden.  `*time_ns` is the time of the event before it, and then its own.  Returns how
 * many bytes it has; 0 if there is no event; -ENOMEM.
 */
long raw_event(struct raw *raw, const uint8_t *bytes, size_t len, uint64_t *time_ns,
	       struct raw_copy *copy);

/** 0 or -ENOMEM. */
int raw_append(struct raw_copy *copy, const void *data, size_t len);

/** Append an event that tells of events that are not there: class LOST.  0 or -ENOMEM. */
int raw_lost(uint64_t time_ns, uint64_t count, const char *reason, struct raw_copy *copy);

#endif
