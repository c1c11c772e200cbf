/**
 * How the System V ABI passes values on x86-64: AMD64 supplement, version 1.0, section 3.2.3.
 *
 * Everything in symbols/ that depends on the processor, but for register numbers (frame.h), is
 * here.
 */
#ifndef SYMBOLS_ABI_X86_64_H
#define SYMBOLS_ABI_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct type;

enum abi_kind {
	ABI_UNKNOWN, /**< we cannot tell: a vector, a type not understood, or one passed before it was such */
	ABI_EMPTY,   /**< nothing is passed: void, an empty struct */
	ABI_REGS,
	ABI_MEMORY,  /**< a parameter: at CFA + offset; a return value: where rax points */
};

struct abi_part {
	uint8_t reg; /**< DWARF number */
	uint8_t len; /**< bytes of the value it holds (st0: 10 and padding); the next part's bytes follow */
};

struct abi_place {
	enum abi_kind kind;
	unsigned n_parts; /**< REGS: 1 or 2 */
	struct abi_part parts[2];
	uint64_t offset;  /**< MEMORY, parameters: from the CFA, which is rsp + 8 at a function's entry */
};

/**
 * Places of all parameters at entry of a function with these types.  `is_gcc`: GCC has made the
 * code; other compilers are known to differ in corner cases (`__int128` behind many other
 * parameters), which are then ABI_UNKNOWN.
 */
void abi_params(const struct type *return_type, const struct type *const *types, size_t n, bool is_gcc,
		struct abi_place *ret);

/** Place of a return value when the function returns. */
struct abi_place abi_return(const struct type *type);

/**
 * Whether the Microsoft ABI, which is another, has the parameter with that index in that register.
 */
bool abi_is_microsoft_reg(size_t param, unsigned dwarf_reg);

/** Of the registers of its class that callers pass parameters in, which one it is; -1 if it is none. */
int abi_param_index(unsigned dwarf_reg);

/** Whether a register may hold a parameter at entry: those a callee must preserve never do. */
bool abi_reg_is_scratch(unsigned dwarf_reg);

#endif
