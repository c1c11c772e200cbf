#include "tracer/cmd/package.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* First line that a program prints; the path of a traced process' file goes to it as an argument, never to a shell. */
static int first_line(char *const argv[], char *buf, size_t len)
{
	posix_spawn_file_actions_t actions;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	int r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);

	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	FILE *out = r == 0 ? fdopen(fds[0], "r") : NULL;

	if (!out) {
		close(fds[0]);
		return -ENOENT;
	}
	char *line = fgets(buf, (int)len, out);

	while (fgetc(out) != EOF)
		;
	fclose(out);
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!line || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -ENOENT;
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* "libvirt0:amd64: /usr/lib/…": the package's name is before the first colon.  Merged /usr may be known as /lib. */
static int debian_package(const char *path, char *buf, size_t len)
{
	char *argv[] = { (char *)"dpkg-query", (char *)"--search", (char *)path, NULL };
	int r = first_line(argv, buf, len);

	if (r < 0 && !strncmp(path, "/usr/", 5)) {
		argv[2] = (char *)path + 4;
		r = first_line(argv, buf, len);
	}
	buf[r ? 0 : strcspn(buf, ":")] = '\0';
	return r;
}

static int rpm_package(const char *path, char *buf, size_t len)
{
	char *argv[] = { (char *)"rpm", (char *)"--query", (char *)"--file", (char *)"--queryformat",
			 (char *)"%{NAME}\n", (char *)path, NULL };

	return first_line(argv, buf, len);
}

int package_debug_command(const char *path, char *buf, size_t len)
{
	char package[256];

	if (strpbrk(path, "*?[\\")) /* dpkg-query would take it for a pattern, and answer for other files */
		return -ENOENT;
	if (debian_package(path, package, sizeof(package)) == 0)
		snprintf(buf, len, "apt install %s-dbgsym   (from the debug archive of your release)", package);
	else if (rpm_package(path, package, sizeof(package)) == 0)
		snprintf(buf, len, "dnf debuginfo-install %s", package);
	else
		return -ENOENT;
	return 0;
}
