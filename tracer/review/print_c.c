/**
 * The form is that of gdb 13 with its default settings; in the source of gdb: generic-val-print
 * (valprint.c), c-valprint.c, cp_print_value_fields(), target-float.c.  What gdb has no form for,
 * as it does not follow pointers and never gives up half way: `0x55… -> {…}` a pointer that was
 * followed, `virDomain{name = "vm"}` a view of an object, `<null>` a value behind a NULL pointer,
 * `{a = 1...}` a struct that was recorded in part, `<bytes 01 02>` a kind of value we know nothing
 * of.
 */
#include "tracer/base/utf8.h"
#include "tracer/review/print_c.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/code.h"
#include "tracer/review/text.h"
#include "tracer/review/value_copy.h"
#include "tracer/trace/value.h"

enum {
	TEXT_FILL_MAX = 64 << 10, /* NULs behind a text that a trace may make us print: the largest object */
	REPEAT_WEIGHT = 10,      /* gdb counts a run as that many elements */
	X87_SIZE = 10,
};

struct printer {
	FILE *out;
	const struct print_options *options;
};

static void print_value(const struct printer *p, const struct value_node *v, unsigned level);

static void print_nan(FILE *out, bool negative, uint64_t mantissa)
{
	fprintf(out, "%snan(0x%" PRIx64 ")", negative ? "-" : "", mantissa);
}

void print_c_float(FILE *out, double value, unsigned size)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	if (isnan(value))
		print_nan(out, bits >> 63, (bits & 0xfffffffffffff) >> (size == 4 ? 29 : 0));
	else if (isinf(value))
		fputs(value < 0 ? "-inf" : "inf", out);
	else
		fprintf(out, size == 4 ? "%.9g" : "%.17g", value);
}

void print_c_long_double(FILE *out, const uint8_t *bytes)
{
	long double value = 0;
	uint64_t mantissa;
	uint16_t exponent;

	memcpy(&value, bytes, X87_SIZE);
	memcpy(&mantissa, bytes, sizeof(mantissa));
	memcpy(&exponent, bytes + 8, sizeof(exponent));
	if ((exponent & 0x7fff) != 0x7fff)
		fprintf(out, "%.21Lg", value);
	else if (mantissa << 1)
		print_nan(out, exponent >> 15, mantissa);
	else
		fputs(exponent >> 15 ? "-inf" : "inf", out);
}

static uint64_t low_bytes(uint64_t value, unsigned size)
{
	return size < 8 ? value & ((1ull << 8 * size) - 1) : value;
}

static void print_int(FILE *out, const struct value_node *v)
{
	if (v->schema->is_hex)
		fprintf(out, "0x%" PRIx64, low_bytes(v->u, v->schema->size));
	else
		fprintf(out, v->schema->is_signed ? "%" PRId64 : "%" PRIu64, v->u);
}

static void print_char(FILE *out, const struct value_node *v)
{
	uint8_t byte = (uint8_t)v->u;

	print_int(out, v);
	if (v->schema->size != 1)
		return;
	fputs(" '", out);
	text_put(out, &byte, 1, byte < 0x80 && utf8_is_printable(byte), '\'');
	putc('\'', out);
}

static void print_flags(const struct printer *p, const struct value_node *v)
{
	uint64_t rest = low_bytes(v->u, v->schema->size);
	const char *separator = "(";

	if (!rest) {
		putc('0', p->out);
		return;
	}
	for (uint32_t i = 0; i < v->schema->n_enumerators; i++) {
		uint64_t bits = (uint64_t)v->schema->enumerators[i].value;

		if (!(rest & bits))
			continue;
		fputs(separator, p->out);
		text_print(p->out, v->schema->enumerators[i].name, p->options->utf8);
		rest &= ~bits;
		separator = " | ";
	}
	if (rest)
		fprintf(p->out, "%sunknown: 0x%" PRIx64, separator, rest);
	putc(')', p->out);
}

static void print_enum(const struct printer *p, const struct value_node *v)
{
	const char *label = value_enumerator(v);

	if (label)
		text_print(p->out, label, p->options->utf8);
	else if (v->schema->is_flags)
		print_flags(p, v);
	else
		print_int(p->out, v);
}

