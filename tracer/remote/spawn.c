/*
 * The child waits on a pipe until it is seized, then execs.  The other pipe is closed by a
 * successful exec, and carries errno otherwise.  PTRACE_TRACEME would do with less, but makes a
 * tracee of the old kind: without PTRACE_LISTEN, and with a SIGTRAP sent at exec.
 */
#include "tracer/remote/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/remote/event.h"
#include "tracer/remote/seize.h"

static void run_child(char *const argv[], int go_fd, int error_fd)
{
	char byte;
	sigset_t none;

	while (read(go_fd, &byte, 1) < 0 && errno == EINTR)
		;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	int error = errno;

	if (write(error_fd, &error, sizeof(error)) != sizeof(error))
		_exit(126);
	_exit(127);
}

/*
 * Returns when the child stands at the new program's first instruction, or its exec failed.  At the
 * stop of PTRACE_EVENT_EXEC it is still inside execve, whose result is yet to be put into rax, so
 * it gets one more stop on its way out.
 */
static int wait_for_exec(pid_t pid, int error_fd, const char *name)
{
	struct event event = { .kind = EVENT_NONE };
	bool execed = false;
	int error = 0;

	while (!execed || event.kind != EVENT_PAUSED) {
		siginfo_t info;

		/*
		 * Blocks until something happened; a closed pipe alone would not mean that the stop
		 * is there.
		 */
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | __WALL | WNOWAIT) < 0 && errno != EINTR)
			return err_set(-errno, "lost the command: %s", strerror(errno));
		if (event_of(pid, &event) < 0)
			return err_set(-ECHILD, "lost the command");
		if (event.kind == EVENT_EXITED || event.kind == EVENT_KILLED) {
			event_reap(pid);
			if (read(error_fd, &error, sizeof(error)) != sizeof(error))
				error = ECANCELED;
			return err_set(-error, "cannot run %s: %s", name, strerror(error));
		}
		if (event.kind == EVENT_EXECED) {
			execed = true;
			ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		}
		if (event.kind != EVENT_NONE && !(execed && event.kind == EVENT_PAUSED))
			ptrace(PTRACE_CONT, pid, NULL, (void *)(long)(event.kind == EVENT_SIGNAL ? event.value : 0));
	}
	return 0;
}

int spawn_traced(char *const argv[], pid_t *ret)
{
	int go[2], error[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_set(-errno, "pipe: %s", strerror(errno));
	if (pipe2(error, O_CLOEXEC) < 0) {
		close(go[0]);
		close(go[1]);
		return err_set(-errno, "pipe: %s", strerror(errno));
	}
	pid_t pid = fork();

	if (pid == 0) {
		close(go[1]);
		run_child(argv, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	int r = pid < 0 ? err_set(-errno, "cannot fork: %s", strerror(errno)) : 0;

	if (r == 0 && ptrace(PTRACE_SEIZE, pid, NULL, seize_options) < 0)
		r = err_set(-errno, "cannot trace a command: %s", strerror(errno));
	if (r < 0 && pid > 0)
		kill(pid, SIGKILL);
	close(go[1]); /* lets it run */
	if (r == 0)
		r = wait_for_exec(pid, error[0], argv[0]);
	else if (pid > 0)
		event_reap(pid);
	close(error[0]);
	if (r == 0)
		*ret = pid;
	return r;
}
