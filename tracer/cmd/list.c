/*
 * list: the functions of a process or a file, or the definition of a type
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/exit.h"
#include "tracer/cmd/option.h"
#include "tracer/record/decoders.h"
#include "tracer/record/near.h"
#include "tracer/record/target.h"

/* What is listed, and where it is looked for: modules of a process, or one file. */
struct list {
	struct module_options options;
	struct module_set *set;
	struct module *file;
	ARRAY(struct module *) modules; /* borrowed from one of these */
	bool want_types;
	size_t found;
	struct arena arena; /* for the patterns */
};

static void print_help(FILE *out)
{
	fputs(
"usage: virtrace list [-p PID | -n NAME | FILE] [PATTERN]…\n"
"       virtrace list [-p PID | -n NAME | FILE] --types NAME…\n"
"       virtrace list --decoders\n"
"\n"
"Lists the functions of a process or of an ELF file: address, module, file:line, prototype.\n"
"With --types prints the definition of a type with offsets and sizes; with --decoders what of libvirt's objects\n"
"'record' shows where a pointer to one is recorded.\n"
"\n"
"  PATTERN              [MODULE!|FILE.c:]FUNCTION; all of them may be globs; none: all functions\n"
"  -p, --pid PID        the process\n"
"  -n, --name NAME      the one process of this name; neither it nor -p nor FILE: the libvirt daemon\n"
"  -t, --types          the names are types: 'qemuBlockStats', 'struct _virDomain', 'libvirt.so*!enum x'\n"
"      --decoders       the decoders there are\n"
"      --debuginfo DIRS search separate debug info here too (a:b:c)\n"
"      --no-debuginfod  download nothing\n"
"      --max-debuginfo MIB  read at most so much of one file, unpack at most so much of all (512)\n"
"  -h, --help\n"
"\n"
"Examples:\n"
"  virtrace list -p 2114 'qemuDomain*Block*'\n"
"  virtrace list -p 2114 'libvirt.so*!virDomainGet*'\n"
"  virtrace list /usr/lib/x86_64-linux-gnu/libvirt.so.0 'libvirt-domain.c:*'\n"
"  virtrace list -n virtqemud --types qemuBlockStats\n"
"\n"
"Exit status: 0 something was found, 1 error, 2 usage, 4 nothing was found, 5 not permitted.\n", out);
}

/* Functions. */

static void print_function(const struct function *function)
{
	struct arena arena = { 0 };
	char place[300] = "-", alias[300] = "";

	if (function->file)
		snprintf(place, sizeof(place), "%s:%d", function->file, function->line);
	if (strcmp(function->symbol, function->name) != 0)
		snprintf(alias, sizeof(alias), "  [%s]", function->symbol);
	log_answer("0x%012" PRIx64 " %s %s  %s%s%s%s", function->entry,
		   module_name(function->module), place,
		   function->has_types && function->is_static ? "static " : "",
		   function_prototype(function, &arena), alias,
		   function->is_ifunc
			   ? "  (chosen at run time: this is its resolver, it cannot be traced)"
		   : function->has_types ? ""
		   : function->die	 ? "  (no types: debug info of lines only, -g1)"
					 : "  (no types: no debug info)");
	arena_free(&arena);
}

static void print_inlined(const struct module *module, const struct inlined_instance *inlined)
{
	log_answer("0x%012" PRIx64 " %s %s:%d  %s inlined into %s  (not traced yet)", inlined->addr,
		   module_name(module), inlined->file ? inlined->file : "?", inlined->line,
		   inlined->function, inlined->into ? inlined->into : "?");
}

static int list_module(struct list *list, struct module *module, const struct pattern *pattern)
{
	struct function_list functions = { 0 };
	int r = function_find(module, pattern, &functions);

	target_tell_refusal(module);
	for (size_t i = 0; i < functions.n; i++)
		print_function(functions.items[i]);
	for (size_t i = 0; i < functions.n_inlined; i++)
		print_inlined(module, &functions.inlined[i]);
	list->found += functions.n + functions.n_inlined;
	function_list_free(&functions);
	return r < 0 ? r : 0;
}

/* What is offered instead of a name that is not there. */
static void offer_near(struct list *list, const struct pattern *pattern, const char *what)
{
	ARRAY(struct module *) modules = { 0 };

	err_set(-ENOENT, "no %s '%s' in %s", what, pattern->name,
		pattern->module ? pattern->module
		: list->file	? module_path(list->file)
				: "any module of the process");
	for (size_t i = 0; i < list->modules.n; i++) {
		struct module *module = list->modules.items[i];
		struct module **slot = pattern_wants_file(pattern, module_name(module))
					       ? array_push(&modules)
					       : NULL;

		if (slot)
			*slot = module;
	}
	near_hints(-ENOENT, pattern->name, modules.items, modules.n,
		   list->want_types ? type_similar : function_similar);
	array_free(&modules);
	log_error("%s", err_text());
}

