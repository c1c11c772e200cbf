/*
 * When is a call over, and what was it made within?
 *
 * A frame lives at its entry_rsp (where its return address is) until the stack pointer on its stack rises above it.  So at any
 * stop, calls with entry_rsp < rsp have been left without our seeing a return: longjmp, an exception, a function whose exit has
 * no site.  Equal to rsp means:
 *   - at a function's entry: the frame there is the new one's, the old call is over.  Except that
 *     the old one made a tail call (return_site is held; it shares the frame and returns together
 *     with the new one), or that it is the same call, come back to its entry by a jump.  The last
 *     can be only if the function has such a jump, and for such functions it is assumed: a function
 *     that is left by longjmp and called again from the same place counts as one call then.
 *   - at a `ret`: the call that returns.
 *
 * All this holds for one stack; which that is, stacks.c knows, by the mappings of memory.  Where one mapping may hold several stacks
 * (is_shared: coroutines whose stacks come from malloc, or lie side by side), a stack pointer that is higher may be another stack's.
 * There a call ends by its own return, or when another one is entered at its very place; and a call is taken to be made within the
 * nearest one above it of the same thread, but not over more than NEAR bytes, which is as much as small stacks have.  That is
 * likely, not proved: the owner is told so (engine.h, call_event.is_guess).
 *
 * Calls are kept by rising entry_rsp, newer ones before older ones at the same place.  So each question looks at calls at or below the
 * stack pointer, mostly none, and at one more, however deep the stack is.
 */
#include "tracer/probe/callstack.h"

#include "tracer/probe/site.h"

static const uint64_t near_bytes = 16 * 1024;

void callstack_push(struct callstack *stack, struct call *call)
{
	struct call *above = NULL, *below = stack->top;

	for (; below && below->entry_rsp < call->entry_rsp; below = below->below)
		above = below;
	call->stack = stack;
	call->above = above;
	call->below = below;
	if (below)
		below->above = call;
	*(above ? &above->below : &stack->top) = call;
}

void callstack_remove(struct call *call)
{
	if (call->below)
		call->below->above = call->above;
	*(call->above ? &call->above->below : &call->stack->top) = call->below;
	call->stack = NULL;
}

struct call *callstack_gone(const struct callstack *stack, uint64_t rsp, bool entering)
{
	for (struct call *call = stack->top; call && call->entry_rsp <= rsp; call = call->below) {
		if (call->entry_rsp < rsp) {
			if (!stack->is_shared)
				return call;
		} else if (entering && !call->return_site && !call->returns_unseen && !call->loops) {
			return call;
		}
	}
	return NULL;
}

struct call *callstack_caller(const struct callstack *stack, uint64_t rsp, pid_t tid)
{
	struct call *call = stack->top;

	while (call && (call->entry_rsp < rsp || (stack->is_shared && call->tid != tid)))
		call = call->below;
	return call && stack->is_shared && call->entry_rsp - rsp > near_bytes ? NULL : call;
}

struct call *callstack_find(const struct callstack *stack, const struct probe *probe, uint64_t rsp)
{
	for (struct call *call = stack->top; call && call->entry_rsp <= rsp; call = call->below)
		if (call->probe == probe && call->entry_rsp == rsp)
			return call;
	return NULL;
}

struct call *callstack_returning(const struct callstack *stack, const struct site *site, uint64_t rsp)
{
	for (struct call *call = stack->top; call && call->entry_rsp < rsp; call = call->below)
		if (call->return_site == site && call->entry_rsp + sizeof(uint64_t) == rsp)
			return call;
	return NULL;
}
