/**
 * Names declared at file scope: types, variables, enumeration constants.
 *
 * The index over all units is made when a name is not found in the unit it is asked from; that
 * takes some ten milliseconds for a library of the size of libvirt, where the same headers are in
 * hundreds of units.  Definitions at the same line, of the same size and with members of the same
 * names are taken for one; whether others differ is compared only when that name is asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "symbols/dwarf.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/similar.h"

/* Each has a name space of its own. */
enum name_class {
	NAME_STRUCT,
	NAME_UNION,
	NAME_ENUM,
	NAME_TYPEDEF,
	NAME_VARIABLE,
	NAME_CLASSES,
};

struct name {
	const char *text;
	uint64_t die, size;
	uint32_t members; /* a hash of their names */
	int line;
	struct name *next; /* other definitions of the same size */
	bool is_external; /* variable that is not static */
	bool is_ambiguous;
	UT_hash_handle hh;
};

struct names {
	struct name *by_text[NAME_CLASSES];
};

static int class_of(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		return NAME_STRUCT;
	case DW_TAG_union_type:
		return NAME_UNION;
	case DW_TAG_enumeration_type:
		return NAME_ENUM;
	case DW_TAG_typedef:
		return NAME_TYPEDEF;
	case DW_TAG_variable:
		return NAME_VARIABLE;
	default:
		return -1;
	}
}

/* A declaration with a signature stands for the definition in a type unit. */
static bool is_definition(Dwarf_Die *die, int class)
{
	if (class == NAME_VARIABLE)
		return dwarf_hasattr(die, DW_AT_location) || dwarf_hasattr(die, DW_AT_const_value);
	return !dwarf_hasattr(die, DW_AT_declaration) || dwarf_hasattr(die, DW_AT_signature);
}

/* Making the index. */

struct indexing {
	struct module *module;
	struct names *names;
	ARRAY(uint64_t) imported; /* units of other files (dwz), each to be read once */
};

/* A variable's second definition is another one, if not the linker's choice of the global one. */
static void add_variable(struct name *found, const struct name *name)
{
	if (!found->is_external && name->is_external) {
		found->die = name->die;
		found->is_external = true;
		found->is_ambiguous = false;
	} else if (!found->is_external) {
		found->is_ambiguous = true;
	}
}

static uint32_t hash_members(Dwarf_Die *die)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return hash;
	do {
		const char *name = dwarf_diename(&child);

		for (; name && *name; name++)
			hash = (hash ^ (uint8_t)*name) * 16777619u;
		hash = (hash ^ '\n') * 16777619u;
	} while (dwarf_siblingof(&child, &child) == 0);
	return hash;
}

static bool looks_alike(const struct name *a, const struct name *b)
{
	return a->line == b->line && a->size == b->size && a->members == b->members;
}

static void add_type(struct module *module, struct name *found, const struct name *name)
{
	/* Those after it are dropped, which is for the index of damaged files. */
	enum { VARIANTS_MAX = 32 };
	size_t n = 0;

	if (name->size != found->size)
		found->is_ambiguous = true;
	while (!looks_alike(found, name) && found->next && n++ < VARIANTS_MAX)
		found = found->next;
	if (!looks_alike(found, name))
		found->next = arena_memdup(module_arena(module), name, sizeof(*name));
}

