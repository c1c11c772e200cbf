/**
 * Running plans: from a stopped thread to the bytes that schema.h describes.
 *
 * An object is read as a whole, by one read_mem, into a buffer on the stack, and its fields are
 * copied from there; only what is behind its pointers needs more reads.  Buffers nest with the
 * levels of pointers, which the plan has bounded, as it has the size of all objects and of the
 * payload: nothing is checked here but by asserts.
 */
#include "symbols/plan.h"

#include "symbols/expr_node.h"
#include "symbols/frame.h"
#include "symbols/json_text.h"
#include "symbols/schema_make.h"
#include "symbols/type.h"
#include "tracer/base/utf8.h"

#include <assert.h>
#include <string.h>

enum {
	TEXT_HEAD = 1 + sizeof(uint32_t), /* status and length in front of a text */
	TEXT_CHUNK = 16 * 1024,           /* of a text, read at a time */
	BYTES_MAX = UINT16_MAX,           /* of what should be text and is none: readers keep a field for each byte */
};

struct fetch {
	const struct frame *frame;
	const struct limits *limits;
	struct payload *out;
	/* The object being walked: its bytes, and where they come from; 0 if it is in no memory. */
	const uint8_t *bytes;
	uint64_t addr;
};

static void put(struct fetch *fetch, const void *bytes, size_t len)
{
	struct payload *out = fetch->out;

	assert(len <= out->cap - out->len);
	if (len) /* a text is there already */
		memmove(out->data + out->len, bytes, len);
	out->len += len;
}

static void put_status(struct fetch *fetch, enum status status)
{
	uint8_t byte = (uint8_t)status;

	put(fetch, &byte, sizeof(byte));
}

static void put_u64(struct fetch *fetch, uint64_t value)
{
	put(fetch, &value, sizeof(value));
}

static void put_unreadable(struct fetch *fetch, uint64_t addr)
{
	put_status(fetch, STATUS_UNREADABLE);
	put_u64(fetch, addr);
}

static size_t read_mem(const struct fetch *fetch, uint64_t addr, void *buf, size_t len)
{
	return len ? fetch->frame->ops->read_mem(fetch->frame->ctx, addr, buf, len) : 0;
}

static uint64_t load_u64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* Text. */

/* How many bytes at the end are the start of a character that the limit has cut: 0 to 3. */
static size_t cut_character(const uint8_t *s, size_t len)
{
	for (size_t n = 1; n <= 3 && n <= len; n++) {
		uint8_t byte = s[len - n];
		size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 0;

		if (whole)
			return n < whole ? n : 0;
		if (byte < 0x80)
			break;
	}
	return 0;
}

static void put_text(struct fetch *fetch, const uint8_t *s, size_t len, bool cut)
{
	size_t whole = len - (cut ? cut_character(s, len) : 0);
	bool text = utf8_valid(s, whole);
	uint32_t n = (uint32_t)(text ? whole : len < BYTES_MAX ? len : BYTES_MAX);

	cut |= n < len;
	put_status(fetch,
		   text ? (cut ? STATUS_CUT : STATUS_OK) : (cut ? STATUS_BYTES_CUT : STATUS_BYTES));
	put(fetch, &n, sizeof(n));
	put(fetch, s, n);
}

/*
 * Read text up to its NUL or `limit` bytes to where put_text() puts it. Returns what was read: the
 * text, more than `limit` if it goes on there, or what there is if it could not be read to its end.
 */
static size_t read_text(const struct fetch *fetch, uint64_t addr, size_t limit, bool *ended)
{
	uint8_t *text = fetch->out->data + fetch->out->len + TEXT_HEAD, chunk[TEXT_CHUNK];
	size_t len = 0, want, got;

	assert(fetch->out->len + TEXT_HEAD + limit <= fetch->out->cap);
	do {
		want = limit + 1 - len < TEXT_CHUNK ? limit + 1 - len : TEXT_CHUNK;
		got = read_mem(fetch, addr + len, chunk, want);
		const uint8_t *nul = memchr(chunk, 0, got);
		size_t n = nul ? (size_t)(nul - chunk) : got;

		*ended = nul;
		if (n)
			memcpy(text + len, chunk, len + n > limit ? limit - len : n);
		len += n;
	} while (!*ended && got == want && len <= limit);
	return len;
}

