/**
 * What the debug information says of a parameter at a function's first instruction.  Private to
 * symbols/loc*.c.
 */
#ifndef SYMBOLS_LOC_ENTRY_H
#define SYMBOLS_LOC_ENTRY_H

#include "symbols/abi_x86_64.h"
#include "symbols/loc_ops.h"

struct function;

enum entry_kind {
	ENTRY_NOWHERE,
	ENTRY_LATE,    /**< somewhere, but nothing is said of this instruction */
	ENTRY_KEPT,    /**< in one place for the whole function, which the prologue fills */
	ENTRY_TOLD,    /**< where callers put parameters: `told` says where */
	ENTRY_SPREAD,  /**< the same, but not as the ABI passes a value of that type: members one by one */
	ENTRY_OTHER,   /**< a constant, computed from memory …: assigned by a statement without code */
};

struct entry_place {
	enum entry_kind kind;
	bool is_exact;        /**< it is about this instruction: chosen from a location list */
	bool is_pointed_at;   /**< memory that a register, or a word on the stack, points at */
	bool has_entry_value;
	struct loc loc;
	struct abi_place told; /**< TOLD: an eightbyte of which nothing is said has no register (len 0) */
	uint64_t regs;        /**< parameters' registers that it is made of; for KEPT any: bit = DWARF number */
};

struct entry_place loc_entry_place(const struct function *function, size_t i);

/** The one register that a piece is in, or is computed from (some bits of it); false if there is no such. */
bool loc_piece_register(const struct loc_piece *piece, unsigned *ret);

#endif
