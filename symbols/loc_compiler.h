/**
 * Compiling locations, shared by loc_compile.c (pieces, lists) and loc_expr.c (expressions).
 * Private to symbols/loc*.c.
 */
#ifndef SYMBOLS_LOC_COMPILER_H
#define SYMBOLS_LOC_COMPILER_H

#include "symbols/dwarf.h"
#include "symbols/loc_ops.h"
#include "tracer/base/array.h"

enum { LOC_OPS_MAX = 512 }; /* of one location; real ones have ten */

struct compiler {
	const struct loc_site *site;
	Dwarf_Die variable;
	const struct type *type; /* NULL: unknown */
	struct loc_traits traits;
	unsigned nesting;
	ARRAY(struct loc_op) ops; /* of the piece being compiled */
	ARRAY(struct loc_piece) pieces;
};

/** The site's address as in the debug information. */
Dwarf_Addr compiler_pc(const struct compiler *compiler);

/** Append the program of an expression that is an attribute's (NULL: of the unwind information). */
bool compiler_add_ops(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *ops,
		      size_t n);
/** Remember that a variable is in a register. */
void compiler_note_register(struct compiler *compiler, uint64_t reg);

#endif
