/*
 * Adding a probe
 *
 * What has to be read from a file was read before (probe_code.c).  engine_add_probe() does the rest of what can take long or
 * fail: comparing the text with the file's, room for slots, the slots themselves.  No int3 is planted before engine_run()
 * goes on (or, inside ops->modules, before the thread that called dlopen does): so no event can
 * come of a probe its owner has not yet finished describing, and the undo information of all sites
 * is complete before the first byte is changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/function.h"
#include "symbols/plan.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/probe_code.h"
#include "tracer/probe/sequences.h"
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/thread.h"

enum { CALLS_IN_STOCK = 16 };
static const uint64_t try_again_ns = 100 * 1000 * 1000;

static void serve(void *ctx, struct thread *thread)
{
	struct engine *engine = ctx;

	guardian_beat(&engine->guardian);
	if (engine->makes_room)
		engine_serve_waiting(engine);
	else if (thread)
		engine_serve_quietly(ctx, thread);
	else
		engine_serve_all(ctx);
}

/*
 * A thread held at exec stands at no site: give it one for the time of the call.  No other thread
 * can run into it.
 */
static int rcall_at_exec(struct engine *engine, const struct rcall *call,
			 int (*what)(struct engine *engine, const struct rcall *call, void *arg), void *arg)
{
	static const uint8_t int3 = 0xcc;
	uint64_t rip = engine->held_regs.rip;
	uint8_t orig;

	if (rmem_read(engine->proc, rip, &orig, 1) != 1 || rmem_write(engine->proc, rip, &int3, 1) < 0)
		return err_set(-EFAULT, "cannot write to the text at %#lx", (unsigned long)rip);
	int r = what(engine, call, arg);

	rmem_write(engine->proc, rip, &orig, 1);
	if (engine->held)
		thread_set_rip(engine->held, rip);
	return r;
}

int engine_rcall(struct engine *engine, int (*what)(struct engine *engine, const struct rcall *call, void *arg), void *arg)
{
	struct rcall call = { .proc = engine->proc, .serve = serve, .ctx = engine,
			      .held = engine->held, .back = &engine->held_regs };
	int r = engine->held_at_exec ? rcall_at_exec(engine, &call, what, arg) : what(engine, &call, arg);

	if (r == -ETIMEDOUT)
		engine->held = NULL; /* it is somewhere, running; its next stop is handled like any other */
	return r;
}

struct range_request {
	uint64_t lo, hi;
	size_t n;
};

static int reserve(struct engine *engine, const struct rcall *call, void *arg)
{
	const struct range_request *request = arg;

	return slots_reserve(engine->slots, call, request->lo, request->hi, request->n);
}

int engine_reserve(struct engine *engine, uint64_t lo, uint64_t hi, size_t n)
{
	struct range_request request = { lo, hi, n };

	return engine_rcall(engine, reserve, &request);
}

static bool is_of_module(const struct mapping *other, const struct mapping *m)
{
	return other->inode == m->inode && other->dev == m->dev && other->loaded == m->loaded;
}

/*
 * All that belongs to the module mapped at `addr`: its mappings, and anonymous memory right behind
 * (.bss).
 */
static int module_span(const struct maps *maps, uint64_t addr, uint64_t *ret_lo, uint64_t *ret_hi)
{
	const struct mapping *m = maps_find(maps, addr), *end = maps->items + maps->n;

	if (!m)
		return err_set(-ENOENT, "there is no code mapped at %#lx any more", (unsigned long)addr);
	const struct mapping *first = m, *last = m;

	while (first > maps->items && is_of_module(&first[-1], m))
		first--;
	while (last + 1 < end && (is_of_module(&last[1], m) ||
				  (!last[1].inode && last[1].lo == last->hi && !last[1].path[0])))
		last++;
	*ret_lo = first->lo;
	*ret_hi = last->hi;
	return 0;
}

void engine_reserve_for_callers(struct engine *engine, const struct maps *maps)
{
	uint64_t lo, hi;
	bool tails = false;

	for (size_t i = 0; i < engine->probes.n && !tails; i++) {
		const struct scan *scan = &engine->probes.items[i]->code->scan;

		for (size_t k = 0; k < scan->n_exits && !tails; k++)
			tails = scan->exits[k].kind != EXIT_RET;
	}
	for (size_t i = 0; tails && i < maps->n; i++) {
		const struct mapping *m = &maps->items[i];

		if (!m->executable || !m->loaded || module_span(maps, m->lo, &lo, &hi) < 0)
			continue;
		if (engine_reserve(engine, lo, hi, 1) < 0)
			log_debug("arm", "no slots near %s: %s", m->path, err_text());
		site_know_module(engine->sites, maps, m);
	}
}

