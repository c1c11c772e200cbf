#include "tracer/record/config_dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/file.h"

enum {
	SOURCE_TREE_MAX = 64, /* bytes of "/../tracer/KIND" */
	FILE_MAX = 1 << 20,
};

size_t config_dirs(const char *kind, char dirs[CONFIG_DIRS][CONFIG_PATH_MAX])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	size_t n = 0;

	if (config && config[0])
		snprintf(dirs[n++], CONFIG_PATH_MAX, "%s/virtrace/%s", config, kind);
	else if (home && home[0])
		snprintf(dirs[n++], CONFIG_PATH_MAX, "%s/.config/virtrace/%s", home, kind);
	snprintf(dirs[n++], CONFIG_PATH_MAX, "/etc/virtrace/%s", kind);
	snprintf(dirs[n++], CONFIG_PATH_MAX, DATA_DIR "/%s", kind);
	/* Run from the build folder: build/virtrace finds tracer/presets. */
	ssize_t len = readlink("/proc/self/exe", dirs[n], CONFIG_PATH_MAX - SOURCE_TREE_MAX);

	if (len > 0) {
		dirs[n][len] = '\0';
		char *slash = strrchr(dirs[n], '/');

		if (slash)
			snprintf(slash, SOURCE_TREE_MAX, "/../tracer/%s", kind);
		n++;
	}
	return n;
}

int config_read(const char *path, config_handler *on_key, void *ctx)
{
	char *text;
	size_t len;
	int r = file_read(AT_FDCWD, path, FILE_MAX, &text, &len);

	if (r == -EBADMSG)
		return err_set(-EINVAL, "%s is not a file, or larger than %d bytes", path, FILE_MAX);
	if (r < 0)
		return err_set(r, "cannot read %s: %s", path, strerror(-r));
	r = strlen(text) == len ? ini_parse_string(text, on_key, ctx) : 1;
	free(text);
	return r < 0 ? err_set(-ENOMEM, "out of memory") : r;
}
