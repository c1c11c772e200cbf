/**
 * JSON Lines: one object per call
 *
 *	int, char        number, all digits        pointer        "0x…"
 *	bool             true, false               char pointer   text
 *	enum             its name, "A|B"; a number without one
 *	float            number, or "inf", "-inf", "nan"
 *	struct, union    object; members of anonymous ones stand with those of the outer one
 *	array            array
 *
 *	{"unavailable":"null"}                      or "unreadable", "optimized out"
 *	{"value":…,"truncated":true}                there was more than the limits let in
 *	{"bytes":"c3ff…"}                           text that is not UTF-8, values of unknown kinds
 *	{"pointer":"0x…","value":…}                 a pointer that was followed
 *
 * Numbers have all their digits; programs that read them as doubles (jq 1.6 does) round those above
 * 2^53. Integers of 128 bits that need more than 64 are strings.
 */
#include <inttypes.h>
#include <string.h>

#include "tracer/base/utf8.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export.h"
#include "tracer/review/json.h"
#include "tracer/review/print_c.h"
#include "tracer/review/text.h"
#include "tracer/review/value_copy.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

enum { INLINED_MAX = 64, X87_SIZE = 10, FLAGS_TEXT_MAX = 4096 };

_Static_assert(JSON_DEPTH_MAX > 4 * VALUE_NESTING_MAX,
	       "a nested value may open an object, an array and wrappers");

static void put_value(struct json *json, const struct value_node *v, unsigned level);

static void put_unavailable(struct json *json, const char *why)
{
	json_object(json);
	json_key(json, "unavailable");
	json_string(json, why);
	json_end(json);
}

static bool put_missing(struct json *json, enum status status)
{
	switch (status) {
	case STATUS_NULL:
		put_unavailable(json, "null");
		return true;
	case STATUS_UNREADABLE:
		put_unavailable(json, "unreadable");
		return true;
	case STATUS_OPTIMIZED_OUT:
		put_unavailable(json, "optimized out");
		return true;
	default:
		return false;
	}
}

static void put_addr(struct json *json, uint64_t addr)
{
	json_printf(json, "0x%" PRIx64, addr);
}

static void begin_cut(struct json *json, bool cut)
{
	if (!cut)
		return;
	json_object(json);
	json_key(json, "value");
}

static void end_cut(struct json *json, bool cut)
{
	if (!cut)
		return;
	json_key(json, "truncated");
	json_bool(json, true);
	json_end(json);
}

static void put_int(struct json *json, const struct value_node *v)
{
	if (v->schema->is_signed)
		json_int(json, (int64_t)v->u);
	else
		json_uint(json, v->u);
}

/* Flags as "A|B", if names cover all bits. */
static bool put_flags(struct json *json, const struct value_node *v)
{
	char text[FLAGS_TEXT_MAX] = "";
	uint64_t rest = v->u;
	size_t len = 0;

	for (uint32_t i = 0; i < v->schema->n_enumerators; i++) {
		const struct schema_enumerator *e = &v->schema->enumerators[i];

		if (!(rest & (uint64_t)e->value))
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "|" : "",
					e->name);
		if (len >= sizeof(text))
			return false;
		rest &= ~(uint64_t)e->value;
	}
	if (rest || !len)
		return false;
	json_string(json, text);
	return true;
}

static void put_enum(struct json *json, const struct value_node *v)
{
	const char *label = value_enumerator(v);

	if (label)
		json_string(json, label);
	else if (!v->schema->is_flags || !put_flags(json, v))
		put_int(json, v);
}

static bool is_utf8(const uint8_t *bytes, size_t len)
{
	uint32_t ch;

	while (len) {
		size_t n = utf8_decode(bytes, len, &ch);

		if (!n || !ch)
			return false;
		bytes += n;
		len -= n;
	}
	return true;
}

static void put_raw(struct json *json, const struct value_node *v, bool cut)
{
	json_object(json);
	json_key(json, "bytes");
	json_hex(json, v->bytes, v->len);
	if (cut) {
		json_key(json, "truncated");
		json_bool(json, true);
	}
	json_end(json);
}

static void put_text(struct json *json, const struct value_node *v)
{
	bool cut = v->status == STATUS_CUT || v->status == STATUS_BYTES_CUT;

	if (put_missing(json, v->status))
		return;
	if (!is_utf8(v->bytes, v->len)) {
		put_raw(json, v, cut);
		return;
	}
	begin_cut(json, cut);
	json_string_len(json, v->bytes, v->len);
	end_cut(json, cut);
}

