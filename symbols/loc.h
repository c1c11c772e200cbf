/**
 * Where a variable is while a thread stands at one code address.
 *
 * Found once, before attaching (loc_find), evaluated at each hit (loc_read).  DWARF expressions,
 * location lists, pieces, entry_value and frame bases by CFA: DWARF 5 sections 2.5, 2.6 and 6.4.
 */
#ifndef SYMBOLS_LOC_H
#define SYMBOLS_LOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/schema.h"

struct frame;
struct function;
struct loc;
struct module;
struct parameter;
struct type;

/** A variable's place after evaluation. */
struct place {
	enum status status;   /**< OK, UNREADABLE (addr says where) or OPTIMIZED_OUT */
	bool in_memory;       /**< then at `addr`; else loc_read() has copied its bytes */
	uint64_t addr;
};

/**
 * Location of a parameter when the thread stands at the function's entry.
 *
 * Debug info often describes only the place after the prologue, and sometimes what a first
 * statement without code has assigned already.  So the place the System V ABI (section 3.2.3) gives
 * the parameter is used where the compiler cannot have changed it, else the debug info if it is
 * about this very instruction; the rules are at the head of loc_call.c. Made in the module's arena;
 * never NULL: a location that is not there evaluates to OPTIMIZED_OUT.
 */
const struct loc *loc_param_at_entry(const struct function *function, size_t i);

/**
 * The same for any variable DIE at any address: location lists, frame base, CFA by
 * .eh_frame/.debug_frame.
 */
const struct loc *loc_variable_at(struct module *module, uint64_t die, uint64_t addr);

/** The variable whose address is in memory at `slot`. */
const struct loc *loc_through(struct module *module, uint64_t slot);

/**
 * Where a value of the function's return type is when the thread stands at a `ret` (System V ABI
 * 3.2.3).
 */
const struct loc *loc_return_value(const struct function *function);

/**
 * Evaluate; a value that is not in memory (registers, pieces, constants) is copied to `buf` (`len`
 * = size of the variable's type).  Operations, recursion and piece counts are bounded.
 */
struct place loc_read(const struct loc *loc, const struct frame *frame, void *buf, size_t len);

#endif
