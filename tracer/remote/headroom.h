/**
 * How much memory a process may still take, before the kernel kills somebody for it.
 */
#ifndef REMOTE_HEADROOM_H
#define REMOTE_HEADROOM_H

#include <stdint.h>
#include <sys/types.h>

struct headroom {
	uint64_t left;   /**< bytes; UINT64_MAX: nothing is known of a limit */
	uint64_t limit;  /**< of the memory cgroup that has the least left */
	char cgroup[256]; /**< its name; "": it is the machine's memory */
};

void headroom_read(pid_t pid, struct headroom *ret);

/** The same with the files below `root`, for tests: ROOT/proc/PID/cgroup, ROOT/proc/self/mountinfo, and mounts below ROOT. */
void headroom_read_below(const char *root, pid_t pid, struct headroom *ret);

#endif
