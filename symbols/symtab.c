#include "symbols/symtab.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/dwarf.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"

struct symtab {
	ARRAY(struct symbol) list;
	const struct symbol **by_name; /* sorted when first asked for */
	bool has_local;
};

/* "virDomainFree@@LIBVIRT_0.0.3" in .symtab is virDomainFree. */
static const char *plain_name(struct module *module, const char *name)
{
	const char *version = strchr(name, '@');

	return version ? arena_strndup(module_arena(module), name, (size_t)(version - name)) : name;
}

static void add_symbol(struct module *module, struct symtab *symtab, const char *name,
		       const GElf_Sym *sym, uint64_t addr)
{
	int type = GELF_ST_TYPE(sym->st_info);

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || !name[0] ||
	    !module_is_code(module, addr))
		return;
	name = plain_name(module, name);
	struct symbol *symbol = name ? array_push(&symtab->list) : NULL;

	if (!symbol)
		return;
	*symbol = (struct symbol){
		.name = name,
		.addr = addr,
		.size = sym->st_size,
		.is_global = GELF_ST_BIND(sym->st_info) != STB_LOCAL,
		.is_hidden = GELF_ST_VISIBILITY(sym->st_other) == STV_HIDDEN,
		.is_ifunc = type == STT_GNU_IFUNC,
	};
	symtab->has_local |= !symbol->is_global;
}

static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr != y->addr ? (x->addr > y->addr) - (x->addr < y->addr)
				  : strcmp(x->name, y->name);
}

static void read_symbols(struct module *module, struct symtab *symtab)
{
	Dwfl_Module *mod = module_dwfl(module);
	int n = mod ? dwfl_module_getsymtab(mod) : 0;

	for (int i = 1; i < n; i++) {
		GElf_Sym sym;
		GElf_Addr addr;
		GElf_Word section;
		const char *name =
			dwfl_module_getsym_info(mod, i, &sym, &addr, &section, NULL, NULL);

		if (name && section != SHN_UNDEF)
			add_symbol(module, symtab, name, &sym, addr);
	}
	if (symtab->list.n)
		qsort(symtab->list.items, symtab->list.n, sizeof(*symtab->list.items), compare);
}

static struct symtab *symtab_get(struct module *module)
{
	static struct symtab none; /* stays empty */
	struct module_parts *parts = module_parts(module);

	if (!parts->symtab) {
		parts->symtab = calloc(1, sizeof(*parts->symtab));
		if (!parts->symtab)
			return &none;
		read_symbols(module, parts->symtab);
	}
	return parts->symtab;
}

void symtab_free(struct symtab *symtab)
{
	if (!symtab)
		return;
	array_free(&symtab->list);
	free(symtab->by_name);
	free(symtab);
}

size_t symtab_all(struct module *module, const struct symbol **ret)
{
	const struct symtab *symtab = symtab_get(module);

	*ret = symtab->list.items;
	return symtab->list.n;
}

bool symtab_is_full(struct module *module)
{
	return symtab_get(module)->has_local;
}

/* Index of the first symbol with an address above `addr`. */
static size_t upper_bound(const struct symtab *symtab, uint64_t addr)
{
	size_t lo = 0, hi = symtab->list.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (symtab->list.items[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t symtab_at(struct module *module, uint64_t addr, const struct symbol **ret)
{
	const struct symtab *symtab = symtab_get(module);
	size_t end = upper_bound(symtab, addr), first = end;

	while (first && symtab->list.items[first - 1].addr == addr)
		first--;
	*ret = end > first ? &symtab->list.items[first] : NULL;
	return end - first;
}

const struct symbol *symtab_covering(struct module *module, uint64_t addr)
{
	/* Symbols in a larger one: labels of hand-written code, nested aliases. */
	enum { LOOK_BACK = 16 };
	const struct symtab *symtab = symtab_get(module);
	size_t end = upper_bound(symtab, addr);

	for (size_t i = end; i && end - i < LOOK_BACK; i--) {
		const struct symbol *symbol = &symtab->list.items[i - 1];

		if (addr - symbol->addr < symbol->size || (!symbol->size && i == end))
			return symbol;
	}
	return NULL;
}

static int compare_names(const void *a, const void *b)
{
	const struct symbol *x = *(const struct symbol *const *)a,
			    *y = *(const struct symbol *const *)b;

	return strcmp(x->name, y->name);
}

static bool sort_by_name(struct symtab *symtab)
{
	size_t n = symtab->list.n;

	if (symtab->by_name || !n)
		return n != 0;
	symtab->by_name = calloc(n, sizeof(*symtab->by_name));
	if (!symtab->by_name)
		return false;
	for (size_t i = 0; i < n; i++)
		symtab->by_name[i] = &symtab->list.items[i];
	qsort(symtab->by_name, n, sizeof(*symtab->by_name), compare_names);
	return true;
}

size_t symtab_named(struct module *module, const char *name, const struct symbol *const **ret)
{
	struct symtab *symtab = symtab_get(module);
	size_t lo = 0, hi = symtab->list.n, end;

	if (!sort_by_name(symtab))
		return 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(symtab->by_name[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < symtab->list.n && !strcmp(symtab->by_name[end]->name, name); end++)
		;
	*ret = symtab->by_name + lo;
	return end - lo;
}

bool symbol_is_of(const char *symbol, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(symbol, name, len) && (!symbol[len] || symbol[len] == '.');
}

bool symbol_is_cold(const char *symbol)
{
	size_t len = strlen(symbol);

	return len > 5 && !strcmp(symbol + len - 5, ".cold");
}

bool symbol_is_part(const char *symbol)
{
	return symbol_is_cold(symbol) || strstr(symbol, ".cold.");
}
