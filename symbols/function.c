/**
 * Functions: from an address to all that is known about the function there.
 *
 * A function is known by its entry.  Its DIE may have several ranges: gcc moves unlikely code to
 * `name.cold`, whose range is listed in DW_AT_ranges, and which is no function of its own.  Without
 * debug information the symbol of that name is taken for it (only without a number behind it:
 * clang's name.cold.1 is called, and returns).
 *
 * Clones (gcc's .isra, .constprop, .part) are concrete instances of the same abstract DIE, from
 * which the parameters are taken in their order, as a clone may lack some: these have no location
 * then.
 */
#include "symbols/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "symbols/code.h"
#include "symbols/dwarf.h"
#include "symbols/function_make.h"
#include "symbols/function_table.h"
#include "symbols/symtab.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"

struct function_node {
	struct function function; /* first; its entry is the key */
	UT_hash_handle hh;
};

struct functions {
	struct function_node *by_entry;
};

static struct functions *functions_get(struct module *module)
{
	struct module_parts *parts = module_parts(module);

	if (!parts->functions)
		parts->functions = calloc(1, sizeof(*parts->functions));
	return parts->functions;
}

void functions_free(struct functions *functions)
{
	if (!functions)
		return;
	HASH_CLEAR(hh, functions->by_entry);
	free(functions);
}

/* Without its symbol an instance of an abstract function may be a clone. */
static bool is_clone(const struct function *function, const struct symbol *symbol, Dwarf_Die *die)
{
	if (!symbol)
		return die && dwarf_hasattr(die, DW_AT_abstract_origin);
	return strstr(function->symbol, ".isra.") || strstr(function->symbol, ".constprop.") ||
	       strstr(function->symbol, ".part.");
}

/* Making a function. */

static bool has_ifunc(const struct symbol *symbols, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (symbols[i].is_ifunc)
			return true;
	}
	return false;
}

/* Of aliases the exported one with the plainest name: malloc, not __libc_malloc. */
static bool is_better(const struct symbol *symbol, const struct symbol *than)
{
	size_t a = strspn(symbol->name, "_"), b = strspn(than->name, "_");

	if (symbol->is_global != than->is_global)
		return symbol->is_global;
	return a != b ? a < b : strlen(symbol->name) < strlen(than->name);
}

/* The symbol that stands for `name` at an address; another one (an alias) if there is none; NULL without any. */
static const struct symbol *symbol_at(struct module *module, uint64_t addr, const char *name)
{
	const struct symbol *symbols, *best = NULL;
	size_t n = symtab_at(module, addr, &symbols);
	bool want_ifunc = has_ifunc(symbols, n);

	for (size_t i = 0; i < n; i++) {
		/* The resolver has a name of its own, which is of no interest. */
		if (symbol_is_part(symbols[i].name) || (want_ifunc && !symbols[i].is_ifunc))
			continue;
		if (name && symbol_is_of(symbols[i].name, name))
			return &symbols[i];
		if (!best || is_better(&symbols[i], best))
			best = &symbols[i];
	}
	return best;
}

/* Put the range of the entry first.  The compiler's order is a hint, a symbol of that name is proof. */
static void order_ranges(struct module *module, struct range *ranges, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		const struct symbol *symbol = symbol_at(module, ranges[i].lo, name);

		if (!symbol || !name || !symbol_is_of(symbol->name, name))
			continue;
		struct range entry = ranges[i];

		memmove(ranges + 1, ranges, i * sizeof(*ranges));
		ranges[0] = entry;
		return;
	}
}

static size_t read_ranges(struct module *module, Dwarf_Die *die, const struct range **ret)
{
	ARRAY(struct range) list = { 0 };
	Dwarf_Addr base, lo, hi;
	ptrdiff_t offset = 0;

	while ((offset = dwarf_ranges(die, offset, &base, &lo, &hi)) > 0) {
		uint64_t addr = addr_from_dwarf(module, lo);
		struct range *range =
			lo < hi && module_is_code(module, addr) ? array_push(&list) : NULL;

		if (range)
			*range = (struct range){ addr, addr + (hi - lo) };
	}
	order_ranges(module, list.items, list.n, dwarf_diename(die));
	*ret = list.n ? arena_memdup(module_arena(module), list.items, list.n * sizeof(*list.items)) : NULL;
	size_t n = *ret ? list.n : 0;

	array_free(&list);
	return n;
}

typedef ARRAY(struct parameter) parameter_list;

static void read_param(struct module *module, Dwarf_Die *die, parameter_list *list)
{
	struct parameter *param = array_push(list);

	if (!param)
		return;
	param->name = dwarf_diename(die);
	param->type = type_of_die(module, die);
	param->die = die_id(module, die);
}

