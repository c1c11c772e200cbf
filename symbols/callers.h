/**
 * Who calls a function, as far as its module tells.  Private to symbols/.
 */
#ifndef SYMBOLS_CALLERS_H
#define SYMBOLS_CALLERS_H

#include <stdbool.h>
#include <stdint.h>

struct function;

/**
 * Whether the module holds its address: then it may be called by code that the compiler has not
 * seen, and so is called by the ABI.
 */
bool function_has_pointer(const struct function *function);

/** Registers (bit = DWARF number) that some caller reads after a call of it, before it writes them. */
uint64_t function_result_reads(const struct function *function);

#endif
