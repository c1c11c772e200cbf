/**
 * Patterns: how users name functions.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "symbols/function.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

int pattern_parse(const char *text, struct arena *arena, struct pattern *ret)
{
	struct pattern pattern = { 0 };
	const char *name = text, *bang = strrchr(text, '!');

	if (bang) {
		pattern.module = arena_strndup(arena, text, (size_t)(bang - text));
		name = bang + 1;
	}
	const char *colon = strrchr(name, ':');

	if (colon) {
		/* gdb users write file.c::name */
		size_t len = (size_t)(colon - name);

		pattern.file =
			arena_strndup(arena, name, len && name[len - 1] == ':' ? len - 1 : len);
		name = colon + 1;
	}
	pattern.name = arena_strdup(arena, name);
	if (!pattern.name || (bang && !pattern.module) || (colon && !pattern.file))
		return err_set(-ENOMEM, "out of memory");
	if (!pattern.name[0] || (bang && !pattern.module[0]) || (colon && !pattern.file[0]))
		return err_set(-EINVAL,
			       "'%s' names no function; write NAME, MODULE!NAME or FILE.c:NAME",
			       text);
	*ret = pattern;
	return 0;
}

/* "libvirt.so.0" is also libvirt.so.0.9000.0, the file that the link of that name leads to. */
static bool is_versioned(const char *file, const char *wanted)
{
	size_t len = strlen(wanted);

	return !strncmp(file, wanted, len) && file[len] == '.';
}

bool pattern_wants_file(const struct pattern *pattern, const char *name)
{
	const char *wanted = pattern->module;

	return !wanted || !fnmatch(wanted, name, 0) || is_versioned(name, wanted);
}
