#include "tracer/remote/maps.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"

/* A process with 65530 mappings (vm.max_map_count) of long paths stays below this. */
enum { MAPS_TEXT_MAX = 64 << 20 };
enum { LINES_AT_ONCE = 256 }; /* some 30 us */

/* What is done while a large file is read and parsed. */
struct meanwhile {
	void (*what)(void *ctx);
	void *ctx;
};

static void do_it(const struct meanwhile *meanwhile)
{
	if (meanwhile->what)
		meanwhile->what(meanwhile->ctx);
}

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

/* Digits up to `end`, which is stepped over, but for a NUL; false if there are none, or something else follows. */
static bool take_number(const char **at, unsigned base, char end, uint64_t *ret)
{
	const char *first = *at, *c = first;

	*ret = 0;
	for (; base == 16 ? isxdigit((unsigned char)*c) : isdigit((unsigned char)*c); c++)
		*ret = *ret * base + (uint64_t)(*c <= '9' ? *c - '0' : (*c | 0x20) - 'a' + 10);
	if (c == first || *c != end)
		return false;
	*at = c + (end != '\0');
	return true;
}

/*
 * What comes before the path, which is at `*path` then: "LO-HI PERMS OFFSET MAJOR:MINOR INODE  PATH".  Allocates nothing.  Not
 * sscanf(), which takes five times as long: a process may have 65530 mappings.
 */
static bool parse_head(const char *line, struct mapping *ret, const char **path)
{
	uint64_t major, minor;
	struct mapping m = { .path = "" };

	if (!take_number(&line, 16, '-', &m.lo) || !take_number(&line, 16, ' ', &m.hi) || strnlen(line, 5) < 5)
		return false;
	m.readable = line[0] == 'r';
	m.writable = line[1] == 'w';
	m.executable = line[2] == 'x';
	m.shared = line[3] == 's';
	line += 5;
	if (!take_number(&line, 16, ' ', &m.offset) || !take_number(&line, 16, ':', &major) ||
	    !take_number(&line, 16, ' ', &minor) || (!take_number(&line, 10, ' ', &m.inode) && !take_number(&line, 10, '\0', &m.inode)))
		return false;
	m.dev = major << 32 | minor;
	*path = line + strspn(line, " ");
	*ret = m;
	return true;
}

static int parse_line(char *line, struct mapping *ret)
{
	const char *rest;

	if (!parse_head(line, ret, &rest))
		return -EINVAL;
	char *path = line + (rest - line);
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

static int parse(char *text, const struct meanwhile *meanwhile, struct maps *ret)
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
		if (maps.n % LINES_AT_ONCE == 0)
			do_it(meanwhile);
	}
	*ret = maps;
	return 0;
}

int maps_parse(char *text, struct maps *ret)
{
	return parse(text, &(struct meanwhile){ 0 }, ret);
}

static int read_all(int fd, const struct meanwhile *meanwhile, char **ret)
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
		do_it(meanwhile);
	}
	text[len] = '\0';
	*ret = text;
	return 0;
}

