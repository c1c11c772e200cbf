/**
 * From a record of the feed to an event of the trace.
 */
#ifndef RECORD_FEED_WRITE_H
#define RECORD_FEED_WRITE_H

#include <stddef.h>
#include <stdint.h>

struct call_event;
struct feed_record;
struct trace_writer;

/* `class`: of the probe's entries.  0 or a negative errno, as trace/writer.h has them. */

/** `frames`: its backtrace, from the inside out. */
int feed_write_enter(struct trace_writer *trace, int class, const struct call_event *event, const uint64_t *frames,
		     size_t n_frames);
int feed_write_leave(struct trace_writer *trace, int class, const struct feed_record *record);
/** The class of the event that becomes of it. */
int feed_class(const struct feed_record *record);

#endif
