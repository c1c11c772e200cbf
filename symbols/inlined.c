/**
 * Inlined copies.
 *
 * A function that was inlined somewhere has an abstract instance with DW_AT_inline, which each
 * DW_TAG_inlined_subroutine names as its DW_AT_abstract_origin (DWARF 5 section 3.3.8).  The
 * abstract instances are indexed once for a module; only if a name is among them is the code of a
 * unit walked.  Inlined copies are in the unit of their abstract instance, but with link-time
 * optimisation and dwz, where it is in a unit without code: then all units are walked.
 */
#include "symbols/inlined.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/dwarf.h"
#include "symbols/function.h"
#include "tracer/base/array.h"

struct abstract {
	const char *name;
	uint64_t die;
	size_t unit; /* index of units_all() */
};

struct inline_names {
	ARRAY(struct abstract) list;
};

struct indexing {
	struct module *module;
	struct inline_names *names;
	size_t unit;
};

/* gcc's link-time optimisation leaves the attribute out of the units it makes of the sources, which have no code. */
static bool is_abstract(Dwarf_Die *die, bool unit_has_code)
{
	uint64_t how;

	if (dwarf_tag(die) != DW_TAG_subprogram)
		return false;
	if (dwarf_hasattr(die, DW_AT_inline) && die_unsigned(die, DW_AT_inline, &how))
		return how == DW_INL_inlined || how == DW_INL_declared_inlined;
	return !unit_has_code && !dwarf_hasattr(die, DW_AT_declaration);
}

static void add_abstract(struct indexing *indexing, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	struct abstract *abstract = name ? array_push(&indexing->names->list) : NULL;

	if (abstract)
		*abstract = (struct abstract){ name, die_id(indexing->module, die), indexing->unit };
}

static const struct inline_names *names_get(struct module *module)
{
	struct module_parts *parts = module_parts(module);

	if (parts->inline_names)
		return parts->inline_names;
	parts->inline_names = calloc(1, sizeof(*parts->inline_names));
	struct indexing indexing = { .module = module, .names = parts->inline_names };
	struct unit *units;
	size_t n = parts->inline_names ? units_all(module, &units) : 0;

	for (; indexing.unit < n; indexing.unit++) {
		Dwarf_Die unit, die;

		if (!die_at(module, units[indexing.unit].die, &unit) ||
		    dwarf_child(&unit, &die) != 0)
			continue;
		do {
			if (is_abstract(&die, units[indexing.unit].has_code))
				add_abstract(&indexing, &die);
		} while (dwarf_siblingof(&die, &die) == 0);
	}
	return parts->inline_names;
}

void inline_names_free(struct inline_names *names)
{
	if (!names)
		return;
	array_free(&names->list);
	free(names);
}

/* An abstract instance whose copies are wanted, and how many there are. */
struct wanted {
	uint64_t origin;
	size_t n;
};

/* The walk through the code of units. */
struct walk {
	struct module *module;
	ARRAY(struct wanted) wanted; /* sorted */
	const char *function;   /* the concrete one that the walk is in */
	uint64_t origin;        /* of that */
	Dwarf_Files *files;     /* of the unit */
	struct function_list *list;
	unsigned depth;
	int error;
};

static int compare_origins(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return (x->origin > y->origin) - (x->origin < y->origin);
}

static struct wanted *find_wanted(const struct walk *walk, uint64_t origin)
{
	const struct wanted key = { .origin = origin };

	if (!walk->wanted.n)
		return NULL;
	return bsearch(&key, walk->wanted.items, walk->wanted.n, sizeof(key), compare_origins);
}

static bool first_address(struct module *module, Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Addr base, lo, hi;

	if (dwarf_entrypc(die, &lo) != 0 && dwarf_ranges(die, 0, &base, &lo, &hi) <= 0)
		return false;
	*ret = addr_from_dwarf(module, lo);
	return module_is_code(module, *ret);
}

static void add_instance(struct walk *walk, Dwarf_Die *die, struct wanted *wanted)
{
	uint64_t addr, file = 0, line = 0;

	if (!first_address(walk->module, die, &addr))
		return;
	die_unsigned(die, DW_AT_call_file, &file);
	die_unsigned(die, DW_AT_call_line, &line);
	const char *path = walk->files ? dwarf_filesrc(walk->files, file, NULL, NULL) : NULL;
	const char *slash = path ? strrchr(path, '/') : NULL;
	struct function_list *list = walk->list;

	if (array_grow((void **)&list->inlined, &list->cap_inlined, list->n_inlined,
		       sizeof(*list->inlined)) < 0) {
		walk->error = -ENOMEM;
		return;
	}
	list->inlined[list->n_inlined++] = (struct inlined_instance){
		.function = dwarf_diename(die),
		.into = walk->function,
		.file = slash ? slash + 1 : path,
		.line = (int)line,
		.addr = addr,
	};
	wanted->n++;
}

