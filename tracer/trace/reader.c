#include "tracer/trace/reader.h"

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/trace/class.h"
#include "tracer/trace/description.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/metadata.h"
#include "tracer/trace/pack.h"
#include "tracer/trace/reader_bt.h"
#include "tracer/trace/reader_decode.h"
#include "tracer/trace/reader_state.h"
#include "tracer/trace/value.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_trace_directory(int dirfd, const char *dir)
{
	if (faccessat(dirfd, METADATA_FILE, F_OK, 0) < 0)
		return err_set(-EBADMSG, "%s is not a trace: it has no file " METADATA_FILE, dir);
	if (faccessat(dirfd, SIDE_DIR, F_OK, 0) < 0)
		return err_set(
			-EBADMSG,
			"%s is a CTF trace of another program: it has no directory " SIDE_DIR, dir);
	return 0;
}

/** Read a file that every trace has. */
static int get_file(int dirfd, const char *name, size_t max, char **text_ret, size_t *len_ret)
{
	int r = directory_get(dirfd, name, max, text_ret, len_ret);

	return r == -ENOENT ? err_set(-EBADMSG, "the trace is damaged: it has no %s", name) : r;
}

int reader_load_schema(struct reader *rd)
{
	char *text;
	size_t len;

	if (fstatat(rd->dirfd, SCHEMA_FILE, &rd->schema_file, 0) < 0)
		rd->schema_file = (struct stat){ 0 };
	int r = get_file(rd->dirfd, SCHEMA_FILE, SCHEMA_MAX, &text, &len);

	if (r == 0) {
		r = schema_json_parse(text, len, &rd->arena, &rd->doc);
		free(text);
	}
	return r;
}

/** Make the metadata again, and see whether the trace's is the same: see description.c. */
static int match_metadata(const struct schema_json_doc *doc, const char *text, size_t len)
{
	struct description *description;
	int r = description_new(doc->uuid, doc->offset_ns, &description);

	if (r < 0)
		return r;
	for (size_t i = 0; i < doc->n_probes && r == 0; i++)
		r = description_add(description, doc->probes[i].desc, doc->probes[i].class);
	if (r == -EINVAL || r == -E2BIG)
		r = err_context(-EBADMSG, "the trace is damaged");
	if (r == 0)
		r = description_match(description, text, len);
	description_free(description);
	return r;
}

int reader_check_metadata(struct reader *rd, int (*load_schema)(struct reader *rd))
{
	struct stat st = { 0 };
	char *text;
	size_t len;

	/* It is replaced as a whole. Should it be between here and babeltrace2's look at it, then by its writer. */
	if (fstatat(rd->dirfd, METADATA_FILE, &st, 0) == 0 && reader_same_file(&st, &rd->metadata_file))
		return load_schema(rd);
	int r = get_file(rd->dirfd, METADATA_FILE, METADATA_MAX, &text, &len);

	if (r < 0)
		return r;
	r = metadata_check(text, len);
	if (r == 0)
		r = load_schema(rd);
	if (r == 0)
		r = match_metadata(&rd->doc, text, len);
	if (r == 0)
		rd->metadata_file = st;
	free(text);
	return r;
}

int reader_load_info(struct reader *rd)
{
	char *text;
	size_t len;
	int r = get_file(rd->dirfd, INFO_FILE, INFO_MAX, &text, &len);

	if (r < 0)
		return r;
	struct json_object *info = json_tokener_parse(text);

	free(text);
	if (!json_object_is_type(info, json_type_object)) {
		json_object_put(info);
		return err_set(-EBADMSG,
			       "the trace is damaged: " INFO_FILE " is not a JSON object");
	}
	json_object_put(rd->info);
	rd->info = info;
	return 0;
}

static struct class *class_at(struct reader *rd, size_t id)
{
	while (rd->classes.n <= id) {
		struct class *class = array_push(&rd->classes);

		if (!class)
			return NULL;
	}
	return &rd->classes.items[id];
}

static int add_class(struct reader *rd, size_t id, const struct class *class)
{
	struct class *slot = class_at(rd, id);

	if (!slot || !class->payload)
		return err_set(-ENOMEM, "no memory");
	if (slot->payload)
		return err_set(-EBADMSG, "schema.json is damaged: two probes have class %zu", id);
	*slot = *class;
	return 0;
}

