/**
 * What the files of symbols/ that read debug information share.  Private to symbols/.
 *
 * Addresses: code and data addresses in debug information become live ones by adding the bias of
 * module_dwarf(), which may differ from module_bias() (the debug file may have been laid out anew);
 * addr_from_dwarf() and addr_to_dwarf() do so.
 *
 * DIEs are remembered as 64-bit numbers (`die` in the public headers), as Dwarf_Die points into
 * caches and there are many files and sections a DIE can be in: the low 48 bits are its offset in
 * the section, the high 16 bits are an index of (Dwarf, section) in the module: 0 is .debug_info of
 * the debug file, others are .debug_types, dwz alternate files, .dwo files. 0 is no DIE (a unit
 * header is at offset 0).
 */
#ifndef SYMBOLS_DWARF_H
#define SYMBOLS_DWARF_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/module.h"

struct arena;
struct callers;
struct function;
struct inline_names;
struct names;
struct spaces;
struct symtab;
struct type;
struct types;
struct units;

/* The parts of a module that its other files keep; each is made on first use and freed by module_close(). */
struct module_parts {
	struct spaces *spaces;       /* die.c */
	struct symtab *symtab;       /* symtab.c */
	struct units *units;         /* unit.c */
	struct names *names;         /* names.c */
	struct types *types;         /* type.c */
	struct functions *functions; /* function.c */
	struct inline_names *inline_names; /* inlined.c */
	struct callers *callers;     /* callers.c */
};
struct module_parts *module_parts(struct module *module);

Dwfl_Module *module_dwfl(struct module *module);
/** Debug information, searched on first use; NULL if there is none.  `bias` may be NULL. */
Dwarf *module_dwarf(struct module *module, Dwarf_Addr *bias);
uint64_t addr_from_dwarf(struct module *module, Dwarf_Addr dwarf_addr);
Dwarf_Addr addr_to_dwarf(struct module *module, uint64_t addr);
bool module_is_code(const struct module *module, uint64_t addr); /**< in an executable segment */

/* module.c, for the two files that know where debug information is. */
int module_fd(const struct module *module);
int module_debug_fd(const struct module *module); /**< -1: it has no separate debug file, or none yet */
const struct module_options *module_get_options(const struct module *module);
Dwfl *module_libdwfl(const struct module *module);
uint64_t module_max_bytes(const struct module *module); /**< of a file to read */
/** Remember the message there is as the reason why debug information in `file` is not read. */
void module_refuse(struct module *module, int code, const char *file);
/** Whether an open file may be read (bounds.h); if not, that is the reason. */
int module_take(struct module *module, int fd, const char *file);
/** Open a file that may be there; a negative errno.  -EBADMSG: it is a FIFO, a device or so, and that is a reason. */
int module_open_regular(struct module *module, const char *path);
/** A separate debug file, or the alternate file of dwz, was found. */
void module_note_debug_file(struct module *module, int fd, bool is_alt);

/* debug_file.c */
struct debug_id {
	unsigned char bytes[BUILD_ID_MAX];
	size_t len;
};
/** libdwfl's callback; `*userdata` is the module. */
int debug_file_find(Dwfl_Module *mod, void **userdata, const char *modname, Dwarf_Addr base, const char *file,
		    const char *link, GElf_Word crc, char **ret);

/* outside.c */
/** Have libdw open what `dwarf` names, if all of it may be opened; `has_alt`: its alternate file is known.  0, or negative with a message. */
int outside_settle(struct module *module, Dwarf *dwarf, bool has_alt);

/* die.c */
uint64_t die_id(struct module *module, Dwarf_Die *die);
bool die_at(struct module *module, uint64_t id, Dwarf_Die *ret);
void spaces_free(struct spaces *spaces);

/** Attributes, also inherited through DW_AT_abstract_origin and DW_AT_specification.  False if not there. */
bool die_unsigned(Dwarf_Die *die, unsigned attr, uint64_t *ret);
/** A constant of either sign: DW_FORM_data1…8 are not sign extended, as their producers do not mean it. */
bool die_constant(Dwarf_Die *die, unsigned attr, int64_t *ret);
bool die_flag(Dwarf_Die *die, unsigned attr);
/** The DIE a reference attribute names. */
bool die_ref(Dwarf_Die *die, unsigned attr, Dwarf_Die *ret);
/** Follow DW_AT_abstract_origin and DW_AT_specification to their end; `*die` itself if it has none. */
void die_origin(Dwarf_Die *die, Dwarf_Die *ret);
/** Whether `addr` (as in the debug information) is in the DIE's code. */
bool die_has_pc(Dwarf_Die *die, Dwarf_Addr addr);
/** Path of the file it was declared in, as in the line table; NULL if unknown. */
const char *die_file(Dwarf_Die *die);
/** Whether it is declared in, or belongs to the unit of, `file`: the end of a path, at a slash. */
bool die_is_in_file(Dwarf_Die *die, const char *file);
int die_line(Dwarf_Die *die); /**< of its declaration; 0 if unknown */

/** The type a type DIE describes; NULL die: void.  Never NULL but without memory. */
const struct type *type_from_die(struct module *module, Dwarf_Die *die);
/** The type that DW_AT_type of a variable, parameter, member or function names; void if it has none. */
const struct type *type_of_die(struct module *module, Dwarf_Die *die);

/* unit.c: the compilation units; split units in place of their skeletons. */
struct unit {
	uint64_t die; /* of the unit */
	bool has_code; /* a compilation unit: no partial or type unit */
	struct function_table *functions; /* by address, made on first use */
};
/** The unit whose code holds a live address, or NULL. */
struct unit *unit_at(struct module *module, uint64_t addr);
size_t units_all(struct module *module, struct unit **ret);
void units_free(struct units *units);

/** Visit the children of a unit's DIE, and of the partial units (dwz) it imports, until `visit` returns true. */
typedef bool (*die_visitor)(Dwarf_Die *die, void *ctx);
bool unit_foreach_die(struct module *module, Dwarf_Die *unit, die_visitor visit, void *ctx);

/* names.c: what is declared at the top level of units, by name. */

/**
 * The DIE of a file-scope variable that has a location, or the definition of a type.  The unit that
 * holds the DIE `near` (0: none) is searched first.  `file`: only in that source file, NULL for
 * any.  0, -ENOENT, or -EMLINK if there are different ones and nothing to choose by.
 */
int name_find_variable(struct module *module, uint64_t near, const char *file, const char *name, Dwarf_Die *ret);
/** `tag`: DW_TAG_structure_type, _union_type, _enumeration_type or _typedef. */
int name_find_type(struct module *module, uint64_t near, unsigned tag, const char *name, Dwarf_Die *ret);
/** An enumeration constant. */
int name_find_enumerator(struct module *module, uint64_t near, const char *name, int64_t *value,
			 const struct type **ret);
void names_free(struct names *names);

void types_free(struct types *types);
void callers_free(struct callers *callers);
void functions_free(struct functions *functions);

#endif
