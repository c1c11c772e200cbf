/**
 * x86-64 instructions: running one somewhere else, and finding where a function is left.
 */
#ifndef PROBE_INSN_H
#define PROBE_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct range;

enum { INSN_MAX = 15, SLOT_CODE_MAX = 48, SLOT_POINTS_MAX = 4 };

/** A place in the displaced code that is the same as a place in the original. */
struct slot_point {
	uint8_t offset;  /**< in the displaced code */
	uint8_t rsp_add; /**< what has to be added to rsp there */
	uint64_t addr;   /**< in the original */
};

/**
 * An instruction made to run at another address with the same effect, and to go on after the
 * original.
 */
struct displaced {
	uint8_t code[SLOT_CODE_MAX];
	uint8_t len;
	uint8_t insn_len; /**< of the original */
	uint8_t n_points;
	struct slot_point points[SLOT_POINTS_MAX]; /**< every instruction boundary a thread can stand at */
};

/**
 * Move the instruction in `bytes` (`n` of them readable) from address `from` to address `to`.
 * -ENOTSUP with the reason if it cannot be moved there; -ERANGE if only the distance is too large.
 */
int insn_displace(const uint8_t *bytes, size_t n, uint64_t from, uint64_t to, struct displaced *ret);

/** Whether only an int3 on the first byte leads a thread behind it, wherever branches go: it is in the middle of the instruction. */
bool insn_hides_next_byte(const uint8_t *bytes, size_t len);

/** Whether insn_has_run() can tell of an instruction that does not hide its next byte, where no branch leads there. */
bool insn_shows_run(uint8_t opcode);

/**
 * Whether it has been executed by a thread that stands behind its first byte; false also where it does no harm to execute it
 * twice.
 */
bool insn_has_run(uint8_t opcode, const struct user_regs_struct *regs,
		  size_t (*read_mem)(void *ctx, uint64_t addr, void *buf, size_t len), void *ctx);

/** How control leaves a function. */
enum exit_kind {
	EXIT_RET,
	EXIT_JUMP,        /**< jmp or conditional jump to `target`, outside the function: a tail call if taken */
	EXIT_INDIRECT,    /**< jmp through a register or memory: a tail call if the target is outside */
};

struct exit_point {
	uint64_t addr;
	enum exit_kind kind;
	uint64_t target;    /**< EXIT_JUMP */
	uint8_t condition;  /**< EXIT_JUMP: enum exit_condition, or the low 4 bits of the jcc opcode */
	/*
	 * EXIT_INDIRECT: target = [segment + base + index * scale + disp], or the register `base`
	 * itself
	 */
	bool in_memory;
	uint8_t base, index; /**< DWARF numbers; EXIT_NO_REG for none */
	uint8_t scale;
	uint8_t segment;     /**< 'f', 'g' or 0 */
	int64_t disp;
};
enum { EXIT_NO_REG = 0xff };
enum exit_condition { /* after the 16 conditions of jcc */
	EXIT_ALWAYS = 16,
	EXIT_RCX_ZERO,
	EXIT_ECX_ZERO,
	EXIT_LOOP,   /* rcx is not 1: what loop makes of it is not 0 */
	EXIT_LOOPE,
	EXIT_LOOPNE,
};

struct scan {
	uint64_t entry;      /**< where to plant: the first instruction after an endbr64 */
	bool loops_to_entry; /**< a jump inside the function goes to the entry: coming there need not be a call */
	/**
	 * A place to plant at where pc does not tell who has hit the int3, as threads come to the next byte in other ways, too;
	 * 0: none.
	 */
	uint64_t ambiguous;
	struct exit_point *exits; /**< by rising address */
	size_t n_exits, cap_exits;
};

/** Reads code as the linker wrote it; 0 or negative. */
typedef int (*read_code_fn)(void *ctx, uint64_t addr, void *buf, size_t len);

/**
 * Disassemble a function completely. -ENOTSUP with the reason if that is not reliable: undecodable
 * bytes, or a jump into the middle of an instruction.
 */
int scan_function(uint64_t entry, const struct range *ranges, size_t n_ranges, read_code_fn read, void *ctx,
		  struct scan *ret);
void scan_free(struct scan *scan);

/** Whether a jump will be taken by a thread that stands at it. */
bool exit_is_taken(const struct exit_point *exit, const struct user_regs_struct *regs);

/** Where an indirect jump takes a thread; false if its memory operand cannot be read. */
bool exit_target(const struct exit_point *exit, const struct user_regs_struct *regs,
		 size_t (*read_mem)(void *ctx, uint64_t addr, void *buf, size_t len), void *ctx, uint64_t *ret);

#endif