int reader_add_probe(struct reader *rd, size_t index)
{
	const struct schema_json_probe *from = &rd->doc.probes[index];
	const struct trace_probe_desc *desc = from->desc;
	struct trace_probe *probe = arena_alloc(&rd->arena, sizeof(*probe));

	if (!probe)
		return err_set(-ENOMEM, "no memory");
	*probe = (struct trace_probe){
		.function = desc->function, .module = desc->module, .source = desc->source,
		.prototype = desc->prototype, .entry = desc->entry, .ret = desc->ret,
		.index = (unsigned)index, .deferred = desc->deferred,
	};
	rd->probes[index] = probe;
	struct class entry = { .desc = desc, .probe = probe },
		     ret = { .desc = desc, .probe = probe, .is_return = true };

	entry.payload =
		class_entry_schema(&rd->arena, desc->entry, desc->has_stack, desc->deferred);
	ret.payload = class_return_schema(&rd->arena, desc->ret, desc->return_sites,
					  desc->n_return_sites);
	int r = add_class(rd, from->class, &entry);

	return r < 0 ? r : add_class(rd, (size_t)from->class + 1, &ret);
}

static int add_classes(struct reader *rd)
{
	int r = 0;

	rd->probes = arena_alloc(&rd->arena, rd->doc.n_probes * sizeof(*rd->probes));
	if (!rd->probes)
		return err_set(-ENOMEM, "no memory");
	for (enum trace_class i = 0; i < CLASS_BUILTIN_COUNT && r == 0; i++)
		r = add_class(rd, i, &(struct class){ .payload = class_builtin_schema(i) });
	for (size_t i = 0; i < rd->doc.n_probes && r == 0; i++)
		r = reader_add_probe(rd, i);
	return r;
}

static int load(struct reader *rd, int dirfd, const char *dir)
{
	int r = check_trace_directory(dirfd, dir);

	if (r == 0)
		r = reader_check_metadata(rd, reader_load_schema);
	if (r == 0)
		r = reader_load_info(rd);
	if (r == 0)
		r = add_classes(rd);
	if (r == 0)
		r = view_open(dir, dirfd, rd->doc.uuid, 0, &rd->view);
	if (r == 0)
		r = ctf_open(rd->view.path, &rd->ctf);
	return r;
}

/** Open the directory of the trace at `path`, or the one that it was unpacked into. */
static int open_directory(struct reader *rd, const char *path)
{
	const char *dir;
	int r = unpacked_directory(path, &rd->unpacked, &dir);

	rd->dirfd = -1;
	if (r < 0)
		return r;
	rd->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rd->dirfd < 0)
		return err_set(-errno, "cannot open %s: %s", path, strerror(errno));
	rd->dir = strdup(dir);
	return rd->dir ? 0 : err_set(-ENOMEM, "no memory");
}

int reader_open(const char *path, struct reader **ret)
{
	struct reader *rd = calloc(1, sizeof(*rd));

	if (!rd)
		return err_set(-ENOMEM, "no memory");
	int r = open_directory(rd, path);

	if (r == 0)
		r = load(rd, rd->dirfd, rd->dir);
	if (r < 0) {
		reader_close(rd);
		return r;
	}
	rd->result = 1;
	*ret = rd;
	return 0;
}

void reader_close(struct reader *rd)
{
	if (!rd)
		return;
	ctf_close(rd->ctf);
	view_close(&rd->view);
	if (rd->dirfd >= 0)
		close(rd->dirfd);
	unpacked_put(rd->unpacked);
	free(rd->dir);
	json_object_put(rd->info);
	array_free(&rd->classes);
	arena_free(&rd->event_arena);
	arena_free(&rd->arena);
	free(rd);
}

/* Events */

/** The class of an event, checked against the metadata. */
static int find_class(struct reader *rd, const bt_event *event, struct class **ret)
{
	const bt_event_class *ctf_class = bt_event_borrow_class_const(event);
	uint64_t id = bt_event_class_get_id(ctf_class);

	if (id >= rd->classes.n || !rd->classes.items[id].payload)
		return err_set(-EBADMSG,
			       "the trace is damaged: schema.json has no event class %llu",
			       (unsigned long long)id);
	struct class *class = &rd->classes.items[id];

	if (!class->checked) {
		const bt_field_class *payload =
			bt_event_class_borrow_payload_field_class_const(ctf_class);

		if (!payload || !decode_check(class->payload, payload))
			return -EBADMSG;
		class->checked = true;
	}
	*ret = class;
	return 0;
}