/* The formal parameters a DIE has itself; false if one is a copy of an abstract one. */
static bool read_own_params(struct module *module, Dwarf_Die *die, parameter_list *list,
			    bool *variadic)
{
	bool own = true;
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return true;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_formal_parameter:
			own &= !dwarf_hasattr(&child, DW_AT_abstract_origin);
			read_param(module, &child, list);
			break;
		case DW_TAG_unspecified_parameters:
			*variadic = true;
			break;
		default:
			break;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return own;
}

static uint64_t origin_id(struct module *module, uint64_t id)
{
	Dwarf_Die die, origin;

	if (!die_at(module, id, &die))
		return 0;
	die_origin(&die, &origin);
	return die_id(module, &origin);
}

/*
 * g++ declares hidden parameters of constructors and destructors (__in_chrg, __vtt_parm), and none
 * of its instances gets all of them.
 */
static bool is_hidden(struct module *module, const struct parameter *param)
{
	Dwarf_Die die;

	return die_at(module, param->die, &die) && die_flag(&die, DW_AT_artificial) &&
	       !(param->name && !strcmp(param->name, "this"));
}

/* Replace abstract parameters by those of the concrete function, which have locations. */
static void make_concrete(struct module *module, parameter_list *abstract,
			  const parameter_list *concrete)
{
	size_t n = 0;

	for (size_t i = 0; i < abstract->n; i++) {
		struct parameter param = abstract->items[i];
		uint64_t id = origin_id(module, param.die);
		bool found = false;

		for (size_t j = 0; j < concrete->n && !found; j++) {
			found = origin_id(module, concrete->items[j].die) == id;
			if (found)
				param.die = concrete->items[j].die;
		}
		if (found || !is_hidden(module, &param))
			abstract->items[n++] = param;
	}
	abstract->n = n;
}

static void read_params(struct function *function, Dwarf_Die *die)
{
	struct module *module = function->module;
	parameter_list params = { 0 }, concrete = { 0 };
	Dwarf_Die abstract;
	bool own = read_own_params(module, die, &concrete, &function->is_variadic);

	if (dwarf_hasattr(die, DW_AT_abstract_origin) &&
	    die_ref(die, DW_AT_abstract_origin, &abstract) && (!own || !concrete.n)) {
		read_own_params(module, &abstract, &params, &function->is_variadic);
		make_concrete(module, &params, &concrete);
		array_free(&concrete);
	} else {
		params = concrete;
	}
	if (params.n)
		function->params = arena_memdup(module_arena(module), params.items,
						params.n * sizeof(*params.items));
	function->n_params = function->params ? params.n : 0;
	array_free(&params);
}

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static bool is_type(Dwarf_Die *die, void *ctx)
{
	(void)ctx;
	switch (dwarf_tag(die)) {
	case DW_TAG_base_type:
	case DW_TAG_pointer_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_typedef:
	case DW_TAG_subroutine_type:
		return true;
	default:
		return false;
	}
}

/* -g1 leaves out parameters and types: then nothing is said about the function, not that it has none. */
static bool says_types(const struct function *function, Dwarf_Die *die)
{
	Dwarf_Die unit;

	return function->n_params || function->is_variadic || dwarf_hasattr_integrate(die, DW_AT_type) ||
	       die_flag(die, DW_AT_prototyped) || !dwarf_diecu(die, &unit, NULL, NULL) ||
	       unit_foreach_die(function->module, &unit, is_type, NULL);
}

static void describe_by_die(struct function *function, Dwarf_Die *die)
{
	struct module *module = function->module;
	Dwarf_Die origin;
	uint64_t convention;

	die_origin(die, &origin);
	function->die = die_id(module, die);
	function->origin = die_id(module, &origin);
	function->file = last_part(die_file(die));
	function->line = die_line(die);
	function->return_type = type_of_die(module, die);
	function->is_static = !die_flag(die, DW_AT_external);
	function->is_nonstandard = die_unsigned(die, DW_AT_calling_convention, &convention) &&
				   convention != DW_CC_normal;
	read_params(function, die);
	function->has_types = says_types(function, die);
}

/* The range of `name.cold`, if just one symbol is called so. */
static bool cold_range(struct module *module, const char *name, struct range *ret)
{
	const struct symbol *const *cold;
	char text[512];

	if ((size_t)snprintf(text, sizeof(text), "%s.cold", name) >= sizeof(text) ||
	    symtab_named(module, text, &cold) != 1)
		return false;
	*ret = (struct range){ cold[0]->addr, cold[0]->addr + cold[0]->size };
	return true;
}

