#include "tracer/cmd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/err.h"

static int fail(const struct output *output, int error)
{
	return err_set(-error, "cannot write %s: %s", output->path, strerror(error));
}

/* A link is replaced, not what it leads to. */
static int check_place(const char *path, bool force)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(-EEXIST, "%s is no file: it is not overwritten", path);
	return force ? 0 : err_set(-EEXIST, "%s exists already; --force overwrites it", path);
}

int output_open(const char *path, bool force, struct output *ret)
{
	struct output output = { .path = path, .force = force };
	int r = check_place(path, force);

	if (r < 0)
		return r;
	if (asprintf(&output.temp, "%s.XXXXXX", path) < 0)
		return err_set(-ENOMEM, "out of memory");
	int fd = mkostemp(output.temp, O_CLOEXEC); /* mode 0600 */

	if (fd < 0) {
		r = fail(&output, errno);
		free(output.temp);
		return r;
	}
	output.file = fdopen(fd, "w");
	if (output.file) {
		*ret = output;
		return 0;
	}
	unlink(output.temp);
	close(fd);
	free(output.temp);
	return err_set(-ENOMEM, "out of memory");
}

/* Whoever has made a file of that name meanwhile keeps it; some file systems cannot look and rename at once. */
static int give_name(const struct output *output)
{
	if (output->force)
		return rename(output->temp, output->path) < 0 ? fail(output, errno) : 0;
	if (renameat2(AT_FDCWD, output->temp, AT_FDCWD, output->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return fail(output, errno);
	int r = check_place(output->path, false);

	return r < 0 ? r : rename(output->temp, output->path) < 0 ? fail(output, errno) : 0;
}

int output_close(struct output *output, bool keep)
{
	int r = 0;

	if (keep && (fflush(output->file) != 0 || fsync(fileno(output->file)) < 0))
		r = fail(output, errno);
	if (fclose(output->file) != 0 && keep && r == 0)
		r = fail(output, errno);
	if (keep && r == 0)
		r = give_name(output);
	if (!keep || r < 0)
		unlink(output->temp);
	free(output->temp);
	return r;
}
