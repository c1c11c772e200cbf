/**
 * Undoing what a journal tells of, from outside.
 */
#ifndef PROBE_REPAIR_H
#define PROBE_REPAIR_H

#include <stdbool.h>
#include <stddef.h>

struct journal_file;
struct proc;

struct repair_result {
	size_t restored; /**< an int3 of ours was there: replaced by what was there before */
	size_t clean;    /**< nothing was to be done */
	size_t changed;  /**< other code is there now, or it is not mapped any more: left alone */
	size_t failed;   /**< could not be written */
};

/**
 * Restore each site through `mem_fd`, an open /proc/PID/mem.  A byte is written only where the rest of the instruction is what the
 * journal says.  `is_same` is asked for each module (index, or JOURNAL_NO_MODULE) whether it is still the one of the
 * journal; NULL: not asked.  No ptrace, no stop, no allocation.
 */
void repair_sites(const struct journal_file *file, int mem_fd, bool (*is_same)(void *ctx, unsigned module), void *ctx,
		  struct repair_result *ret);

/**
 * The same for a process that runs and is not traced, with each module's build-id compared first.  Where /proc/PID/mem may not be
 * written one of its threads is stopped for a moment.  0 or a negative errno.
 */
int repair_process(struct proc *proc, const struct journal_file *file, struct repair_result *ret);

#endif
