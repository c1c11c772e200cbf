/**
 * Chrome's Trace Event Format ("JSON Object Format" of its specification), which ui.perfetto.dev,
 * speedscope and Trace Compass open.
 *
 *	X    a call: ts, dur, and in args its number, places and values
 *	B    a call that had not ended when the trace did
 *	C    a counter: what an expression was worth when a call ended
 *	M    names of the process and of threads
 *
 * Times are microseconds with three decimals since the first call: since 1970 they would lose their
 * last digits in a double.  otherData has what to add.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/review/calls.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/json.h"
#include "tracer/review/export/json_value.h"
#include "tracer/review/filter.h"
#include "tracer/review/text.h"
#include "tracer/review/trace_info.h"
#include "tracer/trace/reader.h"

/* A thread and the name that was written last. */
struct thread {
	pid_t tid;
	const char *name;
	UT_hash_handle hh;
};

struct chrome {
	struct json json;
	uint64_t pid;
	bool has_origin;
	uint64_t origin_ns; /* what times count from */
	const struct export_counter *counters;
	size_t n_counters;
	struct thread *threads;
	int error;
};

static void put_us(struct json *json, const char *key, uint64_t from_ns, uint64_t to_ns)
{
	bool is_before = to_ns < from_ns;
	uint64_t ns = is_before ? from_ns - to_ns : to_ns - from_ns;
	char text[32];

	snprintf(text, sizeof(text), "%s%" PRIu64 ".%03u", is_before ? "-" : "", ns / 1000,
		 (unsigned)(ns % 1000));
	json_key(json, key);
	json_number(json, text);
}

static void put_string(struct json *json, const char *key, const char *text)
{
	json_key(json, key);
	json_string(json, text);
}

static void put_uint(struct json *json, const char *key, uint64_t value)
{
	json_key(json, key);
	json_uint(json, value);
}

static void begin_event(struct chrome *chrome, const char *phase, const char *name, pid_t tid)
{
	json_object(&chrome->json);
	put_string(&chrome->json, "ph", phase);
	put_string(&chrome->json, "name", name);
	put_uint(&chrome->json, "pid", chrome->pid);
	json_key(&chrome->json, "tid");
	json_int(&chrome->json, tid);
}

static void end_event(struct chrome *chrome)
{
	json_end(&chrome->json);
	putc('\n', chrome->json.out);
}

/* "process_name" or "thread_name" */
static void put_name(struct chrome *chrome, const char *what, pid_t tid, const char *name)
{
	begin_event(chrome, "M", what, tid);
	json_key(&chrome->json, "args");
	json_object(&chrome->json);
	put_string(&chrome->json, "name", name);
	json_end(&chrome->json);
	end_event(chrome);
}

static int note_thread(struct chrome *chrome, const struct call *call)
{
	struct thread *thread;

	HASH_FIND(hh, chrome->threads, &call->tid, sizeof(call->tid), thread);
	if (!thread) {
		thread = calloc(1, sizeof(*thread));
		if (!thread)
			return -ENOMEM;
		thread->tid = call->tid;
		HASH_ADD(hh, chrome->threads, tid, sizeof(thread->tid), thread);
		if (!hash_added(thread)) {
			free(thread);
			return -ENOMEM;
		}
	}
	/* Names are kept by the calls, each once. */
	if (call->thread && call->thread != thread->name)
		put_name(chrome, "thread_name", call->tid, call->thread);
	thread->name = call->thread;
	return 0;
}

static void put_arguments(struct json *json, const struct call *call)
{
	json_key(json, "args");
	json_object(json);
	put_uint(json, "call", call->id);
	put_string(json, "status", call_outcome_name(call->outcome));
	put_string(json, "source", call->probe->source);
	put_string(json, "return_source", call->return_source);
	json_captures(json, "entry", call->entry);
	json_captures(json, "return", call->ret);
	json_end(json);
}

