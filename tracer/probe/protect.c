/*
 * When the handler may be installed, and how it goes
 *
 * It is installed before the first int3 is planted, and installed again where the kernel has reset it (blocked.c).  When the text is
 * restored, and all other threads are let go, the last one takes it out on its way.
 *
 * Ours takes the place of what the program has set, and does for other traps what that would have done: its own handler is called.  Where
 * that cannot be had, or its seccomp filters do not allow rt_sigaction, it is not protected: engine->unprotected tells.  Where filters do
 * not allow what restoring the text takes, the handler only helps threads on.  They are a thread's own: one thread of each kind is asked.
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
#include <stdlib.h>
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
#include "tracer/remote/sigframe.h"
#include "tracer/remote/thread.h"

static const uint64_t trap_bit = 1ull << (SIGTRAP - 1);
enum { PAGE = 4096, SA_RESTORER_FLAG = 0x04000000, GONE_WAIT_MS = 1000, CHILDREN_WAIT_MS = 500 };

/*
 * What the handler calls to restore the text; to learn whether it runs in the memory of the traced process; what no handler can do
 * without.
 */
static const int repair_calls[] = { SYS_getpid, SYS_open, SYS_pread64, SYS_pwrite64, SYS_close },
		 compare_calls[] = { SYS_kcmp }, vital_calls[] = { SYS_rt_sigreturn };

#define ARE_ALLOWED(thread, calls) are_allowed(thread, calls, sizeof(calls) / sizeof((calls)[0]))

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

/* Threads with the same number of filters have the same ones, mostly: they are inherited, or set for all. */
struct filters {
	uint64_t mode, n;
};

static struct filters filters_of(pid_t tid)
{
	struct filters filters = { 0 };

	proc_status(tid, "Seccomp", 10, &filters.mode);
	proc_status(tid, "Seccomp_filters", 10, &filters.n);
	return filters;
}

/* What one thread says for those like it; false if it does not stop. */
static bool ask_filters(struct engine *engine, struct thread *thread, struct area_header *common, bool *can_return)
{
	bool held = thread == engine->held;

	if (!held && !pause_thread(engine->proc, thread))
		return false;
	common->may_repair &= ARE_ALLOWED(thread, repair_calls);
	common->may_compare &= ARE_ALLOWED(thread, compare_calls);
	*can_return &= ARE_ALLOWED(thread, vital_calls);
	if (!held)
		pause_end(engine->proc, thread);
	return true;
}

/* The strict mode lets a thread return from a handler, and nothing else of this: kernel/seccomp.c, mode1_syscalls. */
static int check_filters(struct engine *engine, struct area_header *common)
{
	enum { KINDS_MAX = 16 };
	struct filters asked[KINDS_MAX];
	struct thread *thread, *next;
	bool can_return = true;
	size_t n = 0;

	common->may_repair = common->may_compare = 1;
	HASH_ITER(hh, engine->proc->threads, thread, next) {
		struct filters filters = thread->kind == THREAD_OWN ? filters_of(thread->tid) : (struct filters){ 0 };
		size_t i = 0;

		if (filters.mode == SECCOMP_MODE_STRICT)
			common->may_repair = common->may_compare = 0;
		if (filters.mode != SECCOMP_MODE_FILTER)
			continue;
		while (i < n && asked[i].n != filters.n)
			i++;
		if (i == n && n < KINDS_MAX && ask_filters(engine, thread, common, &can_return))
			asked[n++] = filters;
		else if (i == n)
			common->may_repair = common->may_compare = 0;
	}
	return can_return ? 0 : give_up(engine, "its seccomp filter does not allow a signal handler");
}

static int update(struct engine *engine)
{
	struct thread *paused = pause_for_writing(engine->proc);
	int r = areas_update(slots_areas(engine->slots));

	pause_end(engine->proc, paused);
	return r < 0 ? give_up(engine, strerror(-r)) : 0;
}

/* ---- what the program has set */

static const char answers_magic[16] = "virtrace answer";
enum { ANSWER_AT = 64 };

static bool is_answers_page(struct engine *engine, uint64_t page)
{
	char there[sizeof(answers_magic)];

	return page && rmem_read(engine->proc, page, there, sizeof(there)) == sizeof(there) &&
	       !memcmp(there, answers_magic, sizeof(there));
}

/* A page of memory in the process, mapped once; 0 or a negative errno. */
static int prepare_answers(struct engine *engine, const struct rcall *call)
{
	struct areas *areas = slots_areas(engine->slots);
	const struct area *area = areas->list.items;
	struct maps maps;

	if (is_answers_page(engine, areas->common.answers))
		return 0;
	int r = proc_maps(engine->proc, &maps);

	if (r < 0)
		return r;
	uint64_t page = areas_choose_address(&maps, area->lo, area->lo + area->size, PAGE);

	maps_free(&maps);
	r = page ? rcall_map(call, page, PAGE, PROT_READ | PROT_WRITE) : -ENOTSUP;
	if (r == 0)
		r = rmem_write(engine->proc, page, answers_magic, sizeof(answers_magic));
	if (r == 0)
		areas->common.answers = page;
	return r;
}

