/*
 * From a hit to calls
 *
 * Order within one stop: calls that return to this very address (they left by a tail call); then
 * calls whose frames are gone; then entries; then exits.  So a function whose first instruction is
 * its `ret` is entered and left by one stop, and a function called at the place where another one
 * returns to is entered after that return.
 *
 * The owner is told while the thread is held: what has happened is in his hands before the thread goes on, so that what he has
 * is, whenever we are killed, all that each thread has done up to some moment.  He takes little time for it (record/feed.c).  Memory
 * for calls, and for the sites that tail calls return to, is taken from stocks that are filled up when nobody waits.
 *
 * A jump out of the function ends no call: the call returns when what was jumped to returns, to the
 * address that lies at entry_rsp.  There a site is held for this one call; the hit counts if thread
 * and stack pointer are the call's.  The jump may also lead to a part of the function that the
 * symbols do not know (.cold) and come back: then the function's own `ret` is hit first, and the
 * site is let go.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/function.h"
#include "symbols/plan.h"
#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/ahead.h"
#include "tracer/remote/regs.h"
#include "tracer/remote/rmem.h"

static const uint64_t comm_again_ns = 100 * 1000 * 1000;

int hit_init(struct hit_scratch *scratch)
{
	scratch->stack_copy = malloc(STACK_COPY);
	scratch->saved = calloc(1, sizeof(*scratch->saved));
	return scratch->stack_copy && scratch->saved ? 0 : err_set(-ENOMEM, "out of memory");
}

void hit_fini(struct hit_scratch *scratch)
{
	free(scratch->stack_copy);
	free(scratch->saved);
	free(scratch->payload);
}

int hit_make_room(struct hit_scratch *scratch, size_t len)
{
	if (len <= scratch->cap)
		return 0;
	uint8_t *payload = realloc(scratch->payload, len);

	if (!payload)
		return err_set(-ENOMEM, "out of memory");
	scratch->payload = payload;
	scratch->cap = len;
	return 0;
}

static struct payload empty_payload(const struct engine *engine)
{
	return (struct payload){ .data = engine->scratch.payload, .cap = engine->scratch.cap };
}

/* A thread's name. */
static void announce(struct engine *engine, struct tracee *tracee, uint64_t now_ns)
{
	char comm[sizeof(tracee->comm)] = "";
	bool first = !tracee->comm_read_ns;

	tracee->comm_read_ns = now_ns;
	proc_read(comm, sizeof(comm), "/proc/%d/task/%d/comm", (int)engine->proc->pid, (int)tracee->tid);
	comm[strcspn(comm, "\n")] = '\0';
	if (!first && !strcmp(comm, tracee->comm))
		return;
	memcpy(tracee->comm, comm, sizeof(comm));
	if (engine->ops->thread && !engine->ops->thread(engine->ctx, tracee->tid, tracee->comm, now_ns))
		tracee->comm_read_ns = 0;
}

static struct call_event event_of_call(const struct call *call, pid_t tid, uint64_t now_ns)
{
	return (struct call_event){
		.probe = call->probe,
		.tid = tid,
		.id = call->id,
		.parent = call->parent,
		.depth = call->depth,
		.is_guess = call->is_guess,
		.time_ns = now_ns,
		.entry_time_ns = call->entry_time_ns,
	};
}

static void tell_enter(struct engine *engine, struct tracee *tracee, struct call *call, const struct call_event *event)
{
	KILL_POINT("hit-read");
	if (!tracee->comm_read_ns)
		announce(engine, tracee, event->time_ns);
	call->refused = !engine->ops->enter(engine->ctx, event);
	call->probe->calls++;
	engine->stats.calls++;
}

static void lose(struct engine *engine, struct probe *probe, enum engine_loss why)
{
	engine->stats.missed++;
	if (engine->ops->lost)
		engine->ops->lost(engine->ctx, probe, why);
}

static void tell_leave(struct engine *engine, const struct call *call, struct call_event *event)
{
	KILL_POINT("hit-read");
	event->entry_refused = call->refused;
	engine->ops->leave(engine->ctx, event);
}

/* Take a call off its stack, and give its memory back to its probe. */
static void remove_call(struct engine *engine, struct call *call)
{
	callstack_remove(call);
	if (call->return_site)
		site_release(engine->sites, call->return_site);
	call->return_site = NULL;
	probe_give_call(call->probe, call);
}

/*
 * End a call that has no return to fetch.  One that was to be recorded only for its return value
 * was never told.
 */
