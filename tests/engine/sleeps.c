/*
 * One thread, which does nothing but wait for a time: none of its waits may end early, or be interrupted.
 * usage: sleeps SHARED nanosleep|clock_nanosleep|poll|futex|futex_until
 */
#include <errno.h>
#include <linux/futex.h>

#include "tests/engine/victim.h"

enum { WAIT_MS = 250, FUTEX_UNTIL = FUTEX_WAIT_BITSET_PRIVATE /* a point in time */ };

static uint32_t word;

static struct timespec now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts;
}

static long ns_between(struct timespec a, struct timespec b)
{
	return (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
}

static struct timespec in_a_while(struct timespec ts)
{
	ts.tv_nsec += WAIT_MS * 1000000;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

/* As a C library does it: the number is in the code. */
#define CALL(nr, a, b, c, d, e, f)                                                                                      \
	({                                                                                                              \
		register long r10 asm("r10") = (long)(d), r8 asm("r8") = (long)(e), r9 asm("r9") = (long)(f);           \
		long answer;                                                                                            \
		asm volatile("mov %1, %%eax\n syscall"                                                                  \
			     : "=a"(answer)                                                                             \
			     : "i"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)                              \
			     : "rcx", "r11", "memory");                                                                 \
		answer;                                                                                                 \
	})

/* 0 if it answered what a wait of that kind does at its end. */
static long wait_as(const char *kind)
{
	struct timespec time = { 0, WAIT_MS * 1000000 }, until = in_a_while(now());

	if (!strcmp(kind, "nanosleep"))
		return CALL(SYS_nanosleep, &time, 0, 0, 0, 0, 0);
	if (!strcmp(kind, "clock_nanosleep"))
		return CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, 0, 0, 0);
	if (!strcmp(kind, "poll"))
		return CALL(SYS_poll, 0, 0, WAIT_MS, 0, 0, 0);
	if (!strcmp(kind, "futex"))
		return ETIMEDOUT + CALL(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, 0, 0);
	return ETIMEDOUT + CALL(SYS_futex, &word, FUTEX_UNTIL, 0, &until, 0, FUTEX_BITSET_MATCH_ANY);
}

/* something to arm */
__attribute__((noinline, noclone)) long f_idle(long n)
{
	asm volatile("" : "+r"(n));
	return n + 1;
}

int main(int argc, char **argv)
{
	open_shared(argv[1]);
	shared->n_threads = 1;
	shared->ready = 1;
	while (!shared->stop) {
		struct timespec start = now();
		long r = wait_as(argv[2]), ns = ns_between(start, now());

		CHECK(r == 0, r);
		CHECK(ns >= WAIT_MS * 1000000l, ns);
		shared->threads[0].rounds++;
	}
	shared->done = 1;
	return finish() + (f_idle(1) != 2);
}
