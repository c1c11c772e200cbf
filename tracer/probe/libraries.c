/*
 * Libraries that come and go
 *
 * A site on the dynamic loader's hook (loader.c) stops the thread that calls dlopen or dlclose,
 * when the list of libraries is consistent again.  It is held while the owner looks at the new
 * modules and adds probes, so calls in a new library's constructors are seen.  Other threads are
 * not held.
 *
 * Sites of a library that was unmapped are dropped without writing: other memory may be there by
 * now.
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
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
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

/* Read the maps anew and compare; what is gone is forgotten. */
static bool refresh(struct engine *engine)
{
	struct maps maps;

	if (proc_maps(engine->proc, &maps) < 0)
		return false;
	uint64_t hash = hash_libraries(&maps);
	bool changed = hash != engine->libraries_hash;

	engine->libraries_hash = hash;
	if (changed)
		site_drop_unmapped(engine->sites, &maps);
	maps_free(&maps);
	return changed;
}

static int prepare_hook(struct engine *engine)
{
	int r = loader_find(engine->proc, &engine->loader);

	if (r == 0)
		r = engine_reserve(engine, engine->loader.hook, engine->loader.hook, 1);
	struct thread *paused = pause_for_writing(engine->proc);
	struct site *site;

	if (r == 0)
		r = site_prepare(engine->sites, engine->loader.hook, NULL, 0, NULL, &site);
	if (r == 0)
		r = site_hold(engine->sites, site);
	pause_end(engine->proc, paused);
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
	refresh(engine);
	engine->phase = ENGINE_ARMED;
}

static void tell(struct engine *engine)
{
	engine->libraries_pending = !engine->ops->modules(engine->ctx);
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

void libraries_changed(struct engine *engine, struct thread *thread, const struct user_regs_struct *regs)
{
	struct site *site = engine->loader_site;

	KILL_POINT("dlopen-held");
	engine->held = thread;
	engine->held_regs = *regs;
	if (is_consistent(engine) && refresh(engine))
		tell(engine);
	if (!engine->held)
		return;
	engine->held = NULL;
	KILL_POINT("dlopen-armed");
	thread_set_rip(thread, site->slot->addr);
	thread_resume(engine->proc, thread, 0);
}

void libraries_poll(struct engine *engine, uint64_t now_ns)
{
	if (engine->libraries_pending)
		tell(engine);
	if (!engine->watches_libraries || engine->loader_site || now_ns - engine->libraries_seen_ns < poll_ns)
		return;
	engine->libraries_seen_ns = now_ns;
	if (refresh(engine))
		tell(engine);
}