static int take_answer(struct engine *engine, struct kernel_action *ret)
{
	uint64_t at = slots_areas(engine->slots)->common.answers + ANSWER_AT;

	return rmem_read(engine->proc, at, ret, sizeof(*ret)) == sizeof(*ret) ? 0 : -EFAULT;
}

static int clear_answer(struct engine *engine)
{
	static const struct kernel_action nothing;

	return rmem_write(engine->proc, slots_areas(engine->slots)->common.answers + ANSWER_AT, &nothing, sizeof(nothing));
}

static int ask_action(struct engine *engine, const struct rcall *call, void *arg)
{
	int r = prepare_answers(engine, call);

	if (r == 0)
		r = clear_answer(engine);
	if (r == 0)
		r = rcall_get_action(call, SIGTRAP, slots_areas(engine->slots)->common.answers + ANSWER_AT);
	return r < 0 ? r : take_answer(engine, arg);
}

static uint64_t address_of_ours(struct engine *engine)
{
	return slots_areas(engine->slots)->list.items[0].lo + offsetof(struct area_header, ours);
}

static uint64_t address_of_before(struct engine *engine)
{
	return slots_areas(engine->slots)->list.items[0].lo + offsetof(struct area_header, before);
}

static int catch(struct engine *engine, const struct rcall *call, void *arg)
{
	(void)arg;
	return rcall_catch_signal(call, SIGTRAP, address_of_ours(engine));
}

/* What was there before is told by the same call. */
static int replace(struct engine *engine, const struct rcall *call, void *arg)
{
	int r = clear_answer(engine);

	if (r == 0)
		r = rcall_replace_action(call, SIGTRAP, address_of_ours(engine),
					 slots_areas(engine->slots)->common.answers + ANSWER_AT);
	return r < 0 ? r : take_answer(engine, arg);
}

/* ---- installing ours */

/*
 * All signals are blocked in ours: no other handler runs while SIGTRAP is (SA_NODEFER: it is not).  It runs on the stack that the
 * program's own would run on, and returns by the same code.
 */
static struct kernel_action our_action(struct engine *engine, const struct kernel_action *before)
{
	const struct area *area = slots_areas(engine->slots)->list.items;
	bool theirs = before->handler > (uint64_t)SIG_IGN;
	struct gadgets gadgets;
	uint64_t restorer = gadgets_find(engine->proc, &gadgets) == 0 ? gadgets.restorer : area_entry(area, inside_restorer);

	return (struct kernel_action){
		.handler = area_entry(area, inside_handler),
		.flags = SA_SIGINFO | SA_RESTORER_FLAG | SA_NODEFER |
			 (theirs ? before->flags & (SA_ONSTACK | SA_RESTART) : (uint64_t)SA_ONSTACK),
		.restorer = theirs ? before->restorer : restorer,
		.mask = ~0ull & ~trap_bit,
	};
}

static int install(struct engine *engine, const struct kernel_action *before)
{
	struct area_header *common = &slots_areas(engine->slots)->common;
	bool theirs = before->handler > (uint64_t)SIG_IGN;

	common->before = *before;
	common->ours = our_action(engine, before);
	int r = update(engine);

	KILL_POINT("handler-described");
	if (r == 0 && engine_rcall(engine, theirs ? replace : catch, &common->before) < 0)
		r = give_up(engine, err_text());
	KILL_POINT("handler-installed");
	return r == 0 && theirs ? update(engine) : r; /* it may have set another one meanwhile */
}

void protect_set_own(struct engine *engine, const struct kernel_action *action)
{
	struct area_header *common = &slots_areas(engine->slots)->common;
	struct gadgets gadgets = { 0 };

	gadgets_find(engine->proc, &gadgets);
	common->before = *action;
	common->before.flags |= SA_RESTORER_FLAG;
	common->before.restorer = gadgets.restorer;
	common->ours = our_action(engine, &common->before);
	update(engine);
	KILL_POINT("own-action-noted");
	engine->handler_reset = true;
}

/* SIGTRAP is caught: by the program, or by a handler that a killed tracer left. */
static int replace_handler(struct engine *engine)
{
	const struct area_header *common = &slots_areas(engine->slots)->common;
	struct kernel_action before;

	if (engine_rcall(engine, ask_action, &before) < 0)
		return give_up(engine, err_text());
	if (common->ours.handler && before.handler == common->ours.handler)
		return 0;
	if (before.flags & SA_RESETHAND || !(before.flags & SA_RESTORER_FLAG))
		return give_up(engine, "it has a handler of SIGTRAP that cannot be called for it");
	return install(engine, &before);
}