static void end_call(struct engine *engine, struct call *call, enum call_end end, uint64_t now_ns)
{
	struct call_event event = event_of_call(call, call->tid, now_ns);

	event.end = end;
	if (!call->deferred)
		tell_leave(engine, call, &event);
	remove_call(engine, call);
}

/* The entry that was held back. */
static void tell_deferred(struct engine *engine, struct tracee *tracee, struct call *call, uint64_t now_ns)
{
	struct call_event event = event_of_call(call, tracee->tid, now_ns);

	event.payload = call->deferred;
	event.len = call->deferred_len;
	event.stack = call->stack_sample.stack ? &call->stack_sample : NULL;
	event.deferred = true;
	tell_enter(engine, tracee, call, &event);
}

static void return_call(struct engine *engine, struct tracee *tracee, struct call *call, unsigned return_site,
			uint64_t now_ns)
{
	struct payload payload = empty_payload(engine);

	int wanted = fetch_return(call->probe->plan, &engine->live.frame, call->saved ? call->saved : engine->scratch.saved,
				  &payload);

	engine->stats.undecided += wanted < 0;
	if (wanted == 1) {
		struct call_event event = event_of_call(call, tracee->tid, now_ns);

		if (call->deferred)
			tell_deferred(engine, tracee, call, now_ns);
		event.end = CALL_RETURNED;
		event.return_site = return_site;
		event.payload = payload.data;
		event.len = payload.len;
		tell_leave(engine, call, &event);
	}
	remove_call(engine, call);
}

/* Registers and stack at a function's entry, whatever was done for a site to be there. */
static void copy_stack(struct engine *engine, const struct user_regs_struct *regs, uint64_t entry)
{
	struct hit_scratch *scratch = &engine->scratch;
	struct unwind_sample *stack = &scratch->stack;

	if (scratch->has_stack)
		return;
	scratch->has_stack = true;
	for (unsigned i = 0; i < REGS_GENERAL; i++)
		stack->regs[i] = regs_get(regs, i);
	stack->regs[DWARF_RIP] = entry;
	stack->stack_addr = regs->rsp;
	stack->stack = scratch->stack_copy;
	stack->stack_len = rmem_read_data(engine->proc, regs->rsp, scratch->stack_copy, STACK_COPY);
}

/*
 * The call within which one is entered.  On a stack that is not the thread's own the first one has none, as nobody calls a coroutine;
 * unless a signal handler runs there.
 */
static const struct call *find_caller(struct engine *engine, const struct tracee *tracee, uint64_t rsp, bool *is_guess)
{
	const struct callstack *stack = tracee->stack;
	const struct call *caller = callstack_caller(stack, rsp, tracee->tid);
	uint64_t before = caller || stack->owner ? 0 : stacks_interrupted(engine->proc, rsp);

	*is_guess = stack->is_shared && !before;
	stack = before ? stacks_find(&engine->stacks, before, tracee->tid) : NULL;
	return stack ? callstack_caller(stack, before, tracee->tid) : caller;
}

static void open_call(struct engine *engine, struct tracee *tracee, struct call *call, const struct call *caller, uint64_t rsp,
		      uint64_t now_ns)
{
	call->id = ++engine->last_id;
	call->tid = tracee->tid;
	call->parent = caller ? caller->id : 0;
	call->depth = caller ? caller->depth + 1 : 0;
	call->entry_rsp = rsp;
	call->entry_time_ns = now_ns;
	call->refused = call->returns_unseen = false;
	call->loops = call->probe->code->scan.loops_to_entry;
	callstack_push(tracee->stack, call);
}

/* The entry waits in the call until its filter on $ret can be asked. */
static void keep_entry(const struct hit_scratch *scratch, struct call *call, const struct payload *payload)
{
	memcpy(call->deferred, payload->data, payload->len);
	call->deferred_len = payload->len;
	call->stack_sample.stack = NULL;
	if (!call->probe->options.stack)
		return;
	call->stack_sample = scratch->stack;
	call->stack_sample.stack = call->stack_copy;
	memcpy(call->stack_copy, scratch->stack_copy, scratch->stack.stack_len);
}

static void tell_entry(struct engine *engine, struct tracee *tracee, struct call *call, const struct payload *payload,
		       uint64_t now_ns)
{
	struct call_event event = event_of_call(call, tracee->tid, now_ns);

	event.payload = payload->data;
	event.len = payload->len;
	event.stack = call->probe->options.stack ? &engine->scratch.stack : NULL;
	tell_enter(engine, tracee, call, &event);
}

