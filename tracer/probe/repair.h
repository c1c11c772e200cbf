/**
 * Undoing what a journal tells of, from outside.
 */
#ifndef PROBE_REPAIR_H
#define PROBE_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct journal_file;
struct proc;

struct repair_result {
	size_t restored; /**< an int3 of ours was there: replaced by what was there before */
	size_t clean;    /**< nothing was to be done */
	size_t changed;  /**< other code is there now, or it is not mapped any more: left alone */
	size_t unsure;   /**< an int3 that may be ours, in code that was changed besides: left alone */
	size_t failed;   /**< could not be written */
};

/** Whether nothing of ours is left. */
static inline bool repair_is_complete(const struct repair_result *result)
{
	return !result->unsure && !result->failed;
}

/** A process, or a copy of one: open files of its memory and its maps, opened before it was looked at. */
struct repair_target {
	int mem_fd, maps_fd; /**< of /proc/PID/mem and /proc/PID/maps */
	pid_t child;         /**< if not 0: it stands in a stop of ours, so that its memory can be written without mem_fd, too */
};

/** Restore each site that is still ours (place.h).  No ptrace, no stop, no allocation; for one thread of ours at a time. */
void repair_sites(const struct journal_file *file, const struct repair_target *target, struct repair_result *ret);

/**
 * The same for a process that runs and is not traced, with each module's build-id compared first.  Where /proc/PID/mem may not be
 * written one of its threads is stopped for a moment.  0 or a negative errno.
 */
int repair_process(struct proc *proc, const struct journal_file *file, struct repair_result *ret);

#endif
