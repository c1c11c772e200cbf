/*
 * When is a call over?
 *
 * A frame lives at its entry_rsp (where its return address is) until the thread's stack pointer
 * rises above it.  So at any stop, calls with entry_rsp < rsp have been left without our seeing a
 * return: longjmp, an exception, a function whose exit has no site.  Equal to rsp means:
 *   - at a function's entry: the frame there is the new one's, the old call is over.  Except that
 *     the old one made a tail call (return_site is held; it shares the frame and returns together
 *     with the new one), or that it is the same call, come back to its entry by a jump.  The last
 *     can be only if the function has such a jump, and for such functions it is assumed: a function
 *     that is left by longjmp and called again from the same place counts as one call then.
 *   - at a `ret`: the call that returns.
 *
 * All this holds for one stack.  A signal handler on an alternate stack or a coroutine runs on
 * another one, of which nothing follows for the frames here: same_stack() decides, by the mappings
 * that hold the two addresses.  An alternate stack that is a local array of the stack it replaces
 * cannot be told apart.
 */
#include "tracer/probe/callstack.h"

#include "tracer/probe/site.h"

void callstack_push(struct callstack *stack, struct call *call)
{
	call->below = stack->top;
	stack->top = call;
	stack->n++;
}

void callstack_remove(struct callstack *stack, struct call *call)
{
	struct call **link = &stack->top;

	while (*link != call)
		link = &(*link)->below;
	*link = call->below;
	stack->n--;
}

struct call *callstack_gone(const struct callstack *stack, uint64_t rsp, bool entering,
			    bool (*same_stack)(void *ctx, uint64_t a, uint64_t b), void *ctx)
{
	for (struct call *call = stack->top; call; call = call->below) {
		if (call->entry_rsp < rsp) {
			if (same_stack(ctx, call->entry_rsp, rsp))
				return call;
		} else if (entering && call->entry_rsp == rsp && !call->return_site && !call->loops) {
			return call;
		}
	}
	return NULL;
}

struct call *callstack_find(const struct callstack *stack, const struct probe *probe, uint64_t rsp)
{
	for (struct call *call = stack->top; call; call = call->below)
		if (call->probe == probe && call->entry_rsp == rsp)
			return call;
	return NULL;
}

struct call *callstack_returning(const struct callstack *stack, const struct site *site, uint64_t rsp)
{
	for (struct call *call = stack->top; call; call = call->below)
		if (call->return_site == site && call->entry_rsp + sizeof(uint64_t) == rsp)
			return call;
	return NULL;
}
