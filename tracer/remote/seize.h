/**
 * Becoming the tracer of all tasks that run in a process' memory.
 */
#ifndef REMOTE_SEIZE_H
#define REMOTE_SEIZE_H

#include <stddef.h>

struct proc;

/** Options of every task that is traced: PTRACE_O_… */
extern const long seize_options;

struct seize_result {
	size_t n_new;       /**< tasks seized by this pass */
	size_t n_unsettled; /**< tasks that may still be making an untraced one; they were asked to stop */
	size_t n_in_vfork;  /**< tasks that seem to wait for a child that is traced, and cannot stop */
};

/**
 * One pass over all tasks.  To be repeated, serving events in between (which settles), until
 * nothing is new or unsettled. After an error some tasks may be seized: they have to be detached
 * like after success.
 */
int seize_pass(struct proc *proc, struct seize_result *ret);

#endif
