/*
 * SIGTRAP is blocked when an int3 is hit
 *
 * The kernel unblocks it then, in this thread, and makes SIG_DFL of its handler, in all (kernel/signal.c, force_sig_info_to_task), also
 * under a tracer.  Programs block all signals in threads that are to get none, or around fork() (libvirt's virFork).  Both are undone:
 *
 *	the mask      by PTRACE_SETSIGMASK, when the thread's pc is in the slot.  From then on it is safe: should we die, the kernel
 *	              finds the signal blocked and keeps it (ptrace_signal), and the handler swallows it when it comes.
 *	the handler   by a system call that the thread makes on its way to the slot (rcall_set_action_on_the_way), if its seccomp
 *	              filter allows that: else by the next thread that hits a site, or one that is asked to stop for it.
 *
 * Nothing in a stop tells that the signal was blocked.  What tells: the mask is another than at the thread's last hit, which costs
 * one request a hit; then the kernel is asked whether SIGTRAP is still caught.  While a thread is on its way to install the handler
 * that says nothing; then a mask that blocks most signals is taken for one that blocked all.
 *
 * A mask that changes in SIGTRAP alone is not seen so.  But that the handler is gone is seen, soon, and from then on the kernel is
 * asked at each hit.
 *
 * The thread that installs the handler (engine->mender) is looked at in its next stop, which may come before it has made its call: then
 * it is taken back, and is where it would be now.  So none is on its way when we have left.
 */
#include "tracer/probe/blocked.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/areas.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/thread.h"

static const uint64_t trap_bit = 1ull << (SIGTRAP - 1);
enum { STANDARD_SIGNALS = 31, MOST_SIGNALS = 16 };

static bool is_caught(const struct thread *thread)
{
	uint64_t caught = trap_bit;

	proc_status(thread->tid, "SigCgt", 16, &caught);
	return caught & trap_bit;
}

static bool blocks_most(uint64_t mask)
{
	return __builtin_popcountll(mask & ((1ull << STANDARD_SIGNALS) - 1)) >= MOST_SIGNALS;
}

void blocked_note(struct thread *thread)
{
	struct tracee *tracee = engine_tracee(thread);
	uint64_t mask;

	if (!tracee || (thread_get_sigmask(thread, &mask) < 0 && proc_status(thread->tid, "SigBlk", 16, &mask) < 0))
		return;
	tracee->mask = mask & ~trap_bit;
	tracee->blocks_trap = mask & trap_bit;
	tracee->mask_is_known = true;
}

/* Whether SIGTRAP was blocked in a thread whose mask is `mask` now. */
static bool judge(const struct engine *engine, const struct thread *thread, const struct tracee *tracee, uint64_t mask)
{
	bool as_before = tracee->mask_is_known && mask == tracee->mask;
	bool handler_tells = engine->protected && !engine->handler_reset && !engine->mender && thread->kind == THREAD_OWN;

	if (handler_tells && (!as_before || tracee->blocks_trap || engine->masks_change_unseen))
		return !is_caught(thread);
	return as_before ? tracee->blocks_trap : blocks_most(mask);
}

bool blocked_restore(struct engine *engine, struct thread *thread, uint64_t slot)
{
	struct tracee *tracee = engine_tracee(thread);
	uint64_t mask;

	if (!tracee || thread_get_sigmask(thread, &mask) < 0)
		return false;
	tracee->blocks_trap = judge(engine, thread, tracee, mask);
	tracee->mask = mask;
	tracee->mask_is_known = true;
	if (!tracee->blocks_trap)
		return false;
	KILL_POINT("blocked-seen");
	thread_set_rip(thread, slot);
	KILL_POINT("blocked-moved");
	thread_set_sigmask(thread, mask | trap_bit);
	KILL_POINT("blocked-masked");
	engine->handler_reset |= engine->protected && thread->kind == THREAD_OWN;
	return true;
}

static uint64_t action_at(struct engine *engine)
{
	return slots_areas(engine->slots)->list.items[0].lo + offsetof(struct area_header, ours);
}

bool blocked_mend(struct engine *engine, struct thread *thread, const struct user_regs_struct *back)
{
	struct tracee *tracee = engine_tracee(thread);
	struct rcall call = { .proc = engine->proc };
	struct mender *mender = &engine->mender_state;

	if (!engine->handler_reset || engine->mender || engine->phase != ENGINE_ARMED || thread->kind != THREAD_OWN ||
	    !tracee || tracee->makes_no_calls || thread_get_sigmask(thread, &mender->mask) < 0)
		return false;
	int r = rcall_prepare_action(&call, thread, back, SIGTRAP, action_at(engine), &mender->way);

	if (r < 0) {
		tracee->makes_no_calls = r == -ENOTSUP;
		return false;
	}
	/* Should we die now, the signal that it has stopped for is kept until it has made its call. */
	thread_set_sigmask(thread, mender->mask | trap_bit);
	KILL_POINT("mender-masked");
	thread_set_regs(thread, &mender->way.call);
	KILL_POINT("mender-sent");
	thread_set_sigmask(thread, rcall_mask(mender->mask));
	KILL_POINT("mender-waits");
	engine->mender = thread;
	engine->handler_reset = false;
	return true;
}

void blocked_arrived(struct engine *engine, struct thread *thread)
{
	const struct mender *mender = &engine->mender_state;
	struct user_regs_struct regs;

	engine->mender = NULL;
	if (thread_get_regs(thread, &regs) < 0 || !rcall_is_on_way(&mender->way, &regs))
		return;
	thread_set_sigmask(thread, mender->mask);
	thread_set_regs(thread, &mender->way.back);
	engine->handler_reset = regs.rip == mender->way.call.rip; /* it has not made the call */
}

/* Who minds it least stops soon, for blocked_mend(). */
static void ask_for_mender(struct engine *engine)
{
	struct candidate list[CANDIDATES_MAX];
	size_t n = pause_candidates(engine->proc, list);

	for (size_t i = 0; i < n && list[i].wait <= WAIT_FOR_EVER; i++) {
		struct thread *thread = proc_thread(engine->proc, list[i].tid);
		const struct tracee *tracee = thread ? thread->user : NULL;

		if (!thread || (tracee && tracee->makes_no_calls))
			continue;
		thread_interrupt(thread);
		return;
	}
}

void blocked_look_again(struct engine *engine)
{
	uint64_t caught = trap_bit;

	if (!engine->protected || engine->phase != ENGINE_ARMED || engine->mender)
		return;
	proc_status(engine->proc->live, "SigCgt", 16, &caught);
	if (caught & trap_bit) {
		engine->handler_reset = false;
		engine->unseen_resets = 0;
		return;
	}
	/* Once it may be a hit that is still to be served. */
	if (!engine->handler_reset && ++engine->unseen_resets > 1) {
		log_debug("blocked", "SIGTRAP alone is blocked at times: the kernel is asked at each hit");
		engine->handler_reset = engine->masks_change_unseen = true;
	}
	if (engine->handler_reset)
		ask_for_mender(engine);
}
