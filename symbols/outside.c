/*
 * Files that debug information names
 *
 * libdw opens two kinds of file by itself, at whatever moment it first needs them: the .dwo file of a skeleton unit
 * (libdw_find_split_unit.c; in 0.191 and later also FILE.dwp) and the alternate file of dwz (dwarf_getalt.c).  Their names are in the
 * debug information, so whoever made that chooses what is opened: a FIFO, which is waited for while perhaps a thread of the target
 * is held, or a device.  libdw tries each but once, and remembers.  So all of them are had at once, before anything else is asked: each
 * name at each place where libdw would look for it is looked at, and if all that is there is regular files that may be read, then libdw
 * is made to open them.  Else the whole debug information is left alone.  What was opened so may name no further files: no producer
 * makes such, and libdw would follow them unseen.
 *
 * Between looking and opening somebody can put another file there (SECURITY.md).
 */
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbols/dwarf.h"
#include "tracer/base/err.h"

/* 0 also if nothing is there. */
static int check_file(struct module *module, const char *path)
{
	int fd = module_open_regular(module, path);

	if (fd < 0)
		return fd == -EBADMSG ? fd : 0;
	int r = module_take(module, fd, path);

	close(fd);
	return r;
}

/* The files in which a name is relative to where they lie, called as libdw calls them. */
static size_t own_files(const struct module *module, char paths[2][PATH_MAX])
{
	const int fds[] = { module_fd(module), module_debug_fd(module) };
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		char link[32];

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fds[i]);
		ssize_t len = fds[i] < 0 ? -1 : readlink(link, paths[n], PATH_MAX - 1);

		if (len > 0)
			paths[n++][len] = '\0';
	}
	return n;
}

/* libdw's __libdw_filepath(): where it looks for `name` seen from `dir`, for each of our own files; `dir` may be NULL. */
static int check_name(struct module *module, const char *dir, const char *name)
{
	char own[2][PATH_MAX], path[PATH_MAX];
	size_t n = own_files(module, own);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		int own_len = (int)(strrchr(own[i], '/') - own[i]);
		int len = name[0] == '/'	? snprintf(path, sizeof(path), "%s", name)
			  : dir && dir[0] == '/' ? snprintf(path, sizeof(path), "%s/%s", dir, name)
						 : snprintf(path, sizeof(path), "%.*s/%s%s%s", own_len, own[i], dir ? dir : "",
							    dir ? "/" : "", name);

		if (len < (int)sizeof(path)) /* open() takes no longer one */
			r = check_file(module, path);
		if (name[0] == '/')
			break;
	}
	return r;
}

static int fail(struct module *module, const char *why)
{
	int r = err_set(-EBADMSG, "%s", why);

	module_refuse(module, r, module_path(module));
	return r;
}

/* Whether what was opened because of `dwarf` names no other files. */
static bool is_end(Dwarf *dwarf)
{
	const char *name;
	const void *id;
	uint8_t type;

	if (dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id) > 0)
		return false;
	for (Dwarf_CU *cu = NULL; dwarf_get_units(dwarf, cu, &cu, NULL, &type, NULL, NULL) == 0;)
		if (type == DW_UT_skeleton)
			return false;
	return true;
}

static int settle_alt(struct module *module, Dwarf *dwarf, bool has_alt)
{
	const char *name;
	const void *id, *found_id;
	ssize_t len = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id);
	int r = len > 0 && !has_alt ? check_name(module, NULL, name) : 0;
	Dwarf *alt = r < 0 || len <= 0 ? NULL : dwarf_getalt(dwarf);

	if (!alt)
		return r;
	if (dwelf_elf_gnu_build_id(dwarf_getelf(alt), &found_id) != len || memcmp(id, found_id, (size_t)len) != 0)
		return fail(module, "its alternate debug file (of dwz) is another one's");
	return is_end(alt) ? 0 : fail(module, "its alternate debug file names others");
}

static const char *text_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;

	return dwarf_attr(die, name, &attr) ? dwarf_formstring(&attr) : NULL;
}

/* The attribute that comes first in libdw's search is in DWARF 5, the other one in what GNU made of DWARF 4. */
static int settle_split(struct module *module, Dwarf_Die *skeleton)
{
	const char *name = text_of(skeleton, DW_AT_dwo_name), *dir = text_of(skeleton, DW_AT_comp_dir);
	Dwarf_Die split = { 0 };

	if (!name)
		name = text_of(skeleton, DW_AT_GNU_dwo_name);
	int r = name ? check_name(module, NULL, name) : 0;

	if (r == 0 && name && dir)
		r = check_name(module, dir, name);
	if (r < 0)
		return r;
	if (dwarf_cu_info(skeleton->cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) != 0 || !split.cu)
		return 0;
	return is_end(dwarf_cu_getdwarf(split.cu)) ? 0 : fail(module, "a .dwo file of it names others");
}

static int check_packages(struct module *module)
{
	char own[2][PATH_MAX], path[PATH_MAX + 4];
	size_t n = own_files(module, own);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		snprintf(path, sizeof(path), "%s.dwp", own[i]);
		r = check_file(module, path);
	}
	return r;
}

int outside_settle(struct module *module, Dwarf *dwarf, bool has_alt)
{
	int r = settle_alt(module, dwarf, has_alt);
	bool any = false;
	Dwarf_Die die;
	uint8_t type;

	for (Dwarf_CU *cu = NULL; r == 0 && dwarf_get_units(dwarf, cu, &cu, NULL, &type, &die, NULL) == 0;) {
		if (type != DW_UT_skeleton)
			continue;
		if (!any)
			r = check_packages(module);
		any = true;
		if (r == 0)
			r = settle_split(module, &die);
	}
	return r;
}
