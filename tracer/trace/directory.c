#include "tracer/trace/directory.h"

#include "tracer/base/err.h"
#include "tracer/base/file.h"
#include "tracer/trace/packet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMP_SUFFIX ".tmp"
enum { PATIENCE_MS = 2000, PAUSE_MS = 10, TRIES = 4 };

static int fail(int error, const char *what, const char *path)
{
	return err_set(-error, "cannot %s %s: %s", what, path, strerror(error));
}

/* Removing an old trace */

/** What a trace may have in its directory, and in its side directory. */
static bool is_trace_file(int dirfd, const char *name, bool in_side_dir)
{
	static const char *const own[] = { METADATA_FILE, "." METADATA_FILE TEMP_SUFFIX,
					   PACKET_TEMP };
	static const char *const side[] = { "schema.json", "schema.json" TEMP_SUFFIX, "info.json",
					    "info.json" TEMP_SUFFIX };
	const char *const *names = in_side_dir ? side : own;
	size_t n = in_side_dir ? sizeof(side) / sizeof(*side) : sizeof(own) / sizeof(*own);
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISDIR(st.st_mode))
		return !in_side_dir && strcmp(name, SIDE_DIR) == 0;
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return !in_side_dir && strncmp(name, PACKET_PREFIX, strlen(PACKET_PREFIX)) == 0;
}

/** Check the names in `path` relative to `dirfd`; if `remove`, unlink them. */
static int clear_directory(int dirfd, const char *path, bool in_side_dir, bool remove)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (!is_trace_file(fd, d->d_name, in_side_dir))
			r = err_set(-EEXIST, "there is a file that is not a trace's: %s",
				    d->d_name);
		else if (remove && unlinkat(fd, d->d_name, 0) < 0 && errno != EISDIR)
			r = -errno;
	}
	closedir(dir);
	return r;
}

/** All that is in it, and then `path`, which leads to it. */
static int remove_all(int fd, const char *path)
{
	int r = 0;

	/* First look at all, then remove. */
	for (int remove = 0; remove <= 1 && r == 0; remove++) {
		r = clear_directory(fd, SIDE_DIR, true, remove);
		if (r == 0 || r == -ENOENT)
			r = clear_directory(fd, ".", false, remove);
	}
	if (r == 0 && unlinkat(fd, SIDE_DIR, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	if (r == -EEXIST)
		return err_context(r, "%s is not overwritten", path);
	if (r < 0 || rmdir(path) < 0)
		return fail(r < 0 ? -r : errno, "remove", path);
	return 0;
}

static int open_directory(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int directory_remove(const char *path)
{
	int fd = open_directory(path);

	if (fd < 0)
		return fail(errno, "open", path);
	int r = remove_all(fd, path);

	close(fd);
	return r;
}

/* Whose it is
 *
 * A directory belongs to who has it locked, from its first moment, when it is empty, to its end: he alone writes into it, and he
 * alone removes it.  Between looking at a path and locking what it leads to, somebody else may have removed that and made a new
 * one: so the path is looked at again under the lock. */

bool directory_is_written(int dirfd)
{
	if (flock(dirfd, LOCK_SH | LOCK_NB) < 0)
		return true;
	flock(dirfd, LOCK_UN);
	return false;
}

/**
 * Waits for a while: it may be about to be completed by the guardian of a recording that was killed.  Where there are no locks nobody
 * can ask for one either.
 */
static bool lock(int fd)
{
	static const struct timespec pause = { 0, PAUSE_MS * 1000000L };

	for (int i = 0; i < PATIENCE_MS / PAUSE_MS; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static bool leads_to(const char *path, int fd)
{
	struct stat named, ours;

	return lstat(path, &named) == 0 && fstat(fd, &ours) == 0 && named.st_dev == ours.st_dev &&
	       named.st_ino == ours.st_ino;
}

/**
 * Whether virtrace has made it: the side directory is the first thing that is made in a trace's directory, and the last that is
 * removed.  The rest may be missing, of a recording that was killed before it was complete.
 */
static bool is_trace(int fd)
{
	struct stat side;

	return fstatat(fd, SIDE_DIR, &side, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(side.st_mode);
}

static int not_a_trace(const char *path)
{
	return err_set(-EEXIST, "%s exists and is not a trace: it is not overwritten", path);
}

/** Make way for a new trace; -EAGAIN: somebody else has changed what is there. */
static int replace(const char *path, bool force)
{
	if (!force)
		return err_set(-EEXIST, "%s exists already", path);
	int fd = open_directory(path), r;

	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : not_a_trace(path);
	if (!lock(fd))
		r = err_set(-EEXIST, "%s is being recorded: it is not overwritten", path);
	else if (!leads_to(path, fd))
		r = -EAGAIN;
	else if (is_trace(fd))
		r = remove_all(fd, path);
	else
		r = rmdir(path) == 0 ? 0 : not_a_trace(path); /* an empty directory goes */
	close(fd);
	return r;
}

/** Make a new one; -EAGAIN: somebody else was faster. */
static int make(const char *path, int *fd_ret)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? -EAGAIN : fail(errno, "create", path);
	int fd = open_directory(path);

	if (fd < 0 && errno != ENOENT)
		return fail(errno, "create a trace in", path);
	if (fd < 0 || !lock(fd) || !leads_to(path, fd)) {
		if (fd >= 0)
			close(fd);
		return -EAGAIN;
	}
	/* The umask may have taken what we need. */
	if (fchmod(fd, 0700) < 0 || mkdirat(fd, SIDE_DIR, 0700) < 0 || fchmodat(fd, SIDE_DIR, 0700, 0) < 0) {
		int error = errno;

		remove_all(fd, path);
		close(fd);
		return fail(error, "create a trace in", path);
	}
	*fd_ret = fd;
	return 0;
}

int directory_create(const char *path, bool force, int *fd_ret)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		struct stat st;

		r = lstat(path, &st) == 0 ? replace(path, force) : 0;
		if (r == 0)
			r = make(path, fd_ret);
	}
	return r == -EAGAIN ? err_set(-EEXIST, "%s is made by somebody else, again and again", path) : r;
}

static int write_file(int dirfd, const char *name, const char *text, size_t len)
{
	unlinkat(dirfd, name, 0);
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < len && r == 0;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			r = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int directory_put(int dirfd, const char *name, const char *text, size_t len)
{
	const char *slash = strrchr(name, '/');
	char temp[64];

	/* In the trace's own directory a temporary file needs a dot name. */
	snprintf(temp, sizeof(temp), "%s%s" TEMP_SUFFIX, slash ? "" : ".", name);
	int r = write_file(dirfd, temp, text, len);

	if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, temp, 0);
		return fail(-r, "write the trace's", name);
	}
	return 0;
}

int directory_sync(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r < 0 ? fail(-r, "write to disk the trace's", name) : 0;
}

int directory_get(int dirfd, const char *name, size_t max, char **text_ret, size_t *len_ret)
{
	int r = file_read(dirfd, name, max, text_ret, len_ret);

	if (r == -EBADMSG)
		return err_set(r, "%s is not a file of a trace", name);
	return r < 0 && r != -ENOENT ? fail(-r, "read", name) : r;
}
