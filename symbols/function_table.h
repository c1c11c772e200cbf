/**
 * The functions of one unit by address.  Private to symbols/.
 */
#ifndef SYMBOLS_FUNCTION_TABLE_H
#define SYMBOLS_FUNCTION_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct function_table;
struct module;
struct unit;

/** A range of code of a function's concrete DIE. */
struct function_range {
	uint64_t lo, hi; /* live addresses */
	uint64_t die;
};

/** Sorted by address; returns how many.  Valid until module_close(). */
size_t function_table(struct module *module, struct unit *unit, const struct function_range **ret);
/** The DIE of the function whose code holds `addr`; 0 if none. */
uint64_t function_table_at(struct module *module, struct unit *unit, uint64_t addr);
void function_table_free(struct function_table *table);

#endif
