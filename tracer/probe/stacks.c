/*
 * Which stack is a thread on?
 *
 * The one whose memory its stack pointer lies in.  What memory that is the kernel tells (/proc/PID/maps), which takes long; so it is
 * remembered, and asked again only for a stack pointer that is in none that is known.
 *
 *	a thread's own      the first thread's is called so by the kernel; that of another one ends where its TCB begins, which
 *	                    libraries of threads put on top of it (fs base).  It stays what it is as long as the thread lives.
 *	guarded             there is memory right below that may not be touched: as one makes a stack, so it is taken for one
 *	shared              anything else: malloc, a large mapping, a static array.  There may be more stacks in it (callstack.c)
 *
 * Stacks of the last two kinds (coroutines, signal handlers) may go to other threads, and come and go: what is known of their memory
 * is believed for a while only.
 */
#include "tracer/probe/stacks.h"

#include <stdlib.h>
#include <sys/user.h>

#include "tracer/probe/engine_state.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

static const uint64_t believed_ns = 1000 * 1000 * 1000;
static const uint64_t page = 4096;
static const uint64_t main_stack_room = 8 << 20; /* the kernel maps nothing there by itself (mm/util.c, mmap_base) */

static bool holds(const struct callstack *stack, uint64_t addr)
{
	return addr >= stack->lo && addr < stack->hi;
}

static bool is_known(const struct callstack *stack, uint64_t rsp, uint64_t now_ns)
{
	return holds(stack, rsp) && (stack->owner || now_ns - stack->found_ns < believed_ns);
}

/* Of a thread that has ended the kernel tells no mapping: then another one is asked. */
static bool look_around(struct proc *proc, uint64_t addr, struct surroundings *ret)
{
	return maps_around(proc->live, addr, ret) || (proc_find_live(proc) == 0 && maps_around(proc->live, addr, ret));
}

/* Two threads may have been given stacks in one mapping. */
static void keep_apart(struct stacks *stacks, struct callstack *stack)
{
	for (size_t i = 0; i < stacks->list.n; i++) {
		struct callstack *other = stacks->list.items[i];

		if (other == stack || !other->owner || other->owner == stack->owner)
			continue;
		if (other->hi < stack->hi && other->hi > stack->lo)
			stack->lo = other->hi;
		else if (other->hi >= stack->hi && other->lo < stack->hi)
			other->lo = stack->hi;
	}
}

/* What is known of the stack, from what is around its stack pointer. */
static void describe(struct callstack *stack, const struct surroundings *around, const struct tracee *tracee,
		     const struct user_regs_struct *regs, pid_t pid)
{
	bool is_own = tracee->tid == pid ? around->is_main_stack : regs->fs_base > regs->rsp && regs->fs_base < around->hi;
	uint64_t lo = around->lo, hi = is_own && !around->is_main_stack ? regs->fs_base : around->hi;

	if (around->is_main_stack && hi - lo < main_stack_room)
		lo = hi - main_stack_room; /* it grows as it is needed */
	bool is_less = stack->top && (lo > stack->lo || hi < stack->hi);

	stack->owner = is_own ? tracee->tid : 0;
	stack->is_shared = !is_own && (!around->is_guarded || is_less);
	stack->lo = lo;
	stack->hi = hi;
}

/* No other thread's own. */
struct callstack *stacks_find(const struct stacks *stacks, uint64_t rsp, pid_t tid)
{
	for (size_t i = 0; i < stacks->list.n; i++) {
		struct callstack *stack = stacks->list.items[i];

		if (holds(stack, rsp) && (!stack->owner || stack->owner == tid))
			return stack;
	}
	return NULL;
}

static struct callstack *add(struct stacks *stacks)
{
	struct callstack *stack = stacks->n_stock ? stacks->stock[--stacks->n_stock] : calloc(1, sizeof(*stack));
	struct callstack **place = stack ? array_push(&stacks->list) : NULL;

	if (!place) {
		free(stack);
		return NULL;
	}
	*place = stack;
	return stack;
}

struct callstack *stacks_at(struct stacks *stacks, struct proc *proc, struct tracee *tracee,
			    const struct user_regs_struct *regs, uint64_t now_ns)
{
	struct surroundings around = { .lo = regs->rsp & ~(page - 1), .hi = (regs->rsp | (page - 1)) + 1 };

	if (tracee->stack && is_known(tracee->stack, regs->rsp, now_ns))
		return tracee->stack;
	struct callstack *stack = stacks_find(stacks, regs->rsp, tracee->tid);

	if (!stack)
		stack = add(stacks);
	if (stack && !is_known(stack, regs->rsp, now_ns)) {
		look_around(proc, regs->rsp, &around); /* nothing there: as if it were a page of its own */
		describe(stack, &around, tracee, regs, proc->pid);
		keep_apart(stacks, stack);
		stack->found_ns = now_ns;
	}
	tracee->stack = stack;
	return stack;
}

/*
 * The frame that the kernel makes for a handler (arch/x86/include/asm/sigframe.h, struct rt_sigframe) tells which stack it was put on,
 * and where the thread was before.  It lies above all that the handler has called.
 */
uint64_t stacks_interrupted(struct proc *proc, uint64_t rsp)
{
	enum { LINK = 2, STACK_SP = 3, STACK_SIZE = 5, SP = 21, FRAME = 22 };
	uint64_t words[512];
	size_t n = rmem_read(proc, rsp, words, sizeof(words)) / sizeof(*words);

	for (size_t i = 0; i + FRAME <= n; i++) {
		const uint64_t *frame = words + i;
		uint64_t lo = frame[STACK_SP], size = frame[STACK_SIZE];

		if (!frame[LINK] && rsp - lo < size && frame[SP] - lo >= size)
			return frame[SP];
	}
	return 0;
}

struct callstack *stacks_of(const struct stacks *stacks, pid_t tid)
{
	for (size_t i = 0; i < stacks->list.n; i++)
		if (stacks->list.items[i]->owner == tid)
			return stacks->list.items[i];
	return NULL;
}

void stacks_refill(struct stacks *stacks)
{
	if (stacks->n_stock == STACKS_IN_STOCK)
		return;
	array_reserve(&stacks->list, STACKS_IN_STOCK);
	while (stacks->n_stock < STACKS_IN_STOCK && (stacks->stock[stacks->n_stock] = calloc(1, sizeof(struct callstack))))
		stacks->n_stock++;
}

static void forget(struct proc *proc, const struct callstack *stack)
{
	struct thread *thread, *next;

	HASH_ITER(hh, proc->threads, thread, next) {
		struct tracee *tracee = thread->user;

		if (tracee && tracee->stack == stack)
			tracee->stack = NULL;
	}
}

void stacks_tidy(struct stacks *stacks, struct proc *proc, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < stacks->list.n; i++) {
		struct callstack *stack = stacks->list.items[i];

		if (stack->top || stack->owner || now_ns - stack->found_ns < believed_ns) {
			stacks->list.items[kept++] = stack;
			continue;
		}
		forget(proc, stack);
		free(stack);
	}
	stacks->list.n = kept;
}

void stacks_fini(struct stacks *stacks)
{
	for (size_t i = 0; i < stacks->list.n; i++)
		free(stacks->list.items[i]);
	array_free(&stacks->list);
	while (stacks->n_stock)
		free(stacks->stock[--stacks->n_stock]);
}
