/**
 * The stacks of the process on which calls are open: each has its shadow (callstack.h).
 */
#ifndef PROBE_STACKS_H
#define PROBE_STACKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/base/array.h"
#include "tracer/probe/callstack.h"

struct proc;
struct tracee;
struct user_regs_struct;

enum { STACKS_IN_STOCK = 4 };

struct stacks {
	ARRAY(struct callstack *) list;
	struct callstack *stock[STACKS_IN_STOCK]; /**< for stacks to come; made when no thread is held */
	size_t n_stock;
};

/** The stack that a stopped thread with these registers is on; NULL if there was no memory to know it. */
struct callstack *stacks_at(struct stacks *stacks, struct proc *proc, struct tracee *tracee,
			    const struct user_regs_struct *regs, uint64_t now_ns);

/**
 * What a signal handler interrupted, if that is what runs on a stack that is not the thread's own: the stack pointer then; 0 if not.
 */
uint64_t stacks_interrupted(struct proc *proc, uint64_t rsp);

/** The one in whose memory this is, of nobody else's threads; NULL if none is known. */
struct callstack *stacks_find(const struct stacks *stacks, uint64_t rsp, pid_t tid);

/** The one that thread `tid` was made with; NULL if it was not seen on it. */
struct callstack *stacks_of(const struct stacks *stacks, pid_t tid);

/** Fill up what stacks_at() needs. */
void stacks_refill(struct stacks *stacks);

/** Let those go on which nothing is open, and that nobody was seen on lately. */
void stacks_tidy(struct stacks *stacks, struct proc *proc, uint64_t now_ns);

void stacks_fini(struct stacks *stacks);

#endif
