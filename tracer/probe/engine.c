/*
 * How the engine works, and why the target is safe
 *
 * Every thread of the target is seized (PTRACE_SEIZE: no signal is sent, nothing stops).  A site is
 * an int3 over the first byte of an instruction.  It is never removed while anyone wants it: a
 * thread that hits it stops, is looked at, and goes on in the site's slot, where a copy of the
 * instruction followed by a jump back runs (slots.c, insn.c).  Other threads never stop for it,
 * none can slip through, and nothing is single-stepped.  A hit costs one stop: waitid, GETREGS,
 * GETSIGMASK, the reads of what is to be captured (mostly one: ahead.c), POKEUSER rip, CONT.
 *
 *	engine.c       the loop, attaching
 *	arm.c          adding probes: scan.c finds the sites, site.c and slots.c make them
 *	dispatch.c     what to do with each stop
 *	hit.c          from a hit to calls, with callstack.c
 *	libraries.c    dlopen and dlclose, with loader.c
 *	detach.c       leaving
 *	protect.c      what is left to the target, should we be killed
 *	own_action.c   what the program itself sets for SIGTRAP
 *	blocked.c      threads that have SIGTRAP blocked
 *
 * What keeps the target unharmed, also if we are killed at any moment:
 *   - a handler of SIGTRAP in the target does for a thread that hits an int3 what we would have done, and restores the text:
 *     protect.c, inside.c
 *   - what was changed is in a journal before it is changed (journal.c); a guardian restores it (guardian.c), or a later
 *     virtrace does (repair.c)
 *   - a stop is only looked at (WNOWAIT), never consumed: event.c
 *   - PTRACE_SINGLESTEP is never used: the kernel leaves the trap flag set when a tracer dies,
 *     which kills the target
 *   - PTRACE_O_EXITKILL is never used
 *   - slots are complete, and hold the original bytes, before the int3 is there; they stay for ever
 *   - the one remote system call restores its thread by itself: rcall.c
 *   - forked children have the int3s cleaned from their memory before they run: dispatch.c
 *
 * A limit of this back end: an int3 hit by a thread that has SIGTRAP blocked makes the kernel reset
 * the process' SIGTRAP handler and unblock the signal, also under a tracer.  Both are undone at once (blocked.c), but who stands at
 * a site in between when we are killed still dies of it, and so does a child of vfork() that has reset its
 * handlers.  And where the guardian may not trace us, a child
 * that was forked a moment before we are killed, and that resets its handlers before it comes to a site, dies there.
 */
#include "tracer/probe/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/areas.h"
#include "tracer/probe/blocked.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/own_action.h"
#include "tracer/probe/protect.h"
#include "tracer/probe/repair.h"
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/ahead.h"
#include "tracer/remote/event.h"
#include "tracer/remote/gate.h"
#include "tracer/remote/placement.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/seize.h"
#include "tracer/remote/spawn.h"
#include "tracer/remote/thread.h"
#include "tracer/remote/urgency.h"

static const uint64_t idle_at_least_ns = 250 * 1000 * 1000, rest_first_ns = 10ull * 1000 * 1000 * 1000;
enum { GUARDIAN_TRIES = 300, FILES_AT_ONCE = 64 };
static const uint64_t vfork_patience_ns = 100 * 1000 * 1000, seize_patience_ns = 10000ull * 1000 * 1000;

uint64_t engine_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void on_forget(void *ctx, struct thread *thread)
{
	struct engine *engine = ctx;
	struct tracee *tracee = thread->user;

	if (engine->held == thread)
		engine->held = NULL;
	if (engine->keeper == thread)
		engine->keeper = NULL;
	if (engine->mender == thread) {
		engine->mender = NULL;
		engine->handler_reset = true; /* for all we know */
	}
	if (engine->live.thread == thread)
		engine->live.thread = NULL;
	if (tracee)
		hit_close_calls(engine, tracee, engine->phase >= ENGINE_DETACHING ? CALL_OPEN : CALL_EXITED);
	free(tracee);
	thread->user = NULL;
}