static void put_long_double(struct json *json, const uint8_t *bytes)
{
	long double value = 0;
	char text[64];

	memcpy(&value, bytes, X87_SIZE);
	if (value != value || value - value != 0) {
		json_string(json, value != value ? "nan" : value < 0 ? "-inf" : "inf");
		return;
	}
	snprintf(text, sizeof(text), "%.21Lg", value);
	json_number(json, text);
}

/* Whether all bytes above the low eight only repeat the sign. */
static bool fits_64_bits(const struct value_node *v)
{
	uint8_t sign = v->schema->is_signed && v->len >= 8 && v->bytes[7] & 0x80 ? 0xff : 0;

	for (size_t i = 8; i < v->len; i++)
		if (v->bytes[i] != sign)
			return false;
	return true;
}

static void put_bytes(struct json *json, const struct value_node *v)
{
	char buf[TEXT_INT128];

	if (v->schema->is_float && v->len >= X87_SIZE)
		put_long_double(json, v->bytes);
	else if (v->schema->is_float || v->schema->is_hex || v->len > 16)
		put_raw(json, v, false);
	else if (fits_64_bits(v))
		json_number(json, text_int128(buf, v->bytes, v->len, v->schema->is_signed));
	else
		json_string(json, text_int128(buf, v->bytes, v->len, v->schema->is_signed));
}

static void put_members(struct json *json, const struct value_node *v, unsigned level)
{
	for (size_t i = 0; i < v->n; i++) {
		const char *name = print_c_member_name(v, i);

		if (name) {
			json_key(json, name);
			put_value(json, &v->items[i], level + 1);
		} else if (level < VALUE_NESTING_MAX) {
			put_members(json, &v->items[i], level + 1);
		}
	}
}

static void put_struct(struct json *json, const struct value_node *v, unsigned level)
{
	bool cut = v->schema->is_cut || v->status == STATUS_CUT;

	begin_cut(json, cut);
	json_object(json);
	put_members(json, v, level);
	json_end(json);
	end_cut(json, cut);
}

static void put_array(struct json *json, const struct value_node *v, unsigned level)
{
	bool cut = v->schema->is_cut || v->n < v->schema->count || v->status == STATUS_CUT;

	begin_cut(json, cut);
	json_array(json);
	for (size_t i = 0; i < v->n; i++)
		put_value(json, &v->items[i], level + 1);
	json_end(json);
	end_cut(json, cut);
}

static void put_pointer(struct json *json, const struct value_node *v, unsigned level)
{
	if (!v->schema->target) {
		put_addr(json, v->addr);
		return;
	}
	json_object(json);
	json_key(json, "pointer");
	put_addr(json, v->addr);
	json_key(json, "value");
	if (v->n)
		put_value(json, v->items, level + 1);
	else if (!put_missing(json, v->status))
		put_unavailable(json, "unreadable");
	json_end(json);
}

static void put_value(struct json *json, const struct value_node *v, unsigned level)
{
	if (level >= VALUE_NESTING_MAX) {
		begin_cut(json, true);
		json_null(json);
		end_cut(json, true);
		return;
	}
	switch (v->schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
		put_int(json, v);
		break;
	case SCHEMA_BOOL:
		if (v->u > 1)
			json_uint(json, v->u);
		else
			json_bool(json, v->u);
		break;
	case SCHEMA_FLOAT:
		json_float(json, v->real, v->schema->size);
		break;
	case SCHEMA_ENUM:
		put_enum(json, v);
		break;
	case SCHEMA_PTR:
		put_pointer(json, v, level);
		break;
	case SCHEMA_FUNC:
		put_addr(json, v->addr);
		break;
	case SCHEMA_STRING:
	case SCHEMA_TEXT:
		put_text(json, v);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		put_struct(json, v, level);
		break;
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		put_array(json, v, level);
		break;
	case SCHEMA_BYTES:
		put_bytes(json, v);
		break;
	case SCHEMA_CAPTURE:
		if (!put_missing(json, v->status))
			put_unavailable(json, "null");
		break;
	}
}

static void put_captures(struct json *json, const char *key, const struct value_node *values)
{
	json_key(json, key);
	if (!values) {
		json_null(json);
		return;
	}
	json_object(json);
	for (size_t i = 0; i < values->n; i++) {
		json_key(json, call_capture_name(values, i));
		put_value(json, &values->items[i], 0);
	}
	json_end(json);
}

static void put_place(struct json *json, uint64_t addr, const struct code_place *place)
{
	json_object(json);
	json_key(json, "pc");
	put_addr(json, addr);
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
	put_captures(&json, "entry", call->entry);
	put_captures(&json, "return", call->ret);
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