/* Its pid as it knows it itself: proc_pid_status(5), the last one of "NSpid:". */
static pid_t own_pid(struct engine *engine)
{
	char text[4096], *line;
	pid_t pid = engine->proc->pid;

	proc_read(text, sizeof(text), "/proc/%d/status", (int)pid);
	line = strstr(text, "\nNSpid:");
	for (char *end = line ? line + strcspn(line + 1, "\n") + 1 : NULL; end && end[-1] >= '0' && end[-1] <= '9'; end--)
		line = end - 1;
	return line && line[0] != '\n' ? atoi(line) : pid;
}

static void describe(struct engine *engine, struct area_header *common)
{
	common->pid = own_pid(engine);
	snprintf(common->status_path, sizeof(common->status_path), "/proc/%d/status", (int)common->pid);
	strcpy(common->tracer_line, "\nTracerPid:\t");
}

static int protect(struct engine *engine)
{
	struct areas *areas = slots_areas(engine->slots);
	uint64_t caught = 0, ignored = 0;

	describe(engine, &areas->common);
	/* A handler that a killed tracer left, and that is at work still, is to leave alone what will be planted now. */
	if (areas->list.n && update(engine) < 0)
		return -ENOTSUP;
	if (!areas->list.n && engine_reserve(engine, engine->lowest, engine->lowest, 1) < 0)
		return give_up(engine, err_text());
	proc_status(engine->proc->live, "SigCgt", 16, &caught);
	proc_status(engine->proc->live, "SigIgn", 16, &ignored);
	int r = check_filters(engine, &areas->common);

	if (r == 0)
		r = caught & trap_bit ? replace_handler(engine)
				      : install(engine, &(struct kernel_action){
						.handler = (uint64_t)(ignored & trap_bit ? SIG_IGN : SIG_DFL) });
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
		    proc_status(thread->tid, "SigCgt", 16, &caught) == 0 && !(caught & trap_bit))
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

void protect_tell_guardian(struct engine *engine)
{
	struct guarded *shared = engine->guardian.shared;

	if (!shared)
		return;
	shared->fragile = !engine->protected;
	shared->before_at = engine->protected ? address_of_before(engine) : 0;
}

void protect_start(struct engine *engine)
{
	engine->protected = protect(engine) == 0;
	if (engine->protected && !engine->held)
		wait_for_children(engine);
	note_masks(engine);
	if (engine->protected && engine->proc->poke)
		snprintf(engine->unprotected, sizeof(engine->unprotected),
			 "its code cannot be written through /proc/PID/mem (%s%s), so only 'virtrace repair' could restore it",
			 strerror(engine->proc->write_error),
			 engine->proc->write_error == EIO ? ", as the kernel's proc_mem.force_override=never does it" : "");
	protect_tell_guardian(engine);
	if (!engine->protected)
		log_debug("protect", "no handler in the process: %s", engine->unprotected);
}

void protect_leave_child(struct engine *engine, struct thread *child)
{
	struct rcall call;
	struct rcall_way way;

	if (!engine->protected || proc_open(child->tid, &call.proc) < 0)
		return;
	call.proc->gadgets = engine->proc->gadgets;
	if (rcall_prepare_action(&call, child, NULL, SIGTRAP, address_of_before(engine), &way) == 0)
		thread_set_regs(child, &way.call);
	KILL_POINT("child-sent");
	proc_close(call.proc);
}

/* The thread has to run for it; a bound, as others may find the process as it was.  One that job control has stopped does not run. */
static void wait_until_gone(struct engine *engine, pid_t tid)
{
	static const struct timespec pause = { 0, 200 * 1000 };
	uint64_t caught = trap_bit;

	for (int i = 0; i < GONE_WAIT_MS * 5 && caught & trap_bit && proc_state(tid, tid) != 'T'; i++) {
		guardian_beat(&engine->guardian);
		nanosleep(&pause, NULL);
		if (proc_status(engine->proc->pid, "SigCgt", 16, &caught) < 0)
			return;
	}
}

bool protect_end(struct engine *engine, struct thread *thread)
{
	struct rcall call = { .proc = engine->proc };

	if (rcall_set_action_and_detach(&call, thread, SIGTRAP, address_of_before(engine)) < 0)
		return false;
	KILL_POINT("handler-leaves");
	if (slots_areas(engine->slots)->common.before.handler <= (uint64_t)SIG_IGN)
		wait_until_gone(engine, thread->tid);
	return true;
}
