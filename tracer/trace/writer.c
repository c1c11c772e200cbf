#include "tracer/trace/writer.h"

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/utf8.h"
#include "tracer/trace/class.h"
#include "tracer/trace/description.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/packet.h"
#include "tracer/trace/raw.h"
#include "tracer/trace/schema_json.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/**
 * The order in which things reach the directory, so that it can be read at any moment: schema.json
 * knows a class before the metadata does, and the metadata knows it before the first event of it.
 * A directory without metadata is not a trace yet.
 *
 * Only the end waits for the disk.  Until then what is written is the kernel's: safe from a kill,
 * not from a power loss.
 */

enum {
	TEXT_MAX = 4096,         /* of names, places and reasons */
	STACK_MAX = UINT16_MAX,  /* a sequence's count is 16 bits */
};

struct class_info {
	bool has_stack, deferred;
};

struct trace_writer {
	char *path;
	int dirfd;
	struct description *description;
	struct schema_json *schemas;
	struct packets *packets;
	ARRAY(struct class_info) classes;
	size_t n_committed;
};

/** Nanoseconds from 1970 to the zero of CLOCK_MONOTONIC. */
static int64_t clock_offset(void)
{
	int64_t best = 0, best_gap = INT64_MAX;

	/* The pair that was read in the shortest time is the most exact. */
	for (int i = 0; i < 10; i++) {
		struct timespec before, real, after;

		clock_gettime(CLOCK_MONOTONIC, &before);
		clock_gettime(CLOCK_REALTIME, &real);
		clock_gettime(CLOCK_MONOTONIC, &after);
		int64_t from = before.tv_sec * 1000000000 + before.tv_nsec;
		int64_t gap = after.tv_sec * 1000000000 + after.tv_nsec - from;

		if (gap < best_gap) {
			best_gap = gap;
			best = real.tv_sec * 1000000000 + real.tv_nsec - from - gap / 2;
		}
	}
	return best;
}

