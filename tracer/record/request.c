#include "tracer/record/request.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/plan.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/record/config_dirs.h"

enum {
	EXPRS_MAX = 64,
	INCLUDES_MAX = 8, /* of presets in presets */
};

struct preset_file {
	const char *path;
	struct preset_file *next;
};

static int no_memory(void)
{
	return err_set(-ENOMEM, "out of memory");
}

static const char *skip_space(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* End of the expression at `s`: a comma or `end` outside of brackets and quotes. */
static const char *expr_end(const char *s, const char *end)
{
	int depth = 0;
	char quote = 0;

	for (; s < end; s++) {
		if (quote) {
			if (*s == '\\' && s + 1 < end)
				s++;
			else if (*s == quote)
				quote = 0;
		} else if (*s == '"' || *s == '\'') {
			quote = *s;
		} else if (*s == '(' || *s == '[') {
			depth++;
		} else if (*s == ')' || *s == ']') {
			depth--;
		} else if (*s == ',' && depth <= 0) {
			break;
		}
	}
	return s;
}

/* "a, b->c, *d" up to `end` as a NULL-terminated list; an empty text is an empty list. */
static int split_exprs(struct arena *arena, const char *s, const char *end, const char *const **ret)
{
	const char **list = arena_alloc(arena, (EXPRS_MAX + 1) * sizeof(*list));
	size_t n = 0;

	if (!list)
		return no_memory();
	for (s = skip_space(s); s < end; s = skip_space(s)) {
		const char *stop = expr_end(s, end), *last = stop;

		while (last > s && isspace((unsigned char)last[-1]))
			last--;
		if (last == s)
			return err_set(-EINVAL, "an expression is missing between two commas");
		if (n == EXPRS_MAX)
			return err_set(-EINVAL, "more than %d expressions", EXPRS_MAX);
		list[n] = arena_strndup(arena, s, (size_t)(last - s));
		if (!list[n++])
			return no_memory();
		s = stop < end ? stop + 1 : stop;
	}
	*ret = list;
	return 0;
}

/* "=>" outside of quotes; `end` if there is none. */
static const char *find_arrow(const char *s, const char *end)
{
	char quote = 0;

	for (; s + 1 < end; s++) {
		if (quote) {
			if (*s == '\\')
				s++;
			else if (*s == quote)
				quote = 0;
		} else if (*s == '"' || *s == '\'') {
			quote = *s;
		} else if (s[0] == '=' && s[1] == '>') {
			return s;
		}
	}
	return end;
}

int request_add(struct request_list *list, const char *text)
{
	const char *pattern = skip_space(text), *rest = pattern, *end = text + strlen(text);
	struct request request = { .stack = -1 };
	int r;

	while (*rest && !isspace((unsigned char)*rest))
		rest++;
	if (rest == pattern)
		return err_set(-EINVAL, "an empty probe");
	request.pattern = arena_strndup(&list->arena, pattern, (size_t)(rest - pattern));
	if (!request.pattern)
		return no_memory();
	rest = skip_space(rest);
	if (*rest) {
		const char *arrow = find_arrow(rest, end);

		r = split_exprs(&list->arena, rest, arrow, &request.in);
		if (!r && arrow < end)
			r = split_exprs(&list->arena, arrow + 2, end, &request.out);
		if (r < 0)
			return err_context(r, "probe '%s'", text);
	}
	struct request *item = array_push(list);

	if (!item)
		return no_memory();
	*item = request;
	return 0;
}

/* What the INI parser fills; it calls back for each key. */
struct preset_reader {
	struct request_list *list;
	unsigned depth;    /* of includes */
	bool has_includes;
	size_t first;      /* request of this file, behind those it includes */
	char section[256]; /* of the last request */
	char problem[512];
};

static struct request *current_request(struct preset_reader *reader, const char *section)
{
	struct request_list *list = reader->list;

	if (strcmp(reader->section, section) != 0 || list->n == reader->first) {
		struct request *request = array_push(list);

		if (!request)
			return NULL;
		snprintf(reader->section, sizeof(reader->section), "%s", section);
		*request = (struct request){ .stack = -1, .lenient = true };
		request->pattern = arena_strdup(&list->arena, section);
		return request->pattern ? request : NULL;
	}
	return &list->items[list->n - 1];
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* The value of a key goes on in indented lines, of each of which inih tells as of another value. */
static int add_exprs(struct arena *arena, const char *value, const char *const **list)
{
	const char *const *more;
	int r = split_exprs(arena, value, value + strlen(value), &more);

	if (r < 0)
		return r;
	size_t n = count(*list), n_more = count(more);
	const char **all = arena_alloc(arena, (n + n_more + 1) * sizeof(*all));

	if (!all)
		return no_memory();
	if (n)
		memcpy(all, *list, n * sizeof(*all));
	memcpy(all + n, more, n_more * sizeof(*all));
	*list = all;
	return 0;
}

static int parse_stack(const char *value, int *ret)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (*end || end == value || n < 0 || n > 1024)
		return err_set(-EINVAL, "stack must be a number of frames from 0 to 1024, not '%s'", value);
	*ret = (int)n;
	return 0;
}

static int parse_string_limit(const char *value, uint32_t *ret)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10), unit = 1;

	if (*end == 'k' || *end == 'M')
		unit = *end++ == 'k' ? 1024 : 1024 * 1024;
	if (*end || !isdigit((unsigned char)*value) || !n || n > STRING_LIMIT_MAX / unit)
		return err_set(-EINVAL, "string-limit must be a number of bytes, at most 1M, not '%s'", value);
	*ret = (uint32_t)(n * unit);
	return 0;
}

