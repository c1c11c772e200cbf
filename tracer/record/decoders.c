#include "tracer/record/decoders.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "symbols/function.h"
#include "symbols/type.h"
#include "tracer/base/array.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/record/config_dirs.h"
#include "tracer/record/target.h"

static int no_memory(void)
{
	return err_set(-ENOMEM, "out of memory");
}

/* What the INI parser fills; it calls back for each key. */
struct decoder_reader {
	struct decoder_set *set;
	const char *path;
	size_t before; /* decoders of files that come first */
	char problem[256];
};

static struct decoder *find(const struct decoder_set *set, const char *type)
{
	for (size_t i = 0; i < set->decoders.n; i++)
		if (!strcmp(set->decoders.items[i].type, type))
			return &set->decoders.items[i];
	return NULL;
}

static struct decoder *add(struct decoder_reader *reader, const char *type)
{
	struct decoder_set *set = reader->set;
	char *name = arena_strdup(&set->arena, type), *origin = arena_strdup(&set->arena, reader->path);
	struct decoder *decoder = name && origin ? array_push(&set->decoders) : NULL;

	if (decoder)
		*decoder = (struct decoder){ .type = name, .origin = origin };
	return decoder;
}

static int add_item(struct arena *arena, struct decoder *decoder, const char *label, const char *source)
{
	const struct cexpr *syntax;
	int r = cexpr_parse(source, arena, &syntax);
	struct decoder_item *item = r < 0 ? NULL : array_push(decoder);

	if (item)
		*item = (struct decoder_item){ label, source };
	return item ? 0 : r < 0 ? r : no_memory();
}

static int set_form(struct decoder *decoder, const char *value)
{
	static const char *const forms[] = { [DECODER_JSON] = "json", [DECODER_HASH] = "hash" };

	for (int form = DECODER_JSON; form <= DECODER_HASH; form++) {
		if (strcmp(value, forms[form]) == 0) {
			decoder->form = (enum decoder_form)form;
			return 0;
		}
	}
	return err_set(-EINVAL, "there is 'as = json' and 'as = hash', but not '%s'", value);
}

static int set_key(struct arena *arena, struct decoder *decoder, const char *key, const char *value)
{
	char *copy = arena_strdup(arena, value), *label = arena_strdup(arena, key);

	if (!copy || !label)
		return no_memory();
	if (!strcmp(key, "as"))
		return set_form(decoder, value);
	if (strcmp(key, "module") != 0)
		return add_item(arena, decoder, label, copy);
	decoder->module = copy;
	return 0;
}

/* Returns 1 to go on, 0 to stop at this line (inih's convention). */
static int on_key(void *user, const char *section, const char *key, const char *value)
{
	struct decoder_reader *reader = user;
	const char *type = section + strspn(section, "_");
	struct decoder *decoder = find(reader->set, type);

	if (decoder && decoder < reader->set->decoders.items + reader->before)
		return 1;
	if (!decoder && type[0])
		decoder = add(reader, type);
	int r = decoder	  ? set_key(&reader->set->arena, decoder, key, value)
		: type[0] ? no_memory()
			  : err_set(-EINVAL, "'%s' stands below no [type]", key);

	if (r < 0)
		snprintf(reader->problem, sizeof(reader->problem), "%s", err_text());
	return r == 0;
}

static int read_file(struct decoder_set *set, const char *path)
{
	struct decoder_reader reader = { .set = set, .path = path, .before = set->decoders.n };
	int line = config_read(path, on_key, &reader);

	return line <= 0 ? line
			 : err_set(-EINVAL, "%s:%d: %s", path, line,
			       reader.problem[0] ? reader.problem : "not a 'label = expression' line");
}

int decoder_set_load(struct decoder_set *set)
{
	static char dirs[CONFIG_DIRS][CONFIG_PATH_MAX];
	size_t n = config_dirs("decoders", dirs);
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		char pattern[CONFIG_PATH_MAX + 8];
		glob_t files = { 0 };

		snprintf(pattern, sizeof(pattern), "%s/*.ini", dirs[i]);
		if (glob(pattern, 0, NULL, &files) == 0)
			for (size_t k = 0; k < files.gl_pathc && !r; k++)
				r = read_file(set, files.gl_pathv[k]);
		globfree(&files);
	}
	return r;
}

/* The file from index `*i` on that fits the pattern, opened; NULL when there are no more. */
static struct module *next_module(struct module_set *modules, const char *wanted, size_t *i)
{
	const struct pattern pattern = { .module = wanted };
	struct mapped_file *const *files;
	size_t n = module_set_files(modules, &files);

	while (*i < n) {
		struct mapped_file *file = files[(*i)++];
		const char *slash = strrchr(file->path, '/');
		bool fits = file->executable && !file->gone &&
			    pattern_wants_file(&pattern, slash ? slash + 1 : file->path);
		struct module *module = fits ? module_set_open(modules, file, true) : NULL;

		if (module)
			return module;
	}
	return NULL;
}

static const struct type *define(void *ctx, const char *files, const char *tag)
{
	const struct type *type;
	struct module *module;
	char spelling[256];
	size_t i = 0;

	snprintf(spelling, sizeof(spelling), "struct %s", tag);
	while ((module = next_module(ctx, files, &i)))
		if (type_find(module, 0, spelling, &type) == 0 && !type->is_declaration)
			return type;
	return NULL;
}

static uint64_t address(void *ctx, const char *files, const char *function)
{
	const struct pattern pattern = { .name = function };
	struct module *module;
	uint64_t addr = 0;
	size_t i = 0;

	while (!addr && (module = next_module(ctx, files, &i))) {
		struct function_list found = { 0 };

		if (function_find(module, &pattern, &found) >= 0 && found.n)
			addr = found.items[0]->entry;
		function_list_free(&found);
	}
	return addr;
}

void decoder_set_use(struct decoder_set *set, struct module_set *modules)
{
	set->decoders.define = define;
	set->decoders.address = address;
	set->decoders.ctx = modules;
}

void decoder_set_tell(struct decoder_set *set)
{
	for (size_t i = 0; i < set->decoders.n; i++) {
		struct decoder *decoder = &set->decoders.items[i];

		if (decoder->problem && !decoder->is_told)
			log_info("%s is shown as it is: %s", decoder->type, decoder->problem);
		decoder->is_told |= decoder->problem != NULL;
	}
}

void decoder_set_free(struct decoder_set *set)
{
	for (size_t i = 0; i < set->decoders.n; i++)
		array_free(&set->decoders.items[i]);
	array_free(&set->decoders);
	arena_free(&set->arena);
}
