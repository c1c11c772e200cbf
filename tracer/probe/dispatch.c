/*
 * Acting on stops
 *
 * A stopped task is, in this order:
 *
 *	not known, or only announced   its first stop.  A thread of the target, or a process that shares its memory (vfork,
 *	                               posix_spawn): traced on.  A forked copy: its int3s are replaced by the original bytes,
 *	                               and it is let go; it takes our handler out on its way.  The first stop may come before
 *	                               or after its maker's event; if it comes after, the maker waits for it.
 *	at a site                      SIGTRAP sent by the kernel (SI_KERNEL) with rip behind an int3 of ours: recorded, sent to the
 *	                               slot.  A SIGTRAP that anybody sent has another si_code, but may have taken the place of the
 *	                               int3's: then it is delivered first, at the site.
 *	at a site no longer armed      it trapped just before the byte was restored: sent to the slot.
 *	about to get a signal          it gets it, unchanged, where it would be without us: of a slot the program knows nothing, and no
 *	                               unwinder.  A thread in one is put back to the original instruction, or behind it; if to it,
 *	                               it comes to the site again (again.c).
 *	stopped by job control         PTRACE_LISTEN: continuing it would undo the stop.
 *	anything else                  continued.
 *
 * Processes that share the memory hit our sites too; they are sent to the slots, not recorded:
 * their calls are not the target's. They are traced until they exec or exit, for only a traced task
 * survives an int3.
 *
 * While detaching the same decisions end in PTRACE_DETACH instead of PTRACE_CONT, with rip moved
 * out of the slots: every boundary in a slot stands for a place of the original code, so no thread
 * need run on to leave one.
 *
 * -ESRCH from any request means that the task was killed while stopped.  Nothing is to be done; its
 * end is an event.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/blocked.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/own_action.h"
#include "tracer/probe/protect.h"
#include "tracer/probe/sequences.h"
#include "tracer/probe/site.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/event.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/thread.h"

enum { SERVE_MAX = 10000 }; /* events handled in one go while attaching: a storm must not keep us from going on */

struct tracee *engine_tracee(struct thread *thread)
{
	if (!thread->user) {
		struct tracee *tracee = calloc(1, sizeof(*tracee));

		if (tracee)
			tracee->tid = thread->tid;
		thread->user = tracee;
	}
	return thread->user;
}

/* Where a stop of a task leads: on, or away from us. */
static void release(struct engine *engine, struct thread *thread, int sig)
{
	if (engine->phase != ENGINE_DETACHING || thread == engine->keeper) {
		thread_resume(engine->proc, thread, sig);
		return;
	}
	if (thread_detach(engine->proc, thread, sig) == 0)
		proc_forget(engine->proc, thread);
	KILL_POINT("thread-detached");
}

bool engine_leave_slot(struct engine *engine, struct user_regs_struct *regs)
{
	const struct slot *slot = slots_find(engine->slots, regs->rip);
	const struct slot_point *point = slot ? slot_point_at(slot, regs->rip) : NULL;

	if (!point)
		return false;
	regs->rip = point->addr;
	regs->rsp += point->rsp_add;
	return true;
}

/* All at once: should we die between rip and rsp, a call would be made halfway. */
static void leave_slot(struct engine *engine, const struct thread *thread)
{
	struct user_regs_struct regs;

	if (engine->slots && thread_get_regs(thread, &regs) == 0 && engine_leave_slot(engine, &regs))
		thread_set_regs(thread, &regs);
}

/* Faults of the instruction at rip; SI_USER and the like are <= 0. */
static bool is_fault(int sig, const siginfo_t *info)
{
	return (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL) && info->si_code > 0;
}

/* Some faults tell the address of the instruction, too. */
static void correct_address(const struct thread *thread, siginfo_t *info, uint64_t in_slot, uint64_t rip)
{
	if ((uint64_t)info->si_addr != in_slot)
		return;
	info->si_addr = (void *)rip;
	thread_set_siginfo(thread, info);
}

