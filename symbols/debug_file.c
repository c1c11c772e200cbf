/*
 * Separate debug files
 *
 * They are searched where libdwfl searches them (elfutils, libdwfl/find-debuginfo.c), but libdwfl opens whatever it finds: the names
 * come out of a file that somebody else made, and beside that file he may have put a FIFO, at which it would wait for ever, or a
 * link to a device.  Here a file is opened only if it is a regular one, is measured (bounds.h), and has the build-id that is
 * wanted; the descriptor of just this file goes to libdwfl.
 *
 * For a module, ID is its build-id and LINK what .gnu_debuglink says, or else its own name with ".debug"; for the alternate file of dwz
 * they are in .gnu_debugaltlink.  DIR is where the file that has the link lies.
 *
 *	ROOT/.build-id/XX/YY….debug                            ROOT: /usr/lib/debug and --debuginfo
 *	DIR/LINK, DIR/.debug/LINK, ROOT/DIR/LINK               of a module; of DIR the front is left out, part by part
 *	LINK, DIR/LINK, ROOT/LINK, and in .dwz of these        of an alternate file
 *
 * Only debuginfod is left to libdwfl, which asks the servers in $DEBUGINFOD_URLS through libdebuginfod, loaded with dlopen.  The client
 * reads the variable at each query (elfutils debuginfod-client.c), so a query is prevented by hiding it.
 */
#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "symbols/bounds.h"
#include "symbols/dwarf.h"
#include "tracer/base/err.h"

#define LOCAL_PATH ":.debug:/usr/lib/debug" /* libdwfl's default */

struct search {
	struct module *module;
	const char *path; /* where to look, as of LOCAL_PATH */
	const char *link; /* or NULL */
	char own_link[NAME_MAX + 1]; /* made up, if there is none */
	char dir[PATH_MAX];
	const char *base; /* last part of the name of the file that has the link */
	struct debug_id id;
	uint32_t crc; /* of the file, where no build-id tells; 0: unknown */
	bool is_alt;
	char found[PATH_MAX];
};

/* .gnu_debuglink has the checksum of zlib (gdb manual, "Separate Debug Files"). */
static bool has_crc(int fd, uint32_t crc)
{
	unsigned char buf[1 << 16];
	uLong sum = crc32(0, NULL, 0);
	off_t at = 0;

	for (ssize_t n; (n = pread(fd, buf, sizeof(buf), at)) > 0; at += n)
		sum = crc32(sum, buf, (uInt)n);
	return sum == crc;
}

static bool has_id(int fd, const struct debug_id *id)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	const void *bytes;
	ssize_t len = elf ? dwelf_elf_gnu_build_id(elf, &bytes) : -1;
	bool is_it = len > 0 && (size_t)len == id->len && !memcmp(bytes, id->bytes, id->len);

	elf_end(elf);
	return is_it;
}

