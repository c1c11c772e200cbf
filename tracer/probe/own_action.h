/**
 * What the program itself sets for SIGTRAP while it is traced.
 */
#ifndef PROBE_OWN_ACTION_H
#define PROBE_OWN_ACTION_H

#include <stdbool.h>

struct engine;
struct thread;
struct user_regs_struct;

/** Watch libc's sigaction(), if it is there and is not watched yet. */
void own_action_watch(struct engine *engine);

/**
 * A thread stands at its entry.  If it calls for SIGTRAP that is done, and `regs` are those with which it returns; else false: it has to
 * make the call itself.
 */
bool own_action_call(struct engine *engine, struct thread *thread, struct user_regs_struct *regs);

#endif
