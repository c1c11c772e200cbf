/*
 * Ways to end.
 * usage: ends SHARED exit|kill|leader|exec|thread-exec|abort
 * Two threads call traced functions until shared->stop, then one of them, or main, does it.
 */
#include <pthread.h>

#include "tests/engine/victim.h"

#include "tests/engine/functions.inc"

static const char *way;

static void end_now(void)
{
	static char *const argv[] = { "sh", "-c", "exit 6", NULL };

	if (!strcmp(way, "exit") || !strcmp(way, "leader"))
		exit(5);
	if (!strcmp(way, "abort"))
		abort();
	if (!strcmp(way, "exec") || !strcmp(way, "thread-exec"))
		execv("/bin/sh", argv);
	for (;;)
		pause();
}

static void *run(void *arg)
{
	struct victim_thread *me = arg;

	me->tid = (int)syscall(SYS_gettid);
	__sync_fetch_and_add(&shared->ready, 1);
	while (!shared->stop) {
		CHECK(call_all((long)me->rounds + 1), me->rounds);
		me->rounds++;
	}
	__sync_fetch_and_add(&shared->done, 1);
	if (me == &shared->threads[1] && (!strcmp(way, "leader") || !strcmp(way, "thread-exec")))
		end_now();
	for (;; me->rounds++)
		CHECK(call_all((long)me->rounds + 1), me->rounds);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	open_shared(argv[1]);
	way = argv[2];
	shared->n_threads = 2;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread, NULL, run, &shared->threads[i]);
	while (!strcmp(way, "leader") && !shared->step)
		nap(1000);
	if (!strcmp(way, "leader"))
		pthread_exit(NULL);
	while (!shared->stop || shared->done < 2)
		nap(1000);
	if (strcmp(way, "thread-exec"))
		end_now();
	for (;;)
		pause();
}
