// a thread calls functions that begin with a push, a call, a jump, a branch and a load; another one sends it signals: each handler
// finds pc in the program's own code, and sp where that code has it; each call is made once
// arguments: [SECONDS]
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

// each adds 1 to *rdi
long fpush(long *), fcall(long *), fjump(long *), fbranch(long *), fload(long *);
__asm__(".text\n"
	".globl fpush\n.type fpush,@function\nfpush: push %rbx\n mov %rdi,%rbx\n incq (%rbx)\n pop %rbx\n ret\n.size fpush,.-fpush\n"
	".globl fcall\n.type fcall,@function\nfcall: call 1f\n ret\n1: incq (%rdi)\n ret\n.size fcall,.-fcall\n"
	".globl fjump\n.type fjump,@function\nfjump: jmp 1f\n nop\n1: incq (%rdi)\n ret\n.size fjump,.-fjump\n"
	".globl fbranch\n.type fbranch,@function\nfbranch: jc 1f\n incq (%rdi)\n ret\n1: incq (%rdi)\n ret\n.size fbranch,.-fbranch\n"
	".globl fload\n.type fload,@function\nfload: incq (%rdi)\n ret\n.size fload,.-fload\n");

extern char __executable_start, etext;
static volatile int stop;
enum { BELOW = 256 };
static volatile greg_t loop_sp, astray_pc;
static volatile long all, astray, off;

static void on(int s, siginfo_t *i, void *u)
{
	greg_t *g = ((ucontext_t *)u)->uc_mcontext.gregs;

	(void)s;
	(void)i;
	if (!loop_sp)
		return;
	all++;
	if (g[REG_RIP] < (greg_t)&__executable_start || g[REG_RIP] >= (greg_t)&etext) {
		astray++;
		astray_pc = g[REG_RIP];
	}
	off += g[REG_RSP] != loop_sp + BELOW && (g[REG_RSP] > loop_sp || g[REG_RSP] < loop_sp - 16); // two things are pushed at most
}

// no function is called but these, by code that leaves sp where it is
static long rounds(long *n)
{
	long k = 0;

	for (; !stop; k++)
		__asm__ volatile("mov %%rsp, %0\n sub %4, %%rsp\n mov %%rsp, %1\n mov %3, %%rdi\n"
				 "call fpush\n call fcall\n call fjump\n clc\n call fbranch\n stc\n call fbranch\n call fload\n"
				 "mov %0, %%rsp"
				 : "=&r"((long){ 0 }), "=m"(loop_sp), "+m"(*n) : "r"(n), "i"(BELOW)
				 : "rdi", "memory", "cc");
	return k;
}

static void *spin(void *a)
{
	long n = 0, k = rounds(&n);

	loop_sp = 0;
	*(long *)a = n - 6 * k;
	return (void *)k;
}

// who makes the calls that a tracer needs made, if it needs any
static void *idle(void *a)
{
	for (;;)
		pause();
	return a;
}

int main(int c, char **v)
{
	struct sigaction a = { .sa_sigaction = on, .sa_flags = SA_RESTART | SA_SIGINFO };
	int ms = 1000 * (c > 1 ? atof(v[1]) : 2);
	long wrong = 0;
	pthread_t t;
	void *r;

	sigaction(SIGUSR1, &a, 0);
	setvbuf(stdout, 0, _IOLBF, 0);
	pthread_create(&t, 0, idle, 0);
	pthread_create(&t, 0, spin, &wrong);
	printf("pid %d\n", getpid());
	for (int i = 0; i < 2 * ms; i++) {
		pthread_kill(t, SIGUSR1);
		usleep(500);
	}
	stop = 1;
	pthread_join(t, &r);
	printf("rounds %ld wrong %ld, signals %ld astray %ld (%#llx), sp off %ld\n", (long)r, wrong, all, astray, astray_pc, off);
	return wrong || astray || off || !all;
}
