/*
 * A program with an opinion of its own on SIGTRAP.
 * usage: traps SHARED default|ignore|handler|no-sigaction|no-open
 *   no-sigaction, no-open: a seccomp filter that kills for rt_sigaction, or for open
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "tests/engine/victim.h"

#include "tests/engine/functions.inc"

static void on_trap(int sig)
{
	(void)sig;
	__sync_fetch_and_add(&shared->signals_got, 1);
}

static void forbid(int nr)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { 4, program };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter))
		_exit(97);
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
	while (!shared->quit)
		nap(1000);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	open_shared(argv[1]);
	shared->n_threads = 1;
	if (!strcmp(argv[2], "ignore"))
		signal(SIGTRAP, SIG_IGN);
	if (!strcmp(argv[2], "handler"))
		signal(SIGTRAP, on_trap);
	pthread_create(&thread, NULL, run, &shared->threads[0]);
	while (!shared->ready) /* glibc calls sigaction for the first thread */
		nap(100);
	if (!strcmp(argv[2], "no-sigaction"))
		forbid(SYS_rt_sigaction);
	if (!strcmp(argv[2], "no-open"))
		forbid(SYS_open);
	shared->ready = 2;
	return finish();
}