/* The name of the function in a request's pattern. */
static const char *function_of(const struct request *request)
{
	const char *module_end = strchr(request->pattern, '!');

	return module_end ? module_end + 1 : request->pattern;
}

static int set_group(struct preset_reader *reader, struct request *request, const char *name)
{
	for (size_t i = reader->first; i < reader->list->n; i++) {
		struct request *other = &reader->list->items[i];

		if (other == request || strcmp(function_of(other), name) != 0)
			continue;
		if (!other->group)
			other->group = arena_strdup(&reader->list->arena, name);
		request->group = other->group;
		return request->group ? 0 : no_memory();
	}
	return err_set(-EINVAL, "there is no section [%s] above to stand in for", name);
}

static int set_key(struct preset_reader *reader, struct request *request, const char *key, const char *value)
{
	struct arena *arena = &reader->list->arena;

	if (!strcmp(key, "module")) {
		request->pattern = arena_printf(arena, "%s!%s", value, reader->section);
		return request->pattern ? 0 : no_memory();
	}
	if (!strcmp(key, "in"))
		return add_exprs(arena, value, &request->in);
	if (!strcmp(key, "out"))
		return add_exprs(arena, value, &request->out);
	if (!strcmp(key, "stack"))
		return parse_stack(value, &request->stack);
	if (!strcmp(key, "if")) {
		request->filter = arena_strdup(arena, value);
		return request->filter ? 0 : no_memory();
	}
	if (!strcmp(key, "string-limit"))
		return parse_string_limit(value, &request->string_limit);
	if (!strcmp(key, "instead-of"))
		return set_group(reader, request, value);
	return err_set(-EINVAL, "unknown key '%s' (known: module, in, out, if, stack, string-limit, instead-of)", key);
}

static int add_preset(struct request_list *list, const char *name, unsigned depth);

/* `names` has spaces between them. */
static int include(struct preset_reader *reader, const char *names)
{
	char *copy = arena_strdup(&reader->list->arena, names), *rest = copy, *name;
	int r = copy ? 0 : no_memory();

	if (reader->list->n > reader->first)
		return err_set(-EINVAL, "'include' must stand above the sections of functions");
	while (!r && (name = strtok_r(rest, " \t", &rest)))
		r = add_preset(reader->list, name, reader->depth + 1);
	reader->first = reader->list->n;
	reader->has_includes = true;
	return r;
}

