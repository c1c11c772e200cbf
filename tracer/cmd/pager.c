#include "tracer/cmd/pager.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t pager_pid;

static const char *pager_command(void)
{
	const char *pager = getenv("PAGER");

	if (!pager)
		return access("/usr/bin/less", X_OK) == 0 || access("/bin/less", X_OK) == 0 ? "less"
											    : NULL;
	return *pager && strcmp(pager, "cat") != 0 ? pager : NULL;
}

static void run_pager(const char *command, const int fds[2])
{
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	close(fds[1]);
	setenv("LESS", "FRX", 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

void pager_start(void)
{
	const char *command = isatty(STDOUT_FILENO) ? pager_command() : NULL;
	int fds[2];

	if (!command || pipe2(fds, 0) < 0)
		return;
	fflush(stdout);
	pager_pid = fork();
	if (pager_pid == 0)
		run_pager(command, fds);
	if (pager_pid > 0) {
		dup2(fds[1], STDOUT_FILENO);
		/*
		 * If the user leaves early, writing fails; we must live on to wait for the pager.
		 */
		signal(SIGPIPE, SIG_IGN);
		/* Ctrl-C is the pager's: less stops searching, and stays. */
		signal(SIGINT, SIG_IGN);
	}
	close(fds[0]);
	close(fds[1]);
}

void pager_finish(void)
{
	if (pager_pid <= 0)
		return;
	fflush(stdout);
	close(STDOUT_FILENO);
	while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
		;
	pager_pid = 0;
}
