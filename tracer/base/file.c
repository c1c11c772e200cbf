/*
 * Opening says what a file is only when it is too late: at a FIFO open() waits, and a device acts.  A descriptor made with O_PATH
 * does neither, and /proc/self/fd leads from it to the same file, whatever the path leads to by then (open(2), proc_pid_fd(5)).
 */
#include "tracer/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int file_open(int dirfd, const char *path, int flags)
{
	char same[32];
	struct stat st = { 0 };
	int place = openat(dirfd, path, O_PATH | O_CLOEXEC | flags), fd = -1;

	if (place < 0)
		return -errno;
	if (fstat(place, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(place);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EBADMSG;
	}
	snprintf(same, sizeof(same), "/proc/self/fd/%d", place);
	fd = open(same, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) /* there is no /proc: it may be something else by now, but nobody waits for it */
		fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
	int r = fd < 0 ? -errno : fd;

	close(place);
	return r;
}

static int read_up_to(int fd, char *text, size_t size, size_t *len_ret)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	}
	*len_ret = len;
	return 0;
}

static int read_regular(int fd, size_t max, char **text_ret, size_t *len_ret)
{
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return -EBADMSG;
	char *text = malloc((size_t)st.st_size + 1);
	int r = text ? read_up_to(fd, text, (size_t)st.st_size, &len) : -ENOMEM;

	if (r < 0) {
		free(text);
		return r;
	}
	text[len] = '\0';
	*text_ret = text;
	if (len_ret)
		*len_ret = len;
	return 0;
}

int file_read(int dirfd, const char *path, size_t max, char **text_ret, size_t *len_ret)
{
	int fd = file_open(dirfd, path, 0);

	if (fd < 0)
		return fd == -EISDIR ? -EBADMSG : fd;
	int r = read_regular(fd, max, text_ret, len_ret);

	close(fd);
	return r;
}
