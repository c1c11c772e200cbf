/**
 * A copy of a trace, made event by event from its bytes: what cannot be an event stays behind, and
 * so does what shall be hidden.
 */
#ifndef TRACE_REWRITE_H
#define TRACE_REWRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_hide;

struct rewrite_options {
	const struct raw_hide *hide; /**< NULL: nothing */
	/**
	 * The trace may be torn by a power loss: metadata is made anew, events are looked for also
	 * behind the end that a packet's header gives.
	 */
	bool mends;
	/** The text of the copy's info.json made of the old one; NULL: the same. free()s the result. */
	char *(*info)(void *ctx, const char *text);
	void *ctx;
};

struct rewrite_report {
	uint64_t packets, events;    /**< that the copy has */
	uint64_t lost_packets;       /**< files that are no packets */
	uint64_t lost_bytes;         /**< of packets, where an event was expected */
	uint64_t found_events;       /**< behind the end that the header gave */
	uint64_t never_recorded;     /**< calls, and returns of calls, that the trace itself counts as lost */
	uint64_t hidden;             /**< values */
	size_t hidden_captures;      /**< expressions of probes */
	bool has_no_info, has_no_metadata; /**< missing or damaged, made anew */
};

/**
 * Make directory `to`, which must not be there, a copy of the trace `from`.  On failure nothing is
 * left of it.  -EBADMSG if `from` is no trace, or has lost its schema.json.
 */
int rewrite_trace(const char *from, const char *to, const struct rewrite_options *options,
		  struct rewrite_report *ret);

#endif
