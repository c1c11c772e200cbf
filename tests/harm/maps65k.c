// a process of N mappings, and 64 coroutines that call hot_f in turn, each on a stack of its own
// prints the longest time that one call took, and the longest that it neither ran nor waited for a CPU: that it was held
// arguments: [N [SECONDS]]
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static ucontext_t m, u[64];
static long n, bad;

__attribute__((noinline)) long hot_f(long i, const char *s)
{
	__asm__ volatile("" ::: "memory");
	return i * 3 + (s[0] == 'h');
}

static void co(void)
{
	for (;;) {
		n++;
		if (hot_f(n, "h") != 3 * n + 1)
			bad++;
		swapcontext(&u[(n - 1) % 64], &m);
	}
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

// what the scheduler says: for how long it ran, and waited for a CPU
static double awake(void)
{
	static int fd;
	unsigned long ran = 0, waited = 0;
	char b[96];
	int n;

	if (!fd)
		fd = open("/proc/thread-self/schedstat", O_RDONLY);
	n = pread(fd, b, sizeof b - 1, 0);
	b[n > 0 ? n : 0] = 0;
	sscanf(b, "%lu %lu", &ran, &waited);
	return (ran + waited) / 1e9;
}

int main(int c, char **v)
{
	long k = c > 1 ? atol(v[1]) : 65000;
	static double max, held, end;
	char *p;

	setvbuf(stdout, 0, _IOLBF, 0);
	for (int i = 0; i < 64; i++) {
		getcontext(&u[i]);
		p = mmap(0, 73728, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(p + 4096, 65536, PROT_READ | PROT_WRITE);
		u[i].uc_stack.ss_sp = p + 4096;
		u[i].uc_stack.ss_size = 65536;
		makecontext(&u[i], co, 0);
	}
	p = mmap(0, 4096ul * k, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (long i = 0; i < k; i += 2)
		if (mprotect(p + 4096ul * i, 4096, PROT_READ | PROT_WRITE))
			break;
	printf("pid %d\n", getpid());
	end = now() + (c > 2 ? atof(v[2]) : 2);
	for (int i = 0; now() < end; i++) {
		double a = awake(), t = now();
		swapcontext(&m, &u[i % 64]);
		t = now() - t;
		a = t - (awake() - a);
		if (t > max)
			max = t;
		if (a > held)
			held = a;
		usleep(500);
	}
	printf("longest call %.3f s, held %.3f s\n", max, held);
	if (bad)
		fprintf(stderr, "%ld results are wrong\n", bad);
	return bad != 0;
}
