#include "tracer/trace/raw.h"

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/base/utf8.h"
#include "tracer/trace/class.h"
#include "tracer/trace/packet.h"
#include "tracer/trace/schema_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/**
 * An event is walked with its schema, as schema.h says that it is encoded.  Every count is checked
 * against the bytes that are left, so a walk ends, and one over bytes that never were an event (the
 * zeros that a power loss leaves) nearly always fails: its class must exist, its time must not be
 * before the last one's, each status must be known and text must be UTF-8 without NUL.
 *
 * A value can be hidden where there is a status to say so: an option(x).  So it is the whole x that
 * goes; of a text only the text.
 */

enum { HIDDEN_NAME_LEN = sizeof("<redacted>") - 1 };

struct class {
	const struct schema *payload; /* NULL: there is none of that number */
	bool *hidden;                 /* by member of the payload */
	bool is_thread;
};

struct raw {
	struct arena arena;
	struct class *classes;
	size_t n_classes;
	bool strings;
	size_t n_hidden_captures;
};

struct walk {
	const uint8_t *at, *end;
	bool strings;
	struct raw_copy *copy;
	bool no_memory;
};

static void *more(struct raw_copy *copy, size_t len)
{
	if (copy->len + len > copy->cap) {
		size_t cap = copy->cap * 2 > copy->len + len ? copy->cap * 2 : copy->len + len + 4096;
		uint8_t *bytes = realloc(copy->bytes, cap);

		if (!bytes)
			return NULL;
		copy->bytes = bytes;
		copy->cap = cap;
	}
	copy->len += len;
	return copy->bytes + copy->len - len;
}

static bool put(struct walk *walk, const void *data, size_t len)
{
	void *to = more(walk->copy, len);

	walk->no_memory |= !to;
	if (to && len)
		memcpy(to, data, len);
	return to;
}

/* The next bytes, copied; NULL if there are not so many. */
static const uint8_t *take(struct walk *walk, size_t len)
{
	const uint8_t *from = walk->at;

	if ((size_t)(walk->end - from) < len || !put(walk, from, len))
		return NULL;
	walk->at += len;
	return from;
}

static bool walk_value(struct walk *walk, const struct schema *s, bool hide);

/* Its text goes if it is there. */
static bool walk_text(struct walk *walk, bool hide)
{
	size_t status_at = walk->copy->len;
	const uint8_t *status = take(walk, 1), *len_bytes, *text;
	uint32_t len;

	if (!status)
		return false;
	switch (*status) {
	case STATUS_OK:
	case STATUS_CUT:
	case STATUS_BYTES:
	case STATUS_BYTES_CUT:
		break;
	case STATUS_UNREADABLE:
		return take(walk, 8);
	default:
		return *status <= STATUS_REDACTED;
	}
	len_bytes = take(walk, sizeof(len));
	if (!len_bytes)
		return false;
	memcpy(&len, len_bytes, sizeof(len));
	text = take(walk, len);
	if (!text)
		return false;
	if (*status < STATUS_BYTES && !utf8_valid(text, len))
		return false;
	if (hide) {
		walk->copy->bytes[status_at] = STATUS_REDACTED;
		walk->copy->len = status_at + 1;
		walk->copy->hidden++;
	}
	return true;
}

/* Whether there is text in an x that has no status of its own. */
static bool has_chars(const struct schema *s)
{
	switch (s->kind) {
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		return s->target->kind == SCHEMA_CHAR || has_chars(s->target);
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		for (uint32_t i = 0; i < s->n_members; i++)
			if (has_chars(s->members[i]))
				return true;
		return false;
	default:
		return false;
	}
}

static bool walk_option(struct walk *walk, const struct schema *target, bool hide)
{
	size_t status_at = walk->copy->len;
	const uint8_t *status = take(walk, 1);

	if (!status)
		return false;
	if (*status == STATUS_UNREADABLE)
		return take(walk, 8);
	if (*status > STATUS_CUT)
		return *status < STATUS_BYTES || *status == STATUS_REDACTED;
	hide |= walk->strings && has_chars(target);
	uint64_t hidden = walk->copy->hidden;

	if (!walk_value(walk, target, false))
		return false;
	if (hide) {
		walk->copy->bytes[status_at] = STATUS_REDACTED;
		walk->copy->len = status_at + 1;
		walk->copy->hidden = hidden + 1;
	}
	return true;
}

