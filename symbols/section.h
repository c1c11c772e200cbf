/**
 * Sections of a module by their names.
 */
#ifndef SYMBOLS_SECTION_H
#define SYMBOLS_SECTION_H

#include <stdbool.h>
#include <stdint.h>

struct module;

/** Where a section of the file is in memory; false if there is none of that name, or it is not loaded. */
bool section_find(struct module *module, const char *name, uint64_t *ret_addr, uint64_t *ret_len);

#endif
