/*
 * What a killed virtrace leaves of a recording
 *
 *	in the trace's directory   all that the writer thread had written, valid as it is
 *	in the feed                what the tracer thread had put there, and the writer thread had not taken
 *
 * Every stop that was seen is in one of them before its thread went on.  Both threads are gone.  The writer thread takes a record
 * out when it has written it: so the first one that is left may be the newest event of the trace already; no other can be.
 *
 * Some things cannot be had any more: backtraces (a stack is unwound with the debug information that was loaded), names of code
 * addresses that were not known yet, and events of a function that the trace did not know yet, as it was just being added; these
 * count as lost.
 */
#include "tracer/record/salvage.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/clock.h"
#include "tracer/base/log.h"
#include "tracer/record/feed.h"
#include "tracer/record/feed_write.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/writer.h"

/* Of a call that the trace does not know, the entry says that it is lost. */
static int write_one(struct trace_writer *trace, struct feed *feed, const struct feed_record *record)
{
	if (!trace_knows(trace, feed_class(record))) {
		if (record->kind == FEED_ENTER)
			feed_count_lost(feed, LOSS_UNKNOWN);
		return 0;
	}
	switch (record->kind) {
	case FEED_ENTER:
		return feed_write_enter(trace, record->class, &record->event, NULL, 0);
	case FEED_LEAVE:
		return feed_write_leave(trace, record->class, record);
	case FEED_THREAD:
		return trace_thread(trace, record->time_ns, record->thread.tid, record->thread.comm);
	case FEED_CODE:
		break;
	}
	return 0;
}

static bool is_written(const struct feed_record *record, const struct event_name *last)
{
	bool of_a_call = record->kind == FEED_ENTER || record->kind == FEED_LEAVE;

	return of_a_call && last->call == record->event.id && last->class == feed_class(record);
}

static int write_all(struct trace_writer *trace, struct feed *feed, const struct event_name *last)
{
	const struct feed_record *record = feed_next(feed);
	uint64_t time_ns = 0;
	int r = 0;

	if (record && is_written(record, last))
		feed_pop(feed);
	while (r == 0 && (record = feed_next(feed))) {
		time_ns = record->time_ns;
		r = write_one(trace, feed, record);
		feed_pop(feed);
	}
	for (int i = 0; i < LOSS_COUNT; i++) {
		uint64_t n = feed_untold(feed, (enum loss)i);

		if (n)
			trace_lost(trace, time_ns, "", n, loss_reason((enum loss)i));
	}
	return r;
}

/* info.json of a recording that goes on; NULL if it has come to its end, or there is none. */
static struct json_object *open_info(int trace_dir)
{
	struct json_object *end;
	char *text = NULL;
	size_t len;
	int r = directory_get(trace_dir, INFO_FILE, INFO_MAX, &text, &len);
	struct json_object *info = r == 0 ? json_tokener_parse(text) : NULL;

	free(text);
	if (!json_object_is_type(info, json_type_object) || json_object_object_get_ex(info, "end_ns", &end)) {
		json_object_put(info);
		return NULL;
	}
	return info;
}

static void tell_end(struct trace_writer *trace, struct json_object *info)
{
	json_object_object_add(info, "end", json_object_new_string("virtrace was killed"));
	json_object_object_add(info, "end_ns", json_object_new_uint64(clock_ns(CLOCK_REALTIME)));
	trace_set_info(trace, json_object_to_json_string_ext(info, JSON_C_TO_STRING_PRETTY));
}

void salvage(const int files[2])
{
	struct trace_writer *trace;
	struct event_name last;
	struct feed *feed = NULL;

	log_keep(NULL); /* the buffer of messages is not here */
	struct json_object *info = open_info(files[SALVAGE_TRACE]);

	if (!info || trace_resume(files[SALVAGE_TRACE], &last, &trace) < 0) {
		json_object_put(info);
		return;
	}
	/* It may have been killed before there was a feed. */
	if (feed_inherit(files[SALVAGE_FEED], &feed) == 0)
		write_all(trace, feed, &last);
	tell_end(trace, info);
	trace_close(trace);
	feed_free(feed);
	json_object_put(info);
}