/* True if it will not come to the site again, or that is expected. */
static bool expect_again(struct thread *thread, const struct slot *slot, const struct user_regs_struct *regs)
{
	struct tracee *tracee = thread->user;

	return regs->rip != slot->site || !tracee || again_expect(&tracee->again, regs);
}

/*
 * A thread in a slot that is about to get a signal: to where it would be without us.  Who handles a fault mostly jumps away, and what
 * is called then may look the same: it is not expected again.
 */
static void put_back(struct engine *engine, struct thread *thread, int sig)
{
	struct user_regs_struct regs;
	siginfo_t info;

	if (!engine->slots || thread_get_regs(thread, &regs) < 0)
		return;
	const struct slot *slot = slots_find(engine->slots, regs.rip);
	uint64_t in_slot = regs.rip;

	if (!slot || !engine_leave_slot(engine, &regs) || thread_get_siginfo(thread, &info) < 0)
		return;
	if (is_fault(sig, &info))
		correct_address(thread, &info, in_slot, regs.rip);
	else if (!expect_again(thread, slot, &regs))
		return;
	KILL_POINT("signal-seen");
	thread_set_regs(thread, &regs);
	KILL_POINT("signal-moved");
}

static void pass_signal(struct engine *engine, struct thread *thread, int sig)
{
	thread_undo_eintr_of(engine->proc, thread, sig);
	put_back(engine, thread, sig);
	release(engine, thread, sig);
}

static void count_stop(struct engine *engine, const struct site *site, uint64_t ns)
{
	engine->stats.stopped_ns += ns;
	for (size_t i = 0; i < site->roles.n; i++) {
		struct probe *probe = site->roles.items[i].probe;

		probe->stopped_ns += ns;
		if (ns > probe->longest_stop_ns)
			probe->longest_stop_ns = ns;
	}
}

/* What the next hit may need, at no cost while nothing is missing. */
static void refill(struct engine *engine, const struct site *site)
{
	site_table_refill(engine->sites);
	stacks_refill(&engine->stacks);
	if (engine->low_at)
		engine_make_room(engine);
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].probe->n_free_calls < 4)
			probe_refill(site->roles.items[i].probe);
}

/* The program wants to run another instruction than the slot has. */
static void let_go_changed(struct engine *engine, struct site *site)
{
	site_let_go(engine->sites, site);
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].probe->held)
			probe_let_go(engine, site->roles.items[i].probe, code_was_changed);
}

/* Let a thread run on for a moment when leaving; its next stop is soon. */
static void run_on(struct engine *engine, struct thread *thread)
{
	thread_resume(engine->proc, thread, 0);
	thread_interrupt(thread);
}

/*
 * Send a thread on from a site: through the slot, or, when the text is restored or another instruction is there, to the instruction
 * itself.  Not when leaving if there is a site on the byte before: should we die right now, the handler in the process takes that for the
 * place the thread has come from.  Then it leaves the slot at its next stop, which brings no signal.
 */
static void pass_site(struct engine *engine, struct thread *thread, const struct site *site, const struct user_regs_struct *regs)
{
	struct user_regs_struct back = *regs;
	bool leaving = engine->phase == ENGINE_DETACHING, other = site->changed && !site->armed,
	     straight = other || (leaving && !site_find(engine->sites, site->addr - 1));

	back.rip = straight ? site->addr : site->slot->addr;
	if (!engine->handler_reset || !blocked_mend(engine, thread, &back))
		thread_set_rip(thread, back.rip);
	KILL_POINT("hit-moved");
	if (leaving && !straight)
		run_on(engine, thread);
	else
		release(engine, thread, 0);
	KILL_POINT("hit-resumed");
}

/* A call that was answered for it. */
static void return_from(struct engine *engine, struct thread *thread, const struct user_regs_struct *regs)
{
	if (!blocked_mend(engine, thread, regs))
		thread_set_regs(thread, regs);
	KILL_POINT("own-action-set");
	release(engine, thread, 0);
}

