/*
 * Calls with QMP messages, from a table of events.
 */
#ifndef TESTS_REVIEW_QMP_SCRIPT_H
#define TESTS_REVIEW_QMP_SCRIPT_H

#include "tests/unit/review/nodes.h"
#include "tracer/review/calls.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/writer.h"

/* One event: 'E' an entry, 'R' a return. */
struct scripted {
	char what;
	unsigned id, parent, depth;
	pid_t tid;
	uint64_t time;
	uint64_t mon; /* 0: not captured */
	const char *text;
	bool is_cut;
	const struct value_node *values; /* instead of the two above */
	const struct trace_probe *probe;
};

struct qmp_script {
	const struct scripted *events;
	size_t n, at;
};

static const struct trace_probe scripted_probe = { .function = "f", .module = "m" };

static inline const struct value_node *scripted_values(const struct scripted *event)
{
	const struct {
		uint64_t mon;
		const char *text;
	} memory = { event->mon, event->text };
	const struct schema *text = member("text", 8, plain_schema(SCHEMA_STRING, 8));
	const struct schema *mon = member("mon", 0, plain_schema(SCHEMA_PTR, 8));
	const struct schema *both = event->mon ? STRUCT(16, mon, text) : STRUCT(16, text);

	if (!event->text)
		return node_of(STRUCT(0, NULL), "");
	string_limit = 1 << 20;
	struct value_node *values = node_of(both, &memory);

	if (event->is_cut)
		((struct value_node *)values->items)[values->n - 1].status = STATUS_CUT;
	return values;
}

static inline int next_scripted(void *ctx, struct trace_event *ret)
{
	struct qmp_script *script = ctx;

	if (script->at == script->n)
		return 0;
	const struct scripted *event = &script->events[script->at++];

	*ret = (struct trace_event){
		.kind = event->what == 'E' ? TRACE_ENTRY : TRACE_RETURN,
		.call = event->id,
		.parent = event->parent,
		.depth = event->depth,
		.tid = event->tid,
		.time_ns = event->time,
		.probe = event->probe ? event->probe : &scripted_probe,
		.values = event->values ? event->values : scripted_values(event),
	};
	return 1;
}

#endif
