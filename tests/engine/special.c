/*
 * One delicate thing after the other, each checked by itself; all while its functions are traced.
 * usage: special SHARED.  Steps are taken when the test asks for them; done counts them.
 */
#include <errno.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/time.h>
#include <ucontext.h>

#include "tests/engine/victim.h"

#include "tests/engine/functions.inc"

/* ---- calls that end without a return */
static jmp_buf back;
NOINLINE long f_jumps(long n, long depth)
{
	if (depth == 0)
		longjmp(back, 1);
	char pages[8192]; /* so that each frame is in a page of its own */

	asm volatile("" : : "r"(pages) : "memory");
	long r = f_jumps(n, depth - 1);

	asm volatile("" : "+r"(r));
	return r;
}
NOINLINE long f_jumper(long n)
{
	long r = 0;

	if (setjmp(back) == 0)
		r = f_jumps(n, 2);
	asm volatile("" : "+r"(r));
	return n + 90;
}
NOINLINE void f_exits(long n)
{
	asm volatile("" : : "r"(n));
	pthread_exit(NULL);
}
static void *run_exit(void *arg)
{
	CHECK(f_jumper((long)arg) == (long)arg + 90, (long)arg);
	f_exits((long)arg);
	return NULL;
}

static void do_unwinding(void)
{
	pthread_t thread;

	for (long n = 1; n <= 5; n++) {
		CHECK(f_jumper(n) == n + 90, n);
		pthread_create(&thread, NULL, run_exit, (void *)n);
		pthread_join(thread, NULL);
	}
}

/* ---- a signal handler on an alternate stack calls traced functions, in the middle of one */
static char *alternate;
static volatile long handled;
NOINLINE long f_in_handler(long n)
{
	asm volatile("" : "+r"(n));
	return n + 1;
}
static void on_usr1(int sig)
{
	char here;

	CHECK(&here >= alternate && &here < alternate + 65536, sig);
	handled++;
	CHECK(f_in_handler(handled) == handled + 1, handled);
}
NOINLINE long f_raises(long n)
{
	raise(SIGUSR1);
	asm volatile("" : "+r"(n));
	return n + 2;
}
static void do_alternate_stack(void)
{
	struct sigaction action = { .sa_handler = on_usr1, .sa_flags = SA_ONSTACK };
	stack_t stack = { .ss_size = 65536 }, now;

	/* both above and below the thread's stack, as mmap likes it */
	for (int i = 0; i < 2; i++) {
		alternate = i ? malloc(65536) : mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
						     -1, 0);
		stack.ss_sp = alternate;
		sigaltstack(&stack, NULL);
		sigaction(SIGUSR1, &action, NULL);
		for (long n = 1; n <= 5; n++)
			CHECK(f_raises(n) == n + 2, n);
	}
	sigaltstack(NULL, &now);
	CHECK(now.ss_sp == alternate && now.ss_size == 65536 && now.ss_flags == 0, now.ss_flags);
}

/* ---- the first instruction faults: the handler sees the original place */
static sigjmp_buf fault_back;
static volatile uintptr_t fault_addr, fault_rip;
NAKED long f_faults(long *n) { asm("mov (%rdi),%rax\n inc %rax\n ret"); }
NAKED long f_fault_rip(long n) { asm("incq bad_page(%rip)\n ret"); }
NAKED long f_illegal(long n) { asm("ud2\n ret"); }
NAKED long f_divides(long n) { asm("div %rdi\n ret"); }
NAKED long f_calls_bad(long *n) { asm("call *(%rdi)\n ret"); }
asm(".section .rodata\n.globl bad_page\nbad_page: .quad 0\n.text");
extern char bad_page[];
static volatile uintptr_t fault_rsp;
static void on_fault(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	fault_addr = (uintptr_t)info->si_addr;
	fault_rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	fault_rsp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	(void)sig;
	siglongjmp(fault_back, 1);
}
static void expect_fault(long (*function)(long), long n, uintptr_t addr)
{
	uintptr_t rsp = (uintptr_t)__builtin_frame_address(0);

	fault_addr = fault_rip = 0;
	if (sigsetjmp(fault_back, 1) == 0) {
		function(n);
		bad("no fault", n);
	}
	CHECK(fault_rip == (uintptr_t)function, fault_rip - (uintptr_t)function);
	CHECK(fault_addr == (addr ? addr : (uintptr_t)function), fault_addr);
	CHECK(fault_rsp < rsp && (fault_rsp & 15) == 8, fault_rsp);
}
static void do_faults(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	int faults[] = { SIGSEGV, SIGILL, SIGFPE, SIGBUS };

	for (int i = 0; i < 4; i++)
		sigaction(faults[i], &action, NULL);
	for (int i = 0; i < 3; i++) {
		expect_fault((long (*)(long))f_faults, 0x10, 0x10);
		expect_fault(f_fault_rip, 1, (uintptr_t)bad_page);
		expect_fault(f_illegal, 1, 0);
		expect_fault(f_divides, 0, 0);
		expect_fault((long (*)(long))f_calls_bad, 0x20, 0x20);
	}
	for (int i = 0; i < 4; i++)
		signal(faults[i], SIG_DFL);
}

/* ---- SIGTRAP that others send */
static volatile long traps;
static void on_trap(int sig)
{
	(void)sig;
	traps++;
}
static void do_traps(void)
{
	/* All at the instruction after a one-byte first one: f_push has trapped there. */
	signal(SIGTRAP, on_trap);
	for (long i = 1; i <= 20; i++) {
		raise(SIGTRAP);
		CHECK(f_push(i) == i + 3, i);
		kill(getpid(), SIGTRAP);
		CHECK(traps == 2 * i, traps);
		asm volatile("int3");
		traps--;
	}
	signal(SIGTRAP, SIG_DFL);
}

/* ---- recursion and vector registers */
NOINLINE double f_vector(long n, double x)
{
	asm volatile("" : "+r"(n), "+x"(x));
	return x + (double)n;
}
static void do_vectors(void)
{
	for (long n = 1; n <= 50; n++) {
		__m256d pattern = _mm256_set_pd(1.5, 2.5, 3.5, 4.5 + (double)n);
		double out[4];

		asm volatile("vmovapd %1, %%ymm9\n mov %2, %%rdi\n sub $136, %%rsp\n call f_sub\n add $136, %%rsp\n"
			     "vmovupd %%ymm9, %0"
			     : "=m"(out) : "x"(pattern), "r"(n) : "rax", "rdi", "rcx", "ymm9", "memory");
		CHECK(out[0] == 4.5 + (double)n && out[1] == 3.5 && out[2] == 2.5 && out[3] == 1.5, n);
		CHECK(f_vector(n, 0.25) == (double)n + 0.25, n);
	}
}

static void (*const steps[])(void) = { do_unwinding, do_alternate_stack, do_faults, do_traps, do_vectors };

int main(int argc, char **argv)
{
	open_shared(argv[1]);
	shared->ready = 1;
	while (!shared->quit) {
		if (shared->step > shared->done) {
			steps[shared->done]();
			shared->done++;
		}
		nap(500);
	}
	return shared->bad ? 1 : 0;
}