static void handle_hit(struct engine *engine, struct thread *thread, struct site *site,
		       struct user_regs_struct *regs, uint64_t now_ns)
{
	blocked_restore(engine, thread, site->slot->addr);
	regs->rip = site->addr;
	if (thread->kind == THREAD_OWN && site == engine->loader_site && engine->phase == ENGINE_ARMED) {
		libraries_changed(engine, thread, regs, now_ns);
		return;
	}
	if (sequences_interrupted(engine, thread, site, regs)) {
		thread_set_rip(thread, regs->rip);
		release(engine, thread, 0);
		return;
	}
	bool recorded = thread->kind == THREAD_OWN && site->holds > 0;

	if (recorded) {
		engine->stats.hits++;
		hit_record(engine, thread, site, regs, now_ns);
		KILL_POINT("hit-told");
	}
	if (engine->phase == ENGINE_ARMED && site_has_changed(engine->sites, site, now_ns))
		let_go_changed(engine, site);
	if (site == engine->sigaction_site && own_action_call(engine, thread, regs))
		return_from(engine, thread, regs);
	else
		pass_site(engine, thread, site, regs);
	if (recorded) {
		uint64_t held_ns = engine->proc->held_ns;

		count_stop(engine, site, held_ns);
		if (engine->phase != ENGINE_DETACHING) /* or it is forgotten by now */
			hit_look_again(engine, thread, now_ns);
		refill(engine, site);
		budget_check(engine, site, now_ns, held_ns);
	}
}

static size_t read_stack(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct engine *engine = ctx;

	return rmem_read(engine->proc, addr, buf, len);
}

/*
 * A SIGTRAP that somebody sends while the one of an int3 is made: the kernel keeps one of them (kernel/signal.c, legacy_queue), here
 * the sent one.  The thread is put back to the site, where it gets that signal; then it comes to the int3 again.
 */
static void put_back_from_int3(struct engine *engine, const struct thread *thread, const struct site *site,
			       const struct user_regs_struct *regs)
{
	if (!site->hides_next_byte && insn_has_run(site->slot->orig[0], regs, read_stack, engine))
		return;
	KILL_POINT("trap-seen");
	thread_set_rip(thread, site->addr);
	KILL_POINT("trap-moved");
}

/*
 * The site that a thread in a SIGTRAP stop has hit; NULL if the signal is not ours.  To ask who made the signal costs a tenth of a
 * stop.  It need not be asked where only the int3 leads behind its byte, as long as nobody sends any.
 */
static struct site *site_of(struct engine *engine, const struct thread *thread, struct user_regs_struct *regs)
{
	siginfo_t info;

	if (!engine->sites || thread_get_regs(thread, regs) < 0)
		return NULL;
	struct site *site = site_find(engine->sites, regs->rip - 1);

	if (!site || (site->hides_next_byte && !engine->traps_are_sent))
		return site;
	if (thread_get_siginfo(thread, &info) < 0)
		return NULL;
	if (info.si_code == SI_KERNEL)
		return site;
	put_back_from_int3(engine, thread, site, regs);
	return NULL;
}

static void handle_trap(struct engine *engine, struct thread *thread, uint64_t now_ns)
{
	struct user_regs_struct regs;

	KILL_POINT("hit-seen");
	struct site *site = site_of(engine, thread, &regs);

	KILL_POINT("hit-known");
	if (site) {
		handle_hit(engine, thread, site, &regs, now_ns);
		return;
	}
	pass_signal(engine, thread, SIGTRAP);
	engine_expect_traps(engine); /* if it lives */
}

/* Nobody who knows the process can find us there any more. */
static void release_maker(struct engine *engine, pid_t child)
{
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next) {
		if (thread->awaits != child)
			continue;
		thread->awaits = 0;
		release(engine, thread, 0);
		return;
	}
}

/*
 * The first stop of a task tells what it is.  False if it is not ours to trace: then it has been
 * let go.
 */
