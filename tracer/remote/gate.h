/**
 * What may stand in the way of tracing a process, looked at before anything is done to it.
 *
 * The kernel answers only EPERM (kernel/ptrace.c, __ptrace_may_access); which gate was closed has to be found out gate by gate.
 */
#ifndef REMOTE_GATE_H
#define REMOTE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum gate_state {
	GATE_OPEN,
	GATE_NOTE,   /**< may matter: `text` says how */
	GATE_CLOSED,
};

struct gate {
	const char *name;
	enum gate_state state;
	int error;         /**< CLOSED: negative errno */
	char text[256];    /**< what was found */
	char remedy[256];  /**< CLOSED: what to do; "" if nothing helps */
};

enum { GATE_COUNT = 6 };

/** Look at every gate, in order: process, machine, owner, code, tracer, seccomp. */
void gate_list(pid_t pid, struct gate gates[GATE_COUNT]);

/** 0, or the error of the first closed gate with message and remedy: -ESRCH, -ENOTSUP, -EPERM, -EBUSY. */
int gate_check(pid_t pid);

#endif
