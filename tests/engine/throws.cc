/*
 * C++ exceptions that pass through traced functions.
 * usage: throws SHARED
 */
#include <pthread.h>

#include "tests/engine/victim.h"

static volatile long destroyed;

struct guard {
	~guard() { destroyed = destroyed + 1; }
};

extern "C" {
__attribute__((noinline, noclone, used)) long f_throws(long n)
{
	if (n)
		throw n;
	return 0;
}

__attribute__((noinline, noclone, used)) long f_passes(long n)
{
	guard g;

	return f_throws(n) + 1;
}

__attribute__((noinline, noclone, used)) long f_catches(long n)
{
	try {
		return f_passes(n);
	} catch (long thrown) {
		return thrown + 100;
	}
}
}

int main(int argc, char **argv)
{
	struct victim_thread *me;

	(void)argc;
	open_shared(argv[1]);
	shared->n_threads = 1;
	me = &shared->threads[0];
	me->tid = (int)syscall(SYS_gettid);
	shared->ready = 1;
	while (!shared->stop) {
		long n = (long)me->rounds + 1;

		CHECK(f_catches(n) == n + 100, n);
		CHECK(destroyed == n, n);
		me->rounds++;
	}
	shared->done = 1;
	return finish();
}