static void describe_by_symbol(struct function *function, const struct symbol *symbol)
{
	struct module *module = function->module;
	size_t len = strcspn(symbol->name + 1, ".") + 1;
	struct range *ranges = arena_alloc(module_arena(module), 2 * sizeof(*ranges));

	function->name = symbol->name[len] ? arena_strndup(module_arena(module), symbol->name, len)
					   : symbol->name;
	function->is_static = !symbol->is_global;
	if (!ranges || !function->name)
		return;
	ranges[0] = (struct range){ symbol->addr, symbol->addr + symbol->size };
	function->ranges = ranges;
	function->n_ranges = cold_range(module, symbol->name, &ranges[1]) ? 2 : 1;
}

struct function *function_make(struct module *module, uint64_t entry, Dwarf_Die *die,
			       const char *name)
{
	struct functions *functions = functions_get(module);
	struct function_node *node = NULL;
	const struct range *ranges = NULL;
	size_t n_ranges = die ? read_ranges(module, die, &ranges) : 0;

	if (n_ranges)
		entry = ranges[0].lo;
	if (functions)
		HASH_FIND(hh, functions->by_entry, &entry, sizeof(entry), node);
	if (node || !functions)
		return node ? &node->function : NULL;
	const struct symbol *symbol =
		symbol_at(module, entry, n_ranges ? dwarf_diename(die) : name);

	node = symbol || n_ranges ? arena_alloc(module_arena(module), sizeof(*node)) : NULL;
	if (!node)
		return NULL;
	struct function *function = &node->function;

	*function = (struct function){
		.module = module,
		.entry = entry,
		.code = arena_alloc(module_arena(module), sizeof(*function->code)),
		.is_ifunc = symbol && symbol->is_ifunc,
	};
	if (n_ranges && !function->is_ifunc) {
		function->name = dwarf_diename(die);
		function->ranges = ranges;
		function->n_ranges = n_ranges;
		describe_by_die(function, die);
	} else if (symbol) {
		describe_by_symbol(function, symbol);
	}
	function->symbol = symbol ? symbol->name : function->name;
	if (!function->name)
		return NULL;
	function->is_local = function->is_static || !symbol ||
			     (!symbol->is_global && !symbol->is_hidden);
	function->is_clone = is_clone(function, symbol, n_ranges ? die : NULL);
	HASH_ADD(hh, functions->by_entry, function.entry, sizeof(entry), node);
	return function;
}

/* The function that `name.cold` is a part of. */
static struct function *function_of_cold(struct module *module, const struct symbol *cold)
{
	const struct symbol *const *symbols;
	char name[512];
	size_t len = strlen(cold->name) - strlen(".cold");

	if (len >= sizeof(name))
		return NULL;
	memcpy(name, cold->name, len);
	name[len] = '\0';
	return symtab_named(module, name, &symbols) == 1
		       ? function_make(module, symbols[0]->addr, NULL, name)
		       : NULL;
}

struct function *function_at(struct module *module, uint64_t addr)
{
	struct unit *unit = unit_at(module, addr);
	uint64_t id = unit ? function_table_at(module, unit, addr) : 0;
	Dwarf_Die die;

	if (die_at(module, id, &die))
		return function_make(module, addr, &die, NULL);
	const struct symbol *symbol = symtab_covering(module, addr);

	if (symbol && symbol_is_cold(symbol->name))
		return function_of_cold(module, symbol);
	return symbol ? function_make(module, symbol->addr, NULL, NULL) : NULL;
}

/* A symbol that is not where a function starts, in hand-written code, is a function for itself. */
struct function *function_of_symbol(struct module *module, const struct symbol *symbol,
				    const char *wanted)
{
	struct unit *unit = unit_at(module, symbol->addr);
	Dwarf_Die die;
	struct function *function = NULL;

	if (unit && die_at(module, function_table_at(module, unit, symbol->addr), &die))
		function = function_make(module, symbol->addr, &die, NULL);
	if (function && function->entry == symbol->addr)
		return function;
	return function_make(module, symbol->addr, NULL, wanted);
}

static bool is_prototyped(const struct function *function)
{
	Dwarf_Die die;

	return die_at(function->module, function->die, &die) && die_flag(&die, DW_AT_prototyped);
}

const char *function_prototype(const struct function *function, struct arena *arena)
{
	if (!function->has_types)
		return arena_strdup(arena, function->name);
	const char *text = arena_printf(arena, "%s(", function->name);

	for (size_t i = 0; i < function->n_params && text; i++)
		text = arena_printf(
			arena, "%s%s%s", text, i ? ", " : "",
			type_spell(function->params[i].type, function->params[i].name, arena));
	const char *end = function->is_variadic && function->n_params	? ", ..."
			  : !function->n_params && is_prototyped(function) ? "void"
									   : "";

	text = text ? arena_printf(arena, "%s%s)", text, end) : NULL;
	return text ? type_spell(function->return_type, text, arena) : function->name;
}