static int list_functions(struct list *list, const struct pattern *pattern)
{
	size_t before = list->found;
	int r = 0;

	for (size_t i = 0; i < list->modules.n && !r; i++) {
		if (pattern_wants_file(pattern, module_name(list->modules.items[i])))
			r = list_module(list, list->modules.items[i], pattern);
	}
	if (!r && list->found == before)
		offer_near(list, pattern, "function");
	return r;
}

/* Types. */

static void print_lines(char *text)
{
	char *save;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_answer("%s", line);
}

static void print_type(const struct type *type)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	type_print(type, out);
	if (fclose(out) == 0)
		print_lines(text);
	free(text);
}

/* "x" is also struct, union or enum x. */
static int find_type(struct module *module, const char *name, struct arena *arena,
		     const struct type **ret)
{
	static const char *const words[] = { "", "struct ", "union ", "enum " };
	int r = -ENOENT;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && r == -ENOENT; i++) {
		const char *spelling = arena_printf(arena, "%s%s", words[i], name);

		r = spelling ? type_find(module, 0, spelling, ret) : -ENOMEM;
	}
	return r;
}

/* Each definition once, though most modules of a program share headers. */
static int list_types(struct list *list, const struct pattern *pattern)
{
	ARRAY(const struct type *) printed = { 0 };
	int r = 0;

	for (size_t i = 0; i < list->modules.n; i++) {
		struct module *module = list->modules.items[i];
		const struct type *type, **slot;
		bool known = false;

		if (!pattern_wants_file(pattern, module_name(module)))
			continue;
		int error = find_type(module, pattern->name, &list->arena, &type);

		target_tell_refusal(module);
		if (error < 0) {
			r = error == -ENOENT ? r : error;
			continue;
		}
		for (size_t k = 0; k < printed.n && !known; k++)
			known = type_same(printed.items[k], type);
		if (known || !(slot = array_push(&printed)))
			continue;
		*slot = type;
		log_answer("/* %s */", module_name(module));
		print_type(type);
	}
	if (!printed.n && !r)
		offer_near(list, pattern, "type");
	list->found += printed.n;
	array_free(&printed);
	return r;
}

/* Where to look. */

static int add_module(struct list *list, struct module *module)
{
	struct module **slot = array_push(&list->modules);

	if (!slot)
		return err_set(-ENOMEM, "out of memory");
	*slot = module;
	return 0;
}

static void show_progress(const char *module, long done, long total)
{
	if (total > 0)
		fprintf(stderr, "\r\033[Kvirtrace: downloading debug info of %s: %ld of %ld kB",
			module, done / 1024, total / 1024);
	if (total > 0 && done >= total)
		fputc('\n', stderr);
}

/* Only the files that a pattern names: opening all would search, maybe download, debug info of each. */
static bool is_wanted(const struct mapped_file *file, const struct pattern *patterns, size_t n)
{
	const char *slash = strrchr(file->path, '/');

	for (size_t i = 0; i < n; i++) {
		if (pattern_wants_file(&patterns[i], slash ? slash + 1 : file->path))
			return file->executable && !file->gone;
	}
	return false;
}

static int open_process(struct list *list, pid_t pid, const struct pattern *patterns,
			size_t n_patterns)
{
	struct mapped_file *const *files;
	int r = module_set_new(pid, &list->options, &list->set);
	size_t n = r < 0 ? 0 : module_set_files(list->set, &files), failed = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		struct module *module;

		if (!is_wanted(files[i], patterns, n_patterns))
			continue;
		module = module_set_open(list->set, files[i], true);
		if (module)
			r = add_module(list, module);
		else
			failed = (size_t)-files[i]->error;
	}
	if (r >= 0 && !list->modules.n && failed)
		return err_set(-(int)failed, "cannot open the files mapped in process %d: %s",
			       (int)pid, strerror((int)failed));
	return r < 0 ? r : 0;
}

static int open_file(struct list *list, const char *path)
{
	int r = module_open(path, path, 0, 0, &list->options, &list->file);

	return r < 0 ? r : add_module(list, list->file);
}

/* The command line. */

enum { OPT_DECODERS = 256, OPT_DEBUGINFO, OPT_NO_DEBUGINFOD, OPT_MAX_DEBUGINFO };

static const struct option long_options[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "name", required_argument, NULL, 'n' },
	{ "types", no_argument, NULL, 't' },
	{ "decoders", no_argument, NULL, OPT_DECODERS },
	{ "debuginfo", required_argument, NULL, OPT_DEBUGINFO },
	{ "no-debuginfod", no_argument, NULL, OPT_NO_DEBUGINFOD },
	{ "max-debuginfo", required_argument, NULL, OPT_MAX_DEBUGINFO },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* A type may be written with blanks and stars, but like a function it may have a module in front. */
