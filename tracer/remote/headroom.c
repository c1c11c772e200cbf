/*
 * What limits a process' memory
 *
 * Its memory cgroup, and each above that, of version 2 (memory.max, memory.current) or 1 (memory.limit_in_bytes,
 * memory.usage_in_bytes); Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.  What is used there holds pages of files,
 * too, which the kernel takes back when it needs some: those that are not dirty count as left.  Swap does not.  Where no cgroup has a
 * limit, or none can be seen, it is the machine's (MemAvailable in /proc/meminfo).
 */
#include "tracer/remote/headroom.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_LEN = 4096, LINE_LEN = 8192 };
static const uint64_t no_limit = 1ull << 60; /* version 1 says nearly 2^63 */

/* The names of one version. */
struct version {
	const char *mount_type, *controller; /* controller "": of version 2 */
	const char *limit, *usage;
	const char *files[2], *dirty[2]; /* in memory.stat */
};

static const struct version versions[] = {
	{ "cgroup2", "", "memory.max", "memory.current", { "inactive_file", "active_file" }, { "file_dirty", "file_writeback" } },
	{ "cgroup", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", { "total_inactive_file", "total_active_file" },
	  { "total_dirty", "total_writeback" } },
};

/* The number in a file; `by_default` for a file that has none ("max") or is not there. */
static uint64_t number(const char *dir, const char *name, uint64_t by_default)
{
	char path[3 * PATH_LEN + 64];
	uint64_t value;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "re");
	bool found = f && fscanf(f, "%" SCNu64, &value) == 1;

	if (f)
		fclose(f);
	return found ? value : by_default;
}

static uint64_t reclaimable(const char *dir, const struct version *version)
{
	char path[3 * PATH_LEN + 64], name[64];
	uint64_t value, files = 0, dirty = 0;

	snprintf(path, sizeof(path), "%s/memory.stat", dir);
	FILE *f = fopen(path, "re");

	while (f && fscanf(f, "%63s %" SCNu64, name, &value) == 2) {
		for (int i = 0; i < 2; i++) {
			files += strcmp(name, version->files[i]) == 0 ? value : 0;
			dirty += strcmp(name, version->dirty[i]) == 0 ? value : 0;
		}
	}
	if (f)
		fclose(f);
	return files > dirty ? files - dirty : 0;
}

static void look_at(const char *dir, const char *name, const struct version *version, struct headroom *ret)
{
	uint64_t limit = number(dir, version->limit, UINT64_MAX), usage = number(dir, version->usage, 0);

	if (limit >= no_limit)
		return;
	uint64_t left = (limit > usage ? limit - usage : 0) + reclaimable(dir, version);

	left = left < limit ? left : limit;
	if (left >= ret->left)
		return;
	ret->left = left;
	ret->limit = limit;
	snprintf(ret->cgroup, sizeof(ret->cgroup), "%s", name[0] ? name : "/");
}

/* Whether one of a list "a,b,c" is `word`. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, word, len) && (at[len] == ',' || !at[len]))
			return true;
	return false;
}

/* proc_pid_cgroup(5): ID:CONTROLLERS:PATH. */
static bool find_cgroup(const char *root, pid_t pid, const struct version *version, char path[PATH_LEN])
{
	char name[PATH_LEN], line[LINE_LEN];
	bool found = false;

	snprintf(name, sizeof(name), "%s/proc/%d/cgroup", root, (int)pid);
	FILE *f = fopen(name, "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':'), *end = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!end)
			continue;
		*end = '\0';
		found = version->controller[0] ? has_word(controllers + 1, version->controller) : !controllers[1];
		if (found)
			snprintf(path, PATH_LEN, "%.*s", (int)strcspn(end + 1, "\n"), end + 1);
	}
	if (f)
		fclose(f);
	return found;
}

/*
 * proc_pid_mountinfo(5): where that hierarchy is mounted, and which of its cgroups is the mount's root.  Names with a space, which
 * the kernel escapes, are not found.
 */
static bool find_mount(const char *root, const struct version *version, char top[PATH_LEN], char mount[PATH_LEN])
{
	char name[PATH_LEN], line[LINE_LEN], type[64], options[1024];
	bool found = false;

	snprintf(name, sizeof(name), "%s/proc/self/mountinfo", root);
	FILE *f = fopen(name, "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *rest = strstr(line, " - ");

		found = rest && sscanf(line, "%*s %*s %*s %4095s %4095s", top, mount) == 2 &&
			sscanf(rest, " - %63s %*s %1023s", type, options) == 2 && !strcmp(type, version->mount_type) &&
			(!version->controller[0] || has_word(options, version->controller));
	}
	if (f)
		fclose(f);
	return found;
}

static void look_upwards(const char *root, pid_t pid, const struct version *version, struct headroom *ret)
{
	char path[PATH_LEN], top[PATH_LEN], mount[PATH_LEN], dir[3 * PATH_LEN];

	if (!find_cgroup(root, pid, version, path) || !find_mount(root, version, top, mount))
		return;
	size_t skip = strcmp(top, "/") != 0 && !strncmp(path, top, strlen(top)) ? strlen(top) : 0;
	char *name = path + skip, *slash;

	if (!strcmp(name, "/"))
		*name = '\0';
	for (;;) {
		snprintf(dir, sizeof(dir), "%s%s%s", root, mount, name);
		look_at(dir, name, version, ret);
		slash = strrchr(name, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

static void look_at_machine(const char *root, struct headroom *ret)
{
	char path[PATH_LEN], line[256];
	uint64_t kib, total = 0;

	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemTotal: %" SCNu64, &kib) == 1)
			total = kib << 10;
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) != 1 || kib << 10 >= ret->left)
			continue;
		*ret = (struct headroom){ .left = kib << 10, .limit = total };
	}
	if (f)
		fclose(f);
}

void headroom_read_below(const char *root, pid_t pid, struct headroom *ret)
{
	*ret = (struct headroom){ .left = UINT64_MAX };
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		look_upwards(root, pid, &versions[i], ret);
	look_at_machine(root, ret);
}

void headroom_read(pid_t pid, struct headroom *ret)
{
	headroom_read_below("", pid, ret);
}
