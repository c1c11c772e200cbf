#include "tracer/record/feed_write.h"

#include "tracer/record/feed.h"
#include "tracer/trace/writer.h"

static struct event_context context_of(const struct call_event *event)
{
	return (struct event_context){
		.time_ns = event->time_ns,
		.tid = event->tid,
		.call = event->id,
		.parent = event->parent,
		.depth = event->depth,
		.is_guess = event->is_guess,
	};
}

int feed_write_enter(struct trace_writer *trace, int class, const struct call_event *event, const uint64_t *frames,
		     size_t n_frames)
{
	struct event_context context = context_of(event);

	return trace_entry(trace, class, &context, event->payload, event->len, frames, n_frames, event->entry_time_ns);
}

static bool has_payload(const struct feed_record *record)
{
	return record->event.end == CALL_RETURNED && !record->return_lost;
}

int feed_write_leave(struct trace_writer *trace, int class, const struct feed_record *record)
{
	static const enum call_closed closed[] = {
		[CALL_RETURNED] = CLOSED_LOST,
		[CALL_UNWOUND] = CLOSED_UNWOUND,
		[CALL_OPEN] = CLOSED_OPEN,
		[CALL_EXITED] = CLOSED_EXITED,
		[CALL_UNSEEN] = CLOSED_LOST,
	};
	const struct call_event *event = &record->event;
	struct event_context context = context_of(event);

	if (has_payload(record))
		return trace_return(trace, class + 1, &context, event->return_site, event->payload, event->len);
	return trace_closed(trace, &context, closed[event->end]);
}

int feed_class(const struct feed_record *record)
{
	switch (record->kind) {
	case FEED_ENTER:
		return record->class;
	case FEED_LEAVE:
		return has_payload(record) ? record->class + 1 : CLASS_CLOSED;
	case FEED_CODE:
		return CLASS_FRAME;
	case FEED_THREAD:
	default:
		return CLASS_THREAD;
	}
}