static int parse_pattern(struct list *list, const char *text, struct pattern *ret)
{
	const char *bang = strrchr(text, '!');

	if (!list->want_types)
		return pattern_parse(text, &list->arena, ret);
	*ret = (struct pattern){
		.module = bang ? arena_strndup(&list->arena, text, (size_t)(bang - text)) : NULL,
		.name = bang ? bang + 1 : text,
	};
	return ret->name[0] ? 0 : err_set(-EINVAL, "'%s' names no type", text);
}

static int parse_patterns(struct list *list, char **args, int n, struct pattern *patterns)
{
	static char all[] = "*";
	char *everything[] = { all };
	int r = 0;

	if (!n && list->want_types)
		return err_set(-EINVAL, "--types needs the name of a type");
	if (!n) {
		args = everything;
		n = 1;
	}
	for (int i = 0; i < n && r >= 0; i++)
		r = parse_pattern(list, args[i], &patterns[i]);
	return r < 0 ? r : n;
}

static int run(struct list *list, const struct pattern *patterns, int n)
{
	int r = 0, missing = 0;

	for (int i = 0; i < n && r >= 0; i++) {
		size_t before = list->found;

		r = list->want_types ? list_types(list, &patterns[i])
				     : list_functions(list, &patterns[i]);
		missing += list->found == before;
	}
	if (r < 0) {
		log_error("%s", err_text());
		return exit_status(r);
	}
	return missing ? EXIT_NO_PROBE : EXIT_OK;
}

/* Also if it does not exist: then that must be the message.  "dir/file.c:name" is a pattern. */
static bool is_path(const char *arg)
{
	return access(arg, F_OK) == 0 || (strchr(arg, '/') && !strpbrk(arg, ":!"));
}

static int list_all(struct list *list, pid_t pid, const char *name, char **args, int n_args)
{
	bool is_file = !pid && !name && n_args && is_path(args[0]);
	const char *path = is_file ? args[0] : NULL;
	struct pattern *patterns = calloc((size_t)n_args + 1, sizeof(*patterns));

	if (!patterns) {
		log_error("out of memory");
		return EXIT_ERROR;
	}
	int n = parse_patterns(list, args + is_file, n_args - is_file, patterns);
	int status = EXIT_USAGE, r = n;

	if (r >= 0 && !is_file && !pid)
		r = name ? target_by_name(name, &pid) : target_libvirt(&pid);
	if (r >= 0)
		r = is_file ? open_file(list, path) : open_process(list, pid, patterns, (size_t)n);
	if (r < 0) {
		log_error("%s", err_text());
		status = n < 0 ? EXIT_USAGE : exit_status(r);
	} else {
		status = run(list, patterns, n);
	}
	free(patterns);
	return status;
}

/* As they stand in their files. */
static int list_decoders(void)
{
	struct decoder_set set = { 0 };
	const char *origin = "";
	int r = decoder_set_load(&set);

	for (size_t i = 0; i < set.decoders.n && r == 0; i++) {
		const struct decoder *decoder = &set.decoders.items[i];

		if (strcmp(origin, decoder->origin) != 0)
			log_answer("; %s", decoder->origin);
		origin = decoder->origin;
		log_answer("[%s]", decoder->type);
		if (decoder->module)
			log_answer("module = %s", decoder->module);
		if (decoder->form != DECODER_VIEW)
			log_answer("as = %s", decoder->form == DECODER_JSON ? "json" : "hash");
		for (size_t k = 0; k < decoder->n; k++)
			log_answer("%s = %s", decoder->items[k].label, decoder->items[k].source);
	}
	if (r < 0)
		log_error("%s", err_text());
	decoder_set_free(&set);
	return r < 0 ? exit_status(r) : EXIT_OK;
}

static void list_fini(struct list *list)
{
	array_free(&list->modules);
	module_set_free(list->set);
	module_close(list->file);
	arena_free(&list->arena);
}

int cmd_list(int argc, char **argv)
{
	struct list list = { 0 };
	const char *name = NULL;
	pid_t pid = 0;
	int opt, r = 0;

	if (isatty(STDERR_FILENO))
		list.options.progress = show_progress;
	while ((opt = option_next(argc, argv, ":p:n:th", long_options)) != OPTION_END) {
		switch (opt) {
		case 'p':
			r = target_parse_pid(optarg, &pid);
			break;
		case 'n':
			name = optarg;
			break;
		case 't':
			list.want_types = true;
			break;
		case OPT_DECODERS:
			return list_decoders();
		case OPT_DEBUGINFO:
			list.options.debuginfo = optarg;
			break;
		case OPT_NO_DEBUGINFOD:
			list.options.no_debuginfod = true;
			break;
		case OPT_MAX_DEBUGINFO:
			r = target_parse_max_debuginfo(optarg, &list.options.max_mib);
			break;
		case 'h':
			print_help(stdout);
			return EXIT_OK;
		default: /* OPTION_WRONG */
			r = -EINVAL;
		}
		if (r < 0) {
			log_error("%s", err_text());
			return EXIT_USAGE;
		}
	}
	int status = list_all(&list, pid, name, argv + optind, argc - optind);

	list_fini(&list);
	return status;
}
