/**
 * Functions by name.
 *
 * A name is looked up in the symbol table, which has every function, clone and alias; its address
 * leads to the unit and so to the DIE.  That touches a few of some hundred units.  All of them are
 * walked only for globs, and for names that have no symbol.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/dwarf.h"
#include "symbols/function.h"
#include "symbols/function_make.h"
#include "symbols/function_table.h"
#include "symbols/inlined.h"
#include "symbols/symtab.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/similar.h"

static bool name_fits(const char *name, const char *wanted)
{
	return !strcmp(name, wanted) || !fnmatch(wanted, name, 0);
}

/* Also without what a compiler added: "name" is name.isra.0 too. */
static bool symbol_fits(const char *symbol, const char *wanted, bool is_glob)
{
	char base[256];
	size_t len = strcspn(symbol + 1, ".") + 1;

	if (!is_glob)
		return symbol_is_of(symbol, wanted);
	if (!fnmatch(wanted, symbol, 0))
		return true;
	if (!symbol[len] || len >= sizeof(base))
		return false;
	memcpy(base, symbol, len);
	base[len] = '\0';
	return !fnmatch(wanted, base, 0);
}

static int append(struct function_list *list, struct function *function,
		  const struct pattern *pattern)
{
	Dwarf_Die die;

	if (!function)
		return 0;
	if (pattern->file && (!die_at(function->module, function->die, &die) ||
			      !die_is_in_file(&die, pattern->file)))
		return 0;
	struct function **slot = array_push(list);

	if (!slot)
		return -ENOMEM;
	*slot = function;
	return 0;
}

static int find_by_symbols(struct module *module, const struct pattern *pattern, bool is_glob,
			   struct function_list *list)
{
	const struct symbol *symbols;
	size_t n = symtab_all(module, &symbols);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		if (symbol_fits(symbols[i].name, pattern->name, is_glob) &&
		    !symbol_is_part(symbols[i].name))
			r = append(list, function_of_symbol(module, &symbols[i], pattern->name),
				   pattern);
	}
	return r;
}

static int find_in_unit(struct module *module, struct unit *unit, const struct pattern *pattern,
			struct function_list *list)
{
	const struct function_range *ranges;
	size_t n = function_table(module, unit, &ranges);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		Dwarf_Die die;
		const char *name = die_at(module, ranges[i].die, &die) ? dwarf_diename(&die) : NULL;

		if (name && name_fits(name, pattern->name))
			r = append(list, function_make(module, ranges[i].lo, &die, NULL), pattern);
	}
	return r;
}

static int find_by_dwarf(struct module *module, const struct pattern *pattern,
			 struct function_list *list)
{
	struct unit *units;
	size_t n = units_all(module, &units);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = find_in_unit(module, &units[i], pattern, list);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct function *x = *(struct function *const *)a, *y = *(struct function *const *)b;

	return (x->entry > y->entry) - (x->entry < y->entry);
}

/* Each address once. */
static void sort_unique(struct function_list *list)
{
	size_t n = 0;

	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare);
	for (size_t i = 0; i < list->n; i++) {
		if (!n || list->items[n - 1] != list->items[i])
			list->items[n++] = list->items[i];
	}
	list->n = n;
}

int function_find(struct module *module, const struct pattern *pattern, struct function_list *list)
{
	bool is_glob = strpbrk(pattern->name, "*?[") != NULL;
	size_t before = list->n;

	sort_unique(list);
	int r = find_by_symbols(module, pattern, is_glob, list);

	if (r >= 0 && (is_glob || list->n == before))
		r = find_by_dwarf(module, pattern, list);
	sort_unique(list);
	if (r >= 0)
		r = inlined_find(module, pattern, list);
	return r < 0 ? err_set(r, "out of memory") : (int)(list->n - before);
}

void function_list_free(struct function_list *list)
{
	free(list->items);
	free(list->inlined);
	memset(list, 0, sizeof(*list));
}

size_t function_similar(struct module *module, const char *name, const char **ret, size_t max)
{
	struct similar similar = { .wanted = name };
	const struct symbol *symbols;
	size_t n = symtab_all(module, &symbols);

	for (size_t i = 0; i < n; i++) {
		if (!strchr(symbols[i].name, '.'))
			similar_offer(&similar, symbols[i].name);
	}
	n = similar.n < max ? similar.n : max;
	memcpy(ret, similar.names, n * sizeof(*ret));
	return n;
}