static int get_context(struct reader *rd, const bt_event *event, struct trace_event *ret)
{
	const bt_field *context = bt_event_borrow_common_context_field_const(event);

	if (!rd->context_checked &&
	    !(context &&
	      decode_check(class_context_schema(), bt_field_borrow_class_const(context))))
		return err_set(-EBADMSG, "the trace is damaged: its events have another context");
	rd->context_checked = true;
	uint64_t numbers[4];

	for (uint64_t i = 0; i < 4; i++)
		numbers[i] = bt_field_integer_unsigned_get_value(
			bt_field_structure_borrow_member_field_by_index_const(context, i));
	ret->tid = (pid_t)numbers[0];
	ret->call = numbers[1];
	ret->parent = numbers[2];
	ret->depth = (unsigned)numbers[3] & DEPTH_MAX_TOLD;
	ret->is_guess = numbers[3] & DEPTH_IS_GUESS;
	return 0;
}

static const char *text_of(const struct value_node *node)
{
	return node->bytes ? (const char *)node->bytes : "";
}

static int fill_builtin(struct reader *rd, enum trace_class class, const struct value_node *items,
			 struct trace_event *ret)
{
	switch (class) {
	case CLASS_THREAD:
		ret->kind = TRACE_THREAD;
		ret->text = text_of(&items[0]);
		break;
	case CLASS_FRAME:
		ret->kind = TRACE_FRAME;
		ret->addr = items[0].u;
		ret->index = (unsigned)items[1].u;
		ret->inlined = items[2].u;
		ret->text = text_of(&items[3]);
		ret->module = text_of(&items[4]);
		ret->source = items[5].len ? text_of(&items[5]) : NULL;
		break;
	case CLASS_CLOSED:
		ret->kind = TRACE_CLOSED;
		if (items[0].u > CLOSED_LOST)
			return err_set(-EBADMSG,
				       "the trace is damaged: a call ended in an unknown way");
		ret->closed = (int)items[0].u;
		break;
	default:
		ret->kind = TRACE_LOST;
		ret->module = text_of(&items[0]);
		ret->count = items[1].u;
		ret->text = text_of(&items[2]);
		rd->explained += ret->count;
	}
	return 0;
}

/** A STRUCT of `n` captures beginning at `items`. */
static int set_values(struct reader *rd, const struct schema *schema,
		      const struct value_node *items, struct trace_event *ret)
{
	struct value_node *values = arena_alloc(&rd->event_arena, sizeof(*values));

	if (!values)
		return err_set(-ENOMEM, "no memory");
	values->schema = schema;
	values->items = items;
	values->n = schema->n_members;
	ret->values = values;
	return 0;
}

static int set_stack(struct reader *rd, const struct value_node *sequence, struct trace_event *ret)
{
	uint64_t *stack = arena_alloc(&rd->event_arena, sequence->n * sizeof(*stack));

	if (!stack)
		return err_set(-ENOMEM, "no memory");
	for (size_t i = 0; i < sequence->n; i++)
		stack[i] = sequence->items[i].u;
	ret->stack = stack;
	ret->n_stack = sequence->n;
	return 0;
}

/** Take apart what class_entry_schema() put together. */
static int fill_entry(struct reader *rd, const struct class *class, const struct value_node *items,
		      struct trace_event *ret)
{
	const struct value_node *extra = items + class->desc->entry->n_members;
	int r = set_values(rd, class->desc->entry, items, ret);

	ret->kind = TRACE_ENTRY;
	if (r == 0 && class->desc->has_stack)
		r = set_stack(rd, extra++, ret);
	if (class->desc->deferred)
		ret->time_ns = extra->u;
	return r;
}

static int fill_return(struct reader *rd, const struct class *class, const struct value_node *items,
		       struct trace_event *ret)
{
	ret->kind = TRACE_RETURN;
	if (items[0].u < class->desc->n_return_sites)
		ret->return_source = class->desc->return_sites[items[0].u];
	return set_values(rd, class->desc->ret, items + 1, ret);
}

