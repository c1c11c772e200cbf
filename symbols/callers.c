/**
 * Two proofs that a function is as declared although its compiler knew all of it.
 *
 * Its address is somewhere: in a table (a word of the data, or a relocation that makes one), or in
 * code (lea; in programs at a fixed address also an immediate number).  Compilers change only
 * functions of which they see every call (LLVM: Function::hasAddressTaken).  All of a module's
 * code and data are looked through once.
 *
 * A caller reads a result: the debug information of optimised code has the return address of each
 * direct call with the function that it calls (DW_TAG_call_site, DWARF 5 section 3.4; before that an
 * extension of GNU).  What is read behind it before it is written has come from the function.  What
 * its caller returns as it is, by a jump instead of a call too, is read if the caller's result is.
 */
#include "symbols/callers.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/abi_x86_64.h"
#include "symbols/code.h"
#include "symbols/dwarf.h"
#include "symbols/frame.h"
#include "symbols/function.h"
#include "tracer/base/array.h"

enum { CALL_LEN = 5, DEPTH_MAX = 512, CALL = 0xe8, JUMP = 0xe9 };

static const uint64_t RESULTS = (uint64_t)1 << DWARF_RAX | (uint64_t)1 << DWARF_RDX |
				(uint64_t)3 << DWARF_XMM0;

struct call_site {
	uint64_t callee, return_addr; /* DIE; live */
};

struct callers {
	ARRAY(uint64_t) pointers;      /* code addresses that the module holds, live and sorted */
	ARRAY(struct call_site) sites; /* of the units that are read */
	uint64_t *units;               /* their DIEs */
	size_t n_units, cap_units;
	bool has_pointers, is_sorted;
};

static struct callers *callers_get(struct module *module)
{
	struct module_parts *parts = module_parts(module);

	if (!parts->callers)
		parts->callers = calloc(1, sizeof(*parts->callers));
	return parts->callers;
}

void callers_free(struct callers *callers)
{
	if (!callers)
		return;
	array_free(&callers->pointers);
	array_free(&callers->sites);
	free(callers->units);
	free(callers);
}

/* Addresses in the module's code and data. */

struct scan {
	struct module *module;
	struct callers *callers;
	uint64_t bias; /* from addresses of the file to live ones */
	bool is_fixed; /* the program is not relocated */
};

static void add_pointer(struct scan *scan, uint64_t file_addr)
{
	uint64_t addr = file_addr + scan->bias;
	uint64_t *slot = module_is_code(scan->module, addr) ? array_push(&scan->callers->pointers) : NULL;

	if (slot)
		*slot = addr;
}

static int32_t number_at(const uint8_t *bytes)
{
	int32_t number;

	memcpy(&number, bytes, sizeof(number));
	return number;
}

/* Each place that looks like such an instruction: one that is none has a random address. */
static void scan_code(struct scan *scan, const GElf_Shdr *section, const uint8_t *code, size_t len)
{
	for (size_t i = 0; i + 7 <= len; i++) {
		bool is_lea = (code[i] & 0xfb) == 0x48 && code[i + 1] == 0x8d && (code[i + 2] & 0xc7) == 0x05,
		     is_number = (code[i] & 0xf8) == 0xb8 || code[i] == 0x68;

		if (is_lea)
			add_pointer(scan, section->sh_addr + i + 7 + (uint64_t)(int64_t)number_at(code + i + 3));
		else if (scan->is_fixed && is_number)
			add_pointer(scan, (uint32_t)number_at(code + i + 1));
		else if (scan->is_fixed && code[i] == 0xc7 && (code[i + 1] & 0xf8) == 0xc0)
			add_pointer(scan, (uint32_t)number_at(code + i + 2));
	}
}

static void scan_data(struct scan *scan, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;

		memcpy(&word, data + i, sizeof(word));
		if (word)
			add_pointer(scan, word);
	}
}

static void scan_relocations(struct scan *scan, Elf_Data *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		GElf_Rela rela;

		if (gelf_getrela(data, (int)i, &rela) && GELF_R_TYPE(rela.r_info) == R_X86_64_RELATIVE)
			add_pointer(scan, (uint64_t)rela.r_addend);
	}
}

