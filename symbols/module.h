/**
 * One ELF file with its debug information, at the place where it is (or would be) mapped.
 *
 * The only code that converts between addresses in the file (`faddr`) and live ones (`addr`).
 * Everything learnt from a module (functions, types, plans' parts) lives in its arena and dies with
 * module_close().
 *
 * Debug information is searched by libdwfl's rules: in the file, .gnu_debuglink,
 * /usr/lib/debug/.build-id, dwz alternate files, debuginfod, and .gnu_debugdata for names only
 * (elfutils, libdwfl/libdwfl.h).
 */
#ifndef SYMBOLS_MODULE_H
#define SYMBOLS_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct module;

enum { BUILD_ID_MAX = 64 }; /* bytes; GNU ld makes 20 */

enum debug_level {
	DEBUG_NONE,    /**< .dynsym only */
	DEBUG_SYMTAB,  /**< names: .symtab or mini debug info */
	DEBUG_DWARF,   /**< types and locations */
};

struct module_options {
	const char *debuginfo; /**< extra directories searched for separate debug files, ':' between them; or NULL */
	bool no_debuginfod;
	uint64_t max_mib; /**< how much debug information may be read and unpacked (symbols/bounds.h); 0: the default */
	/** Called while a download goes on; NULL for none.  `done` and `total` bytes, total 0 if unknown. */
	void (*progress)(const char *module, long done, long total);
};

/**
 * Open `path` (which may be /proc/PID/map_files/…), called `name` in all messages.
 *
 * `start`, `offset`: live address and file offset of its lowest mapping, from which the bias is
 * computed (of others the segment is not always sure: two may share a page of the file); start 0:
 * not mapped, live addresses are file addresses. Fails with -EBADMSG (not an ELF file), -ENOTSUP
 * (32-bit or foreign machine), or an errno of open().
 */
int module_open(const char *path, const char *name, uint64_t start, uint64_t offset,
		const struct module_options *options, struct module **ret);
void module_close(struct module *module);

const char *module_name(const struct module *module);  /**< last part of the path: "libvirt.so.0" */
const char *module_path(const struct module *module);  /**< as given by `name` */
size_t module_build_id(const struct module *module, const unsigned char **ret); /**< length, 0 if none */
const char *module_build_id_hex(const struct module *module);                   /**< "" if none */
enum debug_level module_debug_level(struct module *module);                     /**< searches on first use */
const char *module_debug_file(struct module *module); /**< where it was found; NULL if nowhere */
/**
 * Why debug information that is there is not read: told once, NULL then and if there is nothing to be told.  `code`: -EFBIG if
 * a larger `max_mib` would let it be read.
 */
const char *module_tell_refusal(struct module *module, int *code);
uint64_t module_bias(const struct module *module);    /**< addr = faddr + bias */
bool module_contains(const struct module *module, uint64_t addr); /**< in one of its PT_LOAD segments */

/** Copy file contents as mapped at `addr` (text is what the linker wrote, without breakpoints).  0 or -EFAULT. */
int module_read(const struct module *module, uint64_t addr, void *buf, size_t len);

/** Arena for what is learnt from this module. */
struct arena *module_arena(struct module *module);

/**
 * Names of a code address, innermost inlined function first: at most `max` entries; returns how
 * many. Without debug information the one entry is the symbol; 0 if nothing is known.  Strings live
 * in the module.
 */
struct source_frame {
	const char *function;
	const char *file; /**< NULL if unknown; as in the line table, without the directory of compilation */
	int line;
	bool inlined; /**< this frame is inlined into the next entry */
	uint64_t offset; /**< addr minus the start of the (outer) function */
};
size_t module_addr_frames(struct module *module, uint64_t addr, struct source_frame *frames, size_t max);

/** "qemu_driver.c:9312" for a code address, in the module's arena; NULL if unknown. */
const char *module_addr_line(struct module *module, uint64_t addr);

/** Section contents the unwinder needs, valid until module_close(); 0 or -ENOENT. */
struct unwind_table {
	uint64_t hdr_addr;         /**< live address of .eh_frame_hdr */
	uint64_t text_lo, text_hi; /**< live range of the executable segment(s) */
};
int module_unwind_table(const struct module *module, struct unwind_table *ret);

#endif
