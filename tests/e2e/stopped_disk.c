// Preloaded: a disk that gives no room to the packets of a trace while the file $STOPPED_DISK exists.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_of_a_trace(int fd)
{
	char link[32], path[4096];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	return strstr(path, ".trace/") != NULL;
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
	static const struct timespec pause = { 0, 1000000 };
	int (*real)(int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate");
	const char *path = getenv("STOPPED_DISK");

	while (path && is_of_a_trace(fd) && access(path, F_OK) == 0)
		nanosleep(&pause, NULL);
	return real(fd, offset, len);
}
