/**
 * Seeing a thread of ours end before it has ended: it is traced, for nothing but its exit.
 *
 * PTRACE_O_TRACEEXIT stops a thread at the beginning of do_exit(), also one that is killed with SIGKILL (kernel/signal.c,
 * get_signal takes the SIGKILL out of the pending signals before): it then still is the tracer of all that it traces.
 */
#ifndef REMOTE_LIFELINE_H
#define REMOTE_LIFELINE_H

#include <sys/types.h>

enum lifeline_event {
	LIFELINE_NOTHING,
	LIFELINE_ENDING, /**< it is held on its way out, until lifeline_let_end() or our end */
	LIFELINE_ENDED,  /**< or was never ours */
};

/** Begin to watch thread `tid`; its ordinary stops are answered by lifeline_next().  0 or a negative errno. */
int lifeline_attach(pid_t tid);

/** What there is to tell; never blocks.  SIGCHLD says that there may be something. */
enum lifeline_event lifeline_next(pid_t tid);

void lifeline_let_end(pid_t tid);
/** Watch one no more that is not ending; it is stopped for a moment. */
void lifeline_let_go(pid_t tid);

#endif
