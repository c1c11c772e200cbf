// a parent and its forked child, which call the same function all the time
// arguments: [SECONDS]
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline)) long both_f(long i)
{
	__asm__ volatile("" ::: "memory");
	return i * 3;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int c, char **v)
{
	double end = now() + (c > 1 ? atof(v[1]) : 2);
	pid_t child = fork();
	int status = 0;

	setvbuf(stdout, 0, _IOLBF, 0);
	if (child)
		printf("child %d\npid %d\n", child, getpid());
	for (long i = 0; now() < end; i++) {
		if (both_f(i) != 3 * i)
			_exit(1);
		usleep(1000);
	}
	if (child && waitpid(child, &status, 0) != child)
		return 2;
	return status != 0;
}
