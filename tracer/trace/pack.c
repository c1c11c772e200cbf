#include "tracer/trace/pack.h"

#include "tracer/base/err.h"
#include "tracer/base/file.h"
#include "tracer/trace/directory.h"
#include "tracer/trace/packet.h"
#include "tracer/trace/scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * In the archive all is below one directory, so that `tar xf` makes a trace of it.  What is unpacked
 * is found by the rest of its name, which must be that of a file of a trace; the name of the
 * directory is of no meaning, and nothing is ever created by a name from the archive but by the
 * names we know.
 */

enum { BUFFER_SIZE = 64 * 1024, PATH_SIZE = 64, FILES_MAX = 1000 * 1000 };

/* A small file that becomes a huge one is no trace, but meant to fill the disk. */
static const uint64_t SIZE_MAX_ALWAYS = 1ull << 30, RATIO_MAX = 1000;

static int fail(struct archive *archive, int r, const char *what)
{
	const char *why = archive ? archive_error_string(archive) : NULL;

	return err_set(r, "%s: %s", what, why ? why : strerror(-r));
}

/* Packing */

static int put_bytes(struct archive *archive, int fd, uint64_t size)
{
	char buffer[BUFFER_SIZE];

	while (size) {
		size_t want = size < sizeof(buffer) ? (size_t)size : sizeof(buffer);
		ssize_t n = read(fd, buffer, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (archive_write_data(archive, buffer, (size_t)n) != n)
			return -EIO;
		size -= (uint64_t)n;
	}
	return 0;
}

/* A file or directory `path` of the trace; who owned it is nobody's business. */
static int put_entry(struct archive *archive, int dirfd, const char *path, const char *name)
{
	struct archive_entry *entry = archive_entry_new();
	int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char *full = NULL;
	struct stat st;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 && (!entry || asprintf(&full, "%s/%s", name, path) < 0))
		r = -ENOMEM;
	if (r == 0) {
		bool is_dir = S_ISDIR(st.st_mode);

		archive_entry_set_pathname(entry, full);
		archive_entry_set_filetype(entry, is_dir ? AE_IFDIR : AE_IFREG);
		archive_entry_set_perm(entry, is_dir ? 0700 : 0600);
		archive_entry_set_mtime(entry, st.st_mtime, 0);
		archive_entry_set_size(entry, is_dir ? 0 : st.st_size);
		if (archive_write_header(archive, entry) != ARCHIVE_OK)
			r = -EIO;
		else if (!is_dir)
			r = put_bytes(archive, fd, (uint64_t)st.st_size);
	}
	free(full);
	archive_entry_free(entry);
	if (fd >= 0)
		close(fd);
	return r;
}

static int put_packets(struct archive *archive, int dirfd, const char *name)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t number;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));)
		if (packet_number(d->d_name, &number))
			r = put_entry(archive, dirfd, d->d_name, name);
	closedir(dir);
	return r;
}

static int put_trace(struct archive *archive, int dirfd, const char *name)
{
	static const char *const first[] = { SIDE_DIR, INFO_FILE, SCHEMA_FILE, METADATA_FILE };
	int r = 0;

	for (size_t i = 0; i < sizeof(first) / sizeof(*first) && r == 0; i++)
		r = put_entry(archive, dirfd, first[i], name);
	return r < 0 ? r : put_packets(archive, dirfd, name);
}