void engine_make_room(struct engine *engine)
{
	uint64_t addr = engine->low_at, now_ns = engine_now_ns(), lo, hi;
	struct maps maps;

	if (engine->phase != ENGINE_ARMED || engine->makes_room || engine->held || now_ns < engine->make_room_ns ||
	    proc_maps(engine->proc, &maps) < 0)
		return;
	engine->makes_room = true;
	engine->low_at = 0;
	int r = module_span(&maps, addr, &lo, &hi);

	if (r == 0)
		r = engine_reserve(engine, lo, hi, SLOTS_LOW);
	if (r < 0)
		log_debug("arm", "no more slots near %#lx: %s", (unsigned long)addr, err_text());
	maps_free(&maps);
	engine->makes_room = false;
	engine->make_room_ns = engine_now_ns() + try_again_ns;
}

struct call *probe_take_call(struct probe *probe)
{
	if (!probe->free_calls)
		probe_refill(probe);
	struct call *call = probe->free_calls;

	if (call) {
		probe->free_calls = call->below;
		probe->n_free_calls--;
		call->below = NULL;
	}
	return call;
}

void probe_give_call(struct probe *probe, struct call *call)
{
	call->below = probe->free_calls;
	probe->free_calls = call;
	probe->n_free_calls++;
}

/* A call with the memory it may need, in one piece. */
static struct call *new_call(struct probe *probe)
{
	const struct plan *plan = probe->plan;
	bool deferred = plan->filter_at_return;
	size_t saved = plan->saved_params ? (sizeof(struct saved) + 7) & ~7ul : 0;
	size_t stack = deferred && probe->options.stack ? STACK_COPY : 0;
	size_t payload = deferred ? plan->entry_max + 1 : 0;
	size_t size = sizeof(struct call) + saved + stack + payload;
	char *memory = probe->engine->calls_bytes + size <= CALLS_BYTES_MAX ? calloc(1, size) : NULL;
	struct call *call = (struct call *)memory;

	if (!call)
		return NULL;
	probe->engine->calls_bytes += size;
	memory += sizeof(*call);
	call->probe = probe;
	call->saved = saved ? (struct saved *)memory : NULL;
	call->stack_copy = stack ? (uint8_t *)memory + saved : NULL;
	call->deferred = deferred ? (uint8_t *)(memory + saved + stack) : NULL;
	return call;
}

void probe_refill(struct probe *probe)
{
	while (probe->n_free_calls < CALLS_IN_STOCK) {
		struct call *call = new_call(probe);

		if (!call)
			return;
		probe_give_call(probe, call);
	}
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	while (probe->free_calls) {
		struct call *call = probe->free_calls;

		probe->free_calls = call->below;
		free(call);
	}
	probe_code_free(probe->code);
	free(probe->exit_sites);
	free(probe->return_sites);
	free(probe->return_index);
	free(probe);
}

static int alloc_exits(struct probe *probe)
{
	const struct scan *scan = &probe->code->scan;
	size_t n = scan->n_exits;

	probe->exit_sites = calloc(n + 1, sizeof(*probe->exit_sites));
	probe->return_sites = calloc(n + 1, sizeof(*probe->return_sites));
	probe->return_index = calloc(n + 1, sizeof(*probe->return_index));
	if (!probe->exit_sites || !probe->return_sites || !probe->return_index)
		return err_set(-ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (scan->exits[i].kind != EXIT_RET)
			continue;
		probe->return_index[i] = probe->n_return_sites;
		probe->return_sites[probe->n_return_sites++] = scan->exits[i].addr;
	}
	probe->n_return_sites++; /* the last one: by a tail call */
	return 0;
}

static int prepare_sites(struct probe *probe, const struct maps *maps)
{
	struct site_table *sites = probe->engine->sites;
	const struct probe_code *code = probe->code;
	const struct scan *scan = &code->scan;
	int r = site_prepare(sites, scan->entry, code->entry.bytes, code->entry.len, maps, &probe->entry_site);

	for (size_t i = 0; r == 0 && i < scan->n_exits; i++)
		r = site_prepare(sites, scan->exits[i].addr, code->exits[i].bytes, code->exits[i].len, maps,
				 &probe->exit_sites[i]);
	if (r == 0)
		r = site_add_role(probe->entry_site, probe, ROLE_ENTRY);
	for (size_t i = 0; r == 0 && i < scan->n_exits; i++)
		r = site_add_role(probe->exit_sites[i], probe, (int)i);
	return r;
}