/* The text behind a char pointer. */
static void put_string(struct fetch *fetch, uint64_t addr)
{
	size_t limit = fetch->limits->string;
	bool ended;

	if (!addr) {
		put_status(fetch, STATUS_NULL);
		return;
	}
	size_t len = read_text(fetch, addr, limit, &ended);
	const uint8_t *text = fetch->out->data + fetch->out->len + TEXT_HEAD;

	if (ended)
		put_text(fetch, text, len, false);
	else if (len > limit)
		put_text(fetch, text, limit, true);
	else
		put_unreadable(fetch, addr + len);
}

/* What has no fixed form, as JSON. */
static void put_json(struct fetch *fetch, const struct schema *schema, uint64_t addr)
{
	uint8_t bytes[JSON_TEXT_MAX];
	struct json_text text;

	if (!addr) {
		put_status(fetch, STATUS_NULL);
		return;
	}
	json_init(&text, fetch->frame, bytes, schema->stored);
	schema->json->read(schema->json->layout, addr, &text);
	if (text.status == STATUS_UNREADABLE)
		put_unreadable(fetch, text.addr);
	else
		put_text(fetch, bytes, text.len, text.status == STATUS_CUT);
}

/* char[N]. */
static void put_array_text(struct fetch *fetch, const struct schema *schema, const uint8_t *s)
{
	size_t len = schema->stored;
	bool cut = schema->stored < schema->count && !memchr(s, 0, len);

	while (len && !s[len - 1])
		len--;
	put_text(fetch, s, len, cut);
}

/* Scalars. */

static void put_bits(struct fetch *fetch, const uint8_t *bytes, unsigned bit_offset,
		     unsigned bit_size, const struct schema *schema)
{
	unsigned __int128 bits = 0;
	unsigned shift = 128 - bit_size;

	memcpy(&bits, bytes, (bit_offset + bit_size + 7) / 8);
	bits = bits >> bit_offset << shift;
	bits = schema->is_signed ? (unsigned __int128)((__int128)bits >> shift) : bits >> shift;
	put(fetch, &bits, schema->size);
}

static void put_bytes(struct fetch *fetch, const uint8_t *bytes, const struct schema *schema)
{
	uint8_t real[16] = { 0 };

	if (!schema->is_float) {
		put(fetch, bytes, schema->size);
		return;
	}
	/* an x87 number has 10 bytes, what follows in memory is padding */
	memcpy(real, bytes, 10);
	put(fetch, real, sizeof(real));
}

static void put_code(struct fetch *fetch, uint64_t addr)
{
	put_u64(fetch, addr);
	if (addr && fetch->frame->ops->saw_code)
		fetch->frame->ops->saw_code(fetch->frame->ctx, addr);
}

/* Objects. */

/* Bytes of an object that its schema looks at. */
static size_t span(const struct schema *schema, const struct limits *limits)
{
	size_t size = schema->size;

	if (schema->kind == SCHEMA_TEXT)
		return schema->stored;
	if (schema->kind == SCHEMA_ARRAY)
		size = (size_t)schema->stored * schema->stride;
	return size < limits->object ? size : limits->object;
}

static enum status whole_or_cut(const struct schema *schema)
{
	return schema->is_cut ? STATUS_CUT : STATUS_OK;
}

static void put_object(struct fetch *fetch, const struct schema *schema, const uint8_t *bytes);

/*
 * Views.  The object is read once and its members are taken from that copy, so that they are of one moment as far as
 * a running process lets them be; what they point at is read later, and may belong to another.
 */
struct view_frame {
	const struct fetch *fetch;
	uint64_t addr;
	const uint8_t *bytes;
	size_t len;
};

