#include "tracer/trace/rewrite.h"

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/file.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/metadata.h"
#include "tracer/trace/packet.h"
#include "tracer/trace/raw.h"
#include "tracer/trace/schema_json.h"
#include "tracer/trace/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * What a power loss does to a trace: it may take any page that was not yet written to disk, which
 * reads as zeros then.  schema.json and metadata are written before the first event and mostly
 * survive; of the last packets the ends are zeros, their headers may be older than their events, or
 * zeros themselves.
 *
 * So the copy takes nothing on trust but schema.json, which has a checksum.  metadata follows from
 * it, as when it was written.  A packet whose header is gone is lost, as where its events begin is
 * not known.  In the others events are taken from the beginning up to the first bytes that can be no
 * event; if the header counted on more, the copy says with a LOST event that there was more.  An
 * event of which a last sector is all zeros may have been something else, so it is not taken either,
 * but where the recording came to its end, which waits for the disk.
 *
 * A trace that is being recorded can be copied too: which packets there are, and how far they go,
 * is looked at before schema.json, which is written before the events that need it.
 */

enum {
	PACKETS_MAX = 10 * 1000 * 1000,
	SECTOR_SIZE = 512, /* the least that a disk writes */
};

struct packet_file {
	uint64_t number;
	struct packet_header header;
	bool has_header;
};

struct rewrite {
	const struct rewrite_options *options;
	struct rewrite_report report;
	int from, to;
	ARRAY(struct packet_file) files;
	struct arena arena;
	struct schema_json_doc doc;
	struct raw *raw;
	struct raw_copy copy;
	bool is_closed;     /* the recording came to its end: the last packet is trimmed */
	uint64_t discarded; /* what is to be added to the headers' counts */
};

static int by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct packet_file *)a)->number,
		 y = ((const struct packet_file *)b)->number;

	return x < y ? -1 : x > y;
}

static int open_packet(int dirfd, uint64_t number)
{
	char name[PACKET_NAME_MAX];

	packet_name(name, number);
	return file_open(dirfd, name, O_NOFOLLOW);
}

/* What could not be opened is not lost from the trace: it is there. */
static bool is_our_trouble(int fd)
{
	return fd == -EMFILE || fd == -ENFILE || fd == -EACCES || fd == -ENOMEM;
}

static int list_packets(struct rewrite *rw)
{
	int fd = openat(rw->from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t number;
	int r = dir ? 0 : err_set(-errno, "cannot read the trace: %s", strerror(errno));

	if (!dir && fd >= 0)
		close(fd);
	for (struct dirent *d; r == 0 && dir && (d = readdir(dir));) {
		if (!packet_number(d->d_name, &number))
			continue;
		struct packet_file *file =
			rw->files.n < PACKETS_MAX ? array_push(&rw->files) : NULL;

		if (!file) {
			r = err_set(-ENOMEM, "no memory");
			break;
		}
		file->number = number;
		int packet = open_packet(rw->from, number);

		if (is_our_trouble(packet))
			r = err_set(packet, "cannot open %s: %s", d->d_name, strerror(-packet));
		file->has_header = packet >= 0 && pread(packet, &file->header, sizeof(file->header),
							0) == sizeof(file->header);
		if (packet >= 0)
			close(packet);
	}
	if (dir)
		closedir(dir);
	if (rw->files.n)
		qsort(rw->files.items, rw->files.n, sizeof(*rw->files.items), by_number);
	return r;
}

static int load_schema(struct rewrite *rw, const char *dir)
{
	char *text;
	size_t len;
	int r = directory_get(rw->from, SCHEMA_FILE, SCHEMA_MAX, &text, &len);

	if (r == -ENOENT)
		return err_set(-EBADMSG, "%s is not a trace, or has lost its " SCHEMA_FILE, dir);
	if (r < 0)
		return r;
	r = schema_json_parse(text, len, &rw->arena, &rw->doc);
	free(text);
	return r < 0 ? err_context(r, "without " SCHEMA_FILE " nothing can be read") : 0;
}

static bool has_metadata(const struct rewrite *rw)
{
	char *text;
	size_t len;
	bool good = directory_get(rw->from, METADATA_FILE, METADATA_MAX, &text, &len) == 0;

	if (good) {
		good = metadata_check(text, len) == 0;
		free(text);
	}
	return good;
}

/* The text of info.json, or of one that says nothing; for free(). */
static char *load_info(struct rewrite *rw)
{
	char *text = NULL;
	size_t len;

	if (directory_get(rw->from, INFO_FILE, INFO_MAX, &text, &len) < 0)
		text = NULL;
	struct json_object *info = text ? json_tokener_parse(text) : NULL;

	if (!json_object_is_type(info, json_type_object)) {
		free(text);
		text = strdup("{}");
		rw->report.has_no_info = true;
	}
	json_object_put(info);
	if (!text || !rw->options->info)
		return text;
	char *other = rw->options->info(rw->options->ctx, text);

	free(text);
	return other;
}

/* The copy without events. */
static int create(struct rewrite *rw, const char *to)
{
	struct trace_writer *writer = NULL;
	char *info = load_info(rw);
	int r = info ? trace_create_as(to, rw->doc.uuid, rw->doc.offset_ns, info, &writer)
		     : err_set(-ENOMEM, "no memory");

	free(info);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rw->doc.n_probes && r == 0; i++) {
		int class = trace_add_probe(writer, rw->doc.probes[i].desc);

		if (class < 0)
			r = class;
		else if ((unsigned)class != rw->doc.probes[i].class)
			r = err_set(-EBADMSG, "schema.json is damaged: the class of a probe");
	}
	if (r == 0)
		r = trace_commit(writer);
	int closed = trace_close(writer);

	r = r < 0 ? r : closed;
	if (r == 0) {
		rw->to = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = rw->to < 0 ? err_set(-errno, "cannot open %s: %s", to, strerror(errno)) : 0;
	}
	if (r < 0)
		directory_remove(to);
	return r;
}

