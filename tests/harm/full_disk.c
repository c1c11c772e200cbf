// calls f without end, for SECONDS
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline)) long f(long n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

int main(int c, char **v)
{
	time_t end = time(0) + (c > 1 ? atoi(v[1]) : 2);
	long n = 0;

	setvbuf(stdout, 0, _IOLBF, 0);
	printf("pid %d\n", getpid());
	while (time(0) < end)
		n = f(n);
	printf("calls %ld\n", n);
	return n == 0;
}