static void add_name(struct indexing *indexing, Dwarf_Die *die, int class)
{
	struct name name = { .text = dwarf_diename(die) }, *found = NULL;

	if (!name.text)
		return;
	HASH_FIND_STR(indexing->names->by_text[class], name.text, found);
	name.line = class == NAME_VARIABLE ? 0 : die_line(die);
	if (class != NAME_TYPEDEF)
		die_unsigned(die, DW_AT_byte_size, &name.size);
	name.members = class == NAME_VARIABLE || class == NAME_TYPEDEF ? 0 : hash_members(die);
	/* Most often it is the same header again. */
	if (found && class != NAME_VARIABLE && looks_alike(found, &name))
		return;
	name.die = die_id(indexing->module, die);
	name.is_external = class == NAME_VARIABLE && die_flag(die, DW_AT_external);
	if (found && class == NAME_VARIABLE) {
		add_variable(found, &name);
	} else if (found) {
		add_type(indexing->module, found, &name);
	} else {
		found = arena_memdup(module_arena(indexing->module), &name, sizeof(name));
		if (found)
			HASH_ADD_KEYPTR(hh, indexing->names->by_text[class], found->text,
					strlen(found->text), found);
	}
}

static void note_import(struct indexing *indexing, Dwarf_Die *import)
{
	Dwarf_Die unit;

	if (!die_ref(import, DW_AT_import, &unit) ||
	    dwarf_cu_getdwarf(unit.cu) == dwarf_cu_getdwarf(import->cu))
		return;
	uint64_t id = die_id(indexing->module, &unit);

	for (size_t i = 0; i < indexing->imported.n; i++) {
		if (indexing->imported.items[i] == id)
			return;
	}
	uint64_t *slot = array_push(&indexing->imported);

	if (slot)
		*slot = id;
}