/* A name that is the same in every locale, and for tar. */
static char *plain_name(const char *name)
{
	char *plain = strdup(*name == '.' || *name == '-' || !*name ? "trace" : name);

	for (char *p = plain; p && *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-+", *p))
			*p = '_';
	return plain;
}

int pack_write(const char *dir, const char *name, FILE *out)
{
	struct archive *archive = archive_write_new();
	char *plain = plain_name(name);
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dirfd < 0 ? -errno : archive && plain ? 0 : -ENOMEM;

	if (r == 0 && (archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
		       archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
		       archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
		       archive_write_open_FILE(archive, out) != ARCHIVE_OK))
		r = -EIO;
	if (r == 0)
		r = put_trace(archive, dirfd, plain);
	if (r == 0 && archive_write_close(archive) != ARCHIVE_OK)
		r = -EIO;
	if (r < 0)
		fail(archive, r, "cannot pack the trace");
	if (dirfd >= 0)
		close(dirfd);
	archive_write_free(archive);
	free(plain);
	return r;
}

/* Unpacking */

/* The path in a trace of an entry's file, if it is one of a trace's; else NULL. */
static const char *known_path(const char *entry_path, char buf[static PATH_SIZE])
{
	static const char *const known[] = { METADATA_FILE, INFO_FILE, SCHEMA_FILE };
	const char *slash = entry_path ? strchr(entry_path, '/') : NULL;
	uint64_t number;

	if (slash && !strncmp(entry_path, "./", 2)) /* tar's "./NAME/…" */
		slash = strchr(slash + 1, '/');
	if (!slash)
		return NULL;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(slash + 1, known[i]))
			return known[i];
	if (!packet_number(slash + 1, &number))
		return NULL;
	packet_name(buf, number);
	return buf;
}

static int get_bytes(struct archive *archive, int fd, uint64_t *room)
{
	const void *block;
	la_int64_t offset;
	size_t len;
	int result;

	while ((result = archive_read_data_block(archive, &block, &len, &offset)) == ARCHIVE_OK) {
		if (offset < 0 || len > *room || (uint64_t)offset > *room - len)
			return -EFBIG;
		for (size_t done = 0; done < len;) {
			ssize_t n = pwrite(fd, (const char *)block + done, len - done,
					   offset + (off_t)done);

			if (n < 0 && errno != EINTR)
				return -errno;
			done += n > 0 ? (size_t)n : 0;
		}
		*room -= len;
	}
	return result == ARCHIVE_EOF ? 0 : -EBADMSG;
}

static int get_file(struct archive *archive, int dirfd, const char *path, uint64_t *room)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : get_bytes(archive, fd, room);

	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int not_a_trace(const char *file)
{
	return err_set(-EBADMSG, "%s is not a trace, nor a packed one", file);
}

static int get_entry(struct archive *archive, struct archive_entry *entry, int dirfd,
		     uint64_t *room, const char *file)
{
	char buf[PATH_SIZE];
	const char *path = known_path(archive_entry_pathname(entry), buf);
	int type = archive_entry_filetype(entry);

	if (type == AE_IFDIR)
		return 0; /* those that are needed are there */
	if (!path || type != AE_IFREG || archive_entry_hardlink(entry))
		return not_a_trace(file);
	int r = archive_entry_size(entry) > (la_int64_t)*room
			? -EFBIG
			: get_file(archive, dirfd, path, room);

	if (r == -EEXIST)
		return err_set(-EBADMSG, "%s has a file twice: %s", file, path);
	if (r == -EFBIG)
		return err_set(-EBADMSG, "%s is no trace: it would become %u times as large", file,
			       (unsigned)RATIO_MAX);
	if (r == -EBADMSG)
		return fail(archive, r, "the packed trace is damaged");
	return r < 0 ? err_set(r, "cannot unpack %s: %s", file, strerror(-r)) : 0;
}

static int get_trace(struct archive *archive, int dirfd, uint64_t room, const char *file)
{
	struct archive_entry *entry;
	int result = ARCHIVE_OK, r = 0;

	for (unsigned n = 0; r == 0; n++) {
		result = archive_read_next_header(archive, &entry);
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
			break;
		r = n < FILES_MAX ? get_entry(archive, entry, dirfd, &room, file)
				  : not_a_trace(file);
	}
	if (r < 0 || result == ARCHIVE_EOF)
		return r;
	return fail(archive, -EBADMSG, "the packed trace is damaged");
}

