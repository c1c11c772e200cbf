#include "tracer/cmd/config_dirs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOURCE_TREE_MAX = 64 }; /* bytes of "/../tracer/KIND" */

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