static void make_uuid(uint8_t uuid[16])
{
	/* Random numbers that cannot be had would only make two traces look like one: go on. */
	if (getrandom(uuid, 16, GRND_NONBLOCK) != 16)
		memcpy(uuid, &(int64_t){ clock_offset() }, 8);
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/** Take the next class number; `desc`: of a probe's class, NULL for those that every trace has. */
static bool class_new(struct trace_writer *w, const struct trace_probe_desc *desc)
{
	struct class_info *info = array_push(&w->classes);

	if (!info)
		return false;
	*info = (struct class_info){ desc && desc->has_stack, desc && desc->deferred };
	return true;
}

static int add_builtins(struct trace_writer *w)
{
	for (enum trace_class i = 0; i < CLASS_BUILTIN_COUNT; i++)
		if (!class_new(w, NULL))
			return err_set(-ENOMEM, "no memory");
	return 0;
}

/** Those of a probe: of entries, and of returns. */
static int add_classes(struct trace_writer *w, const struct trace_probe_desc *desc)
{
	for (int i = 0; i < 2; i++)
		if (!class_new(w, desc))
			return err_set(-ENOMEM, "no memory");
	return 0;
}

static void writer_free(struct trace_writer *w)
{
	if (w->dirfd >= 0)
		close(w->dirfd);
	description_free(w->description);
	schema_json_free(w->schemas);
	array_free(&w->classes);
	free(w->path);
	free(w);
}

static int create(const char *dir, bool force, const uint8_t uuid[16], int64_t offset,
		  const char *info, struct trace_writer **ret)
{
	struct trace_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(-ENOMEM, "no memory");
	w->dirfd = -1;
	w->path = strdup(dir);
	int r = w->path ? description_new(uuid, offset, &w->description) : err_set(-ENOMEM, "no memory");

	if (r == 0)
		r = schema_json_new(uuid, offset, &w->schemas);
	if (r == 0)
		r = add_builtins(w);
	if (r == 0)
		r = directory_create(dir, force, &w->dirfd);
	if (r == 0)
		r = packets_new(w->dirfd, uuid, &w->packets);
	if (r == 0)
		r = trace_set_info(w, info);
	if (r == 0)
		r = trace_commit(w);
	if (r < 0) {
		packets_close(w->packets);
		if (w->dirfd >= 0)
			directory_remove(dir);
		writer_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

int trace_create(const char *dir, bool force, const char *info, struct trace_writer **ret)
{
	uint8_t uuid[16] = { 0 };

	make_uuid(uuid);
	return create(dir, force, uuid, clock_offset(), info, ret);
}

int trace_create_as(const char *dir, const uint8_t uuid[16], int64_t offset_ns, const char *info,
		    struct trace_writer **ret)
{
	return create(dir, false, uuid, offset_ns, info, ret);
}

static int put_metadata(struct trace_writer *w)
{
	char *text = NULL;
	size_t len;
	int r = description_text(w->description, &text, &len);

	if (r == 0)
		r = directory_put(w->dirfd, METADATA_FILE, text, len);
	free(text);
	if (r == 0)
		w->n_committed = w->classes.n;
	return r;
}

/** All that schema.json knows; the writer may have been killed before the metadata knew it, too. */
static int resume_classes(struct trace_writer *w, const struct schema_json_doc *doc)
{
	int r = description_new(doc->uuid, doc->offset_ns, &w->description);

	if (r == 0)
		r = add_builtins(w);
	for (size_t i = 0; i < doc->n_probes && r == 0; i++) {
		if (doc->probes[i].class != w->classes.n)
			return err_set(-EBADMSG, SCHEMA_FILE " is damaged: the class of a probe");
		r = description_add(w->description, doc->probes[i].desc, doc->probes[i].class);
		if (r == 0)
			r = add_classes(w, doc->probes[i].desc);
	}
	return r == 0 ? put_metadata(w) : r;
}

/** The name of the last event in the newest packet. */
static int find_last(const struct trace_writer *w, const struct schema_json_doc *doc, struct event_name *ret)
{
	struct raw_copy copy = { 0 };
	struct event_header header;
	struct raw *raw;
	uint64_t time = 0;
	size_t len;
	const uint8_t *bytes = packets_newest(w->packets, &len);
	int r = raw_new(doc, NULL, &raw);

	if (r < 0)
		return r;
	for (long n; len && (n = raw_event(raw, bytes, len, &time, &copy)) > 0; bytes += n, len -= (size_t)n) {
		memcpy(&header, bytes, sizeof(header));
		*ret = (struct event_name){ header.id, header.call };
		copy.len = 0;
	}
	free(copy.bytes);
	raw_free(raw);
	return len ? err_set(-EBADMSG, "the last packet of the trace is damaged") : 0;
}

static int resume(struct trace_writer *w, struct arena *arena, struct event_name *last)
{
	struct schema_json_doc doc;
	char *text = NULL;
	size_t len;
	int r = directory_get(w->dirfd, SCHEMA_FILE, SCHEMA_MAX, &text, &len);

	if (r == -ENOENT)
		err_set(r = -EBADMSG, "there is no " SCHEMA_FILE);
	if (r == 0)
		r = schema_json_parse(text, len, arena, &doc);
	free(text);
	if (r == 0)
		r = resume_classes(w, &doc);
	if (r == 0)
		r = packets_resume(w->dirfd, doc.uuid, &w->packets);
	return r == 0 ? find_last(w, &doc, last) : r;
}

int trace_resume(int dirfd, struct event_name *last, struct trace_writer **ret)
{
	struct trace_writer *w = calloc(1, sizeof(*w));
	struct arena arena = { 0 };

	*last = (struct event_name){ 0 };
	if (!w) {
		close(dirfd);
		return err_set(-ENOMEM, "no memory");
	}
	w->dirfd = dirfd;
	int r = resume(w, &arena, last);

	arena_free(&arena);
	if (r < 0) {
		packets_close(w->packets);
		writer_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

int trace_add_probe(struct trace_writer *w, const struct trace_probe_desc *desc)
{
	unsigned id = (unsigned)w->classes.n;

	assert(desc->n_return_sites <= UINT16_MAX);
	if (id + 1 > UINT16_MAX)
		return err_set(-E2BIG, "too many probes for one trace");
	int r = description_add(w->description, desc, id);

	if (r == 0)
		r = schema_json_add(w->schemas, desc, id);
	if (r < 0)
		return r;
	r = add_classes(w, desc);
	return r < 0 ? r : (int)id;
}

int trace_commit(struct trace_writer *w)
{
	char *schema = NULL;
	size_t len;
	int r = schema_json_text(w->schemas, &schema, &len);

	if (r == 0)
		r = directory_put(w->dirfd, SCHEMA_FILE, schema, len);
	free(schema);
	return r == 0 ? put_metadata(w) : r;
}

bool trace_knows(const struct trace_writer *w, int class)
{
	return class >= 0 && (size_t)class < w->n_committed;
}

/* Events */

enum { PARTS_MAX = 8 };

/** An event being put together: its header, then parts that others own. */
struct event {
	struct event_header header;
	struct iovec parts[PARTS_MAX];
	size_t n;
};

static void event_add(struct event *event, const void *data, size_t len)
{
	assert(event->n < PARTS_MAX);
	event->parts[event->n++] = (struct iovec){ (void *)(uintptr_t)data, len };
}

static void event_begin(struct event *event, const struct trace_writer *w, int class,
			const struct event_context *context)
{
	assert(class >= 0 && (size_t)class < w->classes.n);
	event->header = (struct event_header){
		.id = (uint16_t)class,
		.timestamp = packets_time(w->packets, context->time_ns),
		.tid = (uint32_t)context->tid,
		.call = context->call,
		.parent = context->parent,
		.depth = (uint16_t)((context->depth < DEPTH_MAX_TOLD ? context->depth : DEPTH_MAX_TOLD) |
				    (context->is_guess ? DEPTH_IS_GUESS : 0)),
	};
	event->n = 0;
	event_add(event, &event->header, sizeof(event->header));
}

static int event_write(struct trace_writer *w, const struct event *event)
{
	/*
	 * One event of a class that the metadata does not have would make the whole trace
	 * unreadable.
	 */
	if (event->header.id >= w->n_committed)
		return err_set(-EINVAL, "event class %u is not in the trace", event->header.id);
	return packets_append(w->packets, event->header.timestamp, event->parts, event->n);
}

int trace_entry(struct trace_writer *w, int class, const struct event_context *context,
		const void *payload, size_t len, const uint64_t *stack, size_t n_stack,
		uint64_t entered_ns)
{
	uint16_t n = (uint16_t)(n_stack < STACK_MAX ? n_stack : STACK_MAX);
	struct event event;

	event_begin(&event, w, class, context);
	event_add(&event, payload, len);
	if (w->classes.items[class].has_stack) {
		event_add(&event, &n, sizeof(n));
		event_add(&event, stack, n * sizeof(*stack));
	}
	if (w->classes.items[class].deferred)
		event_add(&event, &entered_ns, sizeof(entered_ns));
	return event_write(w, &event);
}

int trace_return(struct trace_writer *w, int class, const struct event_context *context,
		 unsigned return_site, const void *payload, size_t len)
{
	uint16_t site = (uint16_t)return_site;
	struct event event;

	event_begin(&event, w, class, context);
	event_add(&event, &site, sizeof(site));
	event_add(&event, payload, len);
	return event_write(w, &event);
}

int trace_closed(struct trace_writer *w, const struct event_context *context, enum call_closed end)
{
	uint8_t byte = (uint8_t)end;
	struct event event;

	event_begin(&event, w, CLASS_CLOSED, context);
	event_add(&event, &byte, sizeof(byte));
	return event_write(w, &event);
}

/** A TEXT: option(text) of schema.h. */
struct __attribute__((packed)) text_head {
	uint8_t status;
	uint32_t len;
};

static void event_add_text(struct event *event, struct text_head *head, const char *text)
{
	size_t len = text ? strnlen(text, TEXT_MAX) : 0;
	bool cut = len == TEXT_MAX;

	/* Not within a character. */
	while (cut && len && (text[len] & 0xc0) == 0x80)
		len--;
	bool valid = utf8_valid(text, len);

	head->status = valid ? cut ? STATUS_CUT : STATUS_OK : cut ? STATUS_BYTES_CUT : STATUS_BYTES;
	head->len = (uint32_t)len;
	event_add(event, head, sizeof(*head));
	event_add(event, text, len);
}

int trace_thread(struct trace_writer *w, uint64_t time_ns, pid_t tid, const char *comm)
{
	struct text_head head;
	struct event event;

	event_begin(&event, w, CLASS_THREAD,
		    &(struct event_context){ .time_ns = time_ns, .tid = tid });
	event_add_text(&event, &head, comm);
	return event_write(w, &event);
}

int trace_frame(struct trace_writer *w, uint64_t time_ns, uint64_t addr, unsigned index,
		bool inlined, const char *function, const char *module, const char *source)
{
	struct __attribute__((packed)) {
		uint64_t addr;
		uint16_t index;
		uint8_t inlined;
	} numbers = { addr, (uint16_t)index, inlined };
	struct text_head heads[3];
	struct event event;

	event_begin(&event, w, CLASS_FRAME, &(struct event_context){ .time_ns = time_ns });
	event_add(&event, &numbers, sizeof(numbers));
	event_add_text(&event, &heads[0], function);
	event_add_text(&event, &heads[1], module);
	event_add_text(&event, &heads[2], source);
	return event_write(w, &event);
}

int trace_lost(struct trace_writer *w, uint64_t time_ns, const char *probe, uint64_t count,
	       const char *reason)
{
	struct text_head heads[2];
	struct event event;

	event_begin(&event, w, CLASS_LOST, &(struct event_context){ .time_ns = time_ns });
	event_add_text(&event, &heads[0], probe);
	event_add(&event, &count, sizeof(count));
	event_add_text(&event, &heads[1], reason);
	int r = packets_append_last(w->packets, event.header.timestamp, event.parts, event.n);

	/* After the event: the packet that counts them must be the one that explains them. */
	packets_discard(w->packets, count);
	return r;
}

int trace_set_info(struct trace_writer *w, const char *info)
{
	return directory_put(w->dirfd, INFO_FILE, info, strlen(info));
}

const char *trace_path(const struct trace_writer *w)
{
	return w->path;
}

int trace_directory(const struct trace_writer *w)
{
	return w->dirfd;
}

uint64_t trace_bytes(const struct trace_writer *w)
{
	return packets_bytes(w->packets);
}

uint64_t trace_lost_count(const struct trace_writer *w)
{
	return packets_discarded(w->packets);
}

int trace_close(struct trace_writer *w)
{
	if (!w)
		return 0;
	static const char *const names[] = { METADATA_FILE, SCHEMA_FILE, INFO_FILE, SIDE_DIR, "." };
	int r = packets_close(w->packets);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && r == 0; i++)
		r = directory_sync(w->dirfd, names[i]);
	writer_free(w);
	return r;
}

int trace_abandon(struct trace_writer *w)
{
	if (!w)
		return 0;
	packets_close(w->packets);
	int r = directory_remove(w->path);

	writer_free(w);
	return r;
}
