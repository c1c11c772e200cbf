/**
 * Sites in restartable sequences (rseq(2)): a breakpoint interrupts one each time, and so it would never end.
 */
#ifndef PROBE_SEQUENCES_H
#define PROBE_SEQUENCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

struct engine;
struct probe_code;
struct proc;
struct site;
struct thread;

/** 0, or -ENOTSUP with the reason if the function's entry or one of its exits is in a sequence that its file tells of. */
int sequences_check(struct proc *proc, const struct probe_code *code);

/**
 * A thread has hit a site (rip is its address).  True if it was in a sequence: then rip is where it has to go on, nothing is to be
 * recorded, and the site is let go.
 */
bool sequences_interrupted(struct engine *engine, const struct thread *thread, struct site *site, struct user_regs_struct *regs);

#endif
