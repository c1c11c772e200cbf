/*
 * From a hit to calls
 *
 * Order within one stop: calls that return to this very address (they left by a tail call); then
 * calls whose frames are gone; then entries; then exits.  So a function whose first instruction is
 * its `ret` is entered and left by one stop, and a function called at the place where another one
 * returns to is entered after that return.
 *
 * The owner is told while the thread is held: what has happened is in his hands before the thread goes on, so that what he has
 * is, whenever we are killed, all that each thread has done up to some moment.  He takes little time for it (cmd/feed.c).  Memory
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
#include "tracer/remote/ahead.h"
#include "tracer/remote/regs.h"
#include "tracer/remote/rmem.h"

static const uint64_t comm_again_ns = 100 * 1000 * 1000;

/* Of a thread that has ended the kernel tells no mapping: then another one is asked. */
static bool find_range(struct proc *proc, uint64_t addr, struct stack_range *ret)
{
	return maps_bounds(proc->live, addr, &ret->lo, &ret->hi) ||
	       (proc_find_live(proc) == 0 && maps_bounds(proc->live, addr, &ret->lo, &ret->hi));
}

/*
 * Ranges are remembered, as it takes long to find one; for a while only (engine.c), as stacks come and go.  NULL: nothing is mapped
 * there.
 */
static const struct stack_range *stack_of(struct engine *engine, uint64_t addr)
{
	struct stack_range range;

	for (size_t i = 0; i < engine->n_stacks && i < STACKS_KEPT; i++)
		if (addr >= engine->stacks[i].lo && addr < engine->stacks[i].hi)
			return &engine->stacks[i];
	if (!find_range(engine->proc, addr, &range))
		return NULL;
	struct stack_range *place = &engine->stacks[engine->n_stacks++ % STACKS_KEPT];

	*place = range;
	return place;
}

static bool same_stack(void *ctx, uint64_t a, uint64_t b)
{
	struct engine *engine = ctx;

	if (a >> 12 == b >> 12)
		return true;
	const struct stack_range *stack = stack_of(engine, a);

	return stack ? b >= stack->lo && b < stack->hi : !stack_of(engine, b);
}

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

static void tell_leave(struct engine *engine, const struct call *call, struct call_event *event)
{
	KILL_POINT("hit-read");
	event->entry_refused = call->refused;
	engine->ops->leave(engine->ctx, event);
}

/* Take a call off its thread, and give its memory back to its probe. */
static void remove_call(struct engine *engine, struct tracee *tracee, struct call *call)
{
	callstack_remove(&tracee->calls, call);
	if (call->return_site)
		site_release(engine->sites, call->return_site);
	call->return_site = NULL;
	probe_give_call(call->probe, call);
}

/*
 * End a call that has no return to fetch.  One that was to be recorded only for its return value
 * was never told.
 */
static void end_call(struct engine *engine, struct tracee *tracee, struct call *call, enum call_end end,
		     uint64_t now_ns)
{
	struct call_event event = event_of_call(call, tracee->tid, now_ns);

	event.end = end;
	if (!call->deferred)
		tell_leave(engine, call, &event);
	remove_call(engine, tracee, call);
}

/* The entry that was held back. */
static void tell_deferred(struct engine *engine, struct tracee *tracee, struct call *call, uint64_t now_ns)
{
	struct call_event event = event_of_call(call, tracee->tid, now_ns);

	event.payload = call->deferred;
	event.len = call->deferred_len;
	event.stack = call->stack.stack ? &call->stack : NULL;
	event.deferred = true;
	tell_enter(engine, tracee, call, &event);
}

