/*
 * When the handler may be installed, and how it goes
 *
 * It is installed before the first int3 is planted, and installed again where the kernel has reset it (blocked.c).  When the text is
 * restored, and all other threads are let go, the last one takes it out on its way.
 *
 * Ours takes the place of SIG_DFL and SIG_IGN only, and does for other traps what these would have done.  A process that handles
 * SIGTRAP itself keeps its handler, and is not protected: engine->unprotected tells.  So is one whose seccomp filters do not
 * allow rt_sigaction; where they do not allow what restoring the text takes, the handler only helps threads on.
 *
 * Where /proc/PID/mem may not be written (rmem.c), neither the handler nor the guardian can restore the text: threads are helped on,
 * again and again, children that reset the handler are not.  That is told, too.
 *
 * A handler that is there may be one that a killed tracer left.  Its address says so, for which a thread of the process has to ask.
 *
 * Signal handlers are copied when a process is made, also by vfork(), which shares the memory: a child that was made before the
 * handler has none, and would die at an int3 when we are killed.  Such children exec or exit soon; until they have, no int3 is
 * planted.
 */
#include "tracer/probe/protect.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/areas.h"
#include "tracer/probe/blocked.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/seccomp.h"
#include "tracer/remote/thread.h"

enum { PAGE = 4096, SA_RESTORER_FLAG = 0x04000000, GONE_WAIT_MS = 1000, CHILDREN_WAIT_MS = 500 };

/* What the handler calls to restore the text, and what it cannot do without. */
static const int repair_calls[] = { SYS_open, SYS_pread64, SYS_pwrite64, SYS_close },
		 vital_calls[] = { SYS_rt_sigaction, SYS_rt_sigreturn, SYS_getpid, SYS_gettid, SYS_rt_tgsigqueueinfo };

static int give_up(struct engine *engine, const char *why)
{
	snprintf(engine->unprotected, sizeof(engine->unprotected), "%s", why);
	return -ENOTSUP;
}

static bool are_allowed(const struct thread *thread, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seccomp_check_number(thread, calls[i]) < 0)
			return false;
	return true;
}

/* Ask the filters of the thread that minds it least; all threads of a process are taken to have the same. */
static int check_filters(struct engine *engine, struct area_header *common)
{
	struct candidate list[CANDIDATES_MAX];
	struct thread *thread = engine->held;
	uint64_t mode = 0;

	proc_status(engine->proc->live, "Seccomp", 10, &mode);
	common->may_repair = 1;
	if (!mode)
		return 0;
	size_t n = thread ? 0 : pause_candidates(engine->proc, list);

	for (size_t i = 0; i < n && !thread; i++) {
		thread = proc_thread(engine->proc, list[i].tid);
		thread = thread && pause_thread(engine->proc, thread) ? thread : NULL;
	}
	if (!thread)
		return give_up(engine, "no thread can be asked for its seccomp filters");
	common->may_repair = are_allowed(thread, repair_calls, sizeof(repair_calls) / sizeof(repair_calls[0]));
	bool can = are_allowed(thread, vital_calls, sizeof(vital_calls) / sizeof(vital_calls[0]));

	if (thread != engine->held)
		pause_end(engine->proc, thread);
	return can ? 0 : give_up(engine, "its seccomp filter does not allow a signal handler");
}

static int update(struct engine *engine)
{
	struct thread *paused = pause_for_writing(engine->proc);
	int r = areas_update(slots_areas(engine->slots));

	pause_end(engine->proc, paused);
	return r < 0 ? give_up(engine, strerror(-r)) : 0;
}

/* Have a page mapped for the answer, and ask. */
static int ask_action(struct engine *engine, const struct rcall *call, void *arg)
{
	const struct area *area = slots_areas(engine->slots)->list.items;
	struct maps maps;
	int r = proc_maps(engine->proc, &maps);

	if (r < 0)
		return r;
	uint64_t page = areas_choose_address(&maps, area->lo, area->lo + area->size, PAGE);

	maps_free(&maps);
	r = page ? rcall_map(call, page, PAGE, PROT_READ | PROT_WRITE) : -ENOTSUP;
	if (r == 0)
		r = rcall_get_action(call, SIGTRAP, page);
	return r == 0 && rmem_read(engine->proc, page, arg, sizeof(uint64_t)) != sizeof(uint64_t) ? -EFAULT : r;
}

/* SIGTRAP is caught: by a handler that a killed tracer left? */
static int check_handler(struct engine *engine, const struct area_header *common)
{
	uint64_t handler = 0;

	if (common->ours.handler && engine_rcall(engine, ask_action, &handler) == 0 && handler == common->ours.handler)
		return 0;
	return give_up(engine, "it handles SIGTRAP itself");
}

static int catch(struct engine *engine, const struct rcall *call, void *arg)
{
	const struct area *area = slots_areas(engine->slots)->list.items;

	(void)arg;
	return rcall_catch_signal(call, SIGTRAP, area->lo + offsetof(struct area_header, ours));
}

