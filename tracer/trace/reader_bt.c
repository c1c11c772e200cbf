#include "tracer/trace/reader_bt.h"

#include "tracer/base/err.h"
#include "tracer/base/sanitizer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/**
 * A graph of two components: babeltrace2's source.ctf.fs and a sink of ours that only keeps the
 * messages it is given.  So each bt_graph_run_once() brings one batch, and events can be pulled
 * instead of being pushed.  A muxer is not needed for one stream.
 */

#ifdef __SANITIZE_ADDRESS__
/* babeltrace2 2.0 forgets the message it was making when it finds that a stream is damaged. */
const char *__lsan_default_suppressions(void);
__attribute__((weak)) const char *__lsan_default_suppressions(void)
{
	return "leak:libglib-2.0\n";
}
#endif

struct ctf {
	bt_graph *graph;
	bool has_stream;
	bt_message_array_const batch;
	uint64_t n, next; /**< of `batch`; before `next` all are put */
	const bt_message *current;
	bool ended;
	const bt_error *error; /**< what comes after the batch */
};

/**
 * Set the message of the deepest cause, the only one that says what is wrong with the trace.
 * Releases the error.
 */
static int fail_with(const bt_error *error, const char *what)
{
	const char *text = "unknown error";

	if (error && bt_error_get_cause_count(error))
		text = bt_error_cause_get_message(bt_error_borrow_cause_by_index(error, 0));
	int r = err_set(-EBADMSG, "%s: %s", what, text);

	if (error)
		bt_error_release(error);
	return r;
}

static int fail(const char *what)
{
	return fail_with(bt_current_thread_take_error(), what);
}

static bt_graph_simple_sink_component_consume_func_status consume(bt_message_iterator *iterator,
								  void *data)
{
	struct ctf *ctf = data;

	ctf->next = 0;
	switch (bt_message_iterator_next(iterator, &ctf->batch, &ctf->n)) {
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_OK:
		return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK;
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_END:
		ctf->n = 0;
		return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_END;
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_AGAIN:
		ctf->n = 0;
		return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_AGAIN;
	default:
		ctf->n = 0;
		return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_ERROR;
	}
}

static const bt_value *source_params(const char *dir)
{
	bt_value *params = bt_value_map_create();
	bt_value *inputs = NULL;

	if (params &&
	    bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) ==
		    BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK &&
	    bt_value_array_append_string_element(inputs, dir) ==
		    BT_VALUE_ARRAY_APPEND_ELEMENT_STATUS_OK)
		return params;
	bt_value_put_ref(params);
	return NULL;
}

/** Add source.ctf.fs for `dir` to the graph. */
static int add_source(struct ctf *ctf, const char *dir, const bt_component_source **ret)
{
	const bt_plugin *plugin = NULL;
	const bt_value *params = source_params(dir);
	int r = 0;

	if (bt_plugin_find("ctf", BT_FALSE, BT_FALSE, BT_TRUE, BT_FALSE, BT_FALSE, &plugin) !=
	    BT_PLUGIN_FIND_STATUS_OK) {
		bt_value_put_ref(params);
		bt_current_thread_clear_error();
		return err_set(
			-ENOENT,
			"babeltrace2's plugin for CTF is not installed (Debian: libbabeltrace2-0)");
	}
	const bt_component_class_source *class =
		bt_plugin_borrow_source_component_class_by_name_const(plugin, "fs");

	if (!params || !class ||
	    bt_graph_add_source_component(ctf->graph, class, "trace", params, BT_LOGGING_LEVEL_NONE,
					  ret) != BT_GRAPH_ADD_COMPONENT_STATUS_OK)
		r = fail("cannot read the trace");
	bt_plugin_put_ref(plugin);
	bt_value_put_ref(params);
	return r;
}

static int connect_sink(struct ctf *ctf, const bt_component_source *source)
{
	const bt_component_sink *sink;

	if (bt_graph_add_simple_sink_component(ctf->graph, "events", NULL, consume, NULL, ctf,
					       &sink) != BT_GRAPH_ADD_COMPONENT_STATUS_OK)
		return fail("cannot read the trace");
	const bt_port_output *from =
		bt_component_source_borrow_output_port_by_index_const(source, 0);
	const bt_port_input *to = bt_component_sink_borrow_input_port_by_index_const(sink, 0);

	if (bt_graph_connect_ports(ctf->graph, from, to, NULL) != BT_GRAPH_CONNECT_PORTS_STATUS_OK)
		return fail("cannot read the trace");
	return 0;
}

