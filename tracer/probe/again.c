/*
 * When is a hit the same as one before?
 *
 * A thread is put back to its site with all registers as they were, and so it comes there again: the kernel saves them in the
 * signal's frame, and rt_sigreturn restores them.  A handler that does not return (longjmp, cancellation) leaves an expectation
 * that nobody meets.  It is dropped by the next hit that is made in no handler: on the same stack, not below.  If just that hit
 * has the very same registers, two calls with the same arguments are taken for one, as in callstack.c.
 *
 * Each signal costs a stop more, so signals that come faster than we can serve could keep a thread where it is for as long as they
 * come.  After a hundred times in a row a signal is delivered in the slot; whoever unwinds from it does not get far.
 */
#include "tracer/probe/again.h"

#include <string.h>

#include "symbols/frame.h"
#include "tracer/remote/regs.h"

enum { IN_A_ROW = 100, RESUME_FLAG = 1 << 16 }; /* RF, which an instruction that was begun leaves set */

static bool is_same(const struct user_regs_struct *a, const struct user_regs_struct *b)
{
	for (unsigned i = 0; i < REGS_GENERAL; i++)
		if (regs_get(a, i) != regs_get(b, i))
			return false;
	return !((a->eflags ^ b->eflags) & ~(unsigned long long)RESUME_FLAG);
}

bool again_expect(struct again *again, const struct user_regs_struct *regs)
{
	struct again_hit *last = again->n ? &again->hits[again->n - 1] : NULL;

	if (last && last->has_come && is_same(&last->regs, regs)) {
		last->has_come = ++last->times > IN_A_ROW;
		return !last->has_come;
	}
	if (again->n == AGAIN_MAX)
		memmove(again->hits, again->hits + 1, --again->n * sizeof(again->hits[0]));
	again->hits[again->n++] = (struct again_hit){ .regs = *regs, .times = 1 };
	return true;
}

bool again_has_come(struct again *again, const struct user_regs_struct *regs,
		    bool (*same_stack)(void *ctx, uint64_t a, uint64_t b), void *ctx)
{
	for (unsigned i = again->n; i-- > 0;) {
		struct again_hit *hit = &again->hits[i];

		if (!hit->has_come && is_same(&hit->regs, regs)) {
			hit->has_come = true;
			again->n = i + 1;
			return true;
		}
		if (regs->rsp >= hit->regs.rsp && same_stack(ctx, regs->rsp, hit->regs.rsp))
			again->n = i;
	}
	return false;
}