static void put_counter(struct chrome *chrome, const char *name, const struct call *call,
			const struct operand *value)
{
	struct json *json = &chrome->json;
	bool is_open = call->outcome == OUTCOME_OPEN;

	begin_event(chrome, "C", name, call->tid);
	put_us(json, "ts", chrome->origin_ns, is_open ? call->entered_ns : call->ended_ns);
	json_key(json, "args");
	json_object(json);
	json_key(json, "value");
	if (value->kind == OPERAND_INT) {
		char text[TEXT_INT128];

		/* A number, also if the reader will round it: strings are not drawn. */
		json_number(json, text_int128(text, (const uint8_t *)&value->number.bits, sizeof(value->number.bits), value->type.is_signed));
	} else {
		json_float(json, (double)value->number.real, sizeof(double));
	}
	json_end(json);
	end_event(chrome);
}

static void put_counters(struct chrome *chrome, const struct call *call)
{
	for (size_t i = 0; i < chrome->n_counters; i++) {
		const struct export_counter *counter = &chrome->counters[i];

		if (!filter_applies(counter->value, call))
			continue;
		const struct operand value = filter_value(counter->value, call);

		if (value.kind == OPERAND_INT ||
		    (value.kind == OPERAND_REAL && value.number.real - value.number.real == 0))
			put_counter(chrome, counter->source, call, &value);
	}
}

static bool put_call(void *ctx, const struct call *call)
{
	struct chrome *chrome = ctx;
	const char *slash = strrchr(call->probe->module, '/');
	bool is_open = call->outcome == OUTCOME_OPEN;

	if (!chrome->error)
		chrome->error = note_thread(chrome, call);
	if (chrome->error)
		return false;
	if (!chrome->has_origin) {
		chrome->has_origin = true;
		chrome->origin_ns = call->entered_ns;
	}
	begin_event(chrome, is_open ? "B" : "X", call->probe->function, call->tid);
	put_string(&chrome->json, "cat", slash ? slash + 1 : call->probe->module);
	put_us(&chrome->json, "ts", chrome->origin_ns, call->entered_ns);
	if (!is_open)
		put_us(&chrome->json, "dur", 0, call_duration(call));
	put_arguments(&chrome->json, call);
	end_event(chrome);
	put_counters(chrome, call);
	return true;
}

static int chrome_tree(struct export *export, const struct call *root)
{
	struct chrome *chrome = export->state;

	call_walk(root, &(struct call_visitor){ put_call, NULL }, chrome);
	return chrome->error ? err_set(chrome->error, "out of memory for threads") : 0;
}

static int chrome_begin(struct export *export)
{
	struct chrome *chrome = calloc(1, sizeof(*chrome));
	struct json_object *target = trace_info_object(export->info, "target");
	const char *comm = trace_info_string(target, "comm");

	if (!chrome)
		return err_set(-ENOMEM, "out of memory");
	export->state = chrome;
	chrome->json.out = export->out;
	chrome->json.for_doubles = true;
	chrome->counters = export->counters;
	chrome->n_counters = export->n_counters;
	chrome->pid = trace_info_uint(target, "pid");
	json_object(&chrome->json);
	json_key(&chrome->json, "traceEvents");
	json_array(&chrome->json);
	put_name(chrome, "process_name", (pid_t)chrome->pid, comm ? comm : export->title);
	return 0;
}

static int chrome_end(struct export *export)
{
	struct chrome *chrome = export->state;
	struct json *json = &chrome->json;
	struct thread *thread, *next;

	json_end(json);
	put_string(json, "displayTimeUnit", "ns");
	json_key(json, "otherData");
	json_object(json);
	put_string(json, "version", "virtrace " VERSION);
	put_string(json, "trace", export->title);
	json_key(json, "ts_zero_ns");
	json_printf(json, "%" PRIu64, chrome->origin_ns + export->wall_offset_ns);
	json_end(json);
	json_end(json);
	putc('\n', export->out);
	HASH_ITER(hh, chrome->threads, thread, next) {
		HASH_DEL(chrome->threads, thread);
		free(thread);
	}
	free(chrome);
	return 0;
}

const struct exporter export_chrome = {
	.name = "chrome",
	.summary = "a time line with all values, for ui.perfetto.dev and speedscope",
	.has_counters = true,
	.begin = chrome_begin,
	.tree = chrome_tree,
	.end = chrome_end,
};
