#include "tracer/review/export/html_data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export/json.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/review/print_c.h"
#include "tracer/review/stats.h"
#include "tracer/review/text.h"
#include "tracer/review/value_copy.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

enum { GDB_REPEATS = 10, INLINED_MAX = 64 };

/* Something that has a line of its own, and the index that the line has among its kind. */
struct known {
	const void *key; /* a schema, a probe; or a number as a pointer: a code address, a message's call */
	uint32_t index;
	UT_hash_handle hh;
};

struct known_set {
	struct known *items;
	uint32_t n;
};

struct html_data {
	FILE *out;
	const struct code_map *code;
	uint64_t wall_offset_ns, base_ns;
	bool has_base;
	struct known_set types, probes, places, exchanges;
	const struct call *call;          /* that is written now */
	const struct value_node *message; /* the capture of this call that is told as QMP; NULL: none is */
	struct print_options print;
	FILE *text_out; /* the text of one value */
	char *text;
	size_t text_len;
};

static const char *const kinds[] = {
	[SCHEMA_INT] = "int",		[SCHEMA_BOOL] = "bool",	    [SCHEMA_CHAR] = "char",
	[SCHEMA_FLOAT] = "float",	[SCHEMA_ENUM] = "enum",	    [SCHEMA_PTR] = "pointer",
	[SCHEMA_FUNC] = "function",	[SCHEMA_STRING] = "string", [SCHEMA_TEXT] = "text",
	[SCHEMA_STRUCT] = "struct",	[SCHEMA_UNION] = "union",   [SCHEMA_ARRAY] = "array",
	[SCHEMA_SEQUENCE] = "sequence", [SCHEMA_BYTES] = "bytes",   [SCHEMA_CAPTURE] = "capture",
};

static const struct known *find_known(const struct known_set *set, const void *key)
{
	struct known *known;

	HASH_FIND_PTR(set->items, &key, known);
	return known;
}

static const void *number_key(uint64_t number)
{
	return (const void *)(uintptr_t)number;
}

/* Give it the next index; NULL without memory. */
static const struct known *add_known(struct known_set *set, const void *key)
{
	struct known *known = calloc(1, sizeof(*known));

	if (!known)
		return NULL;
	known->key = key;
	known->index = set->n;
	HASH_ADD_PTR(set->items, key, known);
	if (!hash_added(known)) {
		free(known);
		return NULL;
	}
	set->n++;
	return known;
}

static void free_known(struct known_set *set)
{
	struct known *known, *next;

	HASH_ITER(hh, set->items, known, next) {
		HASH_DEL(set->items, known);
		free(known);
	}
}

struct html_data *html_data_new(FILE *out, const struct code_map *code, uint64_t wall_offset_ns)
{
	struct html_data *data = calloc(1, sizeof(*data));

	if (!data)
		return NULL;
	data->out = out;
	data->code = code;
	data->wall_offset_ns = wall_offset_ns;
	data->print = (struct print_options){ .repeats = GDB_REPEATS, .utf8 = true, .code = code };
	data->text_out = open_memstream(&data->text, &data->text_len);
	if (!data->text_out) {
		free(data);
		return NULL;
	}
	return data;
}

void html_data_free(struct html_data *data)
{
	if (!data)
		return;
	free_known(&data->types);
	free_known(&data->probes);
	free_known(&data->places);
	free_known(&data->exchanges);
	fclose(data->text_out);
	free(data->text);
	free(data);
}

uint64_t html_data_size(const struct html_data *data)
{
	off_t size = ftello(data->out);

	return size < 0 ? 0 : (uint64_t)size;
}

/* The writer of a line. */
static struct json line_of(struct html_data *data)
{
	return (struct json){ .out = data->out, .for_doubles = true };
}

static void end_line(struct html_data *data)
{
	putc('\n', data->out);
}

/* Types */

static size_t count_parts(const struct schema *schema)
{
	return schema->kind == SCHEMA_STRUCT || schema->kind == SCHEMA_UNION ? schema->n_members
	       : schema->target						     ? 1
									     : 0;
}

static const struct schema *part_of(const struct schema *schema, size_t i)
{
	return schema->target ? schema->target : schema->members[i];
}

static void put_type(struct html_data *data, const struct schema *schema, bool has_parts)
{
	struct json json = line_of(data);

	json_object(&json);
	json_key(&json, "type");
	json_array(&json);
	json_string(&json, schema->is_json ? "json" : kinds[schema->kind]);
	json_string(&json, schema->name);
	json_string(&json, schema->view ? schema->view : schema->ctype);
	json_array(&json);
	for (size_t i = 0; has_parts && i < count_parts(schema); i++)
		json_uint(&json, find_known(&data->types, part_of(schema, i))->index);
	json_end(&json);
	json_uint(&json, schema->count);
	json_end(&json);
	json_end(&json);
	end_line(data);
}

