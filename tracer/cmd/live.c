#include "tracer/cmd/live.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/err.h"

/* In the child.  Ctrl-C is for the recording, whose end is its end; so is our death. */
static void follow_trace(const char *trace, pid_t parent)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent)
		execl("/proc/self/exe", "virtrace", "report", "--follow", "--", trace, (char *)NULL);
	_exit(127);
}

int live_start(const char *trace, pid_t *ret)
{
	/* a copy of our address space would cost the threads that trace */
	pid_t parent = getpid(), pid = vfork();

	if (pid < 0)
		return err_set(-errno, "--live: cannot start a process: %s", strerror(errno));
	if (pid == 0)
		follow_trace(trace, parent);
	*ret = pid;
	return 0;
}

void live_finish(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		kill(pid, SIGTERM);
}