static int engine_new(pid_t pid, const struct engine_ops *ops, void *ctx, struct engine **ret)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return err_set(-ENOMEM, "out of memory");
	engine->ops = ops;
	engine->ctx = ctx;
	engine->journal.fd = -1;
	engine->rest_ns = rest_first_ns;
	int r = proc_open(pid, &engine->proc);

	if (r < 0) {
		free(engine);
		return r;
	}
	engine->proc->forget = on_forget;
	engine->proc->ctx = engine;
	stacks_refill(&engine->stacks);
	r = hit_init(&engine->scratch);
	if (r == 0)
		r = ahead_new(&engine->ahead);
	if (r < 0) {
		engine_free(engine);
		return r;
	}
	*ret = engine;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	if (engine->phase != ENGINE_DETACHED)
		engine_detach(engine);
	for (size_t i = 0; i < engine->probes.n; i++)
		probe_free(engine->probes.items[i]);
	array_free(&engine->probes);
	site_table_free(engine->sites);
	slots_free(engine->slots);
	journal_close(&engine->journal);
	guardian_dismiss(&engine->guardian);
	hit_fini(&engine->scratch);
	stacks_fini(&engine->stacks);
	ahead_free(engine->ahead);
	proc_close(engine->proc);
	free(engine);
}

static uint64_t some_text(const struct maps *maps)
{
	for (size_t i = 0; i < maps->n; i++)
		if (maps->items[i].executable && maps->items[i].loaded)
			return maps->items[i].lo;
	return 0;
}

static void look_for_lazy_memory(struct engine *engine, size_t n_files)
{
	if (lazy_look(&engine->proc->lazy, n_files))
		log_warn("process %d provides some of its memory itself (userfaultfd): what is not there yet is not read",
			 (int)engine->proc->pid);
}

/* Whether SIGTRAPs are not the end of the process; a handler that a killed virtrace left is not its own. */
static bool lives_with_traps(const struct engine *engine)
{
	uint64_t caught = 0, ignored = 0, bit = 1ull << (SIGTRAP - 1);

	proc_status(engine->proc->live, "SigCgt", 16, &caught);
	proc_status(engine->proc->live, "SigIgn", 16, &ignored);
	return ignored & bit || (caught & bit && !slots_areas(engine->slots)->common.ours.handler);
}

/* What is needed of the target's memory; its threads are seized. */
static int look_around(struct engine *engine)
{
	struct maps maps;
	int r = proc_maps(engine->proc, &maps);

	if (r < 0)
		return r;
	uint64_t text = some_text(&maps);

	engine->lowest = maps.items[0].lo;
	maps_free(&maps);
	if (!text)
		r = err_set(-ENOTSUP, "process %d has no code mapped from a file", (int)engine->proc->pid);
	if (r == 0)
		r = rmem_probe_write(engine->proc, text);
	if (r == 0)
		r = slots_open(engine->proc, &engine->slots);
	if (r == 0)
		r = site_table_new(engine->proc, engine->slots, &engine->journal, &engine->sites);
	if (r == 0)
		look_for_lazy_memory(engine, SIZE_MAX);
	if (r == 0)
		engine->traps_are_sent = lives_with_traps(engine);
	return r;
}

/* A killed virtrace has left it: put right what it tells of. */
static int repair_stale(struct engine *engine)
{
	struct repair_result result;
	struct journal stale;
	int r = journal_open(engine->proc->pid, &stale);

	if (r == 0)
		r = repair_process(engine->proc, stale.file, &result);
	if (r < 0)
		return r;
	engine->stats.repaired += result.restored;
	if (repair_is_complete(&result)) {
		journal_remove(&stale);
		return 0;
	}
	journal_close(&stale);
	if (result.failed)
		return err_set(-EIO, "%zu places that a killed virtrace left cannot be restored", result.failed);
	return err_set(-ENOTSUP, "%zu breakpoints that a killed virtrace may have left are in code that was changed since",
		       result.unsure);
}

static int start_guardian(struct engine *engine)
{
	struct last_will will = { 0 };

	if (engine->ops->last_will)
		engine->ops->last_will(engine->ctx, &will);
	struct repair_target target = { engine->proc->mem_fd, engine->proc->maps_fd, 0 };

	return guardian_start(&engine->journal, &target, engine->ops->last_will ? &will : NULL, &engine->guardian);
}

/* Without a guardian nothing is recorded. */
static int watch_guardian(struct engine *engine)
{
	if (guardian_is_there(&engine->guardian))
		return 0;
	guardian_forget(&engine->guardian);
	int r = start_guardian(engine);

	if (r < 0)
		return r;
	protect_tell_guardian(engine);
	log_warn("the guardian was killed: there is a new one");
	return 0;
}