static void enter(struct engine *engine, struct tracee *tracee, struct probe *probe, uint64_t now_ns)
{
	const struct plan *plan = probe->plan;
	uint64_t rsp = engine->live.regs.rsp;
	const struct call *same = callstack_find(tracee->stack, probe, rsp);
	if (same && same->loops && !same->return_site)
		return; /* a jump inside the function: see callstack.c */
	bool is_guess;
	const struct call *caller = find_caller(engine, tracee, rsp, &is_guess);

	if (probe->options.nested_only && !caller)
		return;
	struct call *call = probe_take_call(probe);

	if (!call) {
		lose(engine, probe, ENGINE_NO_MEMORY);
		return;
	}
	struct payload payload = empty_payload(engine);

	engine->live.frame.pc = plan->function->entry;
	int wanted = fetch_entry(plan, &engine->live.frame, call->saved ? call->saved : engine->scratch.saved, &payload);

	if (wanted != 1) {
		engine->stats.undecided += wanted < 0;
		probe_give_call(probe, call);
		return;
	}
	call->is_guess = is_guess;
	open_call(engine, tracee, call, caller, rsp, now_ns);
	if (probe->options.stack)
		copy_stack(engine, &engine->live.regs, plan->function->entry);
	if (call->deferred)
		keep_entry(&engine->scratch, call, &payload);
	else
		tell_entry(engine, tracee, call, &payload, now_ns);
}

static bool is_inside(const struct probe *probe, uint64_t addr)
{
	const struct function *function = probe->plan->function;

	for (size_t i = 0; i < function->n_ranges; i++)
		if (addr >= function->ranges[i].lo && addr < function->ranges[i].hi)
			return true;
	return false;
}

/* Whether a jump that a thread stands at takes it out of the function. */
static bool leaves(struct engine *engine, const struct probe *probe, const struct exit_point *exit)
{
	const struct user_regs_struct *regs = &engine->live.regs;
	uint64_t target;

	if (exit->kind == EXIT_JUMP)
		return exit_is_taken(exit, regs);
	/* An operand that cannot be read faults: the thread goes nowhere. */
	return exit_target(exit, regs, engine->live.frame.ops->read_mem, &engine->live, &target) &&
	       !is_inside(probe, target);
}

/*
 * The call that a jump out of its function belongs to.  A tail call is made with rsp as at entry.
 * A jump to a .cold part that the symbols do not know (without DWARF) is made from within the
 * frame, below that.
 */
static struct call *jumping_call(const struct callstack *stack, const struct probe *probe, uint64_t rsp)
{
	bool exact = probe->plan->function->die;

	for (struct call *call = stack->top; call; call = call->below)
		if (call->probe == probe && (call->entry_rsp == rsp || (!exact && call->entry_rsp > rsp)))
			return call;
	return NULL;
}

/* Of a function that was not looked through (scan.c) nobody knows where it branches to. */
static bool is_ambiguous(const struct engine *engine, const struct site *site)
{
	return engine->traps_are_sent && !site->roles.n && !site->hides_next_byte;
}

static void tail_call(struct engine *engine, struct tracee *tracee, struct probe *probe)
{
	struct call *call = jumping_call(tracee->stack, probe, engine->live.regs.rsp);
	uint64_t addr;
	struct site *site;

	if (!call || call->return_site || call->returns_unseen || engine->phase == ENGINE_DETACHING)
		return; /* when detaching, nothing is planted any more */
	bool is_read = rmem_read_data(engine->proc, call->entry_rsp, &addr, sizeof(addr)) == sizeof(addr);

	if (is_read && slots_are_low(engine->slots, addr))
		engine->low_at = addr;
	if (!is_read || site_prepare(engine->sites, addr, NULL, 0, NULL, &site) < 0 || is_ambiguous(engine, site) ||
	    site_hold(engine->sites, site) < 0) {
		log_debug("hit", "the return of a tail call is lost: %s", err_text());
		call->returns_unseen = true;
		return;
	}
	call->return_site = site;
}

static void leave(struct engine *engine, struct tracee *tracee, struct probe *probe, int index, uint64_t now_ns)
{
	const struct exit_point *exit = &probe->code->scan.exits[index];

	engine->live.frame.pc = exit->addr;
	if (exit->kind == EXIT_RET) {
		struct call *call = callstack_find(tracee->stack, probe, engine->live.regs.rsp);

		if (call)
			return_call(engine, tracee, call, probe->return_index[index], now_ns);
	} else if (leaves(engine, probe, exit)) {
		tail_call(engine, tracee, probe);
	}
}