int maps_open(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int maps_read_slowly(pid_t pid, void (*what)(void *ctx), void *ctx, struct maps *ret)
{
	const struct meanwhile meanwhile = { what, ctx };
	char *text = NULL;
	int fd = maps_open(pid), r = fd < 0 ? fd : read_all(fd, &meanwhile, &text);

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return err_set(r == -ENOENT ? -ESRCH : r, "cannot read /proc/%d/maps: %s", (int)pid, strerror(-r));
	return parse(text, &meanwhile, ret);
}

int maps_read(pid_t pid, struct maps *ret)
{
	return maps_read_slowly(pid, NULL, NULL, ret);
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

/* The beginnings of lines, read without an allocation. */
enum { HEAD_MAX = 128 }; /* what is before the path is shorter */
struct reader {
	int fd;
	ssize_t at, n;
	char text[4096], head[HEAD_MAX];
};

static bool next_head(struct reader *reader)
{
	for (size_t len = 0;;) {
		if (reader->at == reader->n) {
			do
				reader->n = read(reader->fd, reader->text, sizeof(reader->text));
			while (reader->n < 0 && errno == EINTR);
			reader->at = 0;
			if (reader->n <= 0)
				return false;
		}
		char c = reader->text[reader->at++];

		reader->head[len] = c == '\n' ? '\0' : c;
		if (c == '\n')
			return true;
		len += len < HEAD_MAX - 1;
	}
}

bool maps_walk(int fd, bool (*each)(void *ctx, const struct mapping *m), void *ctx)
{
	struct reader reader = { .fd = fd };
	struct mapping m;
	const char *path;

	lseek(fd, 0, SEEK_SET);
	while (next_head(&reader))
		if (parse_head(reader.head, &m, &path) && each(ctx, &m))
			return true;
	return false;
}

/* A line that is being read: its addresses, rights and name, as far as they have come. */
struct line {
	uint64_t bounds[2];
	unsigned n;      /* bounds that are over */
	unsigned column; /* behind them */
	bool may_touch;
	const char *name; /* what is to follow if it is the stack's */
};

static void read_char(struct line *line, char c)
{
	static const char rights[] = "rwx", stack[] = "[stack]";

	if (line->n < 2 && isxdigit((unsigned char)c)) {
		line->bounds[line->n] = line->bounds[line->n] << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	} else if (line->n < 2) {
		line->n++;
	} else {
		line->may_touch |= line->column < 3 && c == rights[line->column];
		line->column++;
		if (c == '[' && !line->name)
			line->name = stack;
		if (line->name && *line->name)
			line->name = c == *line->name ? line->name + 1 : "\n"; /* which is in no line */
	}
}

static void look_around(const struct line *line, const struct line *below, struct surroundings *ret)
{
	*ret = (struct surroundings){
		.lo = line->bounds[0],
		.hi = line->bounds[1],
		.is_guarded = below->bounds[1] == line->bounds[0] && !below->may_touch,
		.is_main_stack = line->name && !*line->name,
	};
}

/* A whole line was read; whether it is the one. */
static bool end_line(struct line *line, struct line *below, uint64_t addr, struct surroundings *ret)
{
	bool found = addr >= line->bounds[0] && addr < line->bounds[1];

	if (found)
		look_around(line, below, ret);
	*below = *line;
	*line = (struct line){ 0 };
	return found;
}

bool maps_read_around(int fd, uint64_t addr, struct surroundings *ret)
{
	struct line line = { 0 }, below = { 0 };
	char text[4096];
	bool found = false;
	ssize_t n;

	while (!found && ((n = read(fd, text, sizeof(text))) > 0 || (n < 0 && errno == EINTR))) {
		for (ssize_t i = 0; !found && i < n; i++) {
			if (text[i] == '\n')
				found = end_line(&line, &below, addr, ret);
			else
				read_char(&line, text[i]);
		}
	}
	return found;
}

/* PROCMAP_QUERY of linux/fs.h, which headers before Linux 6.11 do not have. */
struct map_query {
	uint64_t size, flags, addr;
	uint64_t lo, hi, rights, page_size, offset, inode;
	uint32_t dev_major, dev_minor, name_size, build_id_size;
	uint64_t name, build_id;
};
enum { MAP_MAY_TOUCH = 1 | 2 | 4 }; /* PROCMAP_QUERY_VMA_READABLE, _WRITABLE, _EXECUTABLE */

static int ask(int fd, uint64_t addr, struct map_query *query, char name[16])
{
	*query = (struct map_query){ .size = sizeof(*query), .addr = addr, .name_size = 16, .name = (uint64_t)name };
	name[0] = '\0';
	int r = ioctl(fd, _IOWR('f', 17, struct map_query), query);

	/* A longer name is none that matters. */
	if (r < 0 && errno == ENAMETOOLONG) {
		query->name_size = 0;
		query->name = 0;
		r = ioctl(fd, _IOWR('f', 17, struct map_query), query);
	}
	return r < 0 ? -errno : 0;
}

static int ask_around(int fd, uint64_t addr, struct surroundings *ret)
{
	struct map_query query, below;
	char name[16], other[16];
	int r = ask(fd, addr, &query, name);

	if (r < 0)
		return r;
	*ret = (struct surroundings){
		.lo = query.lo,
		.hi = query.hi,
		.is_guarded = ask(fd, query.lo - 1, &below, other) == 0 && !(below.rights & MAP_MAY_TOUCH),
		.is_main_stack = !strcmp(name, "[stack]"),
	};
	return 0;
}

bool maps_around(pid_t pid, uint64_t addr, struct surroundings *ret)
{
	int fd = maps_open(pid), r = fd < 0 ? fd : ask_around(fd, addr, ret);
	bool found = r == -ENOTTY ? maps_read_around(fd, addr, ret) : r == 0;

	if (fd >= 0)
		close(fd);
	return found;
}