/* The journal, and who reads it if we are killed; before anything is done to the process. */
static int take_precautions(struct engine *engine)
{
	static const struct timespec pause = { 0, 10 * 1000 * 1000 };
	int r = -EAGAIN;

	/* A guardian that is at work removes its journal when it is done. */
	for (int i = 0; i < GUARDIAN_TRIES && (r == -EAGAIN || r == -EBUSY || r == -ENOENT); i++) {
		if (i)
			nanosleep(&pause, NULL);
		r = journal_create(engine->proc->pid, &engine->journal);
		if (r == -EEXIST) {
			r = repair_stale(engine);
			r = r == 0 ? -EAGAIN : r;
		}
	}
	KILL_POINT("journal-made");
	if (r == 0)
		r = start_guardian(engine);
	KILL_POINT("guardian-started");
	if (r == 0)
		urgency_start();
	return r;
}

/* Let go what was seized, and keep the message of what went wrong first. */
static int give_up(struct engine *engine, int error)
{
	char *text = strdup(err_text());

	engine_free(engine);
	err_set(error, "%s", text ? text : "out of memory");
	free(text);
	return error;
}

/* Who seems to wait in vfork() is believed when that has lasted for a while. */
int engine_seize_all(struct engine *engine)
{
	static const struct timespec pause = { 0, 100 * 1000 };
	uint64_t start_ns = engine_now_ns(), vfork_since_ns = start_ns;
	struct seize_result result;

	for (;;) {
		guardian_beat(&engine->guardian);
		int r = seize_pass(engine->proc, &result);
		uint64_t now_ns = engine_now_ns();

		engine_serve_all(engine);
		if (r < 0)
			return r;
		if (engine->end != TARGET_RUNNING || !proc_count(engine->proc))
			return err_set(-ESRCH, "process %d ended", (int)engine->proc->pid);
		if (result.n_new || result.n_unsettled)
			vfork_since_ns = now_ns;
		else if (!result.n_in_vfork || now_ns - vfork_since_ns > vfork_patience_ns)
			return 0;
		if (now_ns - start_ns > seize_patience_ns)
			return err_set(-EAGAIN, result.n_new ? "process %d makes threads faster than they can be traced"
							     : "threads of process %d do not answer",
				       (int)engine->proc->pid);
		nanosleep(&pause, NULL);
	}
}

int engine_attach(pid_t pid, const struct engine_ops *ops, void *ctx, struct engine **ret)
{
	uint64_t start_ns = engine_now_ns();
	struct engine *engine;
	int r = gate_check(pid);

	if (r == 0)
		r = engine_new(pid, ops, ctx, &engine);
	if (r < 0)
		return r;
	r = take_precautions(engine);
	if (r == 0)
		r = engine_seize_all(engine);
	KILL_POINT("seized-all");
	if (r == 0)
		r = look_around(engine);
	if (r < 0)
		return give_up(engine, r);
	engine_serve_all(engine);
	engine->stats.attach_ns = engine_now_ns() - start_ns;
	*ret = engine;
	return 0;
}

/* The new program stands at its first instruction. */
static int hold_at_exec(struct engine *engine, pid_t pid)
{
	struct thread *thread = proc_add_thread(engine->proc, pid, THREAD_OWN);

	if (!thread)
		return err_set(-ENOMEM, "out of memory");
	int r = take_precautions(engine);

	if (r < 0)
		return r;
	engine->held = thread;
	engine->held_at_exec = true;
	engine->proc->stopped = thread;
	if (thread_get_regs(thread, &engine->held_regs) < 0)
		return err_set(-ESRCH, "the command was killed before it ran");
	return look_around(engine);
}

int engine_spawn(char *const argv[], const struct engine_ops *ops, void *ctx, struct engine **ret)
{
	uint64_t start_ns = engine_now_ns();
	struct engine *engine;
	pid_t pid;
	int r = spawn_traced(argv, &pid);

	if (r < 0)
		return r;
	r = engine_new(pid, ops, ctx, &engine);
	if (r < 0) {
		kill(pid, SIGKILL);
		event_reap(pid);
		return r;
	}
	r = hold_at_exec(engine, pid);
	if (r < 0)
		return give_up(engine, r);
	engine->stats.attach_ns = engine_now_ns() - start_ns;
	*ret = engine;
	return 0;
}

pid_t engine_pid(const struct engine *engine)
{
	return engine->proc->pid;
}

const char *engine_unprotected(const struct engine *engine)
{
	return engine->unprotected[0] ? engine->unprotected : NULL;
}

void engine_beat(struct engine *engine)
{
	guardian_beat(&engine->guardian);
	engine_serve_all(engine);
}