/* Only where it matters: that would be many functions, and to a process that does nothing about SIGTRAP a sent one is the end. */
static int check_ambiguous(const struct probe *probe)
{
	uint64_t addr = probe->code->scan.ambiguous;

	return !addr || !probe->engine->traps_are_sent || probe->engine->insists ? 0 :
	       err_set(-ENOTSUP, "the process handles or ignores SIGTRAP, and one sent to it could be taken for a hit at %#lx "
		       "(--unprotected insists)", (unsigned long)addr);
}

static int bind_probe(struct probe *probe)
{
	struct engine *engine = probe->engine;
	struct maps maps;
	uint64_t lo, hi;
	int r = check_ambiguous(probe);

	if (r == 0)
		r = proc_maps(engine->proc, &maps);

	if (r < 0)
		return r;
	r = sequences_check(engine->proc, probe->code);
	if (r == 0)
		r = module_span(&maps, probe->plan->function->entry, &lo, &hi);
	if (r == 0)
		r = engine_reserve(engine, lo, hi, probe->code->scan.n_exits + 1);
	struct thread *paused = pause_for_writing(engine->proc);

	if (r == 0)
		r = prepare_sites(probe, &maps);
	pause_end(engine->proc, paused);
	maps_free(&maps);
	return r;
}

static int make_room_for(struct engine *engine, const struct plan *plan)
{
	size_t largest = plan->entry_max > plan->return_max ? plan->entry_max : plan->return_max;

	return hit_make_room(&engine->scratch, largest);
}

/* Roles point at the probe: take them back. */
static void remove_roles(struct site *site, const struct probe *probe)
{
	size_t kept = 0;

	for (size_t i = 0; site && i < site->roles.n; i++)
		if (site->roles.items[i].probe != probe)
			site->roles.items[kept++] = site->roles.items[i];
	if (site)
		site->roles.n = kept;
}

static void undo_add(struct probe *probe)
{
	remove_roles(probe->entry_site, probe);
	for (size_t i = 0; probe->exit_sites && i < probe->code->scan.n_exits; i++)
		remove_roles(probe->exit_sites[i], probe);
	probe_free(probe);
}

/* What its sites held is void: the memory they were in is gone. */
static void let_site_go(struct probe *probe, struct site *site)
{
	site_release(probe->engine->sites, site);
	remove_roles(site, probe);
}

void probe_unload(struct probe *probe)
{
	if (!probe->held)
		return;
	let_site_go(probe, probe->entry_site);
	for (size_t i = 0; i < probe->code->scan.n_exits; i++)
		let_site_go(probe, probe->exit_sites[i]);
	probe->held = false;
	probe->is_off = true; /* until engine_add_again() */
}

int engine_add_again(struct probe *probe)
{
	probe_unload(probe);
	int r = bind_probe(probe);

	probe->is_off = r < 0;
	return r;
}

int engine_add_probe(struct engine *engine, const struct plan *plan, struct probe_code *code,
		     const struct probe_options *options, void *user, struct probe **ret)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	struct probe **place = probe ? array_push(&engine->probes) : NULL;

	if (!place) {
		free(probe);
		probe_code_free(code);
		return err_set(-ENOMEM, "out of memory");
	}
	engine->probes.n--; /* not before it is complete */
	*probe = (struct probe){ .engine = engine, .plan = plan, .code = code, .options = *options, .user = user };
	int r = make_room_for(engine, plan);

	if (r == 0)
		r = alloc_exits(probe);
	if (r == 0)
		r = bind_probe(probe);
	if (r < 0) {
		undo_add(probe);
		return r;
	}
	probe_refill(probe);
	site_table_refill(engine->sites);
	engine->probes.items[engine->probes.n++] = probe;
	engine_serve_all(engine);
	*ret = probe;
	return 0;
}

static void release(struct engine *engine, struct site *site)
{
	if (!site->gone)
		site_release(engine->sites, site);
}

