/**
 * The guardian: a process that outlives the tracer and puts right what a killed or hung one leaves.
 */
#ifndef PROBE_GUARDIAN_H
#define PROBE_GUARDIAN_H

#include <stdbool.h>
#include <stdint.h>

struct journal;
struct repair_target;

/** What both see. */
struct guarded {
	volatile uint64_t beat;      /**< rises while the tracer is alive and well */
	volatile uint32_t dismissed; /**< the tracer has put everything right itself */
	volatile uint32_t fragile;   /**< the target would not outlive the tracer: it has no handler */
	volatile uint64_t before_at; /**< where in the target is what SIGTRAP did there before our handler; 0: that is not installed */
	volatile int32_t guardian;   /**< its pid */
	volatile uint32_t may_watch; /**< the tracer allows to be traced */
	volatile uint32_t watches;   /**< the guardian is ready */
};

struct guardian {
	struct guarded *shared; /**< NULL: it has left the target alone, or was never started */
	int life; /**< write end of a pipe: closed by the kernel when all threads of ours are gone */
};

/** What it does for our owner when we have been killed, the target is as it was before, and no thread of ours is left. */
struct last_will {
	int files[2]; /**< that are needed for it */
	/** Called with them in the guardian's process, where it may allocate, but finds no other file open. */
	void (*execute)(const int files[2]);
};

/**
 * Start it for the process that `target` and the journal belong to, before that is attached to, or when its guardian is gone.
 * `will` may be NULL.  0 or a negative errno.
 */
int guardian_start(const struct journal *journal, const struct repair_target *target, const struct last_will *will,
		   struct guardian *ret);

/** To be called every few ms while threads of the target may be stopped. */
static inline void guardian_beat(const struct guardian *guardian)
{
	if (guardian->shared)
		guardian->shared->beat++;
}

/** Whether it lives, or has been dismissed. */
bool guardian_is_there(const struct guardian *guardian);
/** It was killed. */
void guardian_forget(struct guardian *guardian);

/** It has nothing to do for the target any more (`clean`), or has to look whether there is. */
void guardian_stop(struct guardian *guardian, bool clean);
/** Nor for our owner: it goes. */
void guardian_dismiss(struct guardian *guardian);

#endif