static void note_code(void *ctx, uint64_t addr)
{
	struct engine *engine = ctx;

	if (engine->ops->saw_code)
		engine->ops->saw_code(engine->ctx, addr);
}

static void end_gone_calls(struct engine *engine, struct tracee *tracee, bool entering, uint64_t now_ns)
{
	struct call *call;

	while ((call = callstack_gone(tracee->stack, engine->live.regs.rsp, entering))) {
		if (call->returns_unseen)
			lose(engine, call->probe, ENGINE_NO_SLOT);
		end_call(engine, call, call->returns_unseen ? CALL_UNSEEN : CALL_UNWOUND, now_ns);
	}
}

static bool has_entry(const struct site *site)
{
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].exit == ROLE_ENTRY)
			return true;
	return false;
}

/* Nothing can be known of the thread: what it enters here is lost.  What it leaves was not recorded either. */
static void lose_entries(struct engine *engine, const struct site *site)
{
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].exit == ROLE_ENTRY && site->roles.items[i].probe->held)
			lose(engine, site->roles.items[i].probe, ENGINE_NO_MEMORY);
}

/* `now` is where the thread is on this stack. */
static bool is_on_stack(void *ctx, uint64_t now, uint64_t before)
{
	const struct callstack *stack = ctx;

	(void)now;
	return before >= stack->lo && before < stack->hi;
}

static void begin_stop(struct engine *engine, struct thread *thread, const struct site *site, const struct user_regs_struct *regs)
{
	live_frame_init(&engine->live, engine->proc, thread, regs);
	engine->live.saw_code = note_code;
	engine->live.ctx = engine;
	engine->live.ahead = engine->ahead;
	engine->scratch.has_stack = false;
	ahead_begin(engine->ahead, engine->proc, thread->tid, site->addr);
}

void hit_record(struct engine *engine, struct thread *thread, struct site *site,
		const struct user_regs_struct *regs, uint64_t now_ns)
{
	struct tracee *tracee = engine_tracee(thread);
	struct call *call;

	if (!tracee || !stacks_at(&engine->stacks, engine->proc, tracee, regs, now_ns)) {
		lose_entries(engine, site);
		return;
	}
	if (again_has_come(&tracee->again, regs, is_on_stack, tracee->stack))
		return;
	begin_stop(engine, thread, site, regs);
	while ((call = callstack_returning(tracee->stack, site, regs->rsp)))
		return_call(engine, tracee, call, call->probe->n_return_sites - 1, now_ns);
	end_gone_calls(engine, tracee, has_entry(site), now_ns);
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].exit == ROLE_ENTRY && site->roles.items[i].probe->held)
			enter(engine, tracee, site->roles.items[i].probe, now_ns);
	/* The innermost call ends first: of several probes on one function that is the last. */
	for (size_t i = site->roles.n; i-- > 0;)
		if (site->roles.items[i].exit != ROLE_ENTRY && site->roles.items[i].probe->held)
			leave(engine, tracee, site->roles.items[i].probe, site->roles.items[i].exit, now_ns);
	ahead_end(engine->ahead);
}

void hit_look_again(struct engine *engine, struct thread *thread, uint64_t now_ns)
{
	struct tracee *tracee = thread->user;

	if (tracee && tracee->comm_read_ns && now_ns - tracee->comm_read_ns >= comm_again_ns)
		announce(engine, tracee, now_ns);
}

/* Innermost first; of `probe`, or all. */
static void close_calls(struct engine *engine, struct callstack *stack, const struct probe *probe, enum call_end end)
{
	uint64_t now_ns = engine_now_ns();

	for (struct call *call = stack->top, *below; call; call = below) {
		below = call->below;
		if (probe && call->probe != probe)
			continue;
		if (call->returns_unseen)
			lose(engine, call->probe, ENGINE_NO_SLOT);
		end_call(engine, call, call->returns_unseen ? CALL_UNSEEN : end, now_ns);
	}
}

void hit_close_calls_of(struct engine *engine, struct probe *probe)
{
	for (size_t i = 0; i < engine->stacks.list.n; i++)
		close_calls(engine, engine->stacks.list.items[i], probe, CALL_OPEN);
}

void hit_close_all_calls(struct engine *engine)
{
	hit_close_calls_of(engine, NULL);
}

void hit_close_calls(struct engine *engine, struct tracee *tracee, enum call_end end)
{
	struct callstack *stack = stacks_of(&engine->stacks, tracee->tid);

	if (!stack)
		return;
	close_calls(engine, stack, NULL, end);
	stack->owner = 0;
	stack->found_ns = 0;
}
