#include "tracer/remote/lifeline.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int lifeline_attach(pid_t tid)
{
	return ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACEEXIT) < 0 ? -errno : 0;
}

enum lifeline_event lifeline_next(pid_t tid)
{
	int status;

	for (;;) {
		pid_t r = waitpid(tid, &status, __WALL | WNOHANG);

		if (r == 0)
			return LIFELINE_NOTHING;
		if (r < 0 || !WIFSTOPPED(status))
			return LIFELINE_ENDED;
		int sig = WSTOPSIG(status), event = status >> 16;

		if (event == PTRACE_EVENT_EXIT)
			return LIFELINE_ENDING;
		if (event == PTRACE_EVENT_STOP && sig != SIGTRAP)
			ptrace(PTRACE_LISTEN, tid, NULL, NULL);
		else
			ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)(event ? 0 : sig));
	}
}

void lifeline_let_end(pid_t tid)
{
	ptrace(PTRACE_CONT, tid, NULL, NULL);
}

void lifeline_let_go(pid_t tid)
{
	int status;

	/* Only a thread that is stopped can be detached from; a signal that it is about to get, it gets. */
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	if (waitpid(tid, &status, __WALL) < 0 || !WIFSTOPPED(status))
		return;
	int sig = status >> 16 ? 0 : WSTOPSIG(status);

	ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)sig);
}