static bool walk_members(struct walk *walk, const struct schema *s)
{
	for (uint32_t i = 0; i < s->n_members; i++)
		if (!walk_value(walk, s->members[i], false))
			return false;
	return true;
}

static bool walk_elements(struct walk *walk, const struct schema *s)
{
	uint16_t n16 = 0;
	const uint8_t *count = s->kind == SCHEMA_SEQUENCE ? take(walk, sizeof(n16)) : NULL;

	if (s->kind == SCHEMA_SEQUENCE && !count)
		return false;
	if (count)
		memcpy(&n16, count, sizeof(n16));
	size_t n = count ? n16 : s->stored;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *from = walk->at;

		if (!walk_value(walk, s->target, false))
			return false;
		if (walk->at == from)
			break; /* of nothing there can be any number */
	}
	return true;
}

/* `hide`: this value, if it can be. */
static bool walk_value(struct walk *walk, const struct schema *s, bool hide)
{
	switch (s->kind) {
	case SCHEMA_INT:
	case SCHEMA_BOOL:
	case SCHEMA_CHAR:
	case SCHEMA_FLOAT:
	case SCHEMA_ENUM:
	case SCHEMA_BYTES:
		return take(walk, s->size);
	case SCHEMA_FUNC:
		return take(walk, 8);
	case SCHEMA_PTR:
		return take(walk, 8) && (!s->target || walk_option(walk, s->target, hide));
	case SCHEMA_STRING:
		return take(walk, 8) && walk_text(walk, hide || walk->strings);
	case SCHEMA_TEXT:
		return walk_text(walk, hide || walk->strings);
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		return walk_members(walk, s);
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		return walk_elements(walk, s);
	case SCHEMA_CAPTURE:
		return walk_option(walk, s->target, hide);
	}
	return false;
}

/* A thread's name goes, and says so: names are shown as they are. */
static bool walk_thread(struct walk *walk)
{
	size_t from = walk->copy->len;
	uint32_t len = HIDDEN_NAME_LEN;

	if (!walk_text(walk, false))
		return false;
	walk->copy->len = from;
	walk->copy->hidden++;
	return put(walk, &(uint8_t){ STATUS_OK }, 1) && put(walk, &len, sizeof(len)) &&
	       put(walk, "<redacted>", len);
}

static bool walk_event(const struct raw *raw, struct walk *walk, uint64_t *time_ns)
{
	struct event_header header;
	const uint8_t *bytes = take(walk, sizeof(header));

	if (!bytes)
		return false;
	memcpy(&header, bytes, sizeof(header));
	if (header.id >= raw->n_classes || !raw->classes[header.id].payload ||
	    header.timestamp < *time_ns)
		return false;
	const struct class *class = &raw->classes[header.id];

	*time_ns = header.timestamp;
	if (class->is_thread && raw->strings)
		return walk_thread(walk);
	/* What every trace says itself is nothing of the traced program's. */
	walk->strings = raw->strings && class->hidden;
	for (uint32_t i = 0; i < class->payload->n_members; i++)
		if (!walk_value(walk, class->payload->members[i],
				class->hidden && class->hidden[i]))
			return false;
	return true;
}

long raw_event(struct raw *raw, const uint8_t *bytes, size_t len, uint64_t *time_ns,
	       struct raw_copy *copy)
{
	struct walk walk = { .at = bytes, .end = bytes + len, .copy = copy };
	size_t from = copy->len;
	uint64_t hidden = copy->hidden, time = *time_ns;

	if (walk_event(raw, &walk, &time)) {
		*time_ns = time;
		return walk.at - bytes;
	}
	copy->len = from;
	copy->hidden = hidden;
	return walk.no_memory ? -ENOMEM : 0;
}

