/**
 * Exit statuses of virtrace.
 */
#ifndef CMD_EXIT_H
#define CMD_EXIT_H

enum {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_USAGE = 2,
	EXIT_TARGET_ENDED = 3,
	EXIT_NO_PROBE = 4,
	EXIT_PERMISSION = 5,
};

/** The exit status for a negative errno of looking at or attaching to a process. */
int exit_status(int error);

#endif
