/**
 * The open calls on one stack of the process, innermost first: a shadow of it, keyed by stack pointer.
 */
#ifndef PROBE_CALLSTACK_H
#define PROBE_CALLSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/probe/unwind.h"

struct probe;
struct saved;
struct site;

/** One call that was entered and has not ended.  Allocated by its probe. */
struct call {
	struct call *below;      /**< the call entered before, or further up in memory; or the next one of a list of free ones */
	struct call *above;
	struct callstack *stack; /**< it is on */
	struct probe *probe;
	pid_t tid;               /**< who entered it */
	uint64_t id, parent;
	unsigned depth;
	bool is_guess;           /**< parent and depth are likely, not proved */
	uint64_t entry_rsp;      /**< where the return address is */
	uint64_t entry_time_ns;
	bool refused;            /**< the owner did not take its entry */
	bool loops;              /**< its function jumps back to its own entry */
	bool returns_unseen;     /**< it is in a tail call, and where that returns to there is no site */
	struct site *return_site; /**< held while the call is in a tail call: it will return there, not by its own `ret` */
	/* Memory that came with the call; NULL if its probe needs it not. */
	struct saved *saved;     /**< parameters, for what is fetched at return */
	uint8_t *deferred;       /**< the entry's payload and stack, kept for a filter on $ret */
	size_t deferred_len;
	uint8_t *stack_copy;
	struct unwind_sample stack_sample;
};

struct callstack {
	uint64_t lo, hi;   /**< the memory it is in */
	uint64_t found_ns; /**< when that was so */
	pid_t owner;       /**< the thread that was made with it; 0: a coroutine's, or of a signal handler */
	bool is_shared;    /**< other stacks may be in this memory, too: callstack.c */
	struct call *top;  /**< the lowest in memory */
};

void callstack_push(struct callstack *stack, struct call *call);
void callstack_remove(struct call *call);

/**
 * An open call whose frame cannot exist any more now that a thread is on this stack with stack pointer `rsp`; NULL if there is none.
 * `entering`: the thread stands at a function's entry, so a frame at rsp itself is the new one's.
 */
struct call *callstack_gone(const struct callstack *stack, uint64_t rsp, bool entering);

/** The call within which thread `tid` enters one with this stack pointer; NULL if none is known. */
struct call *callstack_caller(const struct callstack *stack, uint64_t rsp, pid_t tid);

/** The innermost open call of `probe` that was entered with this stack pointer; NULL if none. */
struct call *callstack_find(const struct callstack *stack, const struct probe *probe, uint64_t rsp);

/**
 * The innermost call that waits to return to `site` with stack pointer `rsp` (its return address is
 * popped).
 */
struct call *callstack_returning(const struct callstack *stack, const struct site *site, uint64_t rsp);

#endif
