// Threads that call hot() as fast as they can, and count it; and cool() once in a thousand times.  Orders on stdin, each answered by a line:
//   go      begin            -> the number of calls so far
//   count                    -> the number of calls so far
//   stop    end all threads  -> the number of calls
//   quit
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_threads, stop;
static long calls;

long hot(long n);
long cool(long n);

__attribute__((noinline)) long hot(long n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

__attribute__((noinline)) long cool(long n)
{
	__asm__ volatile("" : "+r"(n));
	return -n;
}

static void *run(void *arg)
{
	for (long n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
		if (hot(n) != n + 1)
			abort();
		if (n % 1000 == 0 && cool(n) != -n)
			abort();
		__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

int main(int argc, char **argv)
{
	static pthread_t threads[64];
	char line[64];

	n_threads = argc > 1 ? atoi(argv[1]) : 1;
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0) {
		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; !strcmp(line, "go") && i < n_threads; i++)
			pthread_create(&threads[i], NULL, run, NULL);
		if (!strcmp(line, "stop")) {
			__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
			for (int i = 0; i < n_threads; i++)
				pthread_join(threads[i], NULL);
		}
		printf("%ld\n", __atomic_load_n(&calls, __ATOMIC_RELAXED));
		fflush(stdout);
	}
	return 0;
}
