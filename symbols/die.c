/**
 * Numbers for DIEs, and reading their attributes.
 *
 * libdw integrates attributes of DW_AT_abstract_origin and DW_AT_specification, but not of
 * DW_AT_signature.
 */
#include "symbols/dwarf.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/array.h"

enum { OFFSET_BITS = 48, SPACES_MAX = 1 << (64 - OFFSET_BITS) };

struct space {
	Dwarf *dwarf;
	bool is_types; /* .debug_types: DWARF 4 type units have their own section */
};

struct spaces {
	ARRAY(struct space) list;
	size_t last; /* found by the latest die_id(): most often the next one too */
};

static struct spaces *spaces_get(struct module *module)
{
	struct module_parts *parts = module_parts(module);

	if (!parts->spaces)
		parts->spaces = calloc(1, sizeof(*parts->spaces));
	if (parts->spaces && !parts->spaces->list.n) {
		struct space *first = array_push(&parts->spaces->list);

		if (!first)
			return NULL;
		first->dwarf = module_dwarf(module, NULL);
	}
	return parts->spaces;
}

void spaces_free(struct spaces *spaces)
{
	if (!spaces)
		return;
	array_free(&spaces->list);
	free(spaces);
}

static bool is_in_types_section(Dwarf_Die *die)
{
	Dwarf_Half version;
	uint8_t unit_type;

	return dwarf_cu_info(die->cu, &version, &unit_type, NULL, NULL, NULL, NULL, NULL) == 0 &&
	       version < 5 && (unit_type == DW_UT_type || unit_type == DW_UT_split_type);
}

uint64_t die_id(struct module *module, Dwarf_Die *die)
{
	struct spaces *spaces = spaces_get(module);
	struct space want = { dwarf_cu_getdwarf(die->cu), is_in_types_section(die) };
	Dwarf_Off offset = dwarf_dieoffset(die);

	if (!spaces || !want.dwarf || offset >= (uint64_t)1 << OFFSET_BITS)
		return 0;
	for (size_t i = 0; i < spaces->list.n; i++) {
		size_t at = (spaces->last + i) % spaces->list.n;
		const struct space *space = &spaces->list.items[at];

		if (space->dwarf == want.dwarf && space->is_types == want.is_types) {
			spaces->last = at;
			return offset | (uint64_t)at << OFFSET_BITS;
		}
	}
	struct space *space = spaces->list.n < SPACES_MAX ? array_push(&spaces->list) : NULL;

	if (!space)
		return 0;
	*space = want;
	spaces->last = spaces->list.n - 1;
	return offset | (uint64_t)spaces->last << OFFSET_BITS;
}

bool die_at(struct module *module, uint64_t id, Dwarf_Die *ret)
{
	struct spaces *spaces = id ? spaces_get(module) : NULL;
	uint64_t at = id >> OFFSET_BITS;
	Dwarf_Off offset = id & (((uint64_t)1 << OFFSET_BITS) - 1);

	if (!spaces || at >= spaces->list.n || !spaces->list.items[at].dwarf)
		return false;
	const struct space *space = &spaces->list.items[at];

	return space->is_types ? dwarf_offdie_types(space->dwarf, offset, ret) != NULL
			       : dwarf_offdie(space->dwarf, offset, ret) != NULL;
}

bool die_unsigned(Dwarf_Die *die, unsigned attr, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr_integrate(die, attr, &attribute) ||
	    dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret = value;
	return true;
}

bool die_constant(Dwarf_Die *die, unsigned attr, int64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Sword sword;
	Dwarf_Word word;

	if (!dwarf_attr_integrate(die, attr, &attribute))
		return false;
	switch (dwarf_whatform(&attribute)) {
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		if (dwarf_formsdata(&attribute, &sword) != 0)
			return false;
		*ret = sword;
		return true;
	default:
		if (dwarf_formudata(&attribute, &word) != 0)
			return false;
		*ret = (int64_t)word;
		return true;
	}
}

bool die_flag(Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute attribute;
	bool value = false;

	return dwarf_attr_integrate(die, attr, &attribute) &&
	       dwarf_formflag(&attribute, &value) == 0 && value;
}

bool die_ref(Dwarf_Die *die, unsigned attr, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, attr, &attribute) &&
	       dwarf_formref_die(&attribute, ret) != NULL;
}

void die_origin(Dwarf_Die *die, Dwarf_Die *ret)
{
	/* A chain has two or three links; a bad file could have a circle. */
	enum { ORIGINS_MAX = 16 };

	*ret = *die;
	for (int i = 0; i < ORIGINS_MAX; i++) {
		Dwarf_Attribute attribute;
		Dwarf_Die next;

		if (!dwarf_attr(ret, DW_AT_abstract_origin, &attribute) &&
		    !dwarf_attr(ret, DW_AT_specification, &attribute))
			return;
		if (!dwarf_formref_die(&attribute, &next))
			return;
		*ret = next;
	}
}

bool die_has_pc(Dwarf_Die *die, Dwarf_Addr addr)
{
	return dwarf_haspc(die, addr) > 0;
}

/* Not dwarf_decl_file(), which asserts that the unit has a line table. */
const char *die_file(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word index;
	Dwarf_Files *files;
	Dwarf_Die unit;

	/* The number is one of the unit the attribute is in, which may be another one than the DIE's. */
	if (!dwarf_attr_integrate(die, DW_AT_decl_file, &attribute) ||
	    dwarf_formudata(&attribute, &index) != 0 ||
	    !dwarf_cu_die(attribute.cu, &unit, NULL, NULL, NULL, NULL, NULL, NULL) ||
	    dwarf_getsrcfiles(&unit, &files, NULL) != 0)
		return NULL;
	return dwarf_filesrc(files, index, NULL, NULL);
}

int die_line(Dwarf_Die *die)
{
	int line = 0;

	return dwarf_decl_line(die, &line) == 0 ? line : 0;
}

/* "qemu/qemu_driver.c", "qemu_driver.c" and "qemu_*.c" fit "../src/qemu/qemu_driver.c". */
static bool path_fits(const char *path, const char *wanted)
{
	if (!path)
		return false;
	size_t n = strlen(path), len = strlen(wanted);
	const char *slash = strrchr(path, '/');

	if (!fnmatch(wanted, slash ? slash + 1 : path, 0))
		return true;
	return n >= len && !strcmp(path + n - len, wanted) &&
	       (n == len || path[n - len - 1] == '/');
}

bool die_is_in_file(Dwarf_Die *die, const char *file)
{
	Dwarf_Die unit;

	return (dwarf_diecu(die, &unit, NULL, NULL) && path_fits(dwarf_diename(&unit), file)) ||
	       path_fits(die_file(die), file);
}
