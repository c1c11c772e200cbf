/*
 * Libraries that come and go
 *
 * A site on the dynamic loader's hook (loader.c) stops the thread that calls dlopen or dlclose, when the list of libraries is
 * consistent again.  Calls in a new library's constructors are to be seen, so that thread is held until the owner has looked at
 * the new modules.  He does that on a thread of his own, as it takes what disks and debug information take; all other stops
 * are served meanwhile.
 *
 *	            +-- the owner has added his probes, they are armed ------+
 *	at the hook --> HELD                                                 +--> goes on in the hook's slot
 *	            +-- for longer than engine->patience_ns: calls may be missing
 *
 * A stopped thread would be seen by each wait for all (event.c).  So the one that is held is sent to its slot first, and then
 * its stop is taken from the kernel, and with it the signal that it would bring.  Whatever becomes of us then, it goes on in the slot
 * when the kernel or we let it: as if it had never stopped.  A system call that it makes for us meanwhile (rcall.c: room for
 * slots) brings it back to the hook; it is sent to the slot again.
 *
 * One thread is held at most.  There is no second one: the loader takes locks before the hook and gives them back after the
 * constructors (glibc: dl_load_lock, dl_load_tls_lock).  So whoever wants to load, or to make a thread, waits for the held one: that
 * is what patience is for.  A program that calls the hook itself is not held twice, but what it has loaded is looked for.  If the
 * thread ends while it is held, forgetting it is all there is to do (engine.c, on_forget).
 *
 * Sites of a library that was unmapped are dropped without writing: other memory may be there by
 * now.  When it is mapped at the same place again, as it mostly is, the owner has the same probes armed once more (engine_add_again()):
 * who loads and unloads a library in a loop costs us nothing more each time.
 *
 * Where there is no such hook, /proc/PID/maps is compared once a second.
 */
#include <errno.h>
#include <link.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/own_action.h"
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/event.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/thread.h"

static const uint64_t poll_ns = 1000 * 1000 * 1000;

/* Executable file mappings, as one number. */
static uint64_t hash_libraries(const struct maps *maps)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->items[i];
		const uint64_t parts[] = { m->lo, m->hi, m->inode };

		for (size_t k = 0; m->executable && m->inode && k < 3; k++)
			hash = (hash ^ parts[k]) * 0x100000001b3;
	}
	return hash;
}

/* Read the maps anew and compare; what is gone is forgotten.  `serve`: threads that stop meanwhile are served. */
static bool refresh(struct engine *engine, bool serve)
{
	struct maps maps;

	if ((serve ? engine_maps(engine, &maps) : proc_maps(engine->proc, &maps)) < 0)
		return false;
	uint64_t hash = hash_libraries(&maps);
	bool changed = hash != engine->libraries_hash;

	engine->libraries_hash = hash;
	if (changed)
		site_drop_unmapped(engine->sites, &maps);
	for (size_t i = 0; changed && i < engine->probes.n; i++)
		if (probe_is_unloaded(engine->probes.items[i]))
			probe_unload(engine->probes.items[i]);
	maps_free(&maps);
	return changed;
}

static int prepare_hook(struct engine *engine)
{
	struct maps maps = { 0 };
	int r = loader_find(engine->proc, &engine->loader);

	if (r == 0)
		r = engine_reserve(engine, engine->loader.hook, engine->loader.hook, 1);
	struct thread *paused = pause_for_writing(engine->proc);
	struct site *site;

	if (r == 0)
		r = proc_maps(engine->proc, &maps);
	if (r == 0)
		r = site_prepare(engine->sites, engine->loader.hook, NULL, 0, &maps, &site);
	if (r == 0)
		r = site_hold(engine->sites, site);
	pause_end(engine->proc, paused);
	maps_free(&maps);
	if (r == 0)
		engine->loader_site = site;
	return r;
}

void libraries_watch(struct engine *engine)
{
	if (engine->watches_libraries || !engine->ops->modules)
		return;
	engine->watches_libraries = true;
	if (prepare_hook(engine) < 0)
		log_debug("libraries", "no hook in the loader: looking once a second");
	refresh(engine, false);
	engine->phase = ENGINE_ARMED;
}

/* Probes that the owner adds are armed before anybody goes on. */
static void tell(struct engine *engine)
{
	if (engine->held)
		engine->proc->stopped = engine->held;
	own_action_watch(engine);
	engine->libraries_pending = !engine->ops->modules(engine->ctx, engine->held != NULL);
	if (engine_arm(engine) < 0)
		log_debug("libraries", "cannot arm: %s", err_text());
}

static bool is_consistent(struct engine *engine)
{
	int state = RT_CONSISTENT;

	if (engine->loader.state)
		rmem_read(engine->proc, engine->loader.state, &state, sizeof(state));
	return state == RT_CONSISTENT;
}

static void hold(struct engine *engine)
{
	thread_set_rip(engine->held, engine->loader_site->slot->addr);
	KILL_POINT("dlopen-moved");
	event_consume(engine->held->tid);
	if (engine->proc->stopped == engine->held)
		engine->proc->stopped = NULL; /* others are to be asked when one is needed */
	KILL_POINT("dlopen-held");
}

static void let_go(struct engine *engine, struct thread *thread)
{
	if (engine->held == thread)
		engine->held = NULL;
	thread_set_rip(thread, engine->loader_site->slot->addr);
	thread_resume(engine->proc, thread, 0);
}

/* The owner has answered. */
static void settle(struct engine *engine)
{
	uint64_t held_ns = engine_now_ns() - engine->held_since_ns;

	if (engine->held && engine->libraries_pending) {
		hold(engine);
		tick_in(held_ns < engine->patience_ns ? engine->patience_ns - held_ns : 0);
	} else if (engine->held) {
		KILL_POINT("dlopen-armed");
		let_go(engine, engine->held);
	}
}

void libraries_changed(struct engine *engine, struct thread *thread, const struct user_regs_struct *regs, uint64_t now_ns)
{
	bool changed = is_consistent(engine) && refresh(engine, false);

	if (engine->held || !changed) {
		let_go(engine, thread);
	} else {
		engine->held = thread;
		engine->held_regs = *regs;
		engine->held_since_ns = now_ns;
		hold(engine);
	}
	if (!changed)
		return;
	tell(engine);
	settle(engine);
}

static bool is_held_too_long(const struct engine *engine, uint64_t now_ns)
{
	return engine->held && !engine->held_at_exec && engine->patience_ns && now_ns - engine->held_since_ns >= engine->patience_ns;
}

void libraries_serve(struct engine *engine, uint64_t now_ns)
{
	bool late = is_held_too_long(engine, now_ns);

	if (late)
		let_go(engine, engine->held);
	if (!late && !(engine->libraries_pending && atomic_exchange(&engine->woken, false)))
		return;
	tell(engine);
	settle(engine);
}

void libraries_poll(struct engine *engine, uint64_t now_ns)
{
	if (!engine->watches_libraries || engine->loader_site || now_ns - engine->libraries_seen_ns < poll_ns)
		return;
	engine->libraries_seen_ns = now_ns;
	if (refresh(engine, true))
		tell(engine);
}
