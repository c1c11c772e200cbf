/**
 * Backtraces, from a copy of registers and stack: the thread that they are of is long running
 *again.
 *
 *	copy registers and stack_len bytes from rsp up, let the thread go
 *	n = unwind_stack(unwinder, &sample, pcs, kinds, max, &end);
 *
 * Needs .eh_frame_hdr of the modules (all of Debian's have it), not their debug information.
 */
#ifndef PROBE_UNWIND_H
#define PROBE_UNWIND_H

#include <stddef.h>
#include <stdint.h>

struct module;
struct unwinder;

/**
 * A thread that stood at a function's first instruction, at a `ret`, or at a tail jump: there and
 * only there the return address is what rsp points at, so the innermost frame needs no unwind
 * information.
 */
struct unwind_sample {
	uint64_t regs[17];   /**< by DWARF number; rip is never in a slot */
	uint64_t stack_addr; /**< where the copy was taken: at or below rsp */
	const uint8_t *stack;
	size_t stack_len;
};

/** What the code address of a frame is. */
enum unwind_kind {
	UNWIND_HERE,        /**< where the thread stands: the innermost frame */
	UNWIND_RETURN,      /**< a return address: what called is at the byte before (a call that never returns may
	                         be the last instruction of its function) */
	UNWIND_TRAMPOLINE,  /**< where a signal handler returns to */
	UNWIND_INTERRUPTED, /**< the instruction that a signal came before */
};

/** Why a backtrace ends where it does. */
enum unwind_end {
	UNWIND_OUTERMOST, /**< that is all: _start, or where the thread started */
	UNWIND_FULL,      /**< `max` frames */
	UNWIND_CUT,       /**< the stack goes on beyond the copy (or on another stack) */
	UNWIND_LOST,      /**< code without unwind information, or with bad one */
};

/**
 * `module_at` gives the module mapped at a live address, NULL if none; what it returns must stay
 * open until unwinder_forget() or unwinder_free().  NULL without memory.
 */
struct unwinder *unwinder_new(struct module *(*module_at)(void *ctx, uint64_t addr), void *ctx);
void unwinder_free(struct unwinder *unwinder);

/** Forget all about code: must be called when a module is unmapped, before it is closed. */
void unwinder_forget(struct unwinder *unwinder);

/**
 * Write code addresses, innermost first, and what each of them is; returns how many (at least 1, if
 * `max` is).  `kinds` and `end` may be NULL.
 */
size_t unwind_stack(struct unwinder *unwinder, const struct unwind_sample *sample, uint64_t *pcs,
		    enum unwind_kind *kinds, size_t max, enum unwind_end *end);

#endif