static size_t view_read_mem(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct view_frame *view = ctx;
	uint64_t offset = addr - view->addr;

	if (offset > view->len || len > view->len - offset)
		return read_mem(view->fetch, addr, buf, len);
	memcpy(buf, view->bytes + offset, len);
	return len;
}

static int view_read_reg(void *ctx, unsigned dwarf_reg, void *buf, size_t len)
{
	const struct frame *frame = ((const struct view_frame *)ctx)->fetch->frame;

	return frame->ops->read_reg(frame->ctx, dwarf_reg, buf, len);
}

static void view_saw_code(void *ctx, uint64_t addr)
{
	const struct frame *frame = ((const struct view_frame *)ctx)->fetch->frame;

	if (frame->ops->saw_code)
		frame->ops->saw_code(frame->ctx, addr);
}

static void put_view(const struct fetch *fetch, const struct schema *view, const uint8_t *bytes,
		     size_t len, uint64_t addr)
{
	static const struct frame_ops ops = { view_read_mem, view_read_reg, view_saw_code };
	struct view_frame object = { fetch, addr, bytes, len };
	struct frame frame = { .ops = &ops, .ctx = &object, .pc = fetch->frame->pc };
	struct value value;

	for (uint32_t i = 0; i < view->n_members; i++) {
		expr_eval_object(view->members[i]->expr, &frame, addr, &value);
		fetch_value(view->members[i], &value, &frame, fetch->limits, fetch->out);
	}
}

/* option(target) for what is at `addr`. */
static void put_pointed(struct fetch *fetch, const struct schema *target, uint64_t addr)
{
	uint8_t bytes[OBJECT_LIMIT_MAX];
	size_t len = span(target, fetch->limits), got;

	if (!addr) {
		put_status(fetch, STATUS_NULL);
		return;
	}
	got = read_mem(fetch, addr, bytes, len);
	if (got < len) {
		put_unreadable(fetch, addr + got);
		return;
	}
	put_status(fetch, whole_or_cut(target));
	if (target->view) {
		put_view(fetch, target, bytes, len, addr);
		return;
	}
	struct fetch inner = *fetch;

	inner.bytes = bytes;
	inner.addr = addr;
	put_object(&inner, target, bytes);
}

/* The value of a pointer; an array of unknown length is at its own address. */
static uint64_t pointer_at(const struct fetch *fetch, const struct schema *schema,
			   const uint8_t *bytes)
{
	if (!schema->is_place)
		return load_u64(bytes);
	return fetch->addr ? fetch->addr + (uint64_t)(bytes - fetch->bytes) : 0;
}

static void put_pointer(struct fetch *fetch, const struct schema *schema, uint64_t addr)
{
	put_u64(fetch, addr);
	if (schema->target)
		put_pointed(fetch, schema->target, addr);
}

static void put_members(struct fetch *fetch, const struct schema *schema, const uint8_t *bytes)
{
	for (uint32_t i = 0; i < schema->n_members; i++) {
		const struct schema *member = schema->members[i];

		if (member->bit_size)
			put_bits(fetch, bytes + member->offset, member->bit_offset,
				 member->bit_size, member);
		else
			put_object(fetch, member, bytes + member->offset);
	}
}

static void put_object(struct fetch *fetch, const struct schema *schema, const uint8_t *bytes)
{
	switch (schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_BOOL:
	case SCHEMA_CHAR:
	case SCHEMA_FLOAT:
	case SCHEMA_ENUM:
		put(fetch, bytes, schema->size);
		return;
	case SCHEMA_BYTES:
		put_bytes(fetch, bytes, schema);
		return;
	case SCHEMA_PTR:
		put_pointer(fetch, schema, pointer_at(fetch, schema, bytes));
		return;
	case SCHEMA_FUNC:
		put_code(fetch, load_u64(bytes));
		return;
	case SCHEMA_STRING:
		put_u64(fetch, pointer_at(fetch, schema, bytes));
		if (schema->json)
			put_json(fetch, schema, load_u64(bytes));
		else
			put_string(fetch, pointer_at(fetch, schema, bytes));
		return;
	case SCHEMA_TEXT:
		put_array_text(fetch, schema, bytes);
		return;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		put_members(fetch, schema, bytes);
		return;
	case SCHEMA_ARRAY:
		for (uint32_t i = 0; i < schema->stored; i++)
			put_object(fetch, schema->target, bytes + (size_t)i * schema->stride);
		return;
	case SCHEMA_SEQUENCE: /* no C type has one yet */
	case SCHEMA_CAPTURE:
		break;
	}
	assert(!"a schema that no object has");
}