static bool receive(struct engine *engine, struct thread *thread, const struct event *event)
{
	int sig = event->kind == EVENT_SIGNAL || event->kind == EVENT_TRAP ? event->value : 0;
	pid_t tid = thread->tid;

	thread->kind = proc_classify(engine->proc, thread->tid);
	if (thread->kind == THREAD_OWN || thread->kind == THREAD_SHARER) {
		blocked_note(thread); /* memory for it is had now, not at its first hit */
		return true;
	}
	KILL_POINT("child-seen");
	if (thread->kind == THREAD_FORKED && engine->sites) {
		int r = site_clean_child(engine->sites, thread->tid);

		if (r < 0 && r != -ESRCH)
			log_debug("fork", "cannot clean child %d: %s", (int)thread->tid, strerror(-r));
	}
	KILL_POINT("child-cleaned");
	if (thread->kind == THREAD_FORKED && event->kind == EVENT_PAUSED)
		protect_leave_child(engine, thread);
	thread_detach(engine->proc, thread, sig);
	KILL_POINT("child-detached");
	proc_forget(engine->proc, thread);
	release_maker(engine, tid);
	return false;
}

/*
 * A task was made.  Unless its first stop came before this and it is gone again, its record says that it is to be expected.
 *
 * Who made a process does not go on before that has been let go: a program that traces its own children is the first to know
 * them, and the kernel refuses a second tracer.
 */
static void handle_new_task(struct engine *engine, struct thread *maker)
{
	struct event event;
	pid_t tid;

	if (thread_event_message(maker, &tid) < 0 || proc_thread(engine->proc, tid) || event_of(tid, &event) < 0 ||
	    !proc_add_thread(engine->proc, tid, THREAD_NEW) || proc_classify(engine->proc, tid) != THREAD_FORKED) {
		release(engine, maker, 0);
		return;
	}
	maker->awaits = tid;
	event_consume(maker->tid); /* it would be found by each wait for all */
	KILL_POINT("fork-held");
}

static void forget_own_threads(struct engine *engine)
{
	struct thread *thread, *next;

	HASH_ITER(hh, engine->proc->threads, thread, next)
		if (thread->kind == THREAD_OWN)
			proc_forget(engine->proc, thread);
}

/*
 * The target is another program now; what still runs in the old memory is only processes that
 * shared it.
 */
static void handle_exec(struct engine *engine, struct thread *thread)
{
	pid_t tid = thread->tid;

	if (tid == engine->proc->pid) {
		engine->end = TARGET_EXECED;
		engine->proc->is_other = true;
	}
	event_consume(tid);
	thread_detach(engine->proc, thread, 0);
	proc_forget(engine->proc, thread);
	if (tid == engine->proc->pid)
		forget_own_threads(engine);
}

static void handle_end(struct engine *engine, const struct event *event)
{
	struct thread *thread = proc_thread(engine->proc, event->tid);
	bool is_new = thread && thread->kind == THREAD_NEW;

	event_reap(event->tid);
	if (thread)
		proc_forget(engine->proc, thread);
	if (is_new)
		release_maker(engine, event->tid);
	if (event->tid != engine->proc->pid)
		return;
	engine->end = event->kind == EVENT_EXITED ? TARGET_EXITED : TARGET_KILLED;
	engine->end_status = event->value;
	forget_own_threads(engine);
}

/*
 * A stop that was asked for comes before signals that are pending, so an int3 may have been hit
 * whose SIGTRAP is still to come (kernel/signal.c, get_signal).  A thread that was let go now would
 * die of it.
 */
static void release_paused(struct engine *engine, struct thread *thread)
{
	bool leaving = engine->phase == ENGINE_DETACHING;

	if ((leaving || engine->handler_reset) && thread_fault_waits(thread)) {
		thread_resume(engine->proc, thread, 0);
		return;
	}
	if (leaving)
		leave_slot(engine, thread);
	else
		blocked_mend(engine, thread, NULL);
	release(engine, thread, 0);
}

