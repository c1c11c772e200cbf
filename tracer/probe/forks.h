/**
 * Forks that are under way while text is restored.
 */
#ifndef PROBE_FORKS_H
#define PROBE_FORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FORKS_MAX = 2048 };

struct forks {
	size_t n;
	struct {
		pid_t tid;
		uint64_t run_ns;
	} makers[FORKS_MAX]; /**< threads that may be in a fork whose copy has our bytes */
};

/** When the text has just been restored.  Allocates nothing. */
void forks_note(struct forks *forks, pid_t pid);

/** Whether one of them may still be under way; if not, all their children are there to be seen. */
bool forks_go_on(struct forks *forks, pid_t pid);

#endif
