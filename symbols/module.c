/**
 * Modules: opening an ELF file, its segments, and the search for its debug information.
 *
 * An ELF file is opened cheaply (headers only): of the hundred modules of a daemon most are asked
 * for nothing more.  libdwfl comes into play with the first question about symbols, and searches
 * separate debug files with the first that the file's own sections do not answer.
 *
 * Bias: the kernel maps whole pages, a mapping of file offset `offset` at `start` belongs to the
 * segment with page(p_offset) <= offset < p_offset + p_filesz, and addr = vaddr + start - (offset -
 * p_offset + p_vaddr).  Two segments may fit, as their ends can share a page of the file; the
 * lowest mapping is of the first one.  (System V gABI, "Program Header"; Linux fs/binfmt_elf.c,
 * elf_map.)
 *
 * No file is given to libelf or libdw before it was opened as a regular file (base/file.h) and measured (bounds.h); what they
 * would open themselves is looked at first (debug_file.c, outside.c).  What cannot be read for such a reason is not there, and the
 * module remembers why.
 */
#include "symbols/module.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/bounds.h"
#include "symbols/dwarf.h"
#include "symbols/inlined.h"
#include "symbols/symtab.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/base/file.h"
#include "tracer/base/log.h"

enum { PAGE = 4096 };

struct segment {
	uint64_t vaddr, memsz, offset, filesz;
	bool executable;
};

struct module {
	char *path;
	int fd;
	uint64_t bias;
	struct segment *segments; /* PT_LOAD */
	size_t n_segments;
	uint64_t eh_frame_hdr; /* vaddr; 0 if none */
	unsigned char build_id[BUILD_ID_MAX];
	size_t build_id_len;
	char build_id_hex[2 * BUILD_ID_MAX + 1];

	struct module_options options;
	Dwfl_Callbacks callbacks;
	Dwfl *dwfl;
	Dwfl_Module *dwfl_module; /* NULL also if libdwfl refused the file */
	bool searched;            /* for DWARF */
	int debug_fd;             /* of the separate debug file; -1 if there is none */
	bool has_alt;             /* dwz' alternate file was found */
	uint64_t taken;           /* bounds.h */
	const char *refusal;      /* why DWARF is not read; NULL: nothing was refused, or it has been told */
	int refusal_code;
	Dwarf *dwarf;
	Dwarf_Addr dwarf_bias;

	struct arena arena;
	struct module_parts parts;
};

/* Reading the headers. */

/* What is read here is at the same place in files of 32 bits; libelf sees a file only after this. */
static int check_header(int fd, const char *name)
{
	Elf64_Ehdr ehdr = { 0 };

	if (pread(fd, &ehdr, sizeof(ehdr), 0) < (ssize_t)sizeof(Elf32_Ehdr) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0)
		return err_set(-EBADMSG, "%s is not an ELF file", name);
	if (ehdr.e_ident[EI_CLASS] == ELFCLASS32)
		return err_set(-ENOTSUP, "%s is a 32-bit program; only 64-bit ones can be traced",
			       name);
	if (ehdr.e_machine != EM_X86_64)
		return err_set(-ENOTSUP,
			       "%s is for another kind of CPU (ELF machine %u), not x86-64", name,
			       ehdr.e_machine);
	if (ehdr.e_type != ET_EXEC && ehdr.e_type != ET_DYN)
		return err_set(-EBADMSG, "%s is neither a program nor a shared library", name);
	int r = bounds_check_headers(fd);

	return r < 0 ? err_context(r, "%s", name) : 0;
}

static int read_segments(struct module *module, Elf *elf, const char *name)
{
	size_t n;

	if (elf_getphdrnum(elf, &n) != 0)
		return err_set(-EBADMSG, "%s has damaged program headers", name);
	module->segments = calloc(n ? n : 1, sizeof(*module->segments));
	if (!module->segments)
		return err_set(-ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(elf, (int)i, &phdr))
			return err_set(-EBADMSG, "%s has damaged program headers", name);
		if (phdr.p_type == PT_GNU_EH_FRAME)
			module->eh_frame_hdr = phdr.p_vaddr;
		if (phdr.p_type != PT_LOAD)
			continue;
		module->segments[module->n_segments++] = (struct segment){
			.vaddr = phdr.p_vaddr,
			.memsz = phdr.p_memsz,
			.offset = phdr.p_offset,
			.filesz = phdr.p_filesz,
			.executable = phdr.p_flags & PF_X,
		};
	}
	return 0;
}

static void read_build_id(struct module *module, Elf *elf)
{
	const void *id;
	ssize_t len = dwelf_elf_gnu_build_id(elf, &id);

	if (len <= 0 || len > BUILD_ID_MAX)
		return;
	memcpy(module->build_id, id, (size_t)len);
	module->build_id_len = (size_t)len;
	for (size_t i = 0; i < module->build_id_len; i++)
		sprintf(module->build_id_hex + 2 * i, "%02x", module->build_id[i]);
}

