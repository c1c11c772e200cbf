/**
 * Compiled locations: what loc_compile.c makes of DWARF expressions and loc_eval.c evaluates.
 * Private to symbols/loc*.c.
 *
 * A location is a list of pieces, one for a variable that is in one place.  A piece's program
 * leaves a value on a stack, which is its address or the value itself.
 */
#ifndef SYMBOLS_LOC_OPS_H
#define SYMBOLS_LOC_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct abi_place;
struct module;

/* Type of a value on the stack (DWARF 5 section 2.5.1): 0 is the generic one, an address. */
enum { OP_TYPE_SIZE = 0x0f, OP_TYPE_SIGNED = 0x10, OP_TYPE_FLOAT = 0x20 };

struct loc_op {
	uint8_t code;   /**< a DW_OP_; operations that differ only in how they are written are one here */
	uint8_t type;
	uint16_t reg;   /**< or the index of the operation to go on with, for DW_OP_skip and DW_OP_bra */
	int64_t value;
};

enum piece_kind {
	PIECE_REG,     /**< in a register */
	PIECE_MEMORY,  /**< the program makes its address */
	PIECE_VALUE,   /**< the program makes its value */
	PIECE_BYTES,   /**< constant; without any bytes: padding */
	PIECE_NOWHERE, /**< a part that is optimized out, and so is all of the variable */
};

struct loc_piece {
	enum piece_kind kind;
	uint16_t reg;
	uint32_t bit_offset; /**< of the piece in its source */
	uint64_t bit_size;   /**< 0: the whole variable */
	const struct loc_op *ops;
	size_t n_ops;
	const uint8_t *bytes;
	size_t n_bytes;
};

/* No pieces: optimized out. */
struct loc {
	const struct loc_piece *pieces;
	size_t n_pieces;
};

/*
 * What was met while compiling: it tells whether a location can be true before the prologue has
 * run.
 */
struct loc_traits {
	bool is_list;           /**< chosen by address from a location list: exact for this instruction */
	bool is_here;           /**< something is said about this address, even if it was not understood */
	bool is_constant;       /**< DW_AT_const_value */
	bool is_frame_relative; /**< uses the frame base or the CFA */
	bool has_frame_base;    /**< whose register is set up by the prologue */
	bool has_preserved;     /**< reads registers that callees preserve, so that only a prologue can have set them */
	bool has_rsp;
	bool has_entry_value;   /**< says what a register was at entry: so does GCC of parameters that a clone no longer gets */
	bool has_memory;        /**< some of the variable is in memory */
};

/* Where a location is wanted. */
struct loc_site {
	struct module *module;
	uint64_t function; /**< DIE, for its frame base; 0: it is searched around the variable */
	uint64_t addr;
	bool is_entry; /**< `addr` is the first instruction of a function: entry values are current values */
};

/**
 * Location of a variable DIE at a site.  `traits` may be NULL.  A location without pieces if there
 * is none.
 */
struct loc loc_compile(const struct loc_site *site, uint64_t die, struct loc_traits *traits);

/* Locations that are kept, in the module's arena; `loc_nowhere` if there is none, or no memory. */
extern const struct loc loc_nowhere;
const struct loc *loc_dup(struct module *module, struct loc loc);
const struct loc *loc_memory(struct module *module, unsigned reg, int64_t offset); /**< at register + offset */
const struct loc *loc_registers(struct module *module, const struct abi_place *place);

#endif