/*
 * gcc splits functions and inlines the first part again, "called" from the line the function is
 * declared at: a call of the function is still a call of the function.  (A real recursive call is
 * from another line.)
 */
static bool is_own_part(const struct walk *walk, Dwarf_Die *die, Dwarf_Die *origin,
			uint64_t origin_id)
{
	uint64_t line = 0;

	return origin_id == walk->origin && die_unsigned(die, DW_AT_call_line, &line) &&
	       (int)line == die_line(origin);
}

static void visit_inlined(struct walk *walk, Dwarf_Die *die)
{
	Dwarf_Die origin;

	die_origin(die, &origin);
	uint64_t id = die_id(walk->module, &origin);

	struct wanted *wanted = find_wanted(walk, id);

	if (wanted && !is_own_part(walk, die, &origin, id))
		add_instance(walk, die, wanted);
}

static bool has_code(Dwarf_Die *die)
{
	return dwarf_hasattr(die, DW_AT_low_pc) || dwarf_hasattr(die, DW_AT_ranges);
}

static void walk_children(struct walk *walk, Dwarf_Die *die);

static void walk_function(struct walk *walk, Dwarf_Die *die)
{
	const char *function = walk->function;
	uint64_t origin = walk->origin;
	Dwarf_Die origin_die;

	die_origin(die, &origin_die);
	walk->function = dwarf_diename(die);
	walk->origin = die_id(walk->module, &origin_die);
	walk_children(walk, die);
	walk->function = function;
	walk->origin = origin;
}

static void walk_children(struct walk *walk, Dwarf_Die *die)
{
	enum { DEPTH_MAX = 512 };
	Dwarf_Die child;

	if (walk->depth >= DEPTH_MAX || dwarf_child(die, &child) != 0)
		return;
	walk->depth++;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_subprogram:
			if (has_code(&child))
				walk_function(walk, &child);
			break;
		case DW_TAG_inlined_subroutine:
			visit_inlined(walk, &child);
			walk_children(walk, &child);
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_namespace:
			walk_children(walk, &child);
			break;
		default:
			break;
		}
	} while (dwarf_siblingof(&child, &child) == 0 && !walk->error);
	walk->depth--;
}

static bool is_match(struct module *module, const struct abstract *abstract,
		     const struct pattern *pattern)
{
	Dwarf_Die die;

	if (fnmatch(pattern->name, abstract->name, 0) != 0)
		return false;
	return !pattern->file ||
	       (die_at(module, abstract->die, &die) && die_is_in_file(&die, pattern->file));
}

/* Mark the units to walk; false if nothing fits the pattern. */
static bool choose(struct walk *walk, const struct pattern *pattern, const struct unit *units,
		   size_t n_units, bool *chosen)
{
	const struct inline_names *names = names_get(walk->module);
	bool all = false;

	for (size_t i = 0; names && i < names->list.n; i++) {
		const struct abstract *abstract = &names->list.items[i];
		struct wanted *slot;

		if (!is_match(walk->module, abstract, pattern) ||
		    !(slot = array_push(&walk->wanted)))
			continue;
		slot->origin = abstract->die;
		chosen[abstract->unit] = true;
		all |= !units[abstract->unit].has_code;
	}
	for (size_t i = 0; i < n_units; i++)
		chosen[i] = units[i].has_code && (all || chosen[i]);
	if (walk->wanted.n)
		qsort(walk->wanted.items, walk->wanted.n, sizeof(*walk->wanted.items),
		      compare_origins);
	return walk->wanted.n != 0;
}

int inlined_find(struct module *module, const struct pattern *pattern, struct function_list *list)
{
	struct walk walk = { .module = module, .list = list };
	struct unit *units;
	size_t n = units_all(module, &units);
	bool *chosen = calloc(n ? n : 1, sizeof(*chosen));

	if (!chosen)
		return -ENOMEM;
	bool any = choose(&walk, pattern, units, n, chosen);

	for (size_t i = 0; any && i < n && !walk.error; i++) {
		Dwarf_Die unit;

		if (!chosen[i] || !die_at(module, units[i].die, &unit))
			continue;
		walk.files = NULL;
		dwarf_getsrcfiles(&unit, &walk.files, NULL);
		walk_children(&walk, &unit);
	}
	for (size_t i = 0; i < list->n; i++) {
		struct function *function = list->items[i];
		const struct wanted *wanted =
			function->module == module ? find_wanted(&walk, function->origin) : NULL;

		if (wanted)
			function->n_inlined = wanted->n;
	}
	free(chosen);
	array_free(&walk.wanted);
	return walk.error;
}