static void put_bit_field(struct fetch *fetch, const struct schema *target,
			  const struct value *value)
{
	size_t len = (value->bit_offset + value->bit_size + 7) / 8, got;
	uint8_t bytes[16];

	assert(len <= sizeof(bytes));
	got = read_mem(fetch, value->addr, bytes, len);
	if (got < len) {
		put_unreadable(fetch, value->addr + got);
		return;
	}
	put_status(fetch, STATUS_OK);
	put_bits(fetch, bytes, value->bit_offset, value->bit_size, target);
}

static void put_available(struct fetch *fetch, const struct schema *target,
			  const struct value *value)
{
	if (!value->in_memory) {
		put_status(fetch, whole_or_cut(target));
		put_object(fetch, target, value->bytes);
	} else if (value->bit_size) {
		put_bit_field(fetch, target, value);
	} else if (type_strip(value->type)->kind == TYPE_FUNC) {
		put_status(fetch, STATUS_OK);
		put_code(fetch, value->addr);
	} else {
		put_pointed(fetch, target, value->addr);
	}
}

void fetch_value(const struct schema *capture, const struct value *value, const struct frame *frame,
		 const struct limits *limits, struct payload *out)
{
	struct fetch fetch = { .frame = frame, .limits = limits, .out = out };

	if (value->status == STATUS_OK)
		put_available(&fetch, capture->target, value);
	else if (value->status == STATUS_UNREADABLE)
		put_unreadable(&fetch, value->addr);
	else
		put_status(&fetch, value->status);
}

static void save(const struct expr *param, unsigned index, const struct frame *frame,
		 struct saved *saved)
{
	struct value value;

	expr_eval(param, frame, NULL, &value);
	if (value.status == STATUS_OK && value.in_memory) {
		size_t got = frame->ops->read_mem(frame->ctx, value.addr, value.bytes, value.len);

		if (got < value.len) {
			value.status = STATUS_UNREADABLE;
			value.addr += got;
		}
	}
	/* what does not fit is not there at the return, which expr_eval() then says */
	saved_put(saved, index, value.status, value.addr, value.bytes, value.len);
}

static void fetch_captures(const struct capture *captures, size_t n, const struct plan *plan,
			   const struct frame *frame, const struct saved *saved,
			   struct payload *out)
{
	struct value value;

	for (size_t i = 0; i < n; i++) {
		expr_eval(captures[i].expr, frame, saved, &value);
		fetch_value(captures[i].schema, &value, frame, &plan->limits, out);
	}
}

int fetch_entry(const struct plan *plan, const struct frame *frame, struct saved *saved,
		struct payload *out)
{
	int wanted = plan->filter && !plan->filter_at_return ? expr_test(plan->filter, frame, NULL) : 1;

	saved->len = 0;
	if (wanted != 1)
		return wanted;
	for (unsigned i = 0; i < 64; i++)
		if (plan->saved_params >> i & 1)
			save(plan->savers[i], i, frame, saved);
	fetch_captures(plan->in, plan->n_in, plan, frame, NULL, out);
	return 1;
}

int fetch_return(const struct plan *plan, const struct frame *frame, const struct saved *saved,
		 struct payload *out)
{
	int wanted = plan->filter_at_return ? expr_test(plan->filter, frame, saved) : 1;

	if (wanted != 1)
		return wanted;
	fetch_captures(plan->out, plan->n_out, plan, frame, saved, out);
	return 1;
}