/*
 * The types of its parts come before a type.  Deeper than values are shown nothing is defined: the
 * depth is the trace's choice.
 */
static int define_type(struct html_data *data, const struct schema *schema, unsigned level)
{
	bool has_parts = level < VALUE_NESTING_MAX;

	if (find_known(&data->types, schema))
		return 0;
	for (size_t i = 0; has_parts && i < count_parts(schema); i++) {
		int r = define_type(data, part_of(schema, i), level + 1);

		if (r < 0)
			return r;
	}
	put_type(data, schema, has_parts);
	return add_known(&data->types, schema) ? 0 : -ENOMEM;
}

static uint32_t type_index(const struct html_data *data, const struct schema *schema)
{
	return find_known(&data->types, schema)->index;
}

static int define_probe(struct html_data *data, const struct trace_probe *probe)
{
	struct json json = line_of(data);
	int r;

	if (find_known(&data->probes, probe))
		return 0;
	r = define_type(data, probe->entry, 0);
	if (r == 0)
		r = define_type(data, probe->ret, 0);
	if (r < 0 || !add_known(&data->probes, probe))
		return -ENOMEM;
	json_object(&json);
	json_key(&json, "probe");
	json_object(&json);
	json_key(&json, "function");
	json_string(&json, probe->function);
	json_key(&json, "module");
	json_string(&json, probe->module);
	json_key(&json, "source");
	json_string(&json, probe->source);
	json_key(&json, "prototype");
	json_string(&json, probe->prototype);
	json_key(&json, "entry");
	json_uint(&json, type_index(data, probe->entry));
	json_key(&json, "return");
	json_uint(&json, type_index(data, probe->ret));
	json_end(&json);
	json_end(&json);
	end_line(data);
	return 0;
}

/* Code addresses */


static int define_place(struct html_data *data, uint64_t addr)
{
	struct json json = line_of(data);
	const struct code_place *place;

	if (find_known(&data->places, number_key(addr)))
		return 0;
	if (!add_known(&data->places, number_key(addr)))
		return -ENOMEM;
	json_object(&json);
	json_key(&json, "place");
	json_array(&json);
	json_addr(&json, addr);
	json_array(&json);
	for (unsigned i = 0; i < INLINED_MAX && (place = code_map_find(data->code, addr, i)); i++) {
		json_array(&json);
		json_string(&json, place->function);
		json_string(&json, place->module);
		json_string(&json, place->source);
		json_bool(&json, place->inlined);
		json_end(&json);
	}
	json_end(&json);
	json_end(&json);
	json_end(&json);
	end_line(data);
	return 0;
}

/* QMP */

/* An exchange is known by the call that sent the request; one without by that of the reply. */
static const void *exchange_key(const struct qmp_exchange *qmp)
{
	return qmp->request.text ? number_key(qmp->request.call << 1) : number_key(qmp->reply.call << 1 | 1);
}

static void put_message(struct html_data *data, struct json *json, const struct qmp_message *message)
{
	if (!message->text) {
		json_null(json);
		return;
	}
	json_array(json);
	json_uint(json, message->call);
	json_int(json, (int64_t)(message->time_ns - data->base_ns));
	json_int(json, message->tid);
	json_string_len(json, (const uint8_t *)message->text, message->len);
	json_bool(json, message->is_cut);
	json_end(json);
}

static int define_exchange(struct html_data *data, const struct qmp_exchange *qmp)
{
	struct json json = line_of(data);

	if (find_known(&data->exchanges, exchange_key(qmp)))
		return 0;
	if (!add_known(&data->exchanges, exchange_key(qmp)))
		return -ENOMEM;
	json_object(&json);
	json_key(&json, "qmp");
	json_array(&json);
	json_string(&json, qmp->name);
	json_string(&json, qmp->id);
	json_string(&json, qmp->is_event ? "event" : qmp->is_error ? "error" : "");
	put_message(data, &json, &qmp->request);
	put_message(data, &json, &qmp->reply);
	json_end(&json);
	json_end(&json);
	end_line(data);
	return 0;
}

/* The capture that holds the message of the call, and nothing else than its line end. */
static const struct value_node *message_of(const struct call *call)
{
	const struct value_node *value = call->qmp ? qmp_text(call) : NULL;
	bool is_sender = value && qmp_is_sender(call->qmp, call);
	size_t len = value ? (is_sender ? &call->qmp->request : &call->qmp->reply)->len : 0;

	return value && len <= value->len && value->len - len <= strlen("\r\n") ? value : NULL;
}

