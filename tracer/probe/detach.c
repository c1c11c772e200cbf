/*
 * Leaving
 *
 *	1. the text is restored; from now on nobody traps any more, and nothing is planted
 *	2. every task is asked to stop
 *	3. whatever it stops for, the decisions of dispatch.c are taken, and it is detached instead of continued
 *	4. the last one takes the handler of SIGTRAP out of the process on its way (protect.c); unless an int3 may be left, be it that
 *	   it could not be restored or that the program has moved its code
 *
 * Who is seen after 1 to sleep in a system call that a stop would end with EINTR (waits.h) is not asked: it has hit nothing, and
 * will not any more.  The kernel lets it go when our thread ends, which it does not notice (kernel/ptrace.c, __ptrace_unlink).
 *
 * Hits that were under way in 1 are recorded like all others.  A task that was made meanwhile is
 * known from its maker's event, which the maker has to stop for before it can be detached; so when
 * no record is left, no task is.  A record whose task has ended, or never was ours, goes when the
 * kernel says ESRCH.
 *
 * A task in an uninterruptible call (a parent in vfork, waiting for its child) cannot stop now.  It
 * is waited for as long as that is bearable; after that the kernel lets it go when our thread ends:
 * the text is restored, and what is in the slots stays.
 *
 * All this works whatever failed before: on a process of which only some threads were seized, on
 * one that has ended, on one that runs another program but has left vfork children in its old
 * memory.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/blocked.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/protect.h"
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/event.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/thread.h"
#include "tracer/remote/urgency.h"
#include "tracer/remote/waits.h"

static const uint64_t patience_ns = 5ull * 1000 * 1000 * 1000;
static const uint64_t keeper_patience_ns = 2000ull * 1000 * 1000; /* when all others are gone; it runs meanwhile */
static const uint64_t ask_again_ns = 20 * 1000 * 1000;

/* With these mappings, as far as they are known. */
static int restore_by(struct engine *engine, int r, struct maps *maps)
{
	/* Nobody may live in the memory any more: then there is nothing to be restored. */
	if (r < 0 && r != -ESRCH)
		return r;
	site_drop_unmapped(engine->sites, maps);
	r = site_disarm_all(engine->sites, maps);
	maps_free(maps);
	return r;
}

static int restore_text(struct engine *engine)
{
	struct maps maps = { 0 };

	/* Threads that hit a site while this is read are not to wait for it. */
	int r = engine->sites ? engine_maps(engine, &maps) : 0;

	engine->phase = ENGINE_DETACHING;
	if (!engine->sites)
		return 0;
	struct thread *paused = pause_for_writing(engine->proc);

	r = restore_by(engine, r, &maps);
	pause_end(engine->proc, paused);
	KILL_POINT("detach-restored");
	return r;
}

/* It sleeps, and might see EINTR if it had to wake up; where, is in *ret_pc. */
static bool would_mind(struct engine *engine, const struct thread *thread, uint64_t *ret_pc)
{
	struct waiting waiting;

	if (thread->kind != THREAD_OWN)
		return false;
	waits_look(engine->proc, thread->tid, &waiting);
	*ret_pc = waiting.pc;
	return waiting.wait >= WAIT_UNKNOWN && proc_state(engine->proc->pid, thread->tid) == 'S';
}

/* And that outside of our code, where it has come to without hitting anything. */
static bool may_be_left(struct engine *engine, const struct thread *thread)
{
	uint64_t pc;

	if (thread->interrupted || (engine->sites && site_count_armed(engine->sites)) || !would_mind(engine, thread, &pc))
		return false;
	return !engine->slots || !slots_find(engine->slots, pc);
}

/* Tasks that are still to be let go. */
static size_t count_asked(const struct engine *engine)
{
	struct thread *thread, *next;
	size_t n = 0;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		n += !thread->left;
	return n;
}

/* Those who cannot answer any more are forgotten. */
static void ask_all(struct engine *engine)
{
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next) {
		if (thread == engine->keeper || thread->left)
			continue;
		thread->left = may_be_left(engine, thread);
		if (thread->left)
			continue;
		char state = proc_state(thread->tid, thread->tid);

		/*
		 * A zombie leader of living threads tells its end only after theirs; a reaped one
		 * never.
		 */
		if (state == 'Z' || state == 'X' || thread_interrupt(thread) == -ESRCH)
			proc_forget(engine->proc, thread);
	}
}

/* What could not be written without a stopped thread (PTRACE_POKETEXT): now there is one. */
static void restore_rest(struct engine *engine, pid_t tid)
{
	if (!engine->sites || !engine->proc->poke || !site_count_armed(engine->sites))
		return;
	engine->proc->stopped = proc_thread(engine->proc, tid);
	struct maps maps = { 0 };
	int r = proc_maps(engine->proc, &maps);

	restore_by(engine, r, &maps);
}

/*
 * Who takes the handler out of the process, and so is let go last: one that minds a system call least, and rather one that has not
 * just hit an int3.
 */
static void choose_keeper(struct engine *engine)
{
	struct candidate list[CANDIDATES_MAX];
	bool wanted = engine->protected && engine->end == TARGET_RUNNING;
	size_t n = wanted ? pause_candidates(engine->proc, list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct thread *thread = proc_thread(engine->proc, list[i].tid);

		if (!engine->keeper)
			engine->keeper = thread;
		if (!thread_fault_waits(thread)) {
			engine->keeper = thread;
			return;
		}
	}
}

/* It is let go like others; the handler stays, and is harmless. */
static void give_up_keeper(struct engine *engine)
{
	if (engine->keeper)
		log_warn("the handler of SIGTRAP stays in process %d: no thread could take it out without harm", (int)engine->proc->pid);
	engine->keeper = NULL;
}

