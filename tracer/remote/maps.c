#include "tracer/remote/maps.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"

/* A process with 65530 mappings (vm.max_map_count) of long paths stays below this. */
enum { MAPS_TEXT_MAX = 64 << 20 };

/* The kernel writes "\012" for a newline in a path; nothing else is escaped. */
static void unescape_path(char *path)
{
	char *from = path, *to = path;

	while (*from) {
		if (!strncmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static int parse_line(char *line, struct mapping *ret)
{
	unsigned long lo, hi, offset, inode;
	unsigned major, minor;
	char perms[5];
	int path_at = 0;

	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &lo, &hi, perms, &offset, &major, &minor,
		   &inode, &path_at) < 7 || !path_at)
		return -EINVAL;
	*ret = (struct mapping){
		.lo = lo, .hi = hi, .offset = offset, .inode = inode,
		.dev = (uint64_t)major << 32 | minor,
		.readable = perms[0] == 'r', .writable = perms[1] == 'w',
		.executable = perms[2] == 'x', .shared = perms[3] == 's',
	};
	char *path = line + path_at;
	size_t len = strlen(path), mark = strlen(" (deleted)");

	if (len >= mark && !strcmp(path + len - mark, " (deleted)")) {
		path[len - mark] = '\0';
		ret->deleted = true;
	}
	unescape_path(path);
	ret->path = path;
	return 0;
}

/* `before` is the nearest mapping of a file below, NULL if none. */
static bool is_loaded(const struct mapping *m, const struct mapping *before)
{
	bool goes_on = before && before->inode == m->inode && before->dev == m->dev && m->offset >= before->offset;

	return m->inode && (goes_on ? before->loaded : m->offset == 0);
}

int maps_parse(char *text, struct maps *ret)
{
	struct maps maps = { .text = text };
	char *save = NULL;
	size_t file = SIZE_MAX;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct mapping *m = array_push(&maps);

		if (!m || parse_line(line, m) < 0) {
			maps_free(&maps);
			return m ? err_set(-EINVAL, "cannot understand a line of /proc/PID/maps")
				 : err_set(-ENOMEM, "out of memory");
		}
		m->loaded = is_loaded(m, file < maps.n ? &maps.items[file] : NULL);
		file = m->inode ? maps.n - 1 : file;
	}
	*ret = maps;
	return 0;
}

static int read_all(int fd, char **ret)
{
	size_t len = 0, cap = 64 * 1024;
	char *text = malloc(cap);

	for (;;) {
		if (text && len + 1 == cap) {
			char *more = cap < MAPS_TEXT_MAX ? realloc(text, cap * 2) : NULL;

			if (!more)
				free(text);
			text = more;
			cap *= 2;
		}
		if (!text)
			return -ENOMEM;
		ssize_t n = read(fd, text + len, cap - len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int error = -errno;

			free(text);
			return error;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = text;
	return 0;
}

int maps_read(pid_t pid, struct maps *ret)
{
	char path[64], *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : read_all(fd, &text);

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return err_set(r == -ENOENT ? -ESRCH : r, "cannot read %s: %s", path, strerror(-r));
	return maps_parse(text, ret);
}

void maps_free(struct maps *maps)
{
	free(maps->text);
	array_free(maps);
}

const struct mapping *maps_find(const struct maps *maps, uint64_t addr)
{
	size_t lo = 0, hi = maps->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr < maps->items[mid].lo)
			hi = mid;
		else if (addr >= maps->items[mid].hi)
			lo = mid + 1;
		else
			return &maps->items[mid];
	}
	return NULL;
}

/* Where a line is being read: its two addresses, and how many of them are over. */
struct line {
	uint64_t bounds[2];
	unsigned n;
};

/* One more character; true where a line is known to be of `addr`. */
static bool read_char(struct line *line, char c, uint64_t addr)
{
	if (c == '\n')
		*line = (struct line){ 0 };
	else if (line->n < 2 && isxdigit((unsigned char)c))
		line->bounds[line->n] = line->bounds[line->n] << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	else if (line->n < 2)
		return ++line->n == 2 && addr >= line->bounds[0] && addr < line->bounds[1];
	return false;
}

bool maps_bounds(pid_t pid, uint64_t addr, uint64_t *ret_lo, uint64_t *ret_hi)
{
	char path[64], text[4096];
	struct line line = { 0 };
	bool found = false;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (!found && fd >= 0 && ((n = read(fd, text, sizeof(text))) > 0 || (n < 0 && errno == EINTR)))
		for (ssize_t i = 0; !found && i < n; i++)
			found = read_char(&line, text[i], addr);
	if (fd >= 0)
		close(fd);
	*ret_lo = line.bounds[0];
	*ret_hi = line.bounds[1];
	return found;
}
