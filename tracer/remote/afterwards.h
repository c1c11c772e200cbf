/**
 * Taking a signal handler of ours out of a process when its tracer is dead.
 */
#ifndef REMOTE_AFTERWARDS_H
#define REMOTE_AFTERWARDS_H

#include <stdint.h>
#include <sys/types.h>

/**
 * Have `sig`, of which none will be made any more, handled by `action` (an address in the process).  Only when no thread can be about to
 * call the handler, and one can make the system call without harm: else -EAGAIN, and nothing is done.  Who calls this has to end then:
 * that lets go whoever is stopped.
 */
int afterwards_set_action(pid_t pid, int sig, uint64_t action);

#endif
