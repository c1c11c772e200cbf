/**
 * Starting a command under trace.
 */
#ifndef REMOTE_SPAWN_H
#define REMOTE_SPAWN_H

#include <sys/types.h>

/**
 * Start `argv` (searched in PATH), seized, stopped at the first instruction of the new program: it
 * is waited for with event_of(), which says EVENT_EXECED.  -ENOENT and the like if it cannot be
 * executed.
 */
int spawn_traced(char *const argv[], pid_t *ret);

#endif