/* "QMP query-block", "QMP reply to query-block", "QMP event STOP": not as any text of C looks like. */
static void print_message(FILE *out, const struct call *call)
{
	const struct qmp_exchange *qmp = call->qmp;
	bool is_reply = !qmp->is_event && !qmp_is_sender(qmp, call);

	fputs(qmp->is_event ? "QMP event " : is_reply ? qmp->name[0] ? "QMP reply to " : "QMP reply" : "QMP ", out);
	text_print(out, qmp->name, true);
}

/* Values */

/* A string is whole, so that the page can read it; in other texts runs are shortened. */
static void put_text(struct html_data *data, struct json *json, const struct value_node *v)
{
	data->print.repeats = v->schema->kind == SCHEMA_STRING ? 0 : GDB_REPEATS;
	rewind(data->text_out);
	if (v == data->message)
		print_message(data->text_out, data->call);
	else
		print_c(data->text_out, v, &data->print);
	if (fflush(data->text_out) == 0)
		json_string_len(json, (const uint8_t *)data->text, data->text_len);
	else
		json_string(json, "<no memory to print it>");
}

static bool is_aggregate(const struct value_node *v)
{
	switch (v->schema->kind) {
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		return !v->schema->is_complex;
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		return true;
	default:
		return false;
	}
}

static void put_value(struct html_data *data, struct json *json, const struct value_node *v,
		      unsigned level);

static void put_aggregate(struct html_data *data, struct json *json, const struct value_node *v,
			  unsigned level)
{
	uint64_t left = v->schema->count > v->n && v->schema->kind == SCHEMA_ARRAY
				? v->schema->count - v->n
				: 0;

	json_array(json);
	for (size_t i = 0; i < v->n; i++)
		put_value(data, json, &v->items[i], level + 1);
	if (left || v->schema->is_cut || v->status == STATUS_CUT)
		json_uint(json, left);
	json_end(json);
}

static void put_value(struct html_data *data, struct json *json, const struct value_node *v,
		      unsigned level)
{
	bool is_followed = v->schema->kind == SCHEMA_PTR && v->n;

	if (!is_aggregate(v) && !is_followed) {
		put_text(data, json, v);
	} else if (level >= VALUE_NESTING_MAX) {
		json_string(json, "{...}");
	} else if (is_followed) {
		json_array(json);
		json_addr(json, v->addr);
		put_value(data, json, v->items, level + 1);
		json_end(json);
	} else {
		put_aggregate(data, json, v, level);
	}
}

static void put_captures(struct html_data *data, struct json *json, const struct value_node *values)
{
	if (values)
		put_value(data, json, values, 0);
	else
		json_null(json);
}

/* Calls */

static void put_base(struct html_data *data, const struct call *call)
{
	struct json json = line_of(data);

	data->has_base = true;
	data->base_ns = call->entered_ns;
	json_object(&json);
	json_key(&json, "base_ns");
	json_printf(&json, "%" PRIu64, data->base_ns + data->wall_offset_ns);
	json_end(&json);
	end_line(data);
}

static int define_needed(struct html_data *data, const struct call *call)
{
	int r = define_probe(data, call->probe);

	for (size_t i = 0; r == 0 && i < call->n_stack; i++)
		r = define_place(data, call->stack[i]);
	if (r == 0 && !data->has_base)
		put_base(data, call);
	if (r == 0 && call->qmp)
		r = define_exchange(data, call->qmp);
	return r == 0 ? 0 : err_set(r, "out of memory");
}

static void put_stack(struct html_data *data, struct json *json, const struct call *call)
{
	json_array(json);
	for (size_t i = 0; i < call->n_stack; i++)
		json_uint(json, find_known(&data->places, number_key(call->stack[i]))->index);
	json_end(json);
}

int html_data_call(struct html_data *data, const struct call *call, unsigned level)
{
	struct json json = line_of(data);
	int r = define_needed(data, call);

	if (r < 0)
		return r;
	data->call = call;
	data->message = message_of(call);
	json_array(&json);
	json_uint(&json, call->id);
	json_uint(&json, level);
	json_int(&json, call->tid);
	json_string(&json, call->thread);
	json_uint(&json, find_known(&data->probes, call->probe)->index);
	json_int(&json, (int64_t)(call->entered_ns - data->base_ns));
	if (call->outcome == OUTCOME_OPEN)
		json_null(&json);
	else
		json_uint(&json, call_duration(call));
	json_string(&json, call_outcome_name(call->outcome));
	json_string(&json, call->return_source);
	json_bool(&json, call_failed(call));
	put_captures(data, &json, call->entry);
	put_captures(data, &json, call->ret);
	put_stack(data, &json, call);
	if (call->qmp)
		json_uint(&json, find_known(&data->exchanges, exchange_key(call->qmp))->index);
	else
		json_null(&json);
	if (call->is_part && call->up)
		json_uint(&json, call->up->id);
	json_end(&json);
	end_line(data);
	return 0;
}
