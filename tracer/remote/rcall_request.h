/**
 * A system call that the traced process is to make: what rcall_calls.c asks for, and rcall.c has done.
 */
#ifndef REMOTE_RCALL_REQUEST_H
#define REMOTE_RCALL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/sigframe.h"

/* What is asked for, and what was found to do it with before any thread is stopped. */
struct request {
	const struct rcall *call;
	struct gadgets gadgets;
	const char *path; /* what openat opens: args[1]; of what mmap maps; or NULL */
	uint64_t nr, args[6];
	bool (*is_made)(const struct request *request); /* its effect is there */
	int (*outcome)(const struct request *request);  /* it was made, or never will be: 0 or an error with its text */
	bool makes_room; /* for the images of other calls, or takes it away: it has to do without */

	/* of the thread that makes it: */
	pid_t tid;
	struct sigframe frame;
};

/** Have it made, by the held thread or one that minds it least; the outcome, or an error as rcall_map() has them. */
int request_make(struct request *request);

/** Have memory mapped for the images of other calls; errors as rcall_map() has them. */
int request_make_room(const struct rcall *call);
/** Prepare it for a stopped thread that shall be at `back` afterwards (NULL: where it is); as rcall_prepare_action(). */
int request_prepare(struct request *request, struct thread *thread, const struct user_regs_struct *back, struct rcall_way *ret);

/** As rcall_set_action_and_detach(): the outcome is not waited for. */
int request_make_and_detach(struct request *request, struct thread *thread);

#endif
