/**
 * On which CPU the thread that traces runs: near the thread that it serves most.
 *
 * Only the affinity of the calling thread is ever changed, never that of the traced process.
 */
#ifndef REMOTE_PLACEMENT_H
#define REMOTE_PLACEMENT_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

/** Of the thread that calls; its own from placement_start() to placement_stop(). */
struct placement {
	cpu_set_t allowed;    /**< where it may run */
	int cpu;              /**< the only one where it runs now; -1: any of `allowed` */
	int seen;             /**< where the thread that was looked at last had run */
	unsigned agreed;      /**< how many looks before that found the same */
	unsigned crowded;     /**< looks in a row that found us waiting for `cpu` */
	uint64_t stops, waited_ns; /**< since the last look; for a CPU, in all */
	uint64_t looked_ns, look_ns; /**< the latest look, and when the next one is due after it: seldom where all is settled */
	uint64_t served_ns, free_until_ns;
};

void placement_start(struct placement *placement);
void placement_stop(struct placement *placement);

/** The thread `tid` of process `pid` was served, and runs again. */
void placement_follow(struct placement *placement, pid_t pid, pid_t tid, uint64_t now_ns);
/** Nothing is to be served now; when that has lasted, run anywhere. */
void placement_idle(struct placement *placement, uint64_t now_ns);

#endif