static void scan_section(struct scan *scan, Elf_Scn *section)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (!gelf_getshdr(section, &header) || !(header.sh_flags & SHF_ALLOC) ||
	    header.sh_type == SHT_NOBITS || !(data = elf_getdata(section, NULL)) || !data->d_buf)
		return;
	if (header.sh_type == SHT_RELA)
		scan_relocations(scan, data, header.sh_entsize ? header.sh_size / header.sh_entsize : 0);
	else if (header.sh_flags & SHF_EXECINSTR)
		scan_code(scan, &header, data->d_buf, data->d_size);
	else if (scan->is_fixed) /* else there is a relocation for each word that is an address */
		scan_data(scan, data->d_buf, data->d_size);
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void find_pointers(struct module *module, struct callers *callers)
{
	struct scan scan = { .module = module, .callers = callers };
	Dwfl_Module *dwfl = module_dwfl(module);
	Elf *elf = dwfl ? dwfl_module_getelf(dwfl, &scan.bias) : NULL;
	GElf_Ehdr header;
	Elf_Scn *section = NULL;

	callers->has_pointers = true;
	if (!elf || !gelf_getehdr(elf, &header))
		return;
	scan.is_fixed = header.e_type == ET_EXEC;
	while ((section = elf_nextscn(elf, section)))
		scan_section(&scan, section);
	if (callers->pointers.n)
		qsort(callers->pointers.items, callers->pointers.n, sizeof(uint64_t), compare_numbers);
}

bool function_has_pointer(const struct function *function)
{
	struct callers *callers = callers_get(function->module);

	if (!callers)
		return false;
	if (!callers->has_pointers)
		find_pointers(function->module, callers);
	return callers->pointers.n && bsearch(&function->entry, callers->pointers.items,
					      callers->pointers.n, sizeof(uint64_t), compare_numbers);
}

/* Calls, as the debug information has them. */

/* Behind the call, or a jump that stands for one. */
static bool return_addr(Dwarf_Die *die, Dwarf_Addr *ret)
{
	Dwarf_Attribute attr;

	if (dwarf_attr(die, DW_AT_call_pc, &attr) && dwarf_formaddr(&attr, ret) == 0) {
		*ret += CALL_LEN;
		return true;
	}
	return (dwarf_attr(die, DW_AT_call_return_pc, &attr) || dwarf_attr(die, DW_AT_low_pc, &attr)) &&
	       dwarf_formaddr(&attr, ret) == 0;
}

static void add_site(struct module *module, struct callers *callers, Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die callee;
	Dwarf_Addr addr;

	if ((!dwarf_attr(die, DW_AT_call_origin, &attr) && !dwarf_attr(die, DW_AT_abstract_origin, &attr)) ||
	    !dwarf_formref_die(&attr, &callee) || !return_addr(die, &addr))
		return;
	struct call_site *site = array_push(&callers->sites);

	callers->is_sorted = false;
	if (site)
		*site = (struct call_site){ die_id(module, &callee), addr_from_dwarf(module, addr) };
}

