#include "tracer/review/export/json_value.h"

#include <inttypes.h>
#include <string.h>

#include "tracer/base/utf8.h"
#include "tracer/review/calls.h"
#include "tracer/review/export/json.h"
#include "tracer/review/export/json_check.h"
#include "tracer/review/print_c.h"
#include "tracer/review/text.h"
#include "tracer/review/value_copy.h"
#include "tracer/trace/value.h"

enum { X87_SIZE = 10, FLAGS_TEXT_MAX = 4096 };

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
	case STATUS_REDACTED:
		put_unavailable(json, "redacted");
		return true;
	default:
		return false;
	}
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
	if (!utf8_valid(v->bytes, v->len)) {
		put_raw(json, v, cut);
		return;
	}
	bool is_json = v->schema->is_json && !cut && json_check(v->bytes, v->len);

	if (is_json && (!json->for_doubles || json_fits_doubles(v->bytes, v->len))) {
		json_verbatim(json, v->bytes, v->len);
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

static void put_low_64_bits(struct json *json, const struct value_node *v)
{
	uint64_t u = 0;

	memcpy(&u, v->bytes, v->len < sizeof(u) ? v->len : sizeof(u));
	if (v->schema->is_signed && v->len >= sizeof(u))
		json_int(json, (int64_t)u);
	else
		json_uint(json, u);
}

static void put_bytes(struct json *json, const struct value_node *v)
{
	char buf[TEXT_INT128];

	if (v->schema->is_float && v->len >= X87_SIZE)
		put_long_double(json, v->bytes);
	else if (v->schema->is_float || v->schema->is_hex || v->len > 16)
		put_raw(json, v, false);
	else if (fits_64_bits(v))
		put_low_64_bits(json, v);
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
		json_addr(json, v->addr);
		return;
	}
	json_object(json);
	json_key(json, "pointer");
	json_addr(json, v->addr);
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
		json_addr(json, v->addr);
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

void json_value(struct json *json, const struct value_node *value)
{
	put_value(json, value, 0);
}

void json_captures(struct json *json, const char *key, const struct value_node *values)
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
