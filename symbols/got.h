/**
 * Where the dynamic linker has put what a module's code refers to.  Private to symbols/.
 */
#ifndef SYMBOLS_GOT_H
#define SYMBOLS_GOT_H

#include <stdint.h>

struct module;

/**
 * Live address of the slot that holds the address of the variable `name`, as this module's code
 * finds it; 0 if the code does without.
 */
uint64_t got_slot(struct module *module, const char *name);

#endif