static void read_calls(struct module *module, struct callers *callers, Dwarf_Die *die, unsigned depth)
{
	Dwarf_Die child;

	if (!depth || dwarf_child(die, &child) != 0)
		return;
	do {
		switch (dwarf_tag(&child)) {
		case DW_TAG_call_site:
		case DW_TAG_GNU_call_site:
			add_site(module, callers, &child);
			break;
		case DW_TAG_subprogram:
		case DW_TAG_inlined_subroutine:
		case DW_TAG_lexical_block:
		case DW_TAG_namespace:
			read_calls(module, callers, &child, depth - 1);
			break;
		default:
			break;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
}

static void read_unit(struct module *module, struct callers *callers, const struct unit *unit)
{
	Dwarf_Die die;

	for (size_t i = 0; i < callers->n_units; i++)
		if (callers->units[i] == unit->die)
			return;
	if (array_grow((void **)&callers->units, &callers->cap_units, callers->n_units, sizeof(*callers->units)) < 0)
		return;
	callers->units[callers->n_units++] = unit->die;
	if (die_at(module, unit->die, &die))
		read_calls(module, callers, &die, DEPTH_MAX);
}

/* A function that was made local is called from other units, too. */
static void read_units(const struct function *function, struct callers *callers)
{
	struct unit *own = unit_at(function->module, function->entry), *units;

	if (own)
		read_unit(function->module, callers, own);
	if (function->is_static)
		return;
	size_t n = units_all(function->module, &units);

	for (size_t i = 0; i < n; i++)
		if (units[i].has_code)
			read_unit(function->module, callers, &units[i]);
}

/* CALL or JUMP; 0 if it is no direct one to this function. */
static int call_of(const struct function *function, uint64_t return_addr)
{
	uint8_t code[CALL_LEN];

	if (module_read(function->module, return_addr - CALL_LEN, code, sizeof(code)) < 0 ||
	    return_addr + (uint64_t)(int64_t)number_at(code + 1) != function->entry)
		return 0;
	return code[0] == CALL || code[0] == JUMP ? code[0] : 0;
}

/* What is read of the result of the function that has its code at `addr`. */
static uint64_t reads_of_caller(const struct function *function, uint64_t addr)
{
	const struct function *caller = function_at(function->module, addr);
	struct abi_place place = { .kind = ABI_UNKNOWN };
	uint64_t regs = 0;

	if (caller && caller != function && caller->has_types)
		place = abi_return(caller->return_type);
	for (unsigned i = 0; place.kind == ABI_REGS && i < place.n_parts; i++)
		regs |= (uint64_t)1 << place.parts[i].reg;
	if (regs && (caller->is_clone || (caller->is_local && !function_has_pointer(caller))))
		regs &= function_result_reads(caller);
	return regs;
}

static int compare_sites(const void *a, const void *b)
{
	const struct call_site *x = a, *y = b;

	return (x->callee > y->callee) - (x->callee < y->callee);
}

static size_t first_site(const struct callers *callers, uint64_t callee)
{
	size_t lo = 0, hi = callers->sites.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (callers->sites.items[mid].callee < callee)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What is read behind the calls that name `callee`, which may be several instances. */
static uint64_t reads_behind(const struct function *function, uint64_t callee)
{
	struct callers *callers = callers_get(function->module);
	ARRAY(uint64_t) addrs = { 0 }; /* a copy: asking for a caller's result may read more units */
	uint64_t reads = 0, *addr;

	for (size_t i = first_site(callers, callee);
	     i < callers->sites.n && callers->sites.items[i].callee == callee; i++) {
		addr = array_push(&addrs);
		if (addr)
			*addr = callers->sites.items[i].return_addr;
	}
	array_foreach (&addrs, addr) {
		int how = call_of(function, *addr);
		struct code_reads behind = { .kept = how == JUMP ? ~(uint64_t)0 : 0 };

		if (how == CALL)
			behind = code_reads_from(function->module, *addr);
		reads |= behind.regs;
		if (behind.kept & RESULTS & ~reads)
			reads |= behind.kept & reads_of_caller(function, *addr - CALL_LEN);
	}
	array_free(&addrs);
	return reads;
}

static void sort_sites(struct callers *callers)
{
	if (!callers->is_sorted && callers->sites.n)
		qsort(callers->sites.items, callers->sites.n, sizeof(*callers->sites.items), compare_sites);
	callers->is_sorted = true;
}

uint64_t function_result_reads(const struct function *function)
{
	struct callers *callers = callers_get(function->module);
	struct function_code *code = function->code;

	if (!callers || !code)
		return 0;
	if (code->knows_result)
		return code->result_reads;
	read_units(function, callers);
	sort_sites(callers);
	code->knows_result = true; /* before the search, which may come here again */
	code->result_reads = reads_behind(function, function->die);
	sort_sites(callers);
	if (function->origin != function->die)
		code->result_reads |= reads_behind(function, function->origin);
	return code->result_reads;
}
