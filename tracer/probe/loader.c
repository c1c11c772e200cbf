/*
 * Where the hook is
 *
 * The loader calls _dl_debug_state() twice for each dlopen and dlclose: before it changes its list
 * of libraries, and after (struct r_debug in <link.h>, r_state RT_CONSISTENT).  At the second call
 * a new library is mapped and relocated, but its constructors have not run.  Debuggers find the
 * function's address in r_debug.r_brk, which is set only after the loader has started; so we look
 * for the symbol, in the loader's .dynsym as it is mapped.
 *
 * The loader's load address is AT_BASE of the auxiliary vector (getauxval(3)).  How many symbols
 * there are is nowhere written but in the hash tables; .dynstr follows .dynsym in every loader,
 * which bounds them as well.
 */
#include "tracer/probe/loader.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

enum { SYMBOLS_MAX = 4096, PHDRS_MAX = 64, DYNAMIC_MAX = 128 };

static uint64_t load_address(pid_t pid)
{
	Elf64_auxv_t aux[64];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, aux, sizeof(aux));

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(aux[0]); i++)
		if (aux[i].a_type == AT_BASE)
			return aux[i].a_un.a_val;
	return 0;
}

static uint64_t find_dynamic(struct proc *proc, uint64_t base)
{
	Elf64_Ehdr header;
	Elf64_Phdr phdrs[PHDRS_MAX];

	if (rmem_read(proc, base, &header, sizeof(header)) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(phdrs[0]))
		return 0;
	size_t n = header.e_phnum < PHDRS_MAX ? header.e_phnum : PHDRS_MAX;

	if (rmem_read(proc, base + header.e_phoff, phdrs, n * sizeof(phdrs[0])) != n * sizeof(phdrs[0]))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (phdrs[i].p_type == PT_DYNAMIC)
			return base + phdrs[i].p_vaddr;
	return 0;
}

struct tables {
	uint64_t symbols, strings;
};

/*
 * The loader relocates the addresses in its own dynamic section at some moment; before that they
 * are relative.
 */
static uint64_t absolute(uint64_t base, uint64_t value)
{
	return value < base ? base + value : value;
}

static struct tables find_tables(struct proc *proc, uint64_t base, uint64_t dynamic)
{
	Elf64_Dyn entries[DYNAMIC_MAX];
	size_t n = rmem_read(proc, dynamic, entries, sizeof(entries)) / sizeof(entries[0]);
	struct tables tables = { 0 };

	for (size_t i = 0; i < n && entries[i].d_tag != DT_NULL; i++) {
		if (entries[i].d_tag == DT_SYMTAB)
			tables.symbols = absolute(base, entries[i].d_un.d_ptr);
		else if (entries[i].d_tag == DT_STRTAB)
			tables.strings = absolute(base, entries[i].d_un.d_ptr);
	}
	return tables;
}

/* Their addresses are given to `found`, one after the other, until it says true. */
static void for_each_symbol(struct proc *proc, uint64_t base, bool (*found)(void *ctx, const char *name, uint64_t addr), void *ctx)
{
	uint64_t dynamic = find_dynamic(proc, base);
	struct tables tables = dynamic ? find_tables(proc, base, dynamic) : (struct tables){ 0 };

	for (uint64_t at = tables.symbols, n = 0; at < tables.strings && n < SYMBOLS_MAX; n++) {
		Elf64_Sym symbol;
		char name[24] = "";

		if (rmem_read(proc, at, &symbol, sizeof(symbol)) != sizeof(symbol))
			break;
		at += sizeof(symbol);
		if (!symbol.st_value)
			continue;
		rmem_read(proc, tables.strings + symbol.st_name, name, sizeof(name) - 1);
		if (found(ctx, name, base + symbol.st_value))
			break;
	}
}

static bool is_hook(void *ctx, const char *name, uint64_t addr)
{
	struct loader *loader = ctx;

	if (!strcmp(name, "_dl_debug_state"))
		loader->hook = addr;
	else if (!strcmp(name, "_r_debug"))
		loader->state = addr + offsetof(struct r_debug, r_state);
	return loader->hook && loader->state;
}

int loader_find(struct proc *proc, struct loader *ret)
{
	uint64_t base = load_address(proc->live);
	struct loader found = { 0 };

	if (base)
		for_each_symbol(proc, base, is_hook, &found);
	if (!found.hook)
		return -ENOENT;
	*ret = found;
	return 0;
}

struct wanted {
	const char *name;
	uint64_t addr;
};

static bool is_wanted(void *ctx, const char *name, uint64_t addr)
{
	struct wanted *wanted = ctx;

	wanted->addr = !strcmp(name, wanted->name) ? addr : 0;
	return wanted->addr;
}

int loader_find_symbol(struct proc *proc, uint64_t base, const char *name, uint64_t *ret)
{
	struct wanted wanted = { name, 0 };

	for_each_symbol(proc, base, is_wanted, &wanted);
	*ret = wanted.addr;
	return wanted.addr ? 0 : -ENOENT;
}