int ctf_open(const char *dir, struct ctf **ret)
{
	const bt_component_source *source;
	struct ctf *ctf = calloc(1, sizeof(*ctf));

	if (!ctf)
		return err_set(-ENOMEM, "no memory");
	bt_logging_set_global_level(BT_LOGGING_LEVEL_NONE);
	ctf->graph = bt_graph_create(0);
	int r = ctf->graph ? add_source(ctf, dir, &source) : fail("cannot read the trace");
	uint64_t n_streams = r < 0 ? 0 : bt_component_source_get_output_port_count(source);

	if (n_streams > 1)
		r = err_set(-EBADMSG, "the trace has more than one stream");
	else if (n_streams == 1)
		r = connect_sink(ctf, source);
	ctf->has_stream = n_streams == 1;
	if (r < 0) {
		ctf_close(ctf);
		return r;
	}
	*ret = ctf;
	return 0;
}

/** Forget the message that was given out last. */
static void put_current(struct ctf *ctf)
{
	bt_message_put_ref(ctf->current);
	ctf->current = NULL;
}

/** The error that is kept, which it is no more. */
static int fail_kept(struct ctf *ctf)
{
	const bt_error *error = ctf->error;

	ctf->error = NULL;
	return fail_with(error, "the trace is damaged");
}

static int next_batch(struct ctf *ctf)
{
	if (ctf->error)
		return fail_kept(ctf);
	bt_graph_run_once_status status = bt_graph_run_once(ctf->graph);

	/*
	 * Whatever the status: there may be an error behind some good messages, which come first,
	 * and of a packet that ends within an event babeltrace2 2.0 says END and leaves an error.
	 * One that is left makes the next call of the library abort.
	 */
	ctf->error = bt_current_thread_take_error();
	switch (status) {
	case BT_GRAPH_RUN_ONCE_STATUS_OK:
	case BT_GRAPH_RUN_ONCE_STATUS_AGAIN:
		return 0;
	case BT_GRAPH_RUN_ONCE_STATUS_END:
		ctf->ended = !ctf->error;
		return ctf->error ? fail_kept(ctf) : 0;
	default:
		return fail_kept(ctf);
	}
}

/** Whether there is something to say of the current message. */
static bool item_from(const bt_message *message, struct ctf_item *ret)
{
	*ret = (struct ctf_item){ 0 };
	switch (bt_message_get_type(message)) {
	case BT_MESSAGE_TYPE_EVENT:
		ret->kind = CTF_EVENT;
		ret->event = bt_message_event_borrow_event_const(message);
		ret->time = bt_clock_snapshot_get_value(
			bt_message_event_borrow_default_clock_snapshot_const(message));
		return true;
	case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
		ret->kind = CTF_DISCARDED;
		return bt_message_discarded_events_get_count(message, &ret->count) ==
		       BT_PROPERTY_AVAILABILITY_AVAILABLE;
	case BT_MESSAGE_TYPE_PACKET_END:
		ret->kind = CTF_PACKET_END;
		return true;
	default:
		return false;
	}
}

int ctf_next(struct ctf *ctf, struct ctf_item *ret)
{
	put_current(ctf);
	while (ctf->has_stream && !ctf->ended) {
		if (ctf->next == ctf->n) {
			int r = next_batch(ctf);

			if (r < 0)
				return r;
			continue;
		}
		ctf->current = ctf->batch[ctf->next++];
		if (item_from(ctf->current, ret))
			return 0;
		put_current(ctf);
	}
	*ret = (struct ctf_item){ .kind = CTF_END };
	return 0;
}

void ctf_close(struct ctf *ctf)
{
	if (!ctf)
		return;
	put_current(ctf);
	while (ctf->next < ctf->n)
		bt_message_put_ref(ctf->batch[ctf->next++]);
	if (ctf->error)
		bt_error_release(ctf->error);
	bt_graph_put_ref(ctf->graph);
	bt_current_thread_clear_error();
	free(ctf);
}
