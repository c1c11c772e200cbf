/**
 * Making functions, each once.  Private to symbols/.
 */
#ifndef SYMBOLS_FUNCTION_MAKE_H
#define SYMBOLS_FUNCTION_MAKE_H

#include "symbols/dwarf.h"

struct function;
struct symbol;

/**
 * The function of a concrete DIE, or if `die` is NULL of the symbol at `entry`, of several that of
 * `name` (which may be NULL).  NULL if there is nothing, or no memory.
 */
struct function *function_make(struct module *module, uint64_t entry, Dwarf_Die *die, const char *name);

/** The function that a symbol stands for, called `wanted` by the user. */
struct function *function_of_symbol(struct module *module, const struct symbol *symbol, const char *wanted);

#endif