static void release_at_exec(struct engine *engine)
{
	struct thread *thread = engine->held;

	engine->held = NULL;
	engine->held_at_exec = false;
	if (thread)
		thread_resume(engine->proc, thread, 0);
}

static int refuse_unprotected(struct engine *engine)
{
	err_set(-ENOTSUP, "process %d would not survive kill -9 of virtrace: %s", (int)engine->proc->pid, engine->unprotected);
	err_hint(-ENOTSUP, "--unprotected traces it all the same.");
	return -ENOTSUP;
}

static int start(struct engine *engine)
{
	if (engine->phase == ENGINE_ATTACHED)
		protect_start(engine); /* it serves stops meanwhile */
	if (engine->protected_only && engine->unprotected[0])
		return refuse_unprotected(engine);
	libraries_watch(engine);
	own_action_watch(engine);
	int r = engine_arm(engine);

	if (engine->held_at_exec)
		release_at_exec(engine);
	return r;
}

static int idle(struct engine *engine, uint64_t now_ns)
{
	look_for_lazy_memory(engine, FILES_AT_ONCE);
	engine->last_idle_ns = now_ns;
	urgency_renew();
	stacks_tidy(&engine->stacks, engine->proc, now_ns);
	libraries_poll(engine, now_ns);
	budget_serve(engine, now_ns);
	blocked_look_again(engine);
	if (engine->ops->idle)
		engine->ops->idle(engine->ctx);
	return watch_guardian(engine);
}

/* One event, or one wait for it. */
static int step(struct engine *engine)
{
	struct event event;
	int r = event_next(engine->proc, true, &event);

	guardian_beat(&engine->guardian);
	if (r < 0)
		return err_set(r, "process %d is not traced by us any more", (int)engine->proc->pid);
	engine_handle(engine, &event);
	uint64_t now_ns = engine_now_ns();

	libraries_serve(engine, now_ns);
	if (event.kind == EVENT_NONE)
		placement_idle(&engine->placement, now_ns);
	else
		placement_follow(&engine->placement, engine->proc->pid, event.tid, now_ns);
	latency_served(&engine->latency, event.kind != EVENT_NONE, now_ns);

	/* EVENT_NONE: nothing came for a tick.  Under load slow work gets its turn now and then. */
	bool idles = event.kind == EVENT_NONE || now_ns - engine->last_idle_ns > idle_at_least_ns;

	return idles ? idle(engine, now_ns) : 0;
}

static int loop(struct engine *engine, uint64_t deadline_ns)
{
	int r = start(engine);

	while (r == 0 && engine->end == TARGET_RUNNING && !engine->stop && engine_now_ns() < deadline_ns)
		r = step(engine);
	return r;
}

enum target_end engine_run(struct engine *engine, uint64_t deadline_ns, int *status)
{
	int r = engine->end == TARGET_RUNNING ? tick_start() : 0;

	if (engine->end == TARGET_RUNNING && r == 0) {
		engine->last_idle_ns = engine_now_ns();
		placement_start(&engine->placement);
		latency_start(&engine->latency);
		r = loop(engine, deadline_ns);
		latency_stop(&engine->latency);
		placement_stop(&engine->placement);
		tick_stop();
	}
	engine->stop = 0;
	if (r < 0 && engine->end == TARGET_RUNNING)
		engine->end = TARGET_LOST;
	*status = engine->end_status;
	return engine->end;
}

void engine_stop(struct engine *engine)
{
	engine->stop = 1;
}

void engine_wake(struct engine *engine)
{
	engine->woken = true;
	tick_in(0);
}

void engine_allow_unprotected(struct engine *engine, bool allow)
{
	engine->protected_only = !allow;
	engine->insists = allow;
}

void engine_set_patience(struct engine *engine, uint64_t ns)
{
	engine->patience_ns = ns;
}

void engine_get_stats(const struct engine *engine, struct engine_stats *ret)
{
	*ret = engine->stats;
	ret->longest_stop_ns = engine->proc->longest_held_ns;
	if (engine->phase < ENGINE_DETACHING)
		ret->threads = proc_count(engine->proc);
	ret->interrupted = engine->proc->interrupted;
	ret->sites = engine->sites ? site_count_armed(engine->sites) : 0;
	ret->moved = engine->sites ? site_count_moved(engine->sites) : 0;
	ret->undone = engine->sites ? site_count_undone(engine->sites) : 0;
}
