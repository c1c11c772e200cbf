/*
 * A program with an opinion of its own on SIGTRAP, or that may not do everything.
 * usage: traps SHARED default|ignore|handler|no-sigaction|no-open|mdwe|no-anonymous|no-exec
 *   no-sigaction, no-open: a seccomp filter that kills for rt_sigaction, or for open
 *   mdwe: no memory that can be written and executed (prctl(2), PR_SET_MDWE)
 *   no-anonymous, no-exec: a seccomp filter that kills for mapping code that is of no file, or any
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "tests/engine/victim.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#include "tests/engine/functions.inc"

/* It has the mask that it asked for, and nothing tells that another handler was called first. */
static void on_trap(int sig)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	CHECK(sig == SIGTRAP && sigismember(&mask, SIGTRAP) && sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2), sig);
	__sync_fetch_and_add(&shared->signals_got, 1);
}

static void catch_trap(void)
{
	struct sigaction action = { .sa_handler = on_trap };

	sigaddset(&action.sa_mask, SIGUSR1);
	sigaction(SIGTRAP, &action, NULL);
}

static void add_filter(struct sock_filter *program, unsigned short len)
{
	struct sock_fprog filter = { len, program };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter))
		_exit(97);
}

static void forbid(int nr)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	add_filter(program, 4);
}

/* mmap with PROT_EXEC and any of these flags */
static void forbid_code(int flags)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	add_filter(program, 8);
}

/* Memory that can be written can be executed no more. */
static void refuse_gain(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0)
		CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0, 0);
	else
		shared->step = 99; /* before Linux 6.3 */
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
		catch_trap();
	pthread_create(&thread, NULL, run, &shared->threads[0]);
	while (!shared->ready) /* glibc calls sigaction for the first thread */
		nap(100);
	if (!strcmp(argv[2], "no-sigaction"))
		forbid(SYS_rt_sigaction);
	if (!strcmp(argv[2], "no-open"))
		forbid(SYS_open);
	if (!strcmp(argv[2], "mdwe"))
		refuse_gain();
	if (!strcmp(argv[2], "no-anonymous"))
		forbid_code(MAP_ANONYMOUS);
	if (!strcmp(argv[2], "no-exec"))
		forbid_code(MAP_PRIVATE | MAP_SHARED);
	shared->ready = 2;
	return finish();
}