static void print_unreadable(const struct printer *p, uint64_t addr)
{
	fprintf(p->out,
		p->options->is_brief ? "<unreadable 0x%" PRIx64 ">"
				     : "<error: Cannot access memory at address 0x%" PRIx64 ">",
		addr);
}

static void print_ptr(const struct printer *p, const struct value_node *v, unsigned level)
{
	if (p->options->is_brief && v->n && v->items->schema->view) {
		print_value(p, v->items, level + 1);
		return;
	}
	fprintf(p->out, "0x%" PRIx64, v->addr);
	if (!v->schema->target || v->status == STATUS_NULL)
		return;
	fputs(" -> ", p->out);
	if (v->n)
		print_value(p, v->items, level + 1);
	else if (v->status == STATUS_REDACTED)
		fputs("<redacted>", p->out);
	else
		print_unreadable(p, v->addr);
}

static void print_func(const struct printer *p, const struct value_node *v)
{
	const char *name = code_map_function(p->options->code, v->addr);

	fprintf(p->out, "0x%" PRIx64, v->addr);
	if (!name)
		return;
	fputs(" <", p->out);
	text_print(p->out, name, p->options->utf8);
	putc('>', p->out);
}

static bool is_cut(enum status status)
{
	return status == STATUS_CUT || status == STATUS_BYTES_CUT;
}

/* JSON needs no quotes around it; what is more than `elements` characters is left out as of a string. */
static void print_json(const struct printer *p, const struct value_node *v)
{
	size_t limit = p->options->elements, len = v->len;

	if (limit && len > limit)
		for (len = limit; len && (v->bytes[len] & 0xc0) == 0x80;)
			len--;
	char *text = strndup((const char *)v->bytes, len);

	text_print(p->out, text ? text : "<out of memory>", p->options->utf8);
	fputs(len < v->len || v->status == STATUS_CUT ? "..." : "", p->out);
	free(text);
}

static void print_char_ptr(const struct printer *p, const struct value_node *v)
{
	if (v->status == STATUS_NULL || !p->options->is_brief)
		fprintf(p->out, "0x%" PRIx64, v->addr);
	if (v->status == STATUS_NULL)
		return;
	if (!p->options->is_brief)
		putc(' ', p->out);
	if (v->status == STATUS_UNREADABLE)
		print_unreadable(p, v->addr);
	else if (v->status == STATUS_REDACTED)
		fputs("<redacted>", p->out);
	else if (v->schema->is_json && (v->status == STATUS_OK || v->status == STATUS_CUT))
		print_json(p, v);
	else
		print_c_string(p->out, v->bytes, v->len, v->len, is_cut(v->status), p->options);
}

/* A char array: its NULs at the end are not stored; gdb leaves out one, the terminator. */
static void print_text(const struct printer *p, const struct value_node *v)
{
	const struct schema *schema = v->schema;
	bool cut = is_cut(v->status) || schema->stored < schema->count;

	if (v->status == STATUS_REDACTED) {
		fputs("<redacted>", p->out);
		return;
	}
	size_t total = is_cut(v->status) || schema->stored < v->len ? v->len : schema->stored;

	if (total > v->len + TEXT_FILL_MAX)
		total = v->len + TEXT_FILL_MAX;
	if (total > v->len && !cut)
		total--;
	print_c_string(p->out, v->bytes, v->len, total, cut, p->options);
}

static void print_bytes(FILE *out, const struct value_node *v)
{
	char buf[TEXT_INT128];

	if (v->schema->is_float && v->len >= X87_SIZE) {
		print_c_long_double(out, v->bytes);
	} else if (!v->schema->is_float && !v->schema->is_hex && v->len <= 16) {
		fputs(text_int128(buf, v->bytes, v->len, v->schema->is_signed), out);
	} else {
		fputs("<bytes", out);
		for (size_t i = 0; i < v->len; i++)
			fprintf(out, " %02x", v->bytes[i]);
		putc('>', out);
	}
}

static void print_complex(const struct printer *p, const struct value_node *v, unsigned level)
{
	print_value(p, &v->items[0], level + 1);
	fputs(" + ", p->out);
	print_value(p, &v->items[1], level + 1);
	putc('i', p->out);
}

