/**
 * Units of the debug information: which there are, and which holds an address.
 *
 * The ranges of the unit DIEs are used instead of .debug_aranges: clang does not make that section,
 * and reading some hundred DIEs takes a millisecond.
 *
 * dwz moves DIEs that several units share to partial units, which the others import
 * (DW_TAG_imported_unit, DWARF 5 section 3.2.5), be they in the same file or in an alternate one
 * (.gnu_debugaltlink).  Skeleton units of -gsplit-dwarf are replaced by the unit in their .dwo file
 * where it can be found.
 */
#include "symbols/dwarf.h"

#include <stdlib.h>
#include <string.h>

#include "symbols/function_table.h"
#include "tracer/base/array.h"

struct unit_range {
	uint64_t lo, hi;
	size_t unit;
};

struct units {
	ARRAY(struct unit) list;
	ARRAY(struct unit_range) ranges; /* sorted by `lo` */
};

static int compare(const void *a, const void *b)
{
	const struct unit_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void add_ranges(struct module *module, struct units *units, size_t unit, Dwarf_Die *die)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t offset = 0;

	while ((offset = dwarf_ranges(die, offset, &base, &lo, &hi)) > 0) {
		uint64_t addr = addr_from_dwarf(module, lo);

		/* Units whose code the linker left out stay, at address 0 or so. */
		if (lo >= hi || !module_is_code(module, addr))
			continue;
		struct unit_range *range = array_push(&units->ranges);

		if (!range)
			return;
		*range = (struct unit_range){ addr, addr + (hi - lo), unit };
		units->list.items[unit].has_code = true;
	}
}

static void read_units(struct module *module, struct units *units)
{
	Dwarf *dwarf = module_dwarf(module, NULL);
	Dwarf_Die die, split;
	uint8_t type;

	for (Dwarf_CU *cu = NULL;
	     dwarf && dwarf_get_units(dwarf, cu, &cu, NULL, &type, &die, &split) == 0;) {
		bool is_split = type == DW_UT_skeleton && split.cu;
		struct unit *unit = array_push(&units->list);

		if (!unit)
			return;
		/* The address ranges are in the skeleton, all else in the split unit. */
		unit->die = die_id(module, is_split ? &split : &die);
		add_ranges(module, units, units->list.n - 1, &die);
	}
	if (units->ranges.n)
		qsort(units->ranges.items, units->ranges.n, sizeof(*units->ranges.items), compare);
}

static struct units *units_get(struct module *module)
{
	struct module_parts *parts = module_parts(module);

	if (!parts->units) {
		parts->units = calloc(1, sizeof(*parts->units));
		if (parts->units)
			read_units(module, parts->units);
	}
	return parts->units;
}

void units_free(struct units *units)
{
	if (!units)
		return;
	for (size_t i = 0; i < units->list.n; i++)
		function_table_free(units->list.items[i].functions);
	array_free(&units->list);
	array_free(&units->ranges);
	free(units);
}

size_t units_all(struct module *module, struct unit **ret)
{
	struct units *units = units_get(module);

	*ret = units ? units->list.items : NULL;
	return units ? units->list.n : 0;
}

struct unit *unit_at(struct module *module, uint64_t addr)
{
	struct units *units = units_get(module);
	size_t lo = 0, hi = units ? units->ranges.n : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct unit_range *range = &units->ranges.items[mid];

		if (addr < range->lo)
			hi = mid;
		else if (addr >= range->hi)
			lo = mid + 1;
		else
			return &units->list.items[range->unit];
	}
	return NULL;
}

/* A walk over a unit and what it imports. */
struct walk {
	struct module *module;
	die_visitor visit;
	void *ctx;
	ARRAY(uint64_t) seen; /* imported units */
};

static bool is_new(struct walk *walk, Dwarf_Die *unit)
{
	uint64_t id = die_id(walk->module, unit);

	for (size_t i = 0; i < walk->seen.n; i++) {
		if (walk->seen.items[i] == id)
			return false;
	}
	uint64_t *slot = array_push(&walk->seen);

	if (slot)
		*slot = id;
	return slot != NULL;
}

static bool walk_unit(struct walk *walk, Dwarf_Die *unit, int depth)
{
	enum { IMPORT_DEPTH = 32 };
	Dwarf_Die die;

	if (dwarf_child(unit, &die) != 0)
		return false;
	do {
		Dwarf_Die imported;

		if (dwarf_tag(&die) != DW_TAG_imported_unit) {
			if (walk->visit(&die, walk->ctx))
				return true;
		} else if (depth < IMPORT_DEPTH && die_ref(&die, DW_AT_import, &imported) &&
			   is_new(walk, &imported)) {
			if (walk_unit(walk, &imported, depth + 1))
				return true;
		}
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

bool unit_foreach_die(struct module *module, Dwarf_Die *unit, die_visitor visit, void *ctx)
{
	struct walk walk = { .module = module, .visit = visit, .ctx = ctx };
	bool done = walk_unit(&walk, unit, 0);

	array_free(&walk.seen);
	return done;
}
