#include "tracer/review/export/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "tracer/base/utf8.h"
#include "tracer/review/text.h"

/* Up to here a double tells all integers apart. */
#define DOUBLE_EXACT_MAX (INT64_C(1) << 53)

/* What stands before a value: a comma, unless it is the first one or its key was before it. */
static void begin_value(struct json *json)
{
	if (!json->after_key && json->depth) {
		if (json->levels[json->depth - 1].has_items)
			putc(',', json->out);
		json->levels[json->depth - 1].has_items = true;
	}
	json->after_key = false;
}

static void open_level(struct json *json, bool is_array)
{
	assert(json->depth < JSON_DEPTH_MAX);
	begin_value(json);
	putc(is_array ? '[' : '{', json->out);
	json->levels[json->depth].is_array = is_array;
	json->levels[json->depth++].has_items = false;
}

void json_object(struct json *json)
{
	open_level(json, false);
}

void json_array(struct json *json)
{
	open_level(json, true);
}

void json_end(struct json *json)
{
	assert(json->depth && !json->after_key);
	putc(json->levels[--json->depth].is_array ? ']' : '}', json->out);
}

static void put_escaped(FILE *out, uint32_t ch)
{
	if (ch == '"' || ch == '\\')
		fprintf(out, "\\%c", (int)ch);
	else if (ch > 0xffff)
		fprintf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd7c0 + (ch >> 10),
			0xdc00 | (ch & 0x3ff));
	else
		fprintf(out, "\\u%04" PRIx32, ch);
}

/* Escape what a terminal may act on, and the characters of `also`; what needs none is written in one piece. */
static void put_text(FILE *out, const uint8_t *text, size_t len, const char *also)
{
	size_t start = 0, i = 0;

	while (i < len) {
		uint32_t ch;
		size_t n = utf8_decode(text + i, len - i, &ch);
		bool is_special = n && ch < 0x80 && strchr(also, (int)ch);

		if (n && !is_special && utf8_is_printable(ch)) {
			i += n;
			continue;
		}
		fwrite(text + start, 1, i - start, out);
		if (n)
			put_escaped(out, ch);
		else
			fputs("\xef\xbf\xbd", out);
		i += n ? n : 1;
		start = i;
	}
	fwrite(text + start, 1, i - start, out);
}

static void put_quoted(FILE *out, const uint8_t *text, size_t len)
{
	putc('"', out);
	put_text(out, text, len, "\"\\");
	putc('"', out);
}

void json_key(struct json *json, const char *key)
{
	assert(json->depth && !json->levels[json->depth - 1].is_array && !json->after_key);
	begin_value(json);
	put_quoted(json->out, (const uint8_t *)key, strlen(key));
	putc(':', json->out);
	json->after_key = true;
}

void json_number(struct json *json, const char *text)
{
	begin_value(json);
	fputs(text, json->out);
}

void json_verbatim(struct json *json, const uint8_t *text, size_t len)
{
	begin_value(json);
	put_text(json->out, text, len, "");
}

void json_null(struct json *json)
{
	json_number(json, "null");
}

void json_bool(struct json *json, bool value)
{
	json_number(json, value ? "true" : "false");
}

void json_int(struct json *json, int64_t value)
{
	bool is_exact = value >= -DOUBLE_EXACT_MAX && value <= DOUBLE_EXACT_MAX;
	const char *quote = json->for_doubles && !is_exact ? "\"" : "";

	begin_value(json);
	fprintf(json->out, "%s%" PRId64 "%s", quote, value, quote);
}

void json_uint(struct json *json, uint64_t value)
{
	const char *quote = json->for_doubles && value > DOUBLE_EXACT_MAX ? "\"" : "";

	begin_value(json);
	fprintf(json->out, "%s%" PRIu64 "%s", quote, value, quote);
}

void json_float(struct json *json, double value, unsigned size)
{
	if (!isfinite(value)) {
		json_string(json, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
		return;
	}
	begin_value(json);
	fprintf(json->out, size == 4 ? "%.9g" : "%.17g", value);
}

void json_string_len(struct json *json, const uint8_t *text, size_t len)
{
	begin_value(json);
	put_quoted(json->out, text, len);
}

void json_string(struct json *json, const char *text)
{
	if (text)
		json_string_len(json, (const uint8_t *)text, strlen(text));
	else
		json_null(json);
}

void json_printf(struct json *json, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_string(json, text);
}

void json_addr(struct json *json, uint64_t addr)
{
	json_printf(json, "0x%" PRIx64, addr);
}

void json_hex(struct json *json, const uint8_t *bytes, size_t len)
{
	begin_value(json);
	putc('"', json->out);
	for (size_t i = 0; i < len; i++)
		fprintf(json->out, "%02x", bytes[i]);
	putc('"', json->out);
}
