/**
 * Names and source places of code addresses.
 */
#include <string.h>

#include "symbols/dwarf.h"
#include "symbols/function.h"
#include "symbols/function_table.h"
#include "tracer/base/arena.h"

enum { INLINED_MAX = 64 };

/* "src/qemu/qemu_driver.c" for "/build/src/qemu/qemu_driver.c" compiled in /build. */
static const char *without_directory(const char *path, Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;
	const char *dir = dwarf_formstring(dwarf_attr_integrate(unit, DW_AT_comp_dir, &attribute));
	size_t len = dir ? strlen(dir) : 0;

	if (!path || !len || strncmp(path, dir, len) != 0 || path[len] != '/')
		return path;
	return path + len + 1;
}

static void set_line(struct module *module, Dwarf_Die *unit, uint64_t addr,
		     struct source_frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, addr_to_dwarf(module, addr));
	int number;

	/* Line 0 is what compilers give to code that is of no line. */
	if (!line || dwarf_lineno(line, &number) != 0 || !number)
		return;
	frame->file = without_directory(dwarf_linesrc(line, NULL, NULL), unit);
	frame->line = number;
}

static void set_call(Dwarf_Die *unit, Dwarf_Die *inlined, struct source_frame *frame)
{
	uint64_t file, line;
	Dwarf_Files *files;

	if (!die_unsigned(inlined, DW_AT_call_file, &file) ||
	    !die_unsigned(inlined, DW_AT_call_line, &line) ||
	    dwarf_getsrcfiles(unit, &files, NULL) != 0)
		return;
	frame->file = without_directory(dwarf_filesrc(files, file, NULL, NULL), unit);
	frame->line = (int)line;
}

/* The inlined functions in `die` that `pc` is in, outermost first. */
static size_t find_inlined(Dwarf_Die *die, Dwarf_Addr pc, Dwarf_Die *ret, size_t max)
{
	Dwarf_Die child;

	if (!max || dwarf_child(die, &child) != 0)
		return 0;
	do {
		int tag = dwarf_tag(&child);

		if ((tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) ||
		    !die_has_pc(&child, pc))
			continue;
		if (tag == DW_TAG_lexical_block)
			return find_inlined(&child, pc, ret, max);
		ret[0] = child;
		return 1 + find_inlined(&child, pc, ret + 1, max - 1);
	} while (dwarf_siblingof(&child, &child) == 0);
	return 0;
}

/* The part of the function that holds `addr`: what an offset is counted from. */
static uint64_t part_start(const struct function *function, uint64_t addr)
{
	for (size_t i = 0; i < function->n_ranges; i++) {
		if (addr >= function->ranges[i].lo && addr < function->ranges[i].hi)
			return function->ranges[i].lo;
	}
	return function->entry;
}

size_t module_addr_frames(struct module *module, uint64_t addr, struct source_frame *frames,
			  size_t max)
{
	const struct function *function = function_at(module, addr);
	struct unit *unit = unit_at(module, addr);
	Dwarf_Die inlined[INLINED_MAX], unit_die, die;
	size_t n = 0;

	if (!function || !max)
		return 0;
	bool has_unit = unit && die_at(module, unit->die, &unit_die);

	if (has_unit && die_at(module, function->die, &die))
		n = find_inlined(&die, addr_to_dwarf(module, addr), inlined, INLINED_MAX);
	if (n >= max)
		n = max - 1;
	/* frames[i] is inlined[n - 1 - i]; each is called from the next one. */
	for (size_t i = 0; i <= n; i++) {
		struct source_frame *frame = &frames[i];

		*frame = (struct source_frame){
			.function = i < n ? dwarf_diename(&inlined[n - 1 - i]) : function->name,
			.inlined = i < n,
			.offset = addr - part_start(function, addr),
		};
		if (i > 0)
			set_call(&unit_die, &inlined[n - i], frame);
		else if (has_unit)
			set_line(module, &unit_die, addr, frame);
		if (!frame->function)
			frame->function = "?";
	}
	return n + 1;
}

const char *module_addr_line(struct module *module, uint64_t addr)
{
	struct unit *unit = unit_at(module, addr);
	struct source_frame frame = { 0 };
	Dwarf_Die die;

	if (unit && die_at(module, unit->die, &die))
		set_line(module, &die, addr, &frame);
	if (!frame.file)
		return NULL;
	const char *slash = strrchr(frame.file, '/');

	return arena_printf(module_arena(module), "%s:%d", slash ? slash + 1 : frame.file,
			    frame.line);
}
