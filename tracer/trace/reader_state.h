/**
 * The reader's insides, for reader.c and reader_grow.c.
 */
#ifndef TRACE_READER_STATE_H
#define TRACE_READER_STATE_H

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/trace/reader_view.h"
#include "tracer/trace/schema_json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct ctf;
struct json_object;
struct schema;
struct trace_probe;
struct trace_probe_desc;

/** What the events of a class are. */
struct class {
	const struct schema *payload; /**< NULL: the class is not known */
	const struct trace_probe_desc *desc; /**< NULL: built in */
	const struct trace_probe *probe;
	bool is_return;
	bool checked; /**< the metadata agrees with `payload` */
};

struct reader {
	struct arena arena;       /**< as long as the reader */
	struct arena event_arena; /**< until the next event */
	struct json_object *info;
	struct schema_json_doc doc;
	const struct trace_probe **probes;
	ARRAY(struct class) classes; /**< by number */
	struct unpacked *unpacked; /**< NULL: the trace is a directory */
	struct view view;
	struct ctf *ctf;
	bool context_checked;
	uint64_t last_time;
	uint64_t discarded, explained; /**< in this packet: by its header, and by LOST events */
	int result; /**< once not 1, reader_next() says nothing else */

	/* for reader_grow() */
	char *dir;
	int dirfd;
	struct stat schema_file, metadata_file; /**< when they were read */
	uint64_t packets;                    /**< of the view that were read to their end */
	uint64_t packet_events, last_events; /**< of the packet being read, and of the one before */
	uint64_t told, last_told;            /**< how much of their loss was told */
	unsigned skip_packets;               /**< to be read, but not delivered */
	uint64_t skip_events;                /**< of the packet behind them */
};

/** Whether a file, which is replaced as a whole, is the one it was. */
static inline bool reader_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/** Read the files again. 0, or a negative errno with a message: then nothing has changed. */
int reader_load_info(struct reader *rd);
int reader_load_schema(struct reader *rd);
/**
 * Whether babeltrace2 may be given the trace's metadata, see description.c; `load_schema` is called
 * behind the reading of the metadata, which so has no class that schema.json lacks.
 */
int reader_check_metadata(struct reader *rd, int (*load_schema)(struct reader *rd));
/** Probe `index` of `rd->doc` with its classes, into `rd->probes`, which has room for it. */
int reader_add_probe(struct reader *rd, size_t index);

#endif