/* Int3s that are left, or that the program has moved: who hits one needs the handler. */
static bool may_be_hit(const struct engine *engine)
{
	return engine->sites && (site_count_armed(engine->sites) || site_count_moved(engine->sites));
}

/*
 * Also one that job control has stopped will do: it makes the call when it is continued.  Not one that has hit an int3 whose SIGTRAP is
 * still to come (see release_paused() in dispatch.c): it is let go like others.
 */
static bool stop_keeper(struct engine *engine)
{
	struct event event;
	uint64_t pc;

	if (would_mind(engine, engine->keeper, &pc))
		return false;
	if (pause_thread(engine->proc, engine->keeper))
		return true;
	if (event_of(engine->keeper->tid, &event) < 0 || event.kind != EVENT_GROUP_STOP)
		return false;
	if (!thread_fault_waits(engine->keeper))
		return true;
	give_up_keeper(engine);
	return false;
}

/* False if it has to be asked again. */
static bool let_keeper_go(struct engine *engine)
{
	struct thread *thread = engine->keeper;
	struct user_regs_struct regs;

	if (may_be_hit(engine)) {
		give_up_keeper(engine);
		return false;
	}
	if (!stop_keeper(engine))
		return false;
	if (thread == engine->mender)
		blocked_arrived(engine, thread);
	if (thread_get_regs(thread, &regs) == 0 && engine_leave_slot(engine, &regs))
		thread_set_regs(thread, &regs);
	if (!protect_end(engine, thread))
		return false;
	proc_forget(engine->proc, thread);
	return true;
}

/* Who, of those left, does not answer: for people. */
static int no_answer(struct engine *engine)
{
	const struct thread *thread = engine->proc->threads;

	while (thread->left)
		thread = thread->hh.next;
	char state = proc_state(thread->tid, thread->tid);

	return err_set(-ETIMEDOUT, "%zu threads do not answer, thread %d in state %c: they go free when virtrace ends",
		       count_asked(engine), (int)thread->tid, state ? state : '?');
}

static bool keeper_is_last(const struct engine *engine)
{
	return engine->keeper && count_asked(engine) == 1;
}

/* The keeper may be where it minds a stop for no longer than a moment. */
static int next_event(struct engine *engine, struct event *event)
{
	static const struct timespec moment = { 0, 100 * 1000 };
	bool hurry = keeper_is_last(engine);

	if (hurry)
		nanosleep(&moment, NULL);
	return event_next(engine->proc, !hurry, event);
}

static int let_all_go(struct engine *engine)
{
	uint64_t start_ns = engine_now_ns(), asked_ns = start_ns, answered_ns = start_ns;
	struct event event;

	choose_keeper(engine);
	ask_all(engine);
	KILL_POINT("detach-asked");
	while (count_asked(engine)) {
		uint64_t now_ns = engine_now_ns();

		guardian_beat(&engine->guardian);
		if ((keeper_is_last(engine) && now_ns - answered_ns > keeper_patience_ns) || now_ns - start_ns > patience_ns)
			give_up_keeper(engine);
		if (now_ns - answered_ns > patience_ns)
			return no_answer(engine);
		if (keeper_is_last(engine) && let_keeper_go(engine))
			break;
		if (next_event(engine, &event) < 0)
			break; /* nothing is ours any more */
		restore_rest(engine, event.tid);
		engine_handle(engine, &event);
		if (event.kind != EVENT_NONE)
			answered_ns = now_ns;
		if (event.kind != EVENT_NONE || now_ns - asked_ns < ask_again_ns)
			continue;
		ask_all(engine);
		asked_ns = now_ns;
	}
	return 0;
}

/* Who is held at exec has not run yet; who is held in the loader's hook goes on, and is asked to stop like all others. */
static void release_held(struct engine *engine)
{
	struct thread *thread = engine->held;

	engine->held = NULL;
	if (!thread)
		return;
	if (engine->held_at_exec) {
		thread_detach(engine->proc, thread, 0);
		proc_forget(engine->proc, thread);
		return;
	}
	thread_set_rip(thread, engine->held_regs.rip); /* the text is restored */
	thread_resume(engine->proc, thread, 0);
}

/* Records of tasks that did not answer, or ended unseen: their open calls end here. */
static void forget_all(struct engine *engine)
{
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		proc_forget(engine->proc, thread);
}

/* What those who are left stopped for in the meantime. */
static void serve_left(struct engine *engine)
{
	struct thread *thread, *next;
	struct event event;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		if (thread->left && event_of(thread->tid, &event) == 0)
			engine_handle(engine, &event);
}

/* What could not be restored is left to the guardian, and stays in the journal. */
static void dismiss_guardian(struct engine *engine)
{
	bool clean = !engine->sites || !site_count_armed(engine->sites);

	KILL_POINT("detach-done");
	if (clean)
		journal_remove(&engine->journal);
	KILL_POINT("journal-removed");
	guardian_stop(&engine->guardian, clean);
}

int engine_detach(struct engine *engine)
{
	uint64_t start_ns = engine_now_ns();

	if (engine->phase == ENGINE_DETACHED)
		return 0;
	int r = restore_text(engine);

	release_held(engine);
	int ticks = tick_start(), r_go = let_all_go(engine);

	if (ticks == 0)
		tick_stop();
	if (r < 0 && !site_count_armed(engine->sites))
		r = 0;
	serve_left(engine);
	forget_all(engine);
	hit_close_all_calls(engine);
	dismiss_guardian(engine);
	urgency_stop();
	engine->phase = ENGINE_DETACHED;
	engine->stats.threads = 0;
	engine->stats.detach_ns = engine_now_ns() - start_ns;
	return r ? r : r_go;
}