static void return_call(struct engine *engine, struct tracee *tracee, struct call *call, unsigned return_site,
			uint64_t now_ns)
{
	struct payload payload = empty_payload(engine);

	if (fetch_return(call->probe->plan, &engine->live.frame, call->saved ? call->saved : engine->scratch.saved,
			 &payload)) {
		struct call_event event = event_of_call(call, tracee->tid, now_ns);

		if (call->deferred)
			tell_deferred(engine, tracee, call, now_ns);
		event.end = CALL_RETURNED;
		event.return_site = return_site;
		event.payload = payload.data;
		event.len = payload.len;
		tell_leave(engine, call, &event);
	}
	remove_call(engine, tracee, call);
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

static void open_call(struct engine *engine, struct tracee *tracee, struct call *call, uint64_t rsp,
		      uint64_t now_ns)
{
	const struct call *parent = tracee->calls.top;

	call->id = ++engine->last_id;
	call->parent = parent ? parent->id : 0;
	call->depth = parent ? parent->depth + 1 : 0;
	call->entry_rsp = rsp;
	call->entry_time_ns = now_ns;
	call->refused = false;
	call->loops = call->probe->code->scan.loops_to_entry;
	callstack_push(&tracee->calls, call);
}

/* The entry waits in the call until its filter on $ret can be asked. */
static void keep_entry(const struct hit_scratch *scratch, struct call *call, const struct payload *payload)
{
	memcpy(call->deferred, payload->data, payload->len);
	call->deferred_len = payload->len;
	call->stack.stack = NULL;
	if (!call->probe->options.stack)
		return;
	call->stack = scratch->stack;
	call->stack.stack = call->stack_copy;
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
	const struct call *same = callstack_find(&tracee->calls, probe, rsp);

	if (same && same->loops && !same->return_site)
		return; /* a jump inside the function: see callstack.c */
	if (probe->options.nested_only && !tracee->calls.top)
		return;
	struct call *call = tracee->calls.n < CALLS_MAX ? probe_take_call(probe) : NULL;

	if (!call) {
		engine->stats.missed++;
		return;
	}
	struct payload payload = empty_payload(engine);

	engine->live.frame.pc = plan->function->entry;
	if (!fetch_entry(plan, &engine->live.frame, call->saved ? call->saved : engine->scratch.saved, &payload)) {
		probe_give_call(probe, call);
		return;
	}
	open_call(engine, tracee, call, rsp, now_ns);
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
	struct call *call = jumping_call(&tracee->calls, probe, engine->live.regs.rsp);
	uint64_t addr;
	struct site *site;

	if (!call || call->return_site || engine->phase == ENGINE_DETACHING)
		return; /* when detaching, nothing is planted any more */
	if (rmem_read_data(engine->proc, call->entry_rsp, &addr, sizeof(addr)) != sizeof(addr) ||
	    site_prepare(engine->sites, addr, NULL, 0, NULL, &site) < 0 || is_ambiguous(engine, site) ||
	    site_hold(engine->sites, site) < 0) {
		log_debug("hit", "the return of a tail call is lost");
		engine->stats.missed++;
		return;
	}
	call->return_site = site;
}

static void leave(struct engine *engine, struct tracee *tracee, struct probe *probe, int index, uint64_t now_ns)
{
	const struct exit_point *exit = &probe->code->scan.exits[index];

	engine->live.frame.pc = exit->addr;
	if (exit->kind == EXIT_RET) {
		struct call *call = callstack_find(&tracee->calls, probe, engine->live.regs.rsp);

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

	while ((call = callstack_gone(&tracee->calls, engine->live.regs.rsp, entering, same_stack, engine)))
		end_call(engine, tracee, call, CALL_UNWOUND, now_ns);
}

static bool has_entry(const struct site *site)
{
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].exit == ROLE_ENTRY)
			return true;
	return false;
}

void hit_record(struct engine *engine, struct thread *thread, struct site *site,
		const struct user_regs_struct *regs, uint64_t now_ns)
{
	struct tracee *tracee = engine_tracee(thread);
	struct call *call;

	if (!tracee) {
		engine->stats.missed++;
		return;
	}
	if (again_has_come(&tracee->again, regs, same_stack, engine))
		return;
	live_frame_init(&engine->live, engine->proc, thread, regs);
	engine->live.saw_code = note_code;
	engine->live.ctx = engine;
	engine->live.ahead = engine->ahead;
	engine->scratch.has_stack = false;
	ahead_begin(engine->ahead, engine->proc, thread->tid, site->addr);
	while ((call = callstack_returning(&tracee->calls, site, regs->rsp)))
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

void hit_close_calls_of(struct engine *engine, struct probe *probe)
{
	uint64_t now_ns = engine_now_ns();
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next) {
		struct tracee *tracee = thread->user;

		for (struct call *call = tracee ? tracee->calls.top : NULL, *below; call; call = below) {
			below = call->below;
			if (call->probe == probe)
				end_call(engine, tracee, call, CALL_OPEN, now_ns);
		}
	}
}

void hit_close_calls(struct engine *engine, struct tracee *tracee, enum call_end end)
{
	uint64_t now_ns = engine_now_ns();

	while (tracee->calls.top)
		end_call(engine, tracee, tracee->calls.top, end, now_ns);
}
