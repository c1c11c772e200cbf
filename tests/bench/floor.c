/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The floor: what no tracer that stops a thread at entry and return can be faster than.
 *
 *	floor kernel|same|apart THREADS SECONDS		prints "NS CALLS", as the victim does
 *
 * The work has an int3 and a nop at its entry and before its return.  For each stop the tracer does the least that lets
 * it know something and the thread go on: wait, GETREGS, one process_vm_readv of 104 bytes, rip past the nop (a tracer
 * would go to its copy of the instruction), CONT.  It looks for nothing, keeps nothing, writes nothing, consumes the
 * stop, and would kill the target by its death.
 *
 * Where the tracer runs decides most: "kernel" leaves that to the scheduler, "same" keeps all on one CPU, "apart" the
 * tracer on the first CPU, the work on the others.
 */
#include "work.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP __asm__ volatile("int3; nop" ::: "memory")

enum { READ_LEN = sizeof(struct stats) };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

__attribute__((noipa)) static int block_stats(const char *disk, struct stats *stats, struct stats **ret)
{
	STOP;
	int r = work_once(disk, stats, ret);

	STOP;
	return r;
}

/* Keep the caller on the first CPU, or off it. */
static void pin(bool first)
{
	cpu_set_t all, some;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		die("sched_getaffinity");
	CPU_ZERO(&some);
	for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && (seen++ == 0) == first)
			CPU_SET(cpu, &some);
	if (sched_setaffinity(0, sizeof(some), &some) < 0)
		die("sched_setaffinity");
}

static void handle_hit(pid_t tid)
{
	struct user_regs_struct regs;
	char bytes[READ_LEN];

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		return;
	struct iovec local = { bytes, READ_LEN }, remote = { (void *)regs.rsp, READ_LEN };

	if (process_vm_readv(tid, &local, 1, &remote, 1, 0) != READ_LEN)
		die("process_vm_readv");
	ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rip), regs.rip + 1);
}

static void trace(pid_t child)
{
	int status;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			if (tid == child)
				exit(!WIFEXITED(status) || WEXITSTATUS(status));
			continue;
		}
		if (status >> 8 == SIGTRAP)
			handle_hit(tid);
		ptrace(PTRACE_CONT, tid, NULL, NULL);
	}
	die("waitpid");
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fputs("usage: floor kernel|same|apart THREADS SECONDS\n", stderr);
		return 2;
	}
	bool same = !strcmp(argv[1], "same"), apart = !strcmp(argv[1], "apart");
	pid_t child = fork();

	if (same || apart)
		pin(child != 0 || same);
	if (child < 0)
		die("fork");
	if (child == 0) {
		uint64_t calls;

		raise(SIGSTOP);
		double ns = work_run(block_stats, (unsigned)atoi(argv[2]), atof(argv[3]), &calls);

		printf("%.1f %" PRIu64 "\n", ns, calls);
		return 0;
	}
	if (waitpid(child, NULL, WUNTRACED) != child ||
	    ptrace(PTRACE_SEIZE, child, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) < 0)
		die("ptrace");
	kill(child, SIGCONT);
	trace(child);
}
