/*
 * Filters are judged as the kernel does: it is asked by making the calls in a child.
 */
#include <errno.h>
#include <linux/audit.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/err.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/seccomp.h"
#include "tracer/remote/seize.h"

#define AT(member) ((uint32_t)offsetof(struct seccomp_data, member))
#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
#define DENY RETURN(SECCOMP_RET_ERRNO | 77)
#define ALLOW RETURN(SECCOMP_RET_ALLOW)
/* getpriority is a call nobody needs; the rest is allowed */
#define ONLY_THIS LOAD(AT(nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0), ALLOW

static const struct {
	const char *what;
	struct sock_filter program[16];
	uint64_t arg;
	bool allowed;
} cases[] = {
	{ "allow", { ALLOW }, 0, true },
	{ "deny it", { ONLY_THIS, DENY }, 0, false },
	{ "low word equal", { ONLY_THIS, LOAD(AT(args[1])), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1), DENY, ALLOW }, 5, false },
	{ "low word not equal", { ONLY_THIS, LOAD(AT(args[1])), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1), DENY, ALLOW }, 6, true },
	{ "high word", { ONLY_THIS, LOAD(AT(args[1]) + 4), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 1, 0, 1), DENY, ALLOW }, 2ull << 32, false },
	{ "greater or equal", { ONLY_THIS, LOAD(AT(args[1])), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 9, 0, 1), DENY, ALLOW }, 9, false },
	{ "bit set", { ONLY_THIS, LOAD(AT(args[1])), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 0, 1), DENY, ALLOW }, 6, false },
	{ "bit clear", { ONLY_THIS, LOAD(AT(args[1])), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 0, 1), DENY, ALLOW }, 3, true },
	{ "masked", { ONLY_THIS, LOAD(AT(args[1])), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
		      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x30, 0, 1), DENY, ALLOW }, 0x35, false },
	{ "registers", { ONLY_THIS, LOAD(AT(args[1])), BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_IMM, 8),
			 BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 1), DENY, ALLOW }, 5, false },
	{ "memory", { ONLY_THIS, LOAD(AT(args[1])), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_IMM, 7),
		      BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1), DENY, ALLOW }, 7, false },
	{ "arithmetic", { ONLY_THIS, LOAD(AT(args[1])), BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 3), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1),
			  BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 100),
			  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 108, 0, 1), DENY, ALLOW }, 6, false },
	{ "architecture", { ONLY_THIS, LOAD(AT(arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 1), DENY, ALLOW }, 0, false },
	{ "jump always", { ONLY_THIS, BPF_STMT(BPF_JMP | BPF_JA, 1), ALLOW, DENY }, 0, false },
};

static size_t length(const struct sock_filter *program)
{
	size_t n = 16;

	while (!program[n - 1].code)
		n--;
	return n;
}

static bool kernel_allows(const struct sock_filter *program, uint64_t arg)
{
	struct sock_fprog prog = { (unsigned short)length(program), (struct sock_filter *)program };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
			_exit(2);
		errno = 0;
		syscall(SYS_getpriority, 0, arg);
		_exit(errno == 77);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

static void judged_like_the_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seccomp_data data = { .nr = SYS_getpriority, .arch = AUDIT_ARCH_X86_64, .args = { 0, cases[i].arg } };
		bool allowed = seccomp_run(cases[i].program, length(cases[i].program), &data) == SECCOMP_RET_ALLOW;

		if (allowed != cases[i].allowed || allowed != kernel_allows(cases[i].program, cases[i].arg))
			fail_msg("%s", cases[i].what);
	}
}

static void nonsense(void **state)
{
	static const struct sock_filter programs[][2] = {
		{ BPF_STMT(BPF_LD | BPF_IMM, 1) },            /* no end */
		{ LOAD(1000), ALLOW },                        /* outside */
		{ BPF_STMT(BPF_JMP | BPF_JA, 0xffffff), ALLOW },
		{ BPF_STMT(BPF_LD | BPF_MEM, 99), ALLOW },
		{ BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ALLOW },
	};
	struct seccomp_data data = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		assert_true(seccomp_run(programs[i], 2, &data) == SECCOMP_RET_KILL_PROCESS);
}

static void serve(void *ctx, struct thread *thread)
{
	(void)ctx;
	(void)thread;
}

/* A process that would be killed for mapping executable memory is left alone. */
static void deadly_filter(void **state)
{
	static const struct sock_filter program[] = {
		LOAD(AT(nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3), LOAD(AT(args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), RETURN(SECCOMP_RET_KILL_PROCESS), ALLOW,
	};
	struct sock_fprog prog = { 6, (struct sock_filter *)program };
	volatile int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct seize_result result;
	struct proc *proc;
	struct maps maps;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
			_exit(1);
		for (*word = 1;; (*word)++)
			;
	}
	while (!*word)
		sched_yield();
	assert_int_equal(proc_open(pid, &proc), 0);
	assert_int_equal(seize_pass(proc, &result), 0);
	assert_int_equal(proc_maps(proc, &maps), 0);
	uint64_t addr = maps.items[0].lo - (16 << 20);
	struct rcall call = { .proc = proc, .serve = serve };

	maps_free(&maps);
	assert_int_equal(rcall_map(&call, addr, 4096, PROT_READ | PROT_EXEC), -ENOTSUP);
	assert_non_null(strstr(err_text(), "seccomp"));
	int before = *word;

	while (*word == before)
		sched_yield();
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	proc_close(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judged_like_the_kernel),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(deadly_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
