#include "tracer/trace/reader_view.h"

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/file.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/packet.h"
#include "tracer/trace/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * babeltrace2 refuses a whole trace for one file that is not a whole packet, be it an empty one
 * that a power loss left, the half of one that a copy did not finish, or somebody's README.  So
 * what is not whole is left out: the trace is read through a temporary directory of links to what
 * is, and a copy of what ends too early, with a header that says where.
 */

#define REMEDY "; 'virtrace recover' makes a copy with all that can be read"

enum file_state {
	FILE_WHOLE,
	FILE_LONG,  /**< something follows the packet */
	FILE_SHORT, /**< it ends within the packet */
	FILE_WRONG, /**< it is no packet of this trace */
};

struct packet_file {
	uint64_t number;
	char name[PACKET_NAME_MAX];
	enum file_state state;
	struct packet_header header; /**< with the sizes that hold for this file */
};

struct scan {
	ARRAY(struct packet_file) files;
	uint64_t first; /* packets before are left out */
	bool has_others; /**< files that are not a trace's */
};

static enum file_state check_header(int fd, const uint8_t uuid[16], struct packet_header *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > PACKET_BYTES_MAX ||
	    pread(fd, ret, sizeof(*ret), 0) != sizeof(*ret) || !packet_header_valid(ret, uuid))
		return FILE_WRONG;
	uint64_t bits = (uint64_t)st.st_size * 8, claimed = ret->packet_size;

	if (claimed == bits)
		return FILE_WHOLE;
	if (claimed < bits)
		return FILE_LONG;
	ret->packet_size = bits;
	if (ret->content_size <= bits)
		return FILE_SHORT;
	ret->content_size = bits;
	return FILE_SHORT;
}

static int scan_name(struct scan *scan, int dirfd, const uint8_t uuid[16], const char *name)
{
	uint64_t number;

	if (name[0] == '.' || strcmp(name, METADATA_FILE) == 0)
		return 0;
	if (!packet_number(name, &number)) {
		scan->has_others = true;
		return 0;
	}
	if (number < scan->first)
		return 0;
	struct packet_file *file = array_push(&scan->files);

	if (!file)
		return err_set(-ENOMEM, "no memory");
	file->number = number;
	strcpy(file->name, name);
	file->state = FILE_WRONG;
	int fd = file_open(dirfd, name, 0);

	if (fd == -ENOENT || fd == -EBADMSG || fd == -EISDIR)
		return 0;
	if (fd < 0)
		return err_set(fd, "cannot open %s: %s", name, strerror(-fd));
	file->state = check_header(fd, uuid, &file->header);
	close(fd);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct packet_file *)a)->number,
		 y = ((const struct packet_file *)b)->number;

	return x < y ? -1 : x > y;
}

static int scan_directory(struct scan *scan, int dirfd, const uint8_t uuid[16])
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		r = err_set(-errno, "cannot read the trace's directory: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		r = scan_name(scan, dirfd, uuid, d->d_name);
	closedir(dir);
	if (scan->files.n)
		qsort(scan->files.items, scan->files.n, sizeof(*scan->files.items), by_number);
	return r;
}

/** The first thing that is wrong, in words, and what to do about it; NULL if nothing is. */
static char *describe(const struct scan *scan)
{
	static const char *const texts[] = {
		[FILE_LONG] = "has something behind its end; what is whole is shown",
		[FILE_SHORT] = "is cut; it is shown up to there",
		[FILE_WRONG] = "is no packet of it; what is whole is shown",
	};
	struct packet_file *file;
	uint64_t expected = scan->first;
	char *text = NULL;
	int n = 0;

	array_foreach(&scan->files, file) {
		if (file->number != expected)
			n = asprintf(&text, "the trace is damaged: " PACKET_PREFIX "%06" PRIu64
				     " is missing; what is there is shown" REMEDY, expected);
		else if (file->state != FILE_WHOLE)
			n = asprintf(&text, "the trace is damaged: %s %s" REMEDY, file->name,
				     texts[file->state]);
		if (text || n < 0)
			break;
		expected++;
	}
	return n < 0 ? NULL : text;
}