/* Entry first: so no call is entered that could return unseen. */
void probe_disarm(struct engine *engine, struct probe *probe)
{
	struct thread *paused = pause_for_writing(engine->proc);

	probe->held = false;
	probe->is_off = true; /* until probe_arm_again() */
	release(engine, probe->entry_site);
	for (size_t i = 0; i < probe->code->scan.n_exits; i++)
		release(engine, probe->exit_sites[i]);
	hit_close_calls_of(engine, probe);
	pause_end(engine->proc, paused);
}

const char code_was_changed[] = "the process has changed its code in memory";

void probe_let_go(struct engine *engine, struct probe *probe, const char *why)
{
	if (probe->held)
		probe_disarm(engine, probe);
	probe->is_off = true;
	probe->rests_until_ns = 0;
	if (engine->ops->let_go)
		engine->ops->let_go(engine->ctx, probe, why);
}

/* Now, or when it has rested (budget.c). */
static bool may_be_armed(const struct probe *probe)
{
	return !probe->is_off || probe->rests_until_ns;
}

void engine_expect_traps(struct engine *engine)
{
	if (engine->traps_are_sent || engine->phase >= ENGINE_DETACHING)
		return;
	engine->traps_are_sent = true;
	for (size_t i = 0; i < engine->probes.n && !engine->insists; i++)
		if (engine->probes.items[i]->code->scan.ambiguous && may_be_armed(engine->probes.items[i]))
			probe_let_go(engine, engine->probes.items[i], "SIGTRAPs are sent, which could be taken for a hit");
}

/*
 * Exits first: so no call is ever entered that could return unseen.  A call that is under way is
 * unknown and ignored.  A probe whose library was unloaded meanwhile, or whose code was changed, is off for good.
 */
static int hold_sites(struct engine *engine, struct probe *probe)
{
	size_t n = 0;
	int r = 0;

	while (r == 0 && n < probe->code->scan.n_exits)
		r = site_hold(engine->sites, probe->exit_sites[n++]);
	if (r == 0)
		r = site_hold(engine->sites, probe->entry_site);
	else
		n--;
	probe->held = r == 0;
	for (; r < 0 && n > 0; n--)
		site_release(engine->sites, probe->exit_sites[n - 1]);
	probe->is_off = r == -ENOENT;
	if (r == -ESTALE)
		probe_let_go(engine, probe, code_was_changed);
	return r == -ENOENT || r == -ESTALE ? 0 : r;
}

int probe_arm_again(struct probe *probe)
{
	struct thread *paused = pause_for_writing(probe->engine->proc);
	int r = hold_sites(probe->engine, probe);

	pause_end(probe->engine->proc, paused);
	return r;
}

static bool wants_arming(const struct probe *probe)
{
	return !probe->held && !probe->is_off;
}

/* What their first hits will need. */
static void know_threads(struct engine *engine)
{
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		if (thread->kind == THREAD_OWN)
			engine_tracee(thread);
}

int engine_arm(struct engine *engine)
{
	bool news = false;

	for (size_t i = 0; i < engine->probes.n; i++)
		news |= wants_arming(engine->probes.items[i]);
	if (!news)
		return 0;
	struct maps maps;
	int r = proc_maps(engine->proc, &maps);

	if (r < 0)
		return r;
	engine_reserve_for_callers(engine, &maps);
	maps_free(&maps);
	know_threads(engine);
	struct thread *paused = pause_for_writing(engine->proc);

	for (size_t i = 0; r == 0 && i < engine->probes.n; i++) {
		if (!wants_arming(engine->probes.items[i]))
			continue;
		r = hold_sites(engine, engine->probes.items[i]);
		if (!paused && !engine->held)
			engine_serve_waiting(engine); /* who has hit one need not wait for all */
	}
	pause_end(engine->proc, paused);
	engine->phase = ENGINE_ARMED;
	return r;
}

bool probe_is_unloaded(const struct probe *probe)
{
	return probe->entry_site->gone;
}

void *probe_user(const struct probe *probe)
{
	return probe->user;
}

const struct plan *probe_plan(const struct probe *probe)
{
	return probe->plan;
}

uint64_t probe_calls(const struct probe *probe)
{
	return probe->calls;
}

uint64_t probe_longest_stop_ns(const struct probe *probe)
{
	return probe->longest_stop_ns;
}

uint64_t probe_stopped_ns(const struct probe *probe)
{
	return probe->stopped_ns;
}

size_t probe_return_sites(const struct probe *probe, const uint64_t **ret)
{
	*ret = probe->return_sites;
	return probe->n_return_sites;
}
