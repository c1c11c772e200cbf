// as remap, when it gets SIGUSR1, and forks children that look at their copy of the data: it may not change, neither while they are traced nor when
// the tracer is killed
// arguments: LIBRARY (remap_lib.c) [CHILDREN]
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static void tell(int sig)
{
	told = sig;
}

int main(int c, char **v)
{
	int children = c > 2 ? atoi(v[2]) : 100, status;
	void *h = c > 1 ? dlopen(v[1], RTLD_NOW) : 0;
	long (*f)(long) = h ? (long (*)(long))dlsym(h, "remap_fn") : 0;
	unsigned char *p = (unsigned char *)((uintptr_t)f & ~4095ul);

	signal(SIGUSR1, tell);
	setvbuf(stdout, 0, _IOLBF, 0);
	if (!f)
		return 2;
	printf("pid %d\n", getpid());
	for (long i = 0; i < 30000 && !told; i++) {
		if (f(i) != i + 1)
			return 3;
		usleep(1000);
	}
	mmap(p, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(p, 0xcc, 4096);
	printf("remapped\n");
	for (int k = 0; k < children; k++) {
		pid_t pid = fork();
		if (pid == 0) {
			for (int i = 0; i < 4096; i++)
				if (p[i] != 0xcc)
					_exit(1);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status) {
			fprintf(stderr, "data changed in child %d\n", k);
			_exit(1);
		}
		usleep(10000);
	}
	printf("data as it was\n");
	_exit(0);
}
