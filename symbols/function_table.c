#include "symbols/function_table.h"

#include <stdlib.h>

#include "symbols/dwarf.h"
#include "tracer/base/array.h"

struct function_table {
	ARRAY(struct function_range) list;
	bool is_deep; /* nested functions (a GNU extension) have been looked for too */
};

struct collecting {
	struct module *module;
	struct function_table *table;
	int depth;
};

static int compare(const void *a, const void *b)
{
	const struct function_range *x = a, *y = b;

	return x->lo != y->lo ? (x->lo > y->lo) - (x->lo < y->lo)
			      : (x->die > y->die) - (x->die < y->die);
}

static void add_ranges(struct collecting *collecting, Dwarf_Die *die)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t offset = 0;

	while ((offset = dwarf_ranges(die, offset, &base, &lo, &hi)) > 0) {
		uint64_t addr = addr_from_dwarf(collecting->module, lo);

		if (lo >= hi || !module_is_code(collecting->module, addr))
			continue;
		struct function_range *range = array_push(&collecting->table->list);

		if (!range)
			return;
		*range = (struct function_range){ addr, addr + (hi - lo), die_id(collecting->module, die) };
	}
}

static bool collect(Dwarf_Die *die, void *ctx);

static void collect_children(struct collecting *collecting, Dwarf_Die *die)
{
	enum { DEPTH_MAX = 64 };
	Dwarf_Die child;

	if (collecting->depth >= DEPTH_MAX || dwarf_child(die, &child) != 0)
		return;
	collecting->depth++;
	do {
		collect(&child, collecting);
	} while (dwarf_siblingof(&child, &child) == 0);
	collecting->depth--;
}

static bool collect(Dwarf_Die *die, void *ctx)
{
	struct collecting *collecting = ctx;

	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
		add_ranges(collecting, die);
		if (collecting->table->is_deep)
			collect_children(collecting, die);
		break;
	case DW_TAG_lexical_block:
		if (collecting->table->is_deep)
			collect_children(collecting, die);
		break;
	case DW_TAG_namespace:
	case DW_TAG_module:
		collect_children(collecting, die);
		break;
	default:
		break;
	}
	return false;
}

static void fill(struct module *module, const struct unit *unit, struct function_table *table)
{
	struct collecting collecting = { .module = module, .table = table };
	Dwarf_Die die;

	table->list.n = 0;
	/* Assemblers describe labels as functions without parameters: better taken for bare symbols. */
	if (die_at(module, unit->die, &die) && dwarf_srclang(&die) != DW_LANG_Mips_Assembler)
		collect_children(&collecting, &die);
	if (table->list.n)
		qsort(table->list.items, table->list.n, sizeof(*table->list.items), compare);
}

size_t function_table(struct module *module, struct unit *unit, const struct function_range **ret)
{
	if (!unit->functions && unit->has_code) {
		unit->functions = calloc(1, sizeof(*unit->functions));
		if (unit->functions)
			fill(module, unit, unit->functions);
	}
	*ret = unit->functions ? unit->functions->list.items : NULL;
	return unit->functions ? unit->functions->list.n : 0;
}

static uint64_t find(const struct function_range *ranges, size_t n, uint64_t addr)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addr < ranges[mid].lo)
			hi = mid;
		else if (addr >= ranges[mid].hi)
			lo = mid + 1;
		else
			return ranges[mid].die;
	}
	return 0;
}

uint64_t function_table_at(struct module *module, struct unit *unit, uint64_t addr)
{
	const struct function_range *ranges;
	size_t n = function_table(module, unit, &ranges);
	uint64_t die = find(ranges, n, addr);

	if (die || !unit->functions || unit->functions->is_deep)
		return die;
	unit->functions->is_deep = true;
	fill(module, unit, unit->functions);
	return find(unit->functions->list.items, unit->functions->list.n, addr);
}

void function_table_free(struct function_table *table)
{
	if (!table)
		return;
	array_free(&table->list);
	free(table);
}
