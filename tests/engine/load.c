/*
 * Threads in hot loops, and beside them whatever makes tracing hard.
 * usage: load SHARED THREADS [fvlsbSt]…
 *   f fork, l fork like libvirt's virFork (all signals blocked, all handlers reset), v vfork, s posix_spawn: children call
 *   the functions; b calls with all signals blocked; S storm of queued signals; t threads that live for a few rounds
 */
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

#include "tests/engine/victim.h"

#include "tests/engine/functions.inc"

enum { CHILD_ROUNDS = 20, PATIENCE_MS = 30000 };
static pthread_t hot[VICTIM_THREADS];
static int n_hot;
static volatile int storms; /* that are not over */

static void *run_hot(void *arg)
{
	struct victim_thread *me = arg;

	me->tid = (int)syscall(SYS_gettid);
	__sync_fetch_and_add(&shared->ready, 1);
	while (!shared->stop) {
		if (!call_all((long)me->rounds + 1))
			bad("a hot thread got a wrong result", (long)me->rounds);
		me->rounds++;
	}
	__sync_fetch_and_add(&shared->hot_done, 1);
	__sync_fetch_and_add(&shared->done, 1);
	while (!shared->quit || storms)
		nap(1000);
	return NULL;
}

static int calls_in_child(void)
{
	for (long i = 1; i <= CHILD_ROUNDS; i++)
		if (!call_all(i))
			return 3;
	return 0;
}

static void reset_handlers(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	for (int i = 1; i < 65; i++)
		sigaction(i, &action, NULL);
}

static pid_t make_child(char kind)
{
	static char *const argv[] = { "true", NULL };
	sigset_t all, old;
	pid_t pid;

	if (kind == 's')
		return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) ? -1 : pid;
	if (kind == 'v') {
		pid = vfork();
		if (pid == 0) {
			if (calls_in_child())
				_exit(3);
			execv("/bin/true", argv);
			_exit(4);
		}
		return pid;
	}
	sigfillset(&all);
	if (kind == 'l')
		pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0) {
		if (kind == 'l') {
			reset_handlers();
			pthread_sigmask(SIG_SETMASK, &old, NULL);
		}
		_exit(calls_in_child());
	}
	if (kind == 'l')
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static void *run_forker(void *arg)
{
	char kind = (char)(long)arg;

	while (!shared->stop) {
		int status = -1;
		pid_t pid = make_child(kind);

		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			bad("a child failed", status);
		shared->forks++;
		nap(2000);
	}
	__sync_fetch_and_add(&shared->done, 1);
	return NULL;
}

static void *run_blocker(void *arg)
{
	sigset_t all;

	(void)arg;
	sigfillset(&all);
	for (long i = 1; !shared->stop; i++) {
		pthread_sigmask(SIG_SETMASK, &all, NULL);
		if (!call_all(i))
			bad("wrong result with signals blocked", 0);
		nap(1000);
	}
	__sync_fetch_and_add(&shared->done, 1);
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
	__sync_fetch_and_add(&shared->signals_got, 1);
}

static void *run_storm(void *arg)
{
	(void)arg;
	for (int i = 0; !shared->stop; i++) {
		union sigval value = { .sival_int = i };

		if (pthread_sigqueue(hot[i % n_hot], SIGRTMIN, value) == 0)
			shared->signals_sent++;
		nap(50);
	}
	for (int i = 0; i < PATIENCE_MS && shared->signals_got < shared->signals_sent; i++)
		nap(1000);
	if (shared->signals_got != shared->signals_sent)
		bad("signals were lost, or came twice", (long)(shared->signals_sent - shared->signals_got));
	__sync_fetch_and_sub(&storms, 1);
	__sync_fetch_and_add(&shared->done, 1);
	return NULL;
}

static void *run_short(void *arg)
{
	for (long i = 1; i <= SHORT_ROUNDS; i++)
		if (!call_all(i))
			bad("a short thread got a wrong result", i);
	return arg;
}

static void *run_creator(void *arg)
{
	while (!shared->stop) {
		pthread_t threads[4];

		for (int i = 0; i < 4; i++)
			if (pthread_create(&threads[i], NULL, run_short, NULL))
				bad("pthread_create", errno);
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		shared->short_lived += 4;
	}
	__sync_fetch_and_add(&shared->done, 1);
	return arg;
}

static void start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, arg))
		_exit(98);
}

int main(int argc, char **argv)
{
	open_shared(argv[1]);
	n_hot = atoi(argv[2]);
	signal(SIGRTMIN, on_signal);
	shared->n_threads = (uint32_t)n_hot;
	for (int i = 0; i < n_hot; i++)
		pthread_create(&hot[i], NULL, run_hot, &shared->threads[i]);
	for (const char *c = argc > 3 ? argv[3] : ""; *c; c++) {
		switch (*c) {
		case 'b':
			start(run_blocker, NULL);
			break;
		case 'S':
			storms = 1;
			start(run_storm, NULL);
			break;
		case 't':
			start(run_creator, NULL);
			break;
		default:
			start(run_forker, (void *)(long)*c);
		}
	}
	int status = finish();

	while (storms)
		nap(1000);
	return shared->bad ? 1 : status;
}
