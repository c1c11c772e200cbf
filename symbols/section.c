#include "symbols/section.h"

#include <gelf.h>
#include <string.h>

#include "symbols/dwarf.h"

bool section_find(struct module *module, const char *name, uint64_t *ret_addr, uint64_t *ret_len)
{
	Dwfl_Module *dwfl = module_dwfl(module);
	GElf_Addr bias;
	Elf *elf = dwfl ? dwfl_module_getelf(dwfl, &bias) : NULL;
	Elf_Scn *section = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names) < 0)
		return false;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *text = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;

		if (!text || strcmp(text, name) != 0 || !(header.sh_flags & SHF_ALLOC))
			continue;
		*ret_addr = header.sh_addr + bias;
		*ret_len = header.sh_size;
		return true;
	}
	return false;
}