static int install(struct engine *engine, struct areas *areas, bool ignored)
{
	const struct area *area = areas->list.items;

	areas->common.before = (struct kernel_action){ .handler = (uint64_t)(ignored ? SIG_IGN : SIG_DFL) };
	/* All signals are blocked in it: no other handler runs while SIGTRAP is (SA_NODEFER: it is not). */
	areas->common.ours = (struct kernel_action){
		.handler = area_entry(area, inside_handler),
		.flags = SA_SIGINFO | SA_RESTORER_FLAG | SA_NODEFER | SA_ONSTACK,
		.restorer = area_entry(area, inside_restorer),
		.mask = ~0ull & ~(1ull << (SIGTRAP - 1)),
	};
	int r = update(engine);

	KILL_POINT("handler-described");
	if (r == 0 && engine_rcall(engine, catch, NULL) < 0)
		r = give_up(engine, err_text());
	KILL_POINT("handler-installed");
	return r;
}

static int protect(struct engine *engine)
{
	struct areas *areas = slots_areas(engine->slots);
	uint64_t caught = 0, ignored = 0, bit = 1ull << (SIGTRAP - 1);

	/* A handler that a killed tracer left, and that is at work still, is to leave alone what will be planted now. */
	if (areas->list.n && update(engine) < 0)
		return -ENOTSUP;
	if (!areas->list.n && engine_reserve(engine, engine->lowest, engine->lowest, 1) < 0)
		return give_up(engine, err_text());
	proc_status(engine->proc->live, "SigCgt", 16, &caught);
	proc_status(engine->proc->live, "SigIgn", 16, &ignored);
	int r = check_filters(engine, &areas->common);

	if (r == 0)
		r = caught & bit ? check_handler(engine, &areas->common) : install(engine, areas, ignored & bit);
	if (r == 0)
		r = update(engine);
	return r;
}

/* Whether there are processes in the memory that do not catch SIGTRAP. */
static bool has_bare_children(struct engine *engine)
{
	struct thread *thread, *next;
	uint64_t caught;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		if (thread->kind != THREAD_OWN && !proc_is_dead(proc_state(thread->tid, thread->tid)) &&
		    proc_status(thread->tid, "SigCgt", 16, &caught) == 0 && !(caught >> (SIGTRAP - 1) & 1))
			return true;
	return false;
}

/* First those have to be known that were about to be made: every task must be seen outside of fork() again. */
static void wait_for_children(struct engine *engine)
{
	static const struct timespec pause = { 0, 1000 * 1000 };
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		thread->settled = false;
	if (engine_seize_all(engine) < 0)
		log_debug("protect", "%s", err_text());
	for (int i = 0; i < CHILDREN_WAIT_MS && has_bare_children(engine); i++) {
		guardian_beat(&engine->guardian);
		engine_serve_all(engine);
		nanosleep(&pause, NULL);
	}
	KILL_POINT("children-gone");
}

/* From now on each change of them is seen. */
static void note_masks(struct engine *engine)
{
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		if (thread->kind == THREAD_OWN || thread->kind == THREAD_SHARER)
			blocked_note(thread);
}

void protect_start(struct engine *engine)
{
	engine->protected = protect(engine) == 0;
	if (engine->protected && !engine->held)
		wait_for_children(engine);
	note_masks(engine);
	if (engine->protected && engine->proc->poke)
		give_up(engine, "its code could only be restored by 'virtrace repair' (kernel setting proc_mem.force_override)");
	if (engine->guardian.shared)
		engine->guardian.shared->fragile = !engine->protected;
	if (!engine->protected)
		log_debug("protect", "no handler in the process: %s", engine->unprotected);
}

/* The thread has to run for it; a bound, as others may find the process as it was.  One that job control has stopped does not run. */
static void wait_until_gone(struct engine *engine, pid_t tid)
{
	static const struct timespec pause = { 0, 200 * 1000 };
	uint64_t caught = 1ull << (SIGTRAP - 1);

	for (int i = 0; i < GONE_WAIT_MS * 5 && caught >> (SIGTRAP - 1) & 1 && proc_state(tid, tid) != 'T'; i++) {
		guardian_beat(&engine->guardian);
		nanosleep(&pause, NULL);
		if (proc_status(engine->proc->pid, "SigCgt", 16, &caught) < 0)
			return;
	}
}

bool protect_end(struct engine *engine, struct thread *thread)
{
	const struct area *area = slots_areas(engine->slots)->list.items;
	struct rcall call = { .proc = engine->proc };
	uint64_t before = area->lo + offsetof(struct area_header, before);

	if (rcall_set_action_and_detach(&call, thread, SIGTRAP, before) < 0)
		return false;
	KILL_POINT("handler-leaves");
	wait_until_gone(engine, thread->tid);
	return true;
}
