#include "tracer/trace/scratch.h"

#include "tracer/base/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/**
 * A child waits for the end of a pipe whose other side only we hold: it comes with scratch_free(),
 * and with our death by any signal.  Then it removes the directory.  It is in a session of its own
 * and has let go of all files, so that neither Ctrl-C nor a reader of our output has to do with it.
 */

enum { DEPTH_MAX = 8 }; /* of directories: a trace has one in it */

struct scratch {
	char *path;
	int pipe;
	pid_t janitor;
};

static void remove_below(int dirfd, unsigned depth)
{
	DIR *dir = fdopendir(dirfd);

	if (!dir) {
		close(dirfd);
		return;
	}
	for (struct dirent *d; (d = readdir(dir));) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (unlinkat(dirfd, d->d_name, 0) == 0 || depth >= DEPTH_MAX)
			continue;
		int below = openat(dirfd, d->d_name,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (below >= 0)
			remove_below(below, depth + 1);
		unlinkat(dirfd, d->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
}

static void remove_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		remove_below(fd, 0);
	rmdir(path);
}

static void run_janitor(const char *path, int pipe)
{
	sigset_t all;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	dup2(pipe, 0);
	close_range(1, ~0u, 0);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	remove_all(path);
	_exit(0);
}

static int start_janitor(struct scratch *scratch)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	scratch->janitor = fork();
	if (scratch->janitor == 0) {
		close(ends[1]);
		run_janitor(scratch->path, ends[0]);
	}
	int r = scratch->janitor < 0 ? -errno : 0;

	close(ends[0]);
	if (r < 0)
		close(ends[1]);
	else
		scratch->pipe = ends[1];
	return r;
}

int scratch_new(struct scratch **ret)
{
	const char *base = getenv("TMPDIR");
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch || asprintf(&scratch->path, "%s/virtrace.XXXXXX",
				 base && *base ? base : "/tmp") < 0) {
		free(scratch);
		return err_set(-ENOMEM, "no memory");
	}
	int r = mkdtemp(scratch->path) ? 0 : -errno;

	if (r == 0) {
		r = start_janitor(scratch);
		if (r < 0)
			rmdir(scratch->path);
	}
	if (r < 0) {
		err_set(r, "cannot make a directory like %s: %s", scratch->path, strerror(-r));
		free(scratch->path);
		free(scratch);
		return r;
	}
	*ret = scratch;
	return 0;
}

void scratch_free(struct scratch *scratch)
{
	if (!scratch)
		return;
	close(scratch->pipe);
	while (waitpid(scratch->janitor, NULL, 0) < 0 && errno == EINTR)
		;
	free(scratch->path);
	free(scratch);
}

const char *scratch_path(const struct scratch *scratch)
{
	return scratch->path;
}