/* A whole packet; free() it. NULL if it cannot be one. */
static uint8_t *read_packet(const struct rewrite *rw, const struct packet_file *file, size_t *ret)
{
	int fd = open_packet(rw->from, file->number);
	struct stat st;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PACKET_BYTES_MAX)
		bytes = malloc((size_t)st.st_size + 1);
	while (bytes && len < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + len, (size_t)st.st_size - len, (off_t)len);

		if (n <= 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	*ret = len;
	return bytes;
}

static int write_packet(const struct rewrite *rw, uint64_t number)
{
	char name[PACKET_NAME_MAX];

	packet_name(name, number);
	int fd = openat(rw->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r = 0;

	if (fd < 0)
		r = -errno;
	for (size_t done = 0; r == 0 && done < rw->copy.len;) {
		ssize_t n = write(fd, rw->copy.bytes + done, rw->copy.len - done);

		if (n < 0 && errno != EINTR)
			r = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	return r < 0 ? err_set(r, "cannot write %s: %s", name, strerror(-r)) : 0;
}

/* The end of the sector that holds the last byte which is not zero. */
static size_t sure_end(const uint8_t *bytes, size_t end)
{
	while (end && !bytes[end - 1])
		end--;
	return (end + SECTOR_SIZE - 1) / SECTOR_SIZE * SECTOR_SIZE;
}

/* Append the events of a packet; `*time` becomes that of the last one. */
static int copy_events(struct rewrite *rw, const uint8_t *bytes, size_t content, size_t end,
		       uint64_t *time)
{
	size_t at = sizeof(struct packet_header);
	size_t sure = rw->options->mends && !rw->is_closed ? sure_end(bytes, end) : end;

	end = sure < end ? sure : end;
	while (at < end) {
		long n = raw_event(rw->raw, bytes + at, end - at, time, &rw->copy);

		if (n < 0)
			return err_set((int)n, "no memory");
		if (!n)
			break;
		rw->report.events++;
		rw->report.found_events += at >= content;
		at += (size_t)n;
	}
	if (at >= content)
		return 0;
	rw->report.lost_bytes += content - at;
	rw->report.events++;
	return raw_lost(*time, 1, "lost with the end of a packet, at least", &rw->copy);
}

static int copy_packet(struct rewrite *rw, const struct packet_file *file)
{
	struct packet_header header = file->header;
	size_t len;
	uint8_t *bytes = read_packet(rw, file, &len);
	uint64_t time = header.timestamp_begin, lost_bytes = rw->report.lost_bytes;

	if (!bytes || !file->has_header || !packet_header_valid(&header, rw->doc.uuid)) {
		rw->report.lost_packets++;
		free(bytes);
		return 0;
	}
	size_t content = header.content_size / 8, end = rw->options->mends ? len : content;

	rw->copy.len = 0;
	int r = raw_append(&rw->copy, &header, sizeof(header));

	if (r == 0)
		r = copy_events(rw, bytes, content, end < len ? end : len, &time);
	free(bytes);
	if (r < 0)
		return r;
	if (header.events_discarded > rw->report.never_recorded)
		rw->report.never_recorded = header.events_discarded;
	rw->discarded += rw->report.lost_bytes > lost_bytes;
	header.events_discarded += rw->discarded;
	header.timestamp_end = time > header.timestamp_end || rw->options->mends
				       ? time
				       : header.timestamp_end;
	header.content_size = header.packet_size = rw->copy.len * 8;
	memcpy(rw->copy.bytes, &header, sizeof(header));
	rw->report.packets++;
	return write_packet(rw, file->number);
}

static int copy_all(struct rewrite *rw, const char *from, const char *to)
{
	struct packet_file *file;
	int r = list_packets(rw);

	if (r == 0)
		r = load_schema(rw, from);
	if (r == 0)
		r = raw_new(&rw->doc, rw->options->hide, &rw->raw);
	if (r < 0)
		return r;
	rw->report.hidden_captures = raw_n_hidden_captures(rw->raw);
	rw->report.has_no_metadata = !has_metadata(rw);
	r = create(rw, to);
	if (r < 0)
		return r;
	file = rw->files.n ? &rw->files.items[rw->files.n - 1] : NULL;
	rw->is_closed = file && file->has_header &&
			file->header.packet_size == file->header.content_size;
	array_foreach(&rw->files, file) {
		r = copy_packet(rw, file);
		if (r < 0)
			break;
	}
	rw->report.hidden = rw->copy.hidden;
	return r;
}

int rewrite_trace(const char *from, const char *to, const struct rewrite_options *options,
		  struct rewrite_report *ret)
{
	struct rewrite rw = { .options = options, .to = -1 };
	int r = 0;

	rw.from = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rw.from < 0)
		return err_set(-errno, "cannot open %s: %s", from, strerror(errno));
	r = copy_all(&rw, from, to);
	if (r < 0 && rw.to >= 0)
		directory_remove(to);
	if (rw.to >= 0)
		close(rw.to);
	close(rw.from);
	raw_free(rw.raw);
	arena_free(&rw.arena);
	array_free(&rw.files);
	free(rw.copy.bytes);
	if (r == 0)
		*ret = rw.report;
	return r;
}