int raw_append(struct raw_copy *copy, const void *data, size_t len)
{
	return put(&(struct walk){ .copy = copy }, data, len) ? 0 : -ENOMEM;
}

int raw_lost(uint64_t time_ns, uint64_t count, const char *reason, struct raw_copy *copy)
{
	const struct event_header header = { .id = CLASS_LOST, .timestamp = time_ns };
	uint32_t none = 0, len = (uint32_t)strlen(reason);
	uint8_t ok = STATUS_OK;
	struct walk walk = { .copy = copy };
	bool enough = put(&walk, &header, sizeof(header)) && put(&walk, &ok, 1) &&
		      put(&walk, &none, sizeof(none)) && put(&walk, &count, sizeof(count)) &&
		      put(&walk, &ok, 1) && put(&walk, &len, sizeof(len)) &&
		      put(&walk, reason, len);

	return enough ? 0 : -ENOMEM;
}

/* Which members of a payload are captures to be hidden; NULL without memory. */
static bool *find_hidden(struct raw *raw, const struct schema *payload, const struct raw_hide *hide)
{
	bool *hidden = arena_alloc(&raw->arena, payload->n_members + 1);

	for (uint32_t i = 0; hidden && i < payload->n_members; i++) {
		const struct schema *member = payload->members[i];

		hidden[i] = hide && hide->capture && member->kind == SCHEMA_CAPTURE &&
			    member->name && hide->capture(hide->ctx, member->name);
		raw->n_hidden_captures += hidden[i];
	}
	return hidden;
}

static int add_class(struct raw *raw, size_t id, const struct schema *payload,
		     const struct raw_hide *hide)
{
	bool *hidden = payload ? find_hidden(raw, payload, hide) : NULL;

	if (!hidden)
		return err_set(-ENOMEM, "no memory");
	if (id >= raw->n_classes || raw->classes[id].payload)
		return err_set(-EBADMSG, "schema.json is damaged: class %zu of a probe", id);
	raw->classes[id] = (struct class){ .payload = payload, .hidden = hidden };
	return 0;
}

static int add_classes(struct raw *raw, const struct schema_json_doc *doc,
		       const struct raw_hide *hide)
{
	for (enum trace_class i = 0; i < CLASS_BUILTIN_COUNT; i++)
		raw->classes[i] = (struct class){ .payload = class_builtin_schema(i),
						  .is_thread = i == CLASS_THREAD };
	for (size_t i = 0; i < doc->n_probes; i++) {
		const struct trace_probe_desc *desc = doc->probes[i].desc;
		size_t id = doc->probes[i].class;
		int r = add_class(raw, id,
				  class_entry_schema(&raw->arena, desc->entry, desc->has_stack,
						     desc->deferred),
				  hide);

		if (r == 0)
			r = add_class(raw, id + 1,
				      class_return_schema(&raw->arena, desc->ret,
							  desc->return_sites,
							  desc->n_return_sites),
				      hide);
		if (r < 0)
			return r;
	}
	return 0;
}

int raw_new(const struct schema_json_doc *doc, const struct raw_hide *hide, struct raw **ret)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	if (!raw)
		return err_set(-ENOMEM, "no memory");
	raw->strings = hide && hide->strings;
	/* The writer numbers them one after the other. */
	raw->n_classes = CLASS_BUILTIN_COUNT + 2 * doc->n_probes;
	raw->classes = calloc(raw->n_classes, sizeof(*raw->classes));
	int r = raw->classes ? add_classes(raw, doc, hide) : err_set(-ENOMEM, "no memory");

	if (r < 0) {
		raw_free(raw);
		return r;
	}
	*ret = raw;
	return 0;
}

void raw_free(struct raw *raw)
{
	if (!raw)
		return;
	arena_free(&raw->arena);
	free(raw->classes);
	free(raw);
}

size_t raw_n_hidden_captures(const struct raw *raw)
{
	return raw->n_hidden_captures;
}
