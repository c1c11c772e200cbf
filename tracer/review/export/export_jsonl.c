/**
 * JSON Lines: one object per call; its values are as json_value.h says.
 *
 * Numbers have all their digits; programs that read them as doubles (jq 1.6 does) round those above
 * 2^53.
 */
#include <inttypes.h>

#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/json.h"
#include "tracer/review/export/json_value.h"
#include "tracer/trace/reader.h"

enum { INLINED_MAX = 64 };

static void put_place(struct json *json, uint64_t addr, const struct code_place *place)
{
	json_object(json);
	json_key(json, "pc");
	json_addr(json, addr);
	json_key(json, "function");
	json_string(json, place ? place->function : NULL);
	json_key(json, "module");
	json_string(json, place ? place->module : NULL);
	json_key(json, "source");
	json_string(json, place ? place->source : NULL);
	if (place && place->inlined) {
		json_key(json, "inlined");
		json_bool(json, true);
	}
	json_end(json);
}

static void put_backtrace(struct json *json, const struct call *call, const struct code_map *code)
{
	json_key(json, "backtrace");
	json_array(json);
	for (size_t i = 0; i < call->n_stack; i++) {
		const struct code_place *place = code_map_find(code, call->stack[i], 0);

		for (unsigned n = 0; n == 0 || (place && n < INLINED_MAX); n++) {
			put_place(json, call->stack[i], place);
			place = code_map_find(code, call->stack[i], n + 1);
		}
	}
	json_end(json);
}

static void put_facts(struct json *json, const struct export *export, const struct call *call)
{
	json_key(json, "id");
	json_uint(json, call->id);
	json_key(json, "parent");
	if (call->parent)
		json_uint(json, call->parent);
	else
		json_null(json);
	json_key(json, "depth");
	json_uint(json, call->depth);
	if (call->is_guess) {
		json_key(json, "caller_is_proved");
		json_bool(json, false);
	}
	json_key(json, "tid");
	json_int(json, call->tid);
	json_key(json, "thread");
	json_string(json, call->thread);
	json_key(json, "time_ns");
	json_uint(json, call->entered_ns + export->wall_offset_ns);
	json_key(json, "duration_ns");
	if (call->outcome != OUTCOME_OPEN)
		json_uint(json, call_duration(call));
	else
		json_null(json);
}

static int put_call(struct export *export, const struct call *call)
{
	struct json json = { .out = export->out };

	json_object(&json);
	put_facts(&json, export, call);
	json_key(&json, "function");
	json_string(&json, call->probe->function);
	json_key(&json, "module");
	json_string(&json, call->probe->module);
	json_key(&json, "source");
	json_string(&json, call->probe->source);
	json_key(&json, "status");
	json_string(&json, call_outcome_name(call->outcome));
	json_key(&json, "return_source");
	json_string(&json, call->return_source);
	json_captures(&json, "entry", call->entry);
	json_captures(&json, "return", call->ret);
	if (call->n_stack)
		put_backtrace(&json, call, export->code);
	json_end(&json);
	putc('\n', export->out);
	return 0;
}

const struct exporter export_jsonl = {
	.name = "jsonl",
	.summary = "JSON Lines: one object per call, with all its values",
	.needs_code = true,
	.call = put_call,
};
