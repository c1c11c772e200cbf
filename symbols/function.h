/**
 * Functions of a module: finding them, and what a tracer needs to know about one.
 */
#ifndef SYMBOLS_FUNCTION_H
#define SYMBOLS_FUNCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct module;
struct type;

struct range {
	uint64_t lo, hi; /**< live addresses, hi excluded */
};

struct parameter {
	const char *name; /**< NULL if it has none */
	const struct type *type;
	uint64_t die; /**< for loc.c */
};

struct function {
	struct module *module;
	const char *name;   /**< as in the source: "qemuDomainGetBlockInfo" */
	const char *symbol; /**< as in the symbol table: "qemuDomainGetBlockInfo.isra.0"; may equal name */
	const char *file;   /**< last part of the declaration's file; NULL without DWARF */
	int line;
	uint64_t entry;     /**< live address of the first instruction */
	const struct range *ranges; /**< all code of this function, entry's first; .cold parts included */
	size_t n_ranges;
	const struct parameter *params;
	size_t n_params;
	const struct type *return_type; /**< NULL without DWARF; the void type if nothing is returned */
	bool has_types;     /**< DWARF knows its types; else params are unknown: it is a bare symbol, or (`die`) has lines only, -g1 */
	bool is_static;
	bool is_local;      /**< static, or its symbol is local or missing: perhaps nobody outside can call it */
	bool is_variadic;
	bool is_clone;      /**< .isra, .constprop, .part, or an instance without a symbol: the compiler changed its parameters */
	bool is_ifunc;      /**< `entry` is the resolver that chooses the real function at run time: not to be traced as it */
	bool is_nonstandard; /**< DW_AT_calling_convention says so: registers at entry are not the ABI's */
	uint64_t die;       /**< of the concrete DW_TAG_subprogram */
	uint64_t origin;    /**< of the abstract one, or the same */
	struct function_code *code; /**< for code.h */
	size_t n_inlined;   /**< places where it is inlined (these are not traced) */
};

/**
 * What a user asks for: "name", "qemuDomain*", "libvirt.so.0!name", "qemu_driver.c:name"; the
 * module part may be a glob too.
 */
struct pattern {
	const char *module; /**< NULL: any */
	const char *file;   /**< NULL: any */
	const char *name;
};
int pattern_parse(const char *text, struct arena *arena, struct pattern *ret);
/** Whether a file called `name` (last part of its path) is one the pattern looks in. */
bool pattern_wants_file(const struct pattern *pattern, const char *name);

/** One address range of an inlined copy, for `list` and messages. */
struct inlined_instance {
	const char *function; /**< the inlined one */
	const char *into;     /**< the function it is part of */
	const char *file;     /**< of the call */
	int line;
	uint64_t addr;
};

struct function_list {
	struct function **items; /**< sorted by address; in the module's arena */
	size_t n, cap;
	struct inlined_instance *inlined;
	size_t n_inlined, cap_inlined;
};

/**
 * Append the functions of `module` that fit `pattern`: concrete code of every name, aliases and
 * clones included (a clone fits by the name before its first dot), one entry an address.  Returns
 * how many were added.
 */
int function_find(struct module *module, const struct pattern *pattern, struct function_list *list);
void function_list_free(struct function_list *list);

/** Names that resemble `name` most, for "did you mean"; returns how many of `max` were found. */
size_t function_similar(struct module *module, const char *name, const char **ret, size_t max);

/** "int f(const char *path, virDomainBlockInfo *info)", in `arena`. */
const char *function_prototype(const struct function *function, struct arena *arena);

/** The function whose code holds a live address; NULL if none. */
struct function *function_at(struct module *module, uint64_t addr);

#endif
