#include "tracer/record/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/expr.h"
#include "symbols/function.h"
#include "symbols/module.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/base/shell.h"
#include "tracer/record/decoders.h"
#include "tracer/record/near.h"
#include "tracer/record/request.h"
#include "tracer/record/target.h"

enum { CANDIDATES_MAX = 20 };

static bool is_glob(const char *s)
{
	return s && strpbrk(s, "*?[") != NULL;
}

static bool wants(const struct pattern *pattern, const struct mapped_file *file)
{
	const char *slash = strrchr(file->path, '/');

	return file->executable && !file->gone &&
	       pattern_wants_file(pattern, slash ? slash + 1 : file->path);
}

/* Search the wanted files; with `remote` only those that debuginfod could tell more about. */
static int search(struct module_set *set, struct file_range range, const struct pattern *pattern, bool remote,
		  struct function_list *found)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(set, &files);

	for (size_t i = range.first; i < n && i < range.end; i++) {
		struct module *known = files[i]->module;

		if (!wants(pattern, files[i]) || (remote && known && module_debug_level(known) == DEBUG_DWARF))
			continue;
		struct module *module = module_set_open(set, files[i], remote);

		if (!module || (remote && module == known))
			continue;
		int r = function_find(module, pattern, found);

		target_tell_refusal(module);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool all_have_types(const struct function_list *found)
{
	for (size_t i = 0; i < found->n; i++)
		if (!found->items[i]->has_types)
			return false;
	return found->n > 0;
}

/* What is on this machine first; debuginfod only for what is missing then. */
static int find_functions(struct module_set *set, struct file_range range, const struct pattern *pattern,
			  struct function_list *found)
{
	struct function_list better = { 0 };
	int r = search(set, range, pattern, false, found);

	if (r < 0 || all_have_types(found))
		return r;
	r = search(set, range, pattern, true, &better);
	if (r == 0 && better.n) {
		function_list_free(found);
		*found = better;
		return 0;
	}
	function_list_free(&better);
	return r;
}

static void hint_no_debug_info(struct module_set *set, const struct pattern *pattern)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(set, &files);
	unsigned named = 0;

	for (size_t i = 0; i < n && named < 3; i++) {
		struct module *module = wants(pattern, files[i]) ? files[i]->module : NULL;

		if (!module || module_debug_level(module) != DEBUG_NONE || !pattern->module)
			continue;
		err_hint(-ENOENT, "%s is stripped: its static functions cannot be found without debug info "
			 "(build-id %s).", module_name(module), module_build_id_hex(module));
		named++;
	}
	if (named)
		err_hint(-ENOENT, "'virtrace doctor -p PID' says how to get it.");
}

static void hint_similar(struct module_set *set, const struct pattern *pattern)
{
	ARRAY(struct module *) modules = { 0 };
	struct mapped_file *const *files;
	size_t n = module_set_files(set, &files);

	for (size_t i = 0; i < n; i++) {
		struct module **slot = wants(pattern, files[i]) ? array_push(&modules) : NULL;

		if (slot)
			*slot = files[i]->module;
	}
	near_hints(-ENOENT, pattern->name, modules.items, modules.n, function_similar);
	array_free(&modules);
}

/* A preset means what it says: other versions of the program have the function, so no other name is near. */
static int not_found(struct module_set *set, const struct pattern *pattern, bool of_preset)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(set, &files);
	unsigned wanted = 0;

	for (size_t i = 0; i < n; i++)
		wanted += wants(pattern, files[i]);
	if (pattern->module && !wanted)
		err_set(-ENOENT, "no file called '%s' is mapped in the process", pattern->module);
	else
		err_set(-ENOENT, "no function '%s'%s%s%s%s", pattern->name, pattern->module ? " in " : "",
			pattern->module ? pattern->module : "", pattern->file ? " of " : "",
			pattern->file ? pattern->file : "");
	if (!is_glob(pattern->name) && !of_preset)
		hint_similar(set, pattern);
	hint_no_debug_info(set, pattern);
	return 0;
}

/* Copies of one source function (clones, static inlines of a header) are one thing to the user. */
static bool is_same_source(const struct function *a, const struct function *b)
{
	if (a->module != b->module || strcmp(a->name, b->name) != 0)
		return false;
	return a->file && b->file ? !strcmp(a->file, b->file) && a->line == b->line : a->file == b->file;
}

static void hint_candidate(const struct function *f)
{
	char *text = NULL, *word = NULL;

	if (asprintf(&text, "%s%c%s", f->file ? f->file : module_name(f->module), f->file ? ':' : '!', f->name) >= 0)
		word = shell_quote(text);
	if (word && f->file)
		err_hint(-EMLINK, "  -e %s   (%s, line %d)", word, module_name(f->module), f->line);
	else if (word)
		err_hint(-EMLINK, "  -e %s", word);
	free(word);
	free(text);
}

static int check_ambiguous(const struct pattern *pattern, const struct function_list *found)
{
	bool several = false;

	for (size_t i = 1; i < found->n; i++)
		several |= !is_same_source(found->items[0], found->items[i]);
	if (!several || is_glob(pattern->name) || is_glob(pattern->file))
		return 0;
	err_set(-EMLINK, "'%s' means several functions; say which:", pattern->name);
	for (size_t i = 0; i < found->n && i < CANDIDATES_MAX; i++)
		hint_candidate(found->items[i]);
	if (found->n > CANDIDATES_MAX)
		err_hint(-EMLINK, "  … and %zu more", found->n - CANDIDATES_MAX);
	return -EMLINK;
}

