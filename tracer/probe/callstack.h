/**
 * The open calls of one thread, innermost first: a shadow of its stack, keyed by stack pointer.
 */
#ifndef PROBE_CALLSTACK_H
#define PROBE_CALLSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/probe/unwind.h"

struct probe;
struct saved;
struct site;

/** One call that was entered and has not ended.  Allocated by its probe. */
struct call {
	struct call *below; /**< the call entered before; or the next one of a list of free ones */
	struct probe *probe;
	uint64_t id, parent;
	unsigned depth;
	uint64_t entry_rsp;      /**< where the return address is */
	uint64_t entry_time_ns;
	bool refused;            /**< the owner did not take its entry */
	bool loops;              /**< its function jumps back to its own entry */
	struct site *return_site; /**< held while the call is in a tail call: it will return there, not by its own `ret` */
	/* Memory that came with the call; NULL if its probe needs it not. */
	struct saved *saved;     /**< parameters, for what is fetched at return */
	uint8_t *deferred;       /**< the entry's payload and stack, kept for a filter on $ret */
	size_t deferred_len;
	uint8_t *stack_copy;
	struct unwind_sample stack;
};

struct callstack {
	struct call *top;
	size_t n;
};

enum { CALLS_MAX = 2048 }; /* open recorded calls of a thread; more are not recorded */

void callstack_push(struct callstack *stack, struct call *call);
void callstack_remove(struct callstack *stack, struct call *call);

/**
 * An open call whose frame cannot exist any more now that the thread has stack pointer `rsp`; NULL
 * if there is none. `entering`: the thread stands at a function's entry, so a frame at rsp itself
 * is the new one's.  `same_stack` tells whether two stack addresses belong to one stack; it is
 * asked only when it matters.
 */
struct call *callstack_gone(const struct callstack *stack, uint64_t rsp, bool entering,
			    bool (*same_stack)(void *ctx, uint64_t a, uint64_t b), void *ctx);

/** The innermost open call of `probe` that was entered with this stack pointer; NULL if none. */
struct call *callstack_find(const struct callstack *stack, const struct probe *probe, uint64_t rsp);

/**
 * The innermost call that waits to return to `site` with stack pointer `rsp` (its return address is
 * popped).
 */
struct call *callstack_returning(const struct callstack *stack, const struct site *site, uint64_t rsp);

#endif