static int find_bias(struct module *module, uint64_t start, uint64_t offset)
{
	if (!start)
		return 0;
	for (size_t i = 0; i < module->n_segments; i++) {
		const struct segment *seg = &module->segments[i];

		if (offset < seg->offset / PAGE * PAGE || offset >= seg->offset + seg->filesz)
			continue;
		module->bias = start - (offset - seg->offset + seg->vaddr);
		return 0;
	}
	return err_set(-EBADMSG,
		       "%s is not the file that is mapped: it has no segment at offset 0x%lx",
		       module->path, (unsigned long)offset);
}

static int read_headers(struct module *module, uint64_t start, uint64_t offset)
{
	int r = check_header(module->fd, module->path);

	if (r < 0)
		return r;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(module->fd, ELF_C_READ_MMAP, NULL);

	r = elf ? read_segments(module, elf, module->path)
		: err_set(-EBADMSG, "%s is not an ELF file", module->path);
	if (r == 0) {
		read_build_id(module, elf);
		r = find_bias(module, start, offset);
	}
	elf_end(elf);
	return r;
}

static int open_file(struct module *module, const char *path)
{
	module->fd = file_open(AT_FDCWD, path, 0);
	if (module->fd == -EBADMSG || module->fd == -EISDIR)
		return err_set(-EBADMSG, "%s is not an ELF file", module->path);
	return module->fd < 0 ? err_set(module->fd, "cannot open %s: %s", module->path, strerror(-module->fd)) : 0;
}

int module_open(const char *path, const char *name, uint64_t start, uint64_t offset,
		const struct module_options *options, struct module **ret)
{
	struct module *module = calloc(1, sizeof(*module));

	if (!module)
		return err_set(-ENOMEM, "out of memory");
	int r = 0;

	module->fd = module->debug_fd = -1;
	module->options = *options;
	module->path = strdup(name);
	if (!module->path) {
		r = err_set(-ENOMEM, "out of memory");
		goto fail;
	}
	r = open_file(module, path);
	if (r < 0)
		goto fail;
	r = read_headers(module, start, offset);
	if (r < 0)
		goto fail;
	*ret = module;
	return 0;
fail:
	module_close(module);
	return r;
}

void module_close(struct module *module)
{
	if (!module)
		return;
	callers_free(module->parts.callers);
	inline_names_free(module->parts.inline_names);
	functions_free(module->parts.functions);
	types_free(module->parts.types);
	names_free(module->parts.names);
	units_free(module->parts.units);
	symtab_free(module->parts.symtab);
	spaces_free(module->parts.spaces);
	arena_free(&module->arena);
	if (module->dwfl)
		dwfl_end(module->dwfl);
	bounds_give_back(module->taken);
	if (module->fd >= 0)
		close(module->fd);
	if (module->debug_fd >= 0)
		close(module->debug_fd);
	free(module->segments);
	free(module->path);
	free(module);
}

/* Debug information. */

void module_refuse(struct module *module, int code, const char *file)
{
	if (!module->refusal) {
		module->refusal = arena_printf(&module->arena, "%s: %s", file, err_text());
		module->refusal_code = code;
	}
	log_debug("symbols", "%s: %s", file, err_text());
}

int module_take(struct module *module, int fd, const char *file)
{
	int r = bounds_take(fd, module->options.max_mib, &module->taken);

	if (r < 0)
		module_refuse(module, r, file);
	return r;
}

int module_open_regular(struct module *module, const char *path)
{
	int fd = file_open(AT_FDCWD, path, 0);

	if (fd == -EBADMSG) {
		err_set(fd, "it is no regular file");
		module_refuse(module, fd, path);
	}
	return fd;
}