static bool is_main_file(struct module *module, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(module_fd(module), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A checksum is of the whole file, however small its sections are. */
static bool is_wanted(const struct search *search, int fd)
{
	struct stat st;

	if (search->id.len)
		return has_id(fd, &search->id);
	if (!search->crc)
		return true;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > module_max_bytes(search->module)) {
		int r = err_set(-EFBIG, "it has %llu MiB", (unsigned long long)st.st_size >> 20);

		module_refuse(search->module, r, search->found);
		return false;
	}
	return has_crc(fd, search->crc);
}

/* The descriptor of the file, or -1. */
static int try(struct search *search, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int try(struct search *search, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(search->found, sizeof(search->found), fmt, ap);

	va_end(ap);
	int fd = len < 0 || len >= (int)sizeof(search->found) ? -1 : module_open_regular(search->module, search->found);

	if (fd < 0 || (!is_main_file(search->module, fd) && bounds_check_headers(fd) == 0 && is_wanted(search, fd) &&
		       module_take(search->module, fd, search->found) == 0))
		return fd;
	close(fd);
	return -1;
}

static int try_by_id(struct search *search, const char *root)
{
	char name[2 * BUILD_ID_MAX + 1];

	if (root[0] != '/' || search->id.len < 3)
		return -1;
	for (size_t i = 1; i < search->id.len; i++)
		sprintf(name + 2 * (i - 1), "%02x", search->id.bytes[i]);
	return try(search, "%s/.build-id/%02x/%s.debug", root, search->id.bytes[0], name);
}

/* LINK, or, if that is made up, also the name itself, in a directory of the path. */
static int try_in(struct search *search, const char *entry, const char *below)
{
	int fd = try(search, "%s/%s%s%s", entry, below, below[0] ? "/" : "", search->link);

	return fd < 0 && search->link == search->own_link
		       ? try(search, "%s/%s%s%s", entry, below, below[0] ? "/" : "", search->base) : fd;
}

/* In a root the directory of the file is tried, then the same without its first part, and so on, to the root itself. */
static int try_in_root(struct search *search, const char *root)
{
	const char *below = search->dir;
	int fd = -1;

	if (below[0] != '/')
		return -1;
	while (below && fd < 0) {
		below += strspn(below, "/");
		fd = try_in(search, root, below);
		below = strchr(below, '/');
	}
	return fd < 0 ? try_in(search, root, "") : fd;
}

static int try_by_name(struct search *search, const char *entry)
{
	if (entry[0] == '/')
		return try_in_root(search, entry);
	if (!entry[0])
		return try(search, "%s/%s", search->dir, search->link);
	return try_in(search, search->dir, entry);
}

static int try_alt(struct search *search, const char *entry)
{
	bool is_root = entry[0] == '/';
	const char *dir = is_root ? entry : search->dir, *base = basename(search->link);
	int fd = search->link[0] == '/' ? try(search, "%s", search->link) : -1;

	if (fd < 0 && is_root)
		fd = try(search, "%s/%s", dir, base);
	else if (fd < 0)
		fd = try(search, "%s/%s%s%s", dir, entry, entry[0] ? "/" : "", search->link);
	return fd < 0 && (is_root || !entry[0]) ? try(search, "%s/.dwz/%s", dir, base) : fd;
}

static int search_path(struct search *search, int (*try_at)(struct search *, const char *))
{
	char *path = strdup(search->path), *rest = path, *entry;
	int fd = -1;

	while (path && fd < 0 && (entry = strsep(&rest, ":")))
		fd = try_at(search, entry);
	free(path);
	return fd;
}

static void set_place(struct search *search, const char *file)
{
	const char *slash = strrchr(file, '/');

	search->base = slash ? slash + 1 : file;
	if (!slash)
		strcpy(search->dir, ".");
	else
		snprintf(search->dir, sizeof(search->dir), "%.*s", slash > file ? (int)(slash - file) : 1, file);
	if (search->is_alt || search->link != search->own_link)
		return;
	snprintf(search->own_link, sizeof(search->own_link), "%.*s.debug", NAME_MAX - 6, search->base);
}

static int find_here(struct search *search, const char *file)
{
	char real[PATH_MAX];
	int (*by_name)(struct search *, const char *) = search->is_alt ? try_alt : try_by_name;

	set_place(search, file);
	int fd = search_path(search, try_by_id);

	if (fd < 0)
		fd = search_path(search, by_name);
	if (fd >= 0 || !realpath(file, real) || !strcmp(real, file))
		return fd;
	set_place(search, real); /* `file` is a symbolic link */
	return search_path(search, by_name);
}

/* The alternate file that an ELF file says its debug information needs: whether it says so, of a file called `name`. */
static bool read_altlink(int fd, const char *name, struct debug_id *ret)
{
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Elf_Scn *section = NULL;
	size_t names, len = strlen(name) + 1;
	bool is_it = false;

	while (elf && !is_it && elf_getshdrstrndx(elf, &names) == 0 && (section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *title = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		Elf_Data *data = title && !strcmp(title, ".gnu_debugaltlink") ? elf_rawdata(section, NULL) : NULL;

		if (!data || data->d_size <= len || data->d_size - len > BUILD_ID_MAX || memcmp(data->d_buf, name, len) != 0)
			continue;
		ret->len = data->d_size - len;
		memcpy(ret->bytes, (const char *)data->d_buf + len, ret->len);
		is_it = true;
	}
	elf_end(elf);
	return is_it;
}

/* The progress callback of libdebuginfod; returning other than 0 would end the download. */
static int report_progress(debuginfod_client *client, long done, long total)
{
	void *(*get_user_data)(debuginfod_client *) =
		dlsym(RTLD_DEFAULT, "debuginfod_get_user_data");
	struct module *module = get_user_data ? get_user_data(client) : NULL;

	if (module)
		module_get_options(module)->progress(module_name(module), done, total);
	return 0;
}

static void watch_progress(struct module *module, Dwfl *dwfl)
{
	debuginfod_client *client = dwfl_get_debuginfod_client(dwfl);
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

/* libdwfl's search, which without names and places (debuginfo_path is empty) can only ask servers. */
static int ask_servers(struct module *module, Dwfl_Module *mod, void **userdata)
{
	static const char variable[] = "DEBUGINFOD_URLS";
	const char *urls = getenv(variable);
	char *name = NULL;

	if (!urls || !urls[0] || module_get_options(module)->no_debuginfod)
		return -1;
	if (module_get_options(module)->progress)
		watch_progress(module, module_libdwfl(module));
	errno = 0;
	int fd = dwfl_standard_find_debuginfo(mod, userdata, NULL, 0, NULL, NULL, 0, &name);

	free(name);
	if (fd < 0 || module_take(module, fd, "what debuginfod sent") == 0)
		return fd;
	close(fd);
	return -1;
}

int debug_file_find(Dwfl_Module *mod, void **userdata, const char *modname, Dwarf_Addr base, const char *file, const char *link,
		    GElf_Word crc, char **ret)
{
	struct module *module = *userdata;
	const unsigned char *id;
	struct search search = { .module = module, .crc = link ? crc : 0 };
	char path[sizeof(LOCAL_PATH) + PATH_MAX];
	const char *extra = module_get_options(module)->debuginfo;

	(void)modname, (void)base;
	snprintf(path, sizeof(path), LOCAL_PATH "%s%s", extra ? ":" : "", extra ? extra : "");
	search.path = path;
	search.link = link ? link : search.own_link;
	search.is_alt = link && (read_altlink(module_fd(module), link, &search.id) ||
				 read_altlink(module_debug_fd(module), link, &search.id));
	if (!search.is_alt) {
		search.id.len = module_build_id(module, &id);
		memcpy(search.id.bytes, id, search.id.len);
	}
	int fd = find_here(&search, file ? file : module_path(module));

	if (fd >= 0)
		*ret = realpath(search.found, NULL);
	else
		fd = ask_servers(module, mod, userdata);
	if (fd >= 0)
		module_note_debug_file(module, fd, search.is_alt);
	return fd;
}