static int copy_bytes(int from, int to, uint64_t len)
{
	char buffer[64 * 1024];

	for (uint64_t done = 0; done < len;) {
		size_t want = len - done < sizeof(buffer) ? (size_t)(len - done) : sizeof(buffer);
		ssize_t n = pread(from, buffer, want, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		if (pwrite(to, buffer, (size_t)n, (off_t)done) != n)
			return errno ? -errno : -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

/** Copy the content of a packet to directory `to`, with the header of `file`. */
static int copy_packet(int dirfd, int to, const struct packet_file *file)
{
	struct packet_header header = file->header;
	uint64_t len = header.content_size / 8;
	int in = file_open(dirfd, file->name, 0);
	int out = openat(to, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = in < 0 ? in : out < 0 ? -errno : copy_bytes(in, out, len);

	header.packet_size = header.content_size;
	if (r == 0 && pwrite(out, &header, sizeof(header), 0) != sizeof(header))
		r = errno ? -errno : -EIO;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return r;
}

static int link_file(const char *real, const char *name, int to)
{
	char *target = NULL;

	if (asprintf(&target, "%s/%s", real, name) < 0)
		return -ENOMEM;
	int r = symlinkat(target, to, name) < 0 ? -errno : 0;

	free(target);
	return r;
}

static int fill(const struct scan *scan, const char *dir, int dirfd, int to)
{
	char *real = realpath(dir, NULL);
	int r = real ? link_file(real, METADATA_FILE, to) : -errno;
	struct packet_file *file;

	array_foreach(&scan->files, file) {
		if (r == 0 && file->state == FILE_WHOLE)
			r = link_file(real, file->name, to);
		else if (r == 0 && file->state != FILE_WRONG)
			r = copy_packet(dirfd, to, file);
	}
	free(real);
	return r;
}

static int make_temporary(const struct scan *scan, const char *dir, int dirfd, struct view *view)
{
	int r = scratch_new(&view->scratch);

	if (r < 0)
		return r;
	view->path = strdup(scratch_path(view->scratch));
	if (!view->path)
		return err_set(-ENOMEM, "no memory");
	int to = open(view->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	r = to < 0 ? -errno : fill(scan, dir, dirfd, to);
	if (to >= 0)
		close(to);
	return r < 0 ? err_set(r, "cannot repair the trace in %s: %s", view->path, strerror(-r))
		     : 0;
}

/* What the view has to tell of its packets. */
static void note_packet(struct view *view, const struct packet_file *file)
{
	view->is_cut |= file->state == FILE_SHORT;
	if (file->state == FILE_WRONG)
		return;
	view->has_packets = true;
	view->n_packets++;
	view->last = file->number;
	view->last_content = file->header.content_size;
}

int view_open(const char *dir, int dirfd, const uint8_t uuid[16], uint64_t first, struct view *ret)
{
	struct scan scan = { .first = first };
	struct view view = { .first = first };
	int r = scan_directory(&scan, dirfd, uuid);
	bool needs_copy = scan.has_others || first;

	for (size_t i = 0; i < scan.files.n; i++) {
		needs_copy |= scan.files.items[i].state != FILE_WHOLE;
		note_packet(&view, &scan.files.items[i]);
	}
	if (r == 0)
		view.note = describe(&scan);
	if (r == 0 && needs_copy) {
		r = make_temporary(&scan, dir, dirfd, &view);
	} else if (r == 0) {
		view.path = strdup(dir);
		r = view.path ? 0 : err_set(-ENOMEM, "no memory");
	}
	array_free(&scan.files);
	if (r < 0) {
		view_close(&view);
		return r;
	}
	*ret = view;
	return 0;
}

static bool has_packet(int dirfd, const uint8_t uuid[16], uint64_t number, struct packet_header *ret)
{
	char name[PACKET_NAME_MAX];

	packet_name(name, number);
	int fd = file_open(dirfd, name, 0);
	bool found = fd >= 0 && check_header(fd, uuid, ret) != FILE_WRONG;

	if (fd >= 0)
		close(fd);
	return found;
}

bool view_has_grown(const struct view *view, int dirfd, const uint8_t uuid[16])
{
	struct packet_header header;

	if (!view->has_packets)
		return has_packet(dirfd, uuid, view->first, &header);
	return has_packet(dirfd, uuid, view->last + 1, &header) ||
	       (has_packet(dirfd, uuid, view->last, &header) &&
		header.content_size != view->last_content);
}

void view_close(struct view *view)
{
	scratch_free(view->scratch);
	free(view->path);
	free(view->note);
	*view = (struct view){ 0 };
}
