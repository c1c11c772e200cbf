#include "tracer/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
	if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > max)
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
	int fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = read_regular(fd, max, text_ret, len_ret);

	close(fd);
	return r;
}