void module_note_debug_file(struct module *module, int fd, bool is_alt)
{
	if (is_alt)
		module->has_alt = true;
	else if (module->debug_fd < 0)
		module->debug_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* Let libdwfl see the file where it is mapped, called by its real path: debug files are searched beside it. */
static void report_to_dwfl(struct module *module)
{
	static char no_path[] = "", *nowhere = no_path; /* debug_file.c searches instead of libdwfl */
	void **userdata = NULL;

	module->callbacks = (Dwfl_Callbacks){
		.find_debuginfo = debug_file_find,
		.debuginfo_path = &nowhere,
	};
	module->dwfl = dwfl_begin(&module->callbacks);
	if (!module->dwfl || module_take(module, module->fd, module->path) < 0)
		return;
	int fd = fcntl(module->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return;
	dwfl_report_begin(module->dwfl);
	module->dwfl_module = dwfl_report_elf(module->dwfl, module_name(module), module->path, fd,
					      module->bias, true);
	dwfl_report_end(module->dwfl, NULL, NULL);
	if (!module->dwfl_module) {
		log_debug("symbols", "%s: %s", module->path, dwfl_errmsg(-1));
		close(fd);
		return;
	}
	dwfl_module_info(module->dwfl_module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = module;
}

Dwfl_Module *module_dwfl(struct module *module)
{
	if (!module->dwfl)
		report_to_dwfl(module);
	return module->dwfl_module;
}

/* Some files have line tables or .debug_frame only: no debug information in our sense. */
static bool has_units(Dwarf *dwarf)
{
	Dwarf_CU *cu = NULL;

	return dwarf_get_units(dwarf, NULL, &cu, NULL, NULL, NULL, NULL) == 0;
}

Dwarf *module_dwarf(struct module *module, Dwarf_Addr *bias)
{
	if (!module->searched && module_dwfl(module)) {
		module->dwarf = dwfl_module_getdwarf(module->dwfl_module, &module->dwarf_bias);
		if (!module->dwarf)
			log_debug("symbols", "%s: %s", module->path, dwfl_errmsg(-1));
		else if (!has_units(module->dwarf) || outside_settle(module, module->dwarf, module->has_alt) < 0)
			module->dwarf = NULL;
	}
	module->searched = true;
	if (bias)
		*bias = module->dwarf_bias;
	return module->dwarf;
}

uint64_t addr_from_dwarf(struct module *module, Dwarf_Addr dwarf_addr)
{
	return dwarf_addr + module->dwarf_bias;
}

Dwarf_Addr addr_to_dwarf(struct module *module, uint64_t addr)
{
	return addr - module->dwarf_bias;
}

enum debug_level module_debug_level(struct module *module)
{
	if (module_dwarf(module, NULL))
		return DEBUG_DWARF;
	return symtab_is_full(module) ? DEBUG_SYMTAB : DEBUG_NONE;
}

const char *module_tell_refusal(struct module *module, int *code)
{
	const char *refusal = module_dwarf(module, NULL) ? NULL : module->refusal;

	*code = module->refusal_code;
	module->refusal = NULL;
	return refusal;
}

const char *module_debug_file(struct module *module)
{
	const char *main_file = NULL, *debug_file = NULL;

	if (module_debug_level(module) == DEBUG_NONE)
		return NULL;
	dwfl_module_info(module->dwfl_module, NULL, NULL, NULL, NULL, NULL, &main_file,
			 &debug_file);
	return debug_file ? debug_file : main_file;
}

/* What is known from the headers. */

const char *module_name(const struct module *module)
{
	const char *slash = strrchr(module->path, '/');

	return slash && slash[1] ? slash + 1 : module->path;
}

const char *module_path(const struct module *module)
{
	return module->path;
}

size_t module_build_id(const struct module *module, const unsigned char **ret)
{
	*ret = module->build_id;
	return module->build_id_len;
}

const char *module_build_id_hex(const struct module *module)
{
	return module->build_id_hex;
}

int module_fd(const struct module *module)
{
	return module->fd;
}

int module_debug_fd(const struct module *module)
{
	return module->debug_fd;
}

const struct module_options *module_get_options(const struct module *module)
{
	return &module->options;
}

Dwfl *module_libdwfl(const struct module *module)
{
	return module->dwfl;
}

uint64_t module_max_bytes(const struct module *module)
{
	return (module->options.max_mib ? module->options.max_mib : BOUNDS_DEFAULT_MIB) << 20;
}

uint64_t module_bias(const struct module *module)
{
	return module->bias;
}

struct arena *module_arena(struct module *module)
{
	return &module->arena;
}

struct module_parts *module_parts(struct module *module)
{
	return &module->parts;
}

static const struct segment *segment_at(const struct module *module, uint64_t addr)
{
	for (size_t i = 0; i < module->n_segments; i++) {
		const struct segment *seg = &module->segments[i];

		if (addr - module->bias - seg->vaddr < seg->memsz)
			return seg;
	}
	return NULL;
}

bool module_contains(const struct module *module, uint64_t addr)
{
	return segment_at(module, addr) != NULL;
}

bool module_is_code(const struct module *module, uint64_t addr)
{
	const struct segment *seg = segment_at(module, addr);

	return seg && seg->executable;
}

int module_read(const struct module *module, uint64_t addr, void *buf, size_t len)
{
	const struct segment *seg = segment_at(module, addr);
	uint64_t at = seg ? addr - module->bias - seg->vaddr : 0;

	if (!seg || at > seg->filesz || len > seg->filesz - at)
		return -EFAULT;
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(module->fd, (char *)buf + done, len - done,
				  (off_t)(seg->offset + at + done));

		if (n <= 0)
			return -EFAULT;
		done += (size_t)n;
	}
	return 0;
}

int module_unwind_table(const struct module *module, struct unwind_table *ret)
{
	struct unwind_table table = { .text_lo = UINT64_MAX };

	for (size_t i = 0; i < module->n_segments; i++) {
		const struct segment *seg = &module->segments[i];
		uint64_t lo = seg->vaddr + module->bias;

		if (!seg->executable)
			continue;
		table.text_lo = lo < table.text_lo ? lo : table.text_lo;
		table.text_hi = lo + seg->memsz > table.text_hi ? lo + seg->memsz : table.text_hi;
	}
	if (!module->eh_frame_hdr || !table.text_hi)
		return -ENOENT;
	table.hdr_addr = module->eh_frame_hdr + module->bias;
	*ret = table;
	return 0;
}
