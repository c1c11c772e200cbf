/**
 * Stopping one thread for a moment, one that minds it least.
 */
#ifndef REMOTE_PAUSE_H
#define REMOTE_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tracer/remote/waits.h"

struct proc;
struct thread;

enum { CANDIDATES_MAX = 64 }; /* of a process with thousands of threads these do */

struct candidate {
	pid_t tid;
	enum wait wait;
};

/** Threads of the process, those first that mind a stop least; returns how many (at most CANDIDATES_MAX). */
size_t pause_candidates(struct proc *proc, struct candidate *list);

/**
 * Stop a thread; false if it does not within a few ms, or stops for something else, which is left
 * for others to see. Then it stands in an EVENT_PAUSED stop, and proc->stopped is set; no signal of
 * an instruction waits for it.
 */
bool pause_thread(struct proc *proc, struct thread *thread);
/** Let it go on after that. */
void pause_end(struct proc *proc, struct thread *thread);

/**
 * Text can only be written with a stopped thread where /proc/PID/mem is closed (proc->poke): stop
 * one if none is.  Returns the thread to give back to pause_end(), NULL if nothing was needed.
 * Nests.
 */
struct thread *pause_for_writing(struct proc *proc);

#endif