static int open_archive(struct archive *archive, const char *file, uint64_t *room)
{
	int fd = file_open(AT_FDCWD, file, 0);
	struct stat st;

	if (fd == -EBADMSG || fd == -EISDIR)
		return not_a_trace(file);
	if (fd < 0)
		return err_set(fd, "cannot open %s: %s", file, strerror(-fd));
	fstat(fd, &st);
	close(fd);
	*room = (uint64_t)st.st_size * RATIO_MAX;
	*room = *room > SIZE_MAX_ALWAYS ? *room : SIZE_MAX_ALWAYS;
	/* Only these: the fewer parsers the better. */
	if (archive_read_support_format_tar(archive) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
	    archive_read_open_filename(archive, file, BUFFER_SIZE) != ARCHIVE_OK)
		return not_a_trace(file);
	return 0;
}

int pack_extract(const char *file, const char *to)
{
	struct archive *archive = archive_read_new();
	uint64_t room = 0;
	int dirfd = -1;
	int r = archive ? open_archive(archive, file, &room) : err_set(-ENOMEM, "no memory");

	if (r == 0)
		r = directory_create(to, false, &dirfd);
	if (r == 0)
		r = get_trace(archive, dirfd, room, file);
	if (r == 0 && faccessat(dirfd, METADATA_FILE, F_OK, 0) < 0)
		r = not_a_trace(file);
	if (dirfd >= 0) {
		if (r < 0)
			directory_remove(to);
		close(dirfd);
	}
	archive_read_free(archive);
	return r;
}

/* Unpacked for reading */

struct unpacked {
	struct unpacked *next;
	struct scratch *scratch;
	char *path;
	struct stat of; /* the packed file */
	unsigned users;
};

/* Those that are in use: commands open a trace more than once. */
static struct unpacked *all;

static struct unpacked *find(const struct stat *st)
{
	for (struct unpacked *it = all; it; it = it->next)
		if (it->of.st_dev == st->st_dev && it->of.st_ino == st->st_ino &&
		    it->of.st_size == st->st_size &&
		    !memcmp(&it->of.st_mtim, &st->st_mtim, sizeof(st->st_mtim)))
			return it;
	return NULL;
}

static void unpacked_free(struct unpacked *unpacked)
{
	scratch_free(unpacked->scratch);
	free(unpacked->path);
	free(unpacked);
}

int unpacked_get(const char *file, struct unpacked **ret)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return err_set(-errno, "cannot open %s: %s", file, strerror(errno));
	struct unpacked *unpacked = find(&st);

	if (unpacked) {
		unpacked->users++;
		*ret = unpacked;
		return 0;
	}
	unpacked = calloc(1, sizeof(*unpacked));
	int r = unpacked ? scratch_new(&unpacked->scratch) : err_set(-ENOMEM, "no memory");

	if (r == 0 && asprintf(&unpacked->path, "%s/trace", scratch_path(unpacked->scratch)) < 0) {
		unpacked->path = NULL;
		r = err_set(-ENOMEM, "no memory");
	}
	if (r == 0)
		r = pack_extract(file, unpacked->path);
	if (r < 0) {
		if (unpacked)
			unpacked_free(unpacked);
		return r;
	}
	unpacked->of = st;
	unpacked->users = 1;
	unpacked->next = all;
	all = unpacked;
	*ret = unpacked;
	return 0;
}

int unpacked_directory(const char *path, struct unpacked **ret, const char **dir_ret)
{
	struct stat st;

	*ret = NULL;
	*dir_ret = path;
	if (stat(path, &st) < 0)
		return err_set(-errno, "cannot open %s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return 0;
	int r = unpacked_get(path, ret);

	if (r == 0)
		*dir_ret = unpacked_path(*ret);
	return r;
}

void unpacked_put(struct unpacked *unpacked)
{
	if (!unpacked || --unpacked->users)
		return;
	for (struct unpacked **at = &all; *at; at = &(*at)->next) {
		if (*at == unpacked) {
			*at = unpacked->next;
			break;
		}
	}
	unpacked_free(unpacked);
}

const char *unpacked_path(const struct unpacked *unpacked)
{
	return unpacked->path;
}
