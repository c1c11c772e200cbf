/**
 * A stopped thread, as the code that understands debug information may see it.
 *
 * This is the seam between symbols/ and the process: a live thread implements it in tracer/remote, a
 * test with an array, later code inside the target.
 */
#ifndef SYMBOLS_FRAME_H
#define SYMBOLS_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * DWARF register numbers of x86-64 (System V ABI AMD64 supplement, figure 3.36).
 * Registers: 0-15 general (8 bytes), 16 the return address column (pc), 17-32 xmm0-15 (16 bytes),
 * 33-40 st0-st7 (10 bytes).
 */
enum {
	DWARF_RAX = 0, DWARF_RDX, DWARF_RCX, DWARF_RBX, DWARF_RSI, DWARF_RDI, DWARF_RBP, DWARF_RSP,
	DWARF_R8, DWARF_R9, DWARF_R10, DWARF_R11, DWARF_R12, DWARF_R13, DWARF_R14, DWARF_R15,
	DWARF_RIP = 16,
	DWARF_XMM0 = 17,
	DWARF_ST0 = 33,
};

struct frame_ops {
	/** Read `len` bytes at live address `addr`; returns how many could be read from its start, 0 if none. */
	size_t (*read_mem)(void *ctx, uint64_t addr, void *buf, size_t len);
	/** Copy the low `len` bytes of a register; 0 or -ENODATA if it is unknown. */
	int (*read_reg)(void *ctx, unsigned dwarf_reg, void *buf, size_t len);
	/** May be NULL: a code address that a captured value holds, so that its name can be recorded. */
	void (*saw_code)(void *ctx, uint64_t addr);
};

struct frame {
	const struct frame_ops *ops;
	void *ctx;
	uint64_t pc; /**< live address of the instruction that is about to run, never an address in a slot */
};

#endif
