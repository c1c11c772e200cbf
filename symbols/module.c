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
 * debuginfod: libdwfl asks the servers in $DEBUGINFOD_URLS itself after all local searches failed,
 * through libdebuginfod, loaded with dlopen.  The client reads the variable at each query (elfutils
 * debuginfod-client.c), so a query is prevented by hiding it.
 */
#include "symbols/module.h"

#include <dlfcn.h>
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

#include "symbols/dwarf.h"
#include "symbols/inlined.h"
#include "symbols/symtab.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
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
	char *debuginfo_path;
	Dwfl_Callbacks callbacks;
	Dwfl *dwfl;
	Dwfl_Module *dwfl_module; /* NULL also if libdwfl refused the file */
	bool searched;            /* for DWARF */
	Dwarf *dwarf;
	Dwarf_Addr dwarf_bias;

	struct arena arena;
	struct module_parts parts;
};

/* Reading the headers. */

static int check_header(Elf *elf, const char *name, GElf_Ehdr *ehdr)
{
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, ehdr))
		return err_set(-EBADMSG, "%s is not an ELF file", name);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64)
		return err_set(-ENOTSUP, "%s is a 32-bit program; only 64-bit ones can be traced",
			       name);
	if (ehdr->e_machine != EM_X86_64)
		return err_set(-ENOTSUP,
			       "%s is for another kind of CPU (ELF machine %u), not x86-64", name,
			       ehdr->e_machine);
	if (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN)
		return err_set(-EBADMSG, "%s is neither a program nor a shared library", name);
	return 0;
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
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(module->fd, ELF_C_READ_MMAP, NULL);
	GElf_Ehdr ehdr;
	int r = check_header(elf, module->path, &ehdr);

	if (r == 0)
		r = read_segments(module, elf, module->path);
	if (r == 0) {
		read_build_id(module, elf);
		r = find_bias(module, start, offset);
	}
	elf_end(elf);
	return r;
}

static int open_file(struct module *module, const char *path)
{
	struct stat st;

	module->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO is not waited for */
	if (module->fd < 0 || fstat(module->fd, &st) < 0)
		return err_set(-errno, "cannot open %s: %s", module->path, strerror(errno));
	return S_ISREG(st.st_mode) ? 0 : err_set(-EBADMSG, "%s is not an ELF file", module->path);
}

int module_open(const char *path, const char *name, uint64_t start, uint64_t offset,
		const struct module_options *options, struct module **ret)
{
	struct module *module = calloc(1, sizeof(*module));

	if (!module)
		return err_set(-ENOMEM, "out of memory");
	int r = 0;

	module->fd = -1;
	module->options = *options;
	module->path = strdup(name);
	if (!module->path || asprintf(&module->debuginfo_path, ":.debug:/usr/lib/debug%s%s",
				      options->debuginfo ? ":" : "",
				      options->debuginfo ? options->debuginfo : "") < 0) {
		module->debuginfo_path = NULL;
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
	if (module->fd >= 0)
		close(module->fd);
	free(module->segments);
	free(module->debuginfo_path);
	free(module->path);
	free(module);
}

/* Debug information. */

/* The progress callback of libdebuginfod; returning other than 0 would end the download. */
static int report_progress(debuginfod_client *client, long done, long total)
{
	void *(*get_user_data)(debuginfod_client *) =
		dlsym(RTLD_DEFAULT, "debuginfod_get_user_data");
	struct module *module = get_user_data ? get_user_data(client) : NULL;

	if (module)
		module->options.progress(module_name(module), done, total);
	return 0;
}

static void watch_progress(struct module *module)
{
	debuginfod_client *client = dwfl_get_debuginfod_client(module->dwfl);
	/* The library is loaded by now, and stays: RTLD_GLOBAL only makes its functions visible to us. */
	void *lib = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_GLOBAL);

	if (!client || !lib)
		return;
	void (*set_progress)(debuginfod_client *, int (*)(debuginfod_client *, long, long)) =
		dlsym(lib, "debuginfod_set_progressfn");
	void (*set_user_data)(debuginfod_client *, void *) = dlsym(lib, "debuginfod_set_user_data");

	if (set_progress && set_user_data) {
		set_user_data(client, module);
		set_progress(client, report_progress);
	}
}

/* Whether DIR/SUBDIR/NAME is something that open() may wait at, or that acts when it is opened. */
static bool is_trap(const char *dir, size_t dir_len, const char *subdir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return snprintf(path, sizeof(path), "%.*s/%s/%s", (int)dir_len, dir, subdir, name) < PATH_MAX &&
	       stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/*
 * libdwfl opens what it finds at a name that a hostile file chose (.gnu_debuglink, or dwz' alternate
 * file), beside that file: whoever owns the place could have put a FIFO there, at which it would wait
 * for ever.
 */
static bool is_safe(const struct module *module, const char *link)
{
	const char *name = module_name(module), *dir = name == module->path ? "." : module->path;
	size_t dir_len = name == module->path ? 1 : (size_t)(name - module->path);
	char own[NAME_MAX + 1];
	const char *const names[] = { link, own };

	snprintf(own, sizeof(own), "%s.debug", name);
	for (size_t i = 0; i < 2; i++) {
		if (names[i] && (is_trap(dir, dir_len, ".", names[i]) || is_trap(dir, dir_len, ".debug", names[i]) ||
				 is_trap("", 0, ".", names[i])))
			return false;
	}
	return true;
}

/* libdwfl's standard search, with debuginfod only if it is wanted. */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *modname, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word crc, char **ret)
{
	struct module *module = *userdata;
	static const char variable[] = "DEBUGINFOD_URLS";
	const char *urls = getenv(variable);
	char *hidden = NULL;

	if (!is_safe(module, link)) {
		log_debug("symbols", "%s: its debug file is none", module->path);
		return -1;
	}
	if (urls && urls[0] && module->options.no_debuginfod) {
		hidden = strdup(urls);
		if (!hidden)
			return -1;
		unsetenv(variable);
	} else if (urls && urls[0] && module->options.progress) {
		watch_progress(module);
	}
	int fd = dwfl_standard_find_debuginfo(mod, userdata, modname, base, file, link, crc, ret);

	if (hidden)
		setenv(variable, hidden, 1);
	free(hidden);
	return fd;
}

/* Let libdwfl see the file where it is mapped, called by its real path: debug files are searched beside it. */
static void report_to_dwfl(struct module *module)
{
	void **userdata = NULL;

	module->callbacks = (Dwfl_Callbacks){
		.find_debuginfo = find_debuginfo,
		.debuginfo_path = &module->debuginfo_path,
	};
	module->dwfl = dwfl_begin(&module->callbacks);
	int fd = fcntl(module->fd, F_DUPFD_CLOEXEC, 0);

	if (!module->dwfl || fd < 0) {
		close(fd);
		return;
	}
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
		else if (!has_units(module->dwarf))
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
