// as hugify, but it moves its text when it gets SIGUSR1, and changes the page then: nobody can know that the int3 in it is a tracer's
// arguments: [SECONDS]: so long after that
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

__attribute__((section(".moved"), noinline, aligned(4096))) long hot_f(long i, const char *s)
{
	__asm__ volatile("" ::: "memory");
	return i * 3 + (s[0] == 'h');
}

__asm__(".pushsection .moved, \"ax\", @progbits; .balign 4096, 0x90; .popsection");

static void move(char *lo, size_t n)
{
	char *p = mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(p, lo, n);
	p[n - 1]++;
	mprotect(p, n, PROT_READ | PROT_EXEC);
	mremap(p, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, lo);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static volatile sig_atomic_t told;

static void tell(int sig)
{
	told = sig;
}

int main(int c, char **v)
{
	double s = c > 1 ? atof(v[1]) : 2, end = now() + 30;
	int moved = 0;

	signal(SIGUSR1, tell);
	setvbuf(stdout, 0, _IOLBF, 0);
	printf("pid %d\n", getpid());
	for (long i = 1; now() < end; i++) {
		if (hot_f(i, "h") != 3 * i + 1) {
			fprintf(stderr, "a result is wrong\n");
			return 1;
		}
		usleep(1000);
		if (!moved && told) {
			moved = 1;
			end = now() + s;
			move((char *)hot_f, 4096);
			printf("moved\n");
		}
	}
	printf("end\n");
	return 0;
}
