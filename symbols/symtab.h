/**
 * The symbol table of a module: names of code addresses, without types.  Private to symbols/.
 *
 * .symtab of the file or its debug file, else .dynsym with what mini debug info (.gnu_debugdata)
 * adds.
 */
#ifndef SYMBOLS_SYMTAB_H
#define SYMBOLS_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct module;
struct symtab;

/** A defined function. */
struct symbol {
	const char *name; /**< with compilers' suffixes, without symbol version */
	uint64_t addr, size;
	bool is_global;
	bool is_hidden; /**< other modules cannot call it; linkers make such symbols local, GNU ld without a trace */
	bool is_ifunc; /**< the address is that of its resolver, not of the function */
};

/** All of them, sorted by address; returns how many.  Valid until module_close(). */
size_t symtab_all(struct module *module, const struct symbol **ret);

/** Whether static functions are in it (.symtab or mini debug info), not only exported ones. */
bool symtab_is_full(struct module *module);

/** The symbols at exactly `addr`: returns how many, `*ret` the first. */
size_t symtab_at(struct module *module, uint64_t addr, const struct symbol **ret);

/** The symbol whose code holds `addr`, or NULL.  One without size reaches to the next. */
const struct symbol *symtab_covering(struct module *module, uint64_t addr);

/** The symbols of exactly this name: returns how many, `*ret` points at pointers to them. */
size_t symtab_named(struct module *module, const char *name, const struct symbol *const **ret);

/** Whether a symbol is that of `name`: the same up to a suffix the compiler added ("name.isra.0"). */
bool symbol_is_of(const char *symbol, const char *name);

/** "name.cold": unlikely code of `name`. */
bool symbol_is_cold(const char *symbol);
/** No function of its own as far as users care: ".cold", and clang's outlined ".cold.1". */
bool symbol_is_part(const char *symbol);

void symtab_free(struct symtab *symtab);

#endif
