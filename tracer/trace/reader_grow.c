/**
 * Reading on in a trace that is being written
 *
 * babeltrace2 looks at a trace once, when it is opened. So what has come since is read by opening it
 * again, from the packet that was the last one: its events up to where we were are read and thrown
 * away.  The packet before it is read too, as what is lost is counted from packet to packet.
 */
#include "tracer/trace/reader.h"
#include "tracer/trace/reader_state.h"

#include "tracer/base/err.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/reader_bt.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

/** Probes and classes that were not there; those that were stay as they are. */
static int reload_schema(struct reader *rd)
{
	struct schema_json_doc old = rd->doc;
	const struct trace_probe **probes = rd->probes;
	struct stat st;

	/* it is replaced as a whole; what is parsed stays in the arena */
	if (fstatat(rd->dirfd, SCHEMA_FILE, &st, 0) == 0 && reader_same_file(&st, &rd->schema_file))
		return 0;
	int r = reader_load_schema(rd);

	if (r == 0 && (rd->doc.n_probes < old.n_probes ||
		       memcmp(rd->doc.uuid, old.uuid, sizeof(old.uuid)) != 0))
		r = err_set(-EBADMSG, "the trace has become another one");
	if (r < 0 || rd->doc.n_probes == old.n_probes) {
		rd->doc = old;
		return r;
	}
	rd->probes = arena_alloc(&rd->arena, rd->doc.n_probes * sizeof(*rd->probes));
	if (!rd->probes)
		return err_set(-ENOMEM, "no memory");
	memcpy(rd->probes, probes, old.n_probes * sizeof(*probes));
	for (size_t i = old.n_probes; i < rd->doc.n_probes && r == 0; i++)
		r = reader_add_probe(rd, i);
	return r;
}

/** An error ended reading there, or there is no packet. */
static bool is_within_packet(const struct reader *rd)
{
	return rd->packet_events || !rd->packets || rd->skip_packets;
}

/** Where to go on: a packet, and how many of its events are known. */
static uint64_t position(const struct reader *rd, uint64_t *known_ret)
{
	uint64_t at = rd->view.first + rd->packets;

	if (rd->skip_packets) { /* an error before the place we were at */
		*known_ret = rd->skip_events;
		return at + rd->skip_packets;
	}
	if (is_within_packet(rd)) {
		*known_ret = rd->packet_events > rd->skip_events ? rd->packet_events : rd->skip_events;
		return at;
	}
	*known_ret = rd->last_events;
	return at - 1; /* the last one may have grown */
}

int reader_grow(struct reader *rd, bool *is_finished_ret)
{
	struct json_object *end;
	struct view view = { 0 };
	struct ctf *ctf = NULL;
	uint64_t known, at = position(rd, &known);
	int r = reader_load_info(rd);

	if (r < 0)
		return r;
	*is_finished_ret = json_object_object_get_ex(rd->info, "end_ns", &end) || !directory_is_written(rd->dirfd);
	if (rd->result == 0 && !view_has_grown(&rd->view, rd->dirfd, rd->doc.uuid))
		return 0;
	/* with the packet before, that tells how much was lost since then */
	r = view_open(rd->dir, rd->dirfd, rd->doc.uuid, at ? at - 1 : 0, &view);
	if (r == 0)
		r = reader_check_metadata(rd, reload_schema);
	if (r == 0)
		r = ctf_open(view.path, &ctf);
	if (r == 0)
		r = reload_schema(rd); /* of what may have come to the metadata meanwhile */
	if (r < 0) {
		ctf_close(ctf);
		view_close(&view);
		return r;
	}
	ctf_close(rd->ctf);
	view_close(&rd->view);
	rd->ctf = ctf;
	rd->view = view;
	if (!is_within_packet(rd))
		rd->told = rd->last_told;
	rd->packets = rd->packet_events = rd->last_events = rd->discarded = rd->explained = 0;
	rd->skip_packets = at > 0;
	rd->skip_events = known;
	rd->context_checked = false;
	for (size_t i = 0; i < rd->classes.n; i++)
		rd->classes.items[i].checked = false;
	rd->result = 1;
	return 1;
}
