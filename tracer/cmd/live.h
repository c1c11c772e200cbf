/**
 * --live: what is recorded, shown while it is recorded.
 *
 * A process of its own follows the trace (follow.h): nothing of it can hold the recording up, nor the
 * target.
 */
#ifndef CMD_LIVE_H
#define CMD_LIVE_H

#include <sys/types.h>

/** Start it.  0 and its pid, or a negative errno with a message. */
int live_start(const char *trace, pid_t *ret);

/** Wait until it has shown all of a trace that is complete; a signal to us makes it leave sooner. */
void live_finish(pid_t pid);

#endif
