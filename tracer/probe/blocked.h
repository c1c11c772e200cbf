/**
 * Threads that hit an int3 while SIGTRAP is blocked: what that does to their signal mask and to the handler of SIGTRAP is undone.
 */
#ifndef PROBE_BLOCKED_H
#define PROBE_BLOCKED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

struct engine;
struct thread;

/** Note the mask of a thread that has not hit anything yet, stopped or not. */
void blocked_note(struct thread *thread);

/**
 * A thread stands behind an int3.  If it had SIGTRAP blocked it is sent to `slot` and has it blocked again; whether it was.
 */
bool blocked_restore(struct engine *engine, struct thread *thread, uint64_t slot);

/**
 * Have a stopped thread install the handler again on its way to registers `back` (NULL: where it is), if that is wanted and the
 * thread may.  It has still to be let go on; false if nothing was done.
 */
bool blocked_mend(struct engine *engine, struct thread *thread, const struct user_regs_struct *back);

/** The next stop, whatever it is for, of a thread that was sent to do that. */
void blocked_arrived(struct engine *engine, struct thread *thread);

/** Now and then, when nothing waits to be served. */
void blocked_look_again(struct engine *engine);

#endif