static int fill_event(struct reader *rd, const struct ctf_item *item, struct trace_event *ret)
{
	struct value_node payload = { 0 };
	struct class *class = NULL;
	int r = find_class(rd, item->event, &class);

	if (r == 0)
		r = get_context(rd, item->event, ret);
	if (r == 0)
		r = decode_value(class->payload, bt_event_borrow_payload_field_const(item->event),
				 &rd->event_arena, &payload);
	if (r < 0)
		return r;
	ret->time_ns = rd->last_time = item->time;
	if (!class->desc)
		r = fill_builtin(rd, (enum trace_class)(class - rd->classes.items), payload.items,
				 ret);
	else
		r = class->is_return ? fill_return(rd, class, payload.items, ret)
				     : fill_entry(rd, class, payload.items, ret);
	ret->probe = class->probe;
	return r;
}

/** At the end of a packet: what it lacks that no LOST event told of could not be written. */
static bool fill_unexplained(struct reader *rd, struct trace_event *ret)
{
	uint64_t known = rd->explained + rd->told;
	uint64_t count = rd->discarded > known ? rd->discarded - known : 0;

	rd->last_told = rd->told + count;
	rd->discarded = rd->explained = rd->told = 0;
	*ret = (struct trace_event){ .kind = TRACE_LOST,
				     .time_ns = rd->last_time,
				     .count = count,
				     .module = "",
				     .text = "could not be written to the trace" };
	return count;
}

/** An event that was delivered already, when the packet was read before it had grown. */
static bool is_old(const struct reader *rd)
{
	return rd->skip_packets || rd->packet_events <= rd->skip_events;
}

/** Whether that leaves something to tell. */
static bool end_packet(struct reader *rd, struct trace_event *ret)
{
	rd->packets++;
	rd->last_events = rd->packet_events;
	rd->packet_events = 0;
	if (!rd->skip_packets) {
		rd->skip_events = 0;
		return fill_unexplained(rd, ret);
	}
	rd->skip_packets--;
	rd->discarded = rd->explained = 0;
	return false;
}

static int next(struct reader *rd, struct trace_event *ret)
{
	struct ctf_item item;

	for (;;) {
		int r = ctf_next(rd->ctf, &item);

		if (r < 0 && rd->view.is_cut)
			return 0; /* reader_note() says it */
		if (r < 0)
			return r;
		switch (item.kind) {
		case CTF_EVENT:
			*ret = (struct trace_event){ 0 };
			r = fill_event(rd, &item, ret);
			rd->packet_events += r == 0;
			if (r < 0 || !is_old(rd))
				return r < 0 ? r : 1;
			arena_reset(&rd->event_arena);
			break;
		case CTF_DISCARDED:
			rd->discarded += item.count;
			break;
		case CTF_PACKET_END:
			if (end_packet(rd, ret))
				return 1;
			break;
		case CTF_END:
			return 0;
		}
	}
}

int reader_next(struct reader *rd, struct trace_event *ret)
{
	struct trace_event event;

	if (rd->result == 1) {
		arena_reset(&rd->event_arena);
		rd->result = next(rd, &event);
	}
	if (rd->result == 1)
		*ret = event;
	return rd->result;
}

struct json_object *reader_info(const struct reader *rd)
{
	return rd->info;
}

size_t reader_probes(const struct reader *rd, const struct trace_probe *const **ret)
{
	*ret = rd->probes;
	return rd->doc.n_probes;
}

bool reader_has_deferred(const struct reader *rd)
{
	for (size_t i = 0; i < rd->doc.n_probes; i++)
		if (rd->probes[i]->deferred)
			return true;
	return false;
}

uint64_t reader_wall_ns(const struct reader *rd, uint64_t time_ns)
{
	return time_ns + (uint64_t)rd->doc.offset_ns;
}

const char *reader_note(const struct reader *rd)
{
	return rd->view.note;
}

unsigned reader_percent(const struct reader *rd)
{
	uint64_t all = rd->view.n_packets, done = rd->packets < all ? rd->packets : all;

	return all ? (unsigned)(done * 100 / all) : 100;
}