static void handle_stop(struct engine *engine, struct thread *thread, const struct event *event)
{
	switch (event->kind) {
	case EVENT_TRAP:
		handle_trap(engine, thread, event->seen_ns);
		break;
	case EVENT_SIGNAL:
		pass_signal(engine, thread, event->value);
		break;
	case EVENT_GROUP_STOP:
		thread->held_since_ns = 0; /* not by us */
		if (engine->phase == ENGINE_DETACHING && thread != engine->keeper)
			release_paused(engine, thread); /* the kernel keeps the group stop */
		else
			thread_listen(engine->proc, thread);
		break;
	case EVENT_PAUSED:
		if (thread->interrupted)
			thread_undo_eintr(engine->proc, thread);
		thread->interrupted = false;
		release_paused(engine, thread);
		break;
	case EVENT_NEW_TASK:
		KILL_POINT("fork-seen");
		handle_new_task(engine, thread);
		break;
	case EVENT_EXECED:
		handle_exec(engine, thread);
		break;
	default:
		release(engine, thread, 0);
	}
}

void engine_handle(struct engine *engine, const struct event *event)
{
	if (event->kind == EVENT_NONE)
		return;
	if (event->kind == EVENT_EXITED || event->kind == EVENT_KILLED) {
		handle_end(engine, event);
		return;
	}
	struct thread *thread = proc_thread(engine->proc, event->tid);

	if (!thread)
		thread = proc_add_thread(engine->proc, event->tid, THREAD_NEW);
	if (!thread) {
		log_debug("engine", "out of memory: task %d stays stopped until later", (int)event->tid);
		return;
	}
	engine->proc->stopped = thread;
	if (!thread->held_since_ns)
		thread->held_since_ns = event->since_ns;
	thread->settled = true;
	if (thread == engine->mender)
		blocked_arrived(engine, thread);
	if (thread->kind != THREAD_NEW || receive(engine, thread, event))
		handle_stop(engine, thread, event);
}

void engine_serve_all(struct engine *engine)
{
	if (engine->phase == ENGINE_ATTACHED && !engine->held)
		engine_serve_waiting(engine);
}

/* While the loader's hook is being answered, or a thread works for us, nobody else is let through it. */
static bool is_at_loader(struct engine *engine, const struct event *event)
{
	struct thread *thread = event->kind == EVENT_TRAP ? proc_thread(engine->proc, event->tid) : NULL;
	struct user_regs_struct regs;

	return thread && engine->loader_site && site_of(engine, thread, &regs) == engine->loader_site;
}

void engine_serve_waiting(struct engine *engine)
{
	struct event event;

	for (int i = 0; i < SERVE_MAX && engine->end == TARGET_RUNNING; i++) {
		if (event_next(engine->proc, false, &event) < 0 || event.kind == EVENT_NONE || is_at_loader(engine, &event))
			break;
		engine_handle(engine, &event);
	}
}

/* Not within itself: a thread that is being served stands in its stop. */
static void serve_meanwhile(void *ctx)
{
	struct engine *engine = ctx;

	engine->proc->meanwhile = NULL;
	guardian_beat(&engine->guardian);
	engine_serve_waiting(engine);
	engine->proc->meanwhile = serve_meanwhile;
}

int engine_maps(struct engine *engine, struct maps *ret)
{
	engine->proc->meanwhile = serve_meanwhile;
	int r = proc_maps(engine->proc, ret);

	engine->proc->meanwhile = NULL;
	return r;
}

void engine_serve_quietly(struct engine *engine, struct thread *thread)
{
	struct user_regs_struct regs;
	struct event event;

	if (event_of(thread->tid, &event) < 0 || event.kind == EVENT_NONE)
		return;
	if (thread == engine->mender)
		blocked_arrived(engine, thread);
	struct site *site = event.kind == EVENT_TRAP ? site_of(engine, thread, &regs) : NULL;

	if (site && site == engine->loader_site)
		pass_site(engine, thread, site, &regs);
	else
		engine_handle(engine, &event);
}
