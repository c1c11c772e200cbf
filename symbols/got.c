/**
 * A global variable of a shared object may live elsewhere than where its debug information says: in
 * the executable, if that was linked with a copy relocation for it (R_X86_64_COPY, usual for code
 * that is not -fPIC), or in another object whose symbol of that name comes first.  Its own code
 * then reads it through a slot of the global offset table, as the linker could not know either;
 * what is in that slot is true.  (System V ABI AMD64, 4.4.1; ELF gABI, "Symbol interposition".)
 */
#include "symbols/got.h"

#include <gelf.h>
#include <string.h>

#include "symbols/dwarf.h"

static uint64_t find_in_section(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
				const char *name)
{
	Elf_Data *relocations = elf_getdata(section, NULL);
	Elf_Scn *table = elf_getscn(elf, header->sh_link);
	Elf_Data *symbols = elf_getdata(table, NULL);
	GElf_Shdr table_header;

	if (!relocations || !symbols || !gelf_getshdr(table, &table_header))
		return 0;
	for (size_t i = 0; header->sh_entsize && i < header->sh_size / header->sh_entsize; i++) {
		GElf_Rela rela;
		GElf_Sym symbol;

		if (!gelf_getrela(relocations, (int)i, &rela) ||
		    GELF_R_TYPE(rela.r_info) != R_X86_64_GLOB_DAT ||
		    !gelf_getsym(symbols, (int)GELF_R_SYM(rela.r_info), &symbol))
			continue;
		const char *text = elf_strptr(elf, table_header.sh_link, symbol.st_name);

		if (text && !strcmp(text, name))
			return rela.r_offset;
	}
	return 0;
}

uint64_t got_slot(struct module *module, const char *name)
{
	Dwfl_Module *dwfl = module_dwfl(module);
	GElf_Addr bias;
	Elf *elf = dwfl ? dwfl_module_getelf(dwfl, &bias) : NULL;
	Elf_Scn *section = NULL;

	while (elf && (section = elf_nextscn(elf, section))) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA)
			continue;
		uint64_t offset = find_in_section(elf, section, &header, name);

		if (offset)
			return offset + bias;
	}
	return 0;
}