static void print_members(const struct printer *p, const struct value_node *v, unsigned level)
{
	if (v->schema->is_complex && v->n == 2) {
		print_complex(p, v, level);
		return;
	}
	if (v->schema->view)
		text_print(p->out, v->schema->view, p->options->utf8);
	putc('{', p->out);
	for (size_t i = 0; i < v->n; i++) {
		const char *name = print_c_member_name(v, i);

		if (i)
			fputs(", ", p->out);
		if (name) {
			text_print(p->out, name, p->options->utf8);
			fputs(" = ", p->out);
		}
		print_value(p, &v->items[i], level + 1);
	}
	if (v->schema->is_cut || v->status == STATUS_CUT)
		fputs("...", p->out);
	else if (!v->n)
		fputs("<No data fields>", p->out);
	putc('}', p->out);
}

static void print_elements(const struct printer *p, const struct value_node *v, unsigned level)
{
	const struct print_options *options = p->options;
	size_t i = 0, shown = 0;

	putc('{', p->out);
	while (i < v->n && (!options->elements || shown < options->elements)) {
		size_t run = 1;

		while (options->repeats && i + run < v->n &&
		       value_equal(&v->items[i], &v->items[i + run]))
			run++;
		bool is_repeat = options->repeats && run > options->repeats;

		if (i)
			fputs(", ", p->out);
		print_value(p, &v->items[i], level + 1);
		if (is_repeat)
			fprintf(p->out, " <repeats %zu times>", run);
		i += is_repeat ? run : 1;
		shown += is_repeat ? REPEAT_WEIGHT : 1;
	}
	if (i < v->n || v->schema->is_cut || v->status == STATUS_CUT || v->n < v->schema->count)
		fputs("...", p->out);
	putc('}', p->out);
}

/* A capture that is not there: why. */
static void print_missing(const struct printer *p, const struct value_node *v)
{
	if (v->status == STATUS_OPTIMIZED_OUT)
		fputs("<optimized out>", p->out);
	else if (v->status == STATUS_REDACTED)
		fputs("<redacted>", p->out);
	else if (v->status == STATUS_UNREADABLE)
		print_unreadable(p, v->addr);
	else
		fputs("<null>", p->out);
}

static void print_value(const struct printer *p, const struct value_node *v, unsigned level)
{
	if (level >= VALUE_NESTING_MAX) {
		fputs("{...}", p->out);
		return;
	}
	switch (v->schema->kind) {
	case SCHEMA_CAPTURE:
		print_missing(p, v);
		break;
	case SCHEMA_STRING:
		print_char_ptr(p, v);
		break;
	case SCHEMA_PTR:
		print_ptr(p, v, level);
		break;
	case SCHEMA_INT:
		print_int(p->out, v);
		break;
	case SCHEMA_BOOL:
		if (v->u > 1)
			print_int(p->out, v);
		else
			fputs(v->u ? "true" : "false", p->out);
		break;
	case SCHEMA_CHAR:
		print_char(p->out, v);
		break;
	case SCHEMA_FLOAT:
		print_c_float(p->out, v->real, v->schema->size);
		break;
	case SCHEMA_ENUM:
		print_enum(p, v);
		break;
	case SCHEMA_FUNC:
		print_func(p, v);
		break;
	case SCHEMA_TEXT:
		print_text(p, v);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		print_members(p, v, level);
		break;
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		print_elements(p, v, level);
		break;
	case SCHEMA_BYTES:
		print_bytes(p->out, v);
		break;
	}
}

void print_c(FILE *out, const struct value_node *value, const struct print_options *options)
{
	print_value(&(struct printer){ out, options }, value, 0);
}

size_t print_c_members(const struct value_node *value)
{
	bool is_aggregate =
		value->schema->kind == SCHEMA_STRUCT || value->schema->kind == SCHEMA_UNION;
	bool is_there = value->status == STATUS_OK || value->status == STATUS_CUT;

	return is_aggregate && is_there && !value->schema->is_complex ? value->n : 0;
}

const char *print_c_member_name(const struct value_node *value, size_t i)
{
	const char *name = i < value->schema->n_members ? value->schema->members[i]->name : NULL;

	return name && *name ? name : NULL;
}
