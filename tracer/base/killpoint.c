#include "tracer/base/killpoint.h"

#ifdef VIRTRACE_KILL_POINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void kill_point(const char *name)
{
	static unsigned long passed;
	const char *at = getenv("VIRTRACE_KILL_AT");
	size_t len = strlen(name);

	if (!at || strncmp(at, name, len) != 0 || (at[len] && at[len] != ':'))
		return;
	if (++passed < (at[len] ? strtoul(at + len + 1, NULL, 10) : 1))
		return;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}
#endif