static void index_unit(struct indexing *indexing, uint64_t unit)
{
	Dwarf_Die die, child;

	if (!die_at(indexing->module, unit, &die) || dwarf_child(&die, &child) != 0)
		return;
	do {
		int class = class_of(&child);

		if (class >= 0 && is_definition(&child, class))
			add_name(indexing, &child, class);
		else if (dwarf_tag(&child) == DW_TAG_imported_unit)
			note_import(indexing, &child);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static struct names *names_get(struct module *module)
{
	struct module_parts *parts = module_parts(module);

	if (parts->names)
		return parts->names;
	parts->names = calloc(1, sizeof(*parts->names));
	struct indexing indexing = { .module = module, .names = parts->names };
	struct unit *units;
	size_t n = parts->names ? units_all(module, &units) : 0;

	for (size_t i = 0; i < n; i++)
		index_unit(&indexing, units[i].die);
	/* The list grows while it is read: imported units import others. */
	for (size_t i = 0; i < indexing.imported.n; i++)
		index_unit(&indexing, indexing.imported.items[i]);
	array_free(&indexing.imported);
	return parts->names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	for (int class = 0; class < NAME_CLASSES; class++)
		HASH_CLEAR(hh, names->by_text[class]);
	free(names);
}

/* Looking up. */

struct search {
	struct module *module;
	int class;
	const char *name, *file;
	Dwarf_Die *ret;
	size_t found;
};

static bool visit_name(Dwarf_Die *die, void *ctx)
{
	struct search *search = ctx;
	const char *name;

	if (class_of(die) != search->class || !is_definition(die, search->class) ||
	    !(name = dwarf_diename(die)) || strcmp(name, search->name) != 0 ||
	    (search->file && !die_is_in_file(die, search->file)))
		return false;
	*search->ret = *die;
	search->found++;
	return true;
}

static bool unit_of(struct module *module, uint64_t id, Dwarf_Die *ret)
{
	Dwarf_Die die;

	return die_at(module, id, &die) && dwarf_diecu(&die, ret, NULL, NULL);
}

static bool is_same_type(struct module *module, uint64_t a, uint64_t b)
{
	Dwarf_Die x, y;

	return die_at(module, a, &x) && die_at(module, b, &y) &&
	       type_same(type_from_die(module, &x), type_from_die(module, &y));
}

static int find_in_index(struct search *search)
{
	struct names *names = names_get(search->module);
	struct name *name = NULL;

	if (!names)
		return -ENOMEM;
	HASH_FIND_STR(names->by_text[search->class], search->name, name);
	if (!name || !die_at(search->module, name->die, search->ret))
		return -ENOENT;
	for (const struct name *other = name->next; other; other = other->next)
		name->is_ambiguous |= !is_same_type(search->module, name->die, other->die);
	name->next = NULL;
	return name->is_ambiguous ? -EMLINK : 0;
}

static int find_in_file(struct search *search)
{
	Dwarf_Die first, unit;
	struct unit *units;
	size_t n = units_all(search->module, &units);

	for (size_t i = 0; i < n && search->found < 2; i++) {
		if (!die_at(search->module, units[i].die, &unit))
			continue;
		unit_foreach_die(search->module, &unit, visit_name, search);
		if (search->found == 1)
			first = *search->ret;
	}
	if (search->found == 1)
		*search->ret = first;
	return search->found == 1 ? 0 : search->found ? -EMLINK : -ENOENT;
}

static int find(struct search *search, uint64_t near)
{
	Dwarf_Die unit;

	if (search->file)
		return find_in_file(search);
	if (unit_of(search->module, near, &unit) &&
	    unit_foreach_die(search->module, &unit, visit_name, search))
		return 0;
	return find_in_index(search);
}

int name_find_variable(struct module *module, uint64_t near, const char *file, const char *name,
		       Dwarf_Die *ret)
{
	struct search search = {
		.module = module, .class = NAME_VARIABLE, .name = name, .file = file, .ret = ret,
	};

	return find(&search, near);
}

int name_find_type(struct module *module, uint64_t near, unsigned tag, const char *name,
		   Dwarf_Die *ret)
{
	struct search search = { .module = module, .name = name, .ret = ret };

	search.class = tag == DW_TAG_structure_type	? NAME_STRUCT
		       : tag == DW_TAG_union_type	? NAME_UNION
		       : tag == DW_TAG_enumeration_type ? NAME_ENUM
							: NAME_TYPEDEF;
	return find(&search, near);
}

size_t type_similar(struct module *module, const char *name, const char **ret, size_t max)
{
	const struct names *names = names_get(module);
	struct similar similar = { .wanted = name };

	for (int class = 0; names && class < NAME_VARIABLE; class++) {
		for (const struct name *item = names->by_text[class]; item; item = item->hh.next)
			similar_offer(&similar, item->text);
	}
	size_t n = similar.n < max ? similar.n : max;

	memcpy(ret, similar.names, n * sizeof(*ret));
	return n;
}

/* Enumeration constants: there are too many for an index, and few are asked for. */

struct enumerator_search {
	struct module *module;
	const char *name;
	int64_t value;
	const struct type *type;
	bool differ;
};

static bool visit_enumerators(Dwarf_Die *die, void *ctx)
{
	struct enumerator_search *search = ctx;
	Dwarf_Die child;
	int64_t value;

	if (dwarf_tag(die) != DW_TAG_enumeration_type || dwarf_child(die, &child) != 0)
		return false;
	do {
		const char *name = dwarf_diename(&child);

		if (!name || strcmp(name, search->name) != 0 ||
		    !die_constant(&child, DW_AT_const_value, &value))
			continue;
		search->differ = search->type && search->value != value;
		search->value = value;
		search->type = type_from_die(search->module, die);
		return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

int name_find_enumerator(struct module *module, uint64_t near, const char *name, int64_t *value,
			 const struct type **ret)
{
	struct enumerator_search search = { .module = module, .name = name };
	Dwarf_Die unit;
	struct unit *units;

	if (unit_of(module, near, &unit))
		unit_foreach_die(module, &unit, visit_enumerators, &search);
	size_t n = search.type ? 0 : units_all(module, &units);

	for (size_t i = 0; i < n && !search.differ; i++) {
		if (die_at(module, units[i].die, &unit))
			unit_foreach_die(module, &unit, visit_enumerators, &search);
	}
	if (!search.type)
		return -ENOENT;
	if (search.differ)
		return -EMLINK;
	*value = search.value;
	*ret = search.type;
	return 0;
}