/* Returns 1 to go on, 0 to stop at this line (inih's convention). */
static int on_key(void *user, const char *section, const char *key, const char *value)
{
	struct preset_reader *reader = user;
	int r = 0;

	if (!section[0]) {
		r = err_set(-EINVAL, "'%s' stands before any [section]", key);
	} else if (!strcmp(section, "preset")) {
		r = strcmp(key, "include") ? 0 : include(reader, value);
	} else {
		struct request *request = current_request(reader, section);

		r = request ? set_key(reader, request, key, value) : no_memory();
	}
	if (r < 0 && !reader->problem[0])
		snprintf(reader->problem, sizeof(reader->problem), "%s", err_text());
	return r == 0;
}

/* Whether a preset was read before; if not, it is from now on.  1, 0 or -ENOMEM. */
static int was_read(struct request_list *list, const char *path)
{
	struct preset_file *file;

	for (file = list->presets; file; file = file->next)
		if (!strcmp(file->path, path))
			return 1;
	file = arena_alloc(&list->arena, sizeof(*file));
	if (!file || !(file->path = arena_strdup(&list->arena, path)))
		return no_memory();
	file->next = list->presets;
	list->presets = file;
	return 0;
}

static int parse_preset(struct request_list *list, const char *path, unsigned depth)
{
	struct preset_reader reader = { .list = list, .depth = depth, .first = list->n };
	size_t before = list->n;

	if (depth > INCLUDES_MAX)
		return err_set(-ELOOP, "%s: presets include each other more than %d levels deep", path, INCLUDES_MAX);
	int r = was_read(list, path);

	if (r)
		return r < 0 ? r : 0;
	int line = config_read(path, on_key, &reader);

	if (line < 0)
		return line;
	if (line > 0)
		return err_set(-EINVAL, "%s:%d: %s", path, line,
			       reader.problem[0] ? reader.problem : "not a key = value line");
	if (list->n == before && !reader.has_includes)
		return err_set(-EINVAL, "%s: no [FUNCTION] section with a key in it", path);
	return 0;
}

static void hint_presets(int code, char dirs[CONFIG_DIRS][CONFIG_PATH_MAX], size_t n)
{
	char names[1024] = "";

	for (size_t i = 0; i < n; i++) {
		DIR *dir = opendir(dirs[i]);

		for (struct dirent *entry; dir && (entry = readdir(dir));) {
			size_t len = strlen(entry->d_name), used = strlen(names);

			if (len > 4 && !strcmp(entry->d_name + len - 4, ".ini"))
				snprintf(names + used, sizeof(names) - used, " %.*s", (int)len - 4, entry->d_name);
		}
		if (dir)
			closedir(dir);
	}
	err_hint(code, "Presets there are:%s", names[0] ? names : " none");
}

static int add_preset(struct request_list *list, const char *name, unsigned depth)
{
	static char dirs[CONFIG_DIRS][CONFIG_PATH_MAX];

	if (strchr(name, '/'))
		return parse_preset(list, name, depth);
	size_t n = config_dirs("presets", dirs);

	for (size_t i = 0; i < n; i++) {
		const char *path = arena_printf(&list->arena, "%s/%s.ini", dirs[i], name);

		if (!path)
			return no_memory();
		if (access(path, R_OK) == 0)
			return parse_preset(list, path, depth);
	}
	err_set(-ENOENT, "there is no preset '%s'", name);
	hint_presets(-ENOENT, dirs, n);
	return -ENOENT;
}

int request_add_preset(struct request_list *list, const char *name)
{
	return add_preset(list, name, 0);
}

void request_list_free(struct request_list *list)
{
	arena_free(&list->arena);
	array_free(list);
}
