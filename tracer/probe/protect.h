/**
 * The handler of SIGTRAP in the traced process, with which it outlives a tracer that is killed (inside.c).
 */
#ifndef PROBE_PROTECT_H
#define PROBE_PROTECT_H

#include <stdbool.h>

struct engine;
struct kernel_action;
struct thread;

/**
 * Install it, before the first int3.  Where that cannot be, engine->unprotected says why; tracing is possible all the same.
 */
void protect_start(struct engine *engine);

/** What the guardian has to know of the handler. */
void protect_tell_guardian(struct engine *engine);

/** The program has set this action, whose restorer is libc's.  handler_reset: ours has to be installed anew. */
void protect_set_own(struct engine *engine, const struct kernel_action *action);

/**
 * A forked child in its first stop has our handler, too: have it install what the program has set, on its way.  What it does not let us do
 * is left: the handler is harmless.
 */
void protect_leave_child(struct engine *engine, struct thread *child);

/**
 * Detach from the last thread, which is paused; it takes the handler out on its way.  False if it cannot do that now without harm:
 * then it is still attached.
 */
bool protect_end(struct engine *engine, struct thread *thread);

#endif