/* A common filter whose names are unknown in a function does not apply to it.  1: applies, 0: does not. */
static int filter_applies(const struct function *function, const char *filter)
{
	struct expr *expr;
	int r = filter ? expr_bind(filter, function, EXPR_RETURN, &expr) : -ENOENT;

	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int bind_function(struct function *function, const struct request *request,
			 const struct resolve_options *options, struct binding_list *list)
{
	/* Its code only chooses an implementation, once; what callers reach is that one. */
	if (function->is_ifunc) {
		log_warn("%s is an indirect function (IFUNC): trace the implementation it chooses", function->name);
		return 0;
	}
	int applies = request->filter ? 0 : filter_applies(function, options->filter);

	if (applies < 0)
		return err_context(applies, "--if");
	struct limits limits = options->limits;

	if (request->string_limit > limits.string)
		limits.string = request->string_limit;
	struct plan_request plan_request = {
		.in = request->in,
		.out = request->out,
		.filter = request->filter ? request->filter : applies ? options->filter : NULL,
		.lenient = request->lenient,
		.limits = limits,
		.decoders = options->decoders ? &options->decoders->decoders : NULL,
	};
	const struct plan *plan;
	int r = plan_new(function, &plan_request, &plan);

	if (r < 0) /* an unknown name in an expression is the user's mistake, not a missing function */
		return err_context(r == -ENOENT ? -EINVAL : r, "%s", function->name);
	struct binding *binding = array_push(list);

	if (!binding)
		return err_set(-ENOMEM, "out of memory");
	*binding = (struct binding){
		.request = request,
		.function = function,
		.plan = plan,
		.nested_only = options->filter && !request->filter && !applies,
	};
	for (size_t i = 0; i < plan->n_warnings; i++)
		log_warn("%s", plan->warnings[i]);
	if (options->decoders)
		decoder_set_tell(options->decoders);
	if (function->n_inlined)
		log_warn("%s is also inlined at %zu place%s: calls there are not traced", function->name,
			 function->n_inlined, function->n_inlined == 1 ? "" : "s");
	return 0;
}

int resolve_request(struct module_set *set, struct file_range range, const struct request *request,
		    const struct resolve_options *options, struct binding_list *list)
{
	struct function_list found = { 0 };
	struct arena arena = { 0 };
	struct pattern pattern;
	int r = pattern_parse(request->pattern, &arena, &pattern);

	if (options->decoders)
		decoder_set_use(options->decoders, set);
	if (!r)
		r = find_functions(set, range, &pattern, &found);
	if (!r && !found.n)
		r = range.first ? 0 : not_found(set, &pattern, request->lenient);
	else if (!r)
		r = check_ambiguous(&pattern, &found);
	size_t before = list->n;

	for (size_t i = 0; i < found.n && !r; i++)
		r = bind_function(found.items[i], request, options, list);
	if (!r && found.n && list->n == before)
		err_set(-ENODATA, "nothing that '%s' means can be traced", request->pattern);
	function_list_free(&found);
	arena_free(&arena);
	return r < 0 ? r : (int)(list->n - before);
}

/* The lower the sooner. */
static int rank(const struct request *request)
{
	return request->lenient ? 1 : strpbrk(request->pattern, "*?[") ? 2 : 0;
}

static int compare_codes(const void *a, const void *b)
{
	const struct binding *x = *(struct binding *const *)a, *y = *(struct binding *const *)b;
	uint64_t entry[2] = { x->function->entry, y->function->entry };

	if (entry[0] != entry[1])
		return entry[0] < entry[1] ? -1 : 1;
	if (rank(x->request) != rank(y->request))
		return rank(x->request) - rank(y->request);
	return x < y ? -1 : x > y;
}

/* `one` is recorded, `other` is not. */
static void warn_double(const struct binding *one, const struct binding *other)
{
	if (rank(other->request) != 0 || rank(one->request) != 0)
		return;
	if (!strcmp(one->function->name, other->function->name))
		log_warn("%s is named twice: only what the first -e says of it is recorded", one->function->name);
	else
		log_warn("%s is the same code as %s, and is recorded under that name", other->function->name, one->function->name);
}

int resolve_mark_doubles(struct binding_list *list, size_t first)
{
	size_t n = list->n - first, kept = 0;
	struct binding **sorted = calloc(n + 1, sizeof(struct binding *));

	if (!sorted)
		return err_set(-ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		sorted[i] = &list->items[first + i];
	qsort(sorted, n, sizeof(struct binding *), compare_codes);
	for (size_t i = 1; i < n; i++) {
		if (sorted[i]->function->entry != sorted[kept]->function->entry) {
			kept = i;
			continue;
		}
		sorted[i]->is_double = true;
		warn_double(sorted[kept], sorted[i]);
	}
	free(sorted);
	return 0;
}

bool resolve_may_come(struct module_set *set, const struct request *request)
{
	struct mapped_file *const *files;
	size_t n = module_set_files(set, &files);
	struct arena arena = { 0 };
	struct pattern pattern;
	bool may = pattern_parse(request->pattern, &arena, &pattern) == 0 && pattern.module;

	for (size_t i = 0; i < n && may; i++)
		may = files[i]->gone || !wants(&pattern, files[i]);
	arena_free(&arena);
	return may;
}

int resolve_check_filter(const struct binding_list *list, const struct resolve_options *options)
{
	if (!options->filter || !list->n)
		return 0;
	for (size_t i = 0; i < list->n; i++)
		if (!list->items[i].nested_only)
			return 0;
	filter_applies(list->items[list->n - 1].function, options->filter);
	return err_context(-EINVAL, "--if means nothing in any of the functions; in %s",
			   list->items[list->n - 1].function->name);
}
