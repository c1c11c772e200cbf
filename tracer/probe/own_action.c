/*
 * The program's own action for SIGTRAP
 *
 * Our handler is installed in its place, so the kernel does not know it, and would tell of ours.  So there is a site on libc's
 * sigaction(), by which signal() and its like go as well: who calls it for SIGTRAP is answered as if the program were alone, and
 * what it sets is what our handler calls from then on (area_header.before), and what is installed when we leave.  Our own action takes
 * over the flags that make the kernel do what is wanted, so it is installed anew, by this thread on its way.
 *
 * Should we be killed, the site's hit goes to its slot, and the call is made: then it is the program's own handler that is installed,
 * and before that the handler has restored the text.  The same saves a child that no tracer sees, and that resets its handlers.
 *
 * A program that makes the system call itself is not seen (SECURITY.md).
 */
#include "tracer/probe/own_action.h"

#include <signal.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/probe/areas.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/loader.h"
#include "tracer/probe/protect.h"
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/rmem.h"

/* struct sigaction of the C libraries on x86-64: glibc's and musl's are the same. */
struct libc_action {
	uint64_t handler, mask[16];
	int32_t flags, padding;
	uint64_t restorer;
};
_Static_assert(sizeof(struct libc_action) == sizeof(struct sigaction), "sigaction(2) of this libc is another one");

/* Where it is mapped from the file's beginning. */
static uint64_t base_of_libc(const struct maps *maps)
{
	for (size_t i = 0; i < maps->n; i++) {
		const char *path = maps->items[i].path;

		if (!maps->items[i].offset && maps->items[i].inode &&
		    (strstr(path, "/libc.so") || strstr(path, "/libc-2") || strstr(path, "/ld-musl")))
			return maps->items[i].lo;
	}
	return 0;
}

static uint64_t find_sigaction(struct engine *engine)
{
	struct maps maps;
	uint64_t addr = 0, base;

	if (proc_maps(engine->proc, &maps) < 0)
		return 0;
	base = base_of_libc(&maps);
	maps_free(&maps);
	return base && loader_find_symbol(engine->proc, base, "sigaction", &addr) == 0 ? addr : 0;
}

/* Its file has to be known: only then the handler restores it. */
static int plant(struct engine *engine, uint64_t addr, struct maps *maps, struct site **ret)
{
	struct thread *paused = pause_for_writing(engine->proc);
	int r = site_prepare(engine->sites, addr, NULL, 0, maps, ret);

	if (r == 0)
		r = site_hold(engine->sites, *ret);
	pause_end(engine->proc, paused);
	maps_free(maps);
	return r;
}

void own_action_watch(struct engine *engine)
{
	uint64_t addr = engine->protected && !engine->sigaction_site ? find_sigaction(engine) : 0;
	struct site *site;

	if (!addr)
		return;
	struct maps maps;
	int r = engine_reserve(engine, addr, addr, 1);

	if (r == 0)
		r = proc_maps(engine->proc, &maps);
	if (r == 0)
		r = plant(engine, addr, &maps, &site);
	if (r < 0) {
		log_debug("own_action", "sigaction() is not watched: %s", err_text());
		return;
	}
	engine->sigaction_site = site;
	engine->phase = ENGINE_ARMED;
}

static bool tell(struct engine *engine, uint64_t to, const struct kernel_action *action)
{
	struct libc_action old = {
		.handler = action->handler, .mask = { action->mask }, .flags = (int32_t)action->flags, .restorer = action->restorer,
	};

	return !to || rmem_write(engine->proc, to, &old, sizeof(old)) == 0;
}

bool own_action_call(struct engine *engine, struct thread *thread, struct user_regs_struct *regs)
{
	struct area_header *common = &slots_areas(engine->slots)->common;
	struct libc_action new = { 0 };
	uint64_t back, to = regs->rdx;

	if (thread->kind != THREAD_OWN || (int)regs->rdi != SIGTRAP || !engine->protected ||
	    rmem_read(engine->proc, regs->rsp, &back, sizeof(back)) != sizeof(back) ||
	    (regs->rsi && rmem_read(engine->proc, regs->rsi, &new, sizeof(new)) != sizeof(new)) ||
	    new.flags & (int32_t)SA_RESETHAND || !tell(engine, to, &common->before))
		return false;
	if (regs->rsi)
		protect_set_own(engine, &(struct kernel_action){ new.handler, (uint32_t)new.flags, 0, new.mask[0] });
	regs->rax = 0;
	regs->rip = back;
	regs->rsp += sizeof(back);
	return true;
}
