/*
 * Filters are classic BPF programs over struct seccomp_data (kernel/seccomp.c, seccomp_check_filter
 * lists the instructions that may occur).  All filters of a thread run, and the severest action
 * wins; here it is enough that all allow.
 *
 * Syscall user dispatch (Documentation/admin-guide/syscall-user-dispatch.rst) makes a signal of each system call outside of a range
 * of code, rt_sigreturn too: a thread that has it makes none for us.
 */
#include "tracer/remote/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

#include "tracer/base/err.h"
#include "tracer/remote/proc.h"

enum { FILTERS_MAX = 256 };

struct machine {
	uint32_t a, x, memory[BPF_MEMWORDS];
};

static uint32_t operand(const struct machine *m, const struct sock_filter *insn)
{
	return BPF_SRC(insn->code) == BPF_X ? m->x : insn->k;
}

static bool compute(struct machine *m, const struct sock_filter *insn)
{
	uint32_t b = operand(m, insn);

	switch (BPF_OP(insn->code)) {
	case BPF_ADD:
		m->a += b;
		return true;
	case BPF_SUB:
		m->a -= b;
		return true;
	case BPF_MUL:
		m->a *= b;
		return true;
	case BPF_DIV:
		m->a = b ? m->a / b : 0;
		return b != 0;
	case BPF_AND:
		m->a &= b;
		return true;
	case BPF_OR:
		m->a |= b;
		return true;
	case BPF_XOR:
		m->a ^= b;
		return true;
	case BPF_LSH:
		m->a = b < 32 ? m->a << b : 0;
		return true;
	case BPF_RSH:
		m->a = b < 32 ? m->a >> b : 0;
		return true;
	case BPF_NEG:
		m->a = -m->a;
		return true;
	default:
		return false;
	}
}

static uint32_t jump(const struct machine *m, const struct sock_filter *insn)
{
	uint32_t b = operand(m, insn);
	bool taken;

	switch (BPF_OP(insn->code)) {
	case BPF_JA:
		return insn->k;
	case BPF_JEQ:
		taken = m->a == b;
		break;
	case BPF_JGT:
		taken = m->a > b;
		break;
	case BPF_JGE:
		taken = m->a >= b;
		break;
	default:
		taken = m->a & b;
	}
	return taken ? insn->jt : insn->jf;
}

static bool load(const struct machine *m, const struct sock_filter *insn, const struct seccomp_data *data,
		 uint32_t *ret)
{
	switch (BPF_MODE(insn->code)) {
	case BPF_IMM:
		*ret = insn->k;
		return true;
	case BPF_LEN:
		*ret = sizeof(*data);
		return true;
	case BPF_MEM:
		*ret = insn->k < BPF_MEMWORDS ? m->memory[insn->k] : 0;
		return insn->k < BPF_MEMWORDS;
	case BPF_ABS:
		if (insn->k > sizeof(*data) - sizeof(*ret))
			return false;
		memcpy(ret, (const char *)data + insn->k, sizeof(*ret));
		return true;
	default:
		return false;
	}
}

uint32_t seccomp_run(const struct sock_filter *program, size_t n, const struct seccomp_data *data)
{
	struct machine m = { 0 };

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *insn = &program[pc];
		bool ok = true;

		switch (BPF_CLASS(insn->code)) {
		case BPF_LD:
			ok = load(&m, insn, data, &m.a);
			break;
		case BPF_LDX:
			ok = load(&m, insn, data, &m.x);
			break;
		case BPF_ST:
		case BPF_STX:
			ok = insn->k < BPF_MEMWORDS;
			if (ok)
				m.memory[insn->k] = BPF_CLASS(insn->code) == BPF_ST ? m.a : m.x;
			break;
		case BPF_ALU:
			ok = compute(&m, insn);
			break;
		case BPF_JMP:
			pc += jump(&m, insn);
			break;
		case BPF_RET:
			return BPF_RVAL(insn->code) == BPF_A ? m.a : insn->k;
		case BPF_MISC:
			if (BPF_MISCOP(insn->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
		if (!ok)
			break;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/* 1: allowed, 0: there is no such filter. */
static int check_one(const struct thread *thread, long i, const struct seccomp_data *data)
{
	struct sock_filter program[BPF_MAXINSNS];
	long n = ptrace(PTRACE_SECCOMP_GET_FILTER, thread->tid, (void *)i, NULL);

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0 || n > BPF_MAXINSNS || ptrace(PTRACE_SECCOMP_GET_FILTER, thread->tid, (void *)i, program) != n)
		return err_set(-ENOTSUP, "the process has a seccomp filter that cannot be read (it takes CAP_SYS_ADMIN)");
	uint32_t action = seccomp_run(program, (size_t)n, data) & SECCOMP_RET_ACTION_FULL;

	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG ? 1 : -EACCES;
}

/* Kernels before 6.4 do not tell. */
static bool are_dispatched(const struct thread *thread)
{
	struct { /* include/uapi/linux/ptrace.h, struct ptrace_sud_config */
		uint64_t mode, selector, offset, len;
	} config = { 0 };
	enum { GET_SYSCALL_USER_DISPATCH_CONFIG = 0x4211 };

	return ptrace((enum __ptrace_request)GET_SYSCALL_USER_DISPATCH_CONFIG, thread->tid, sizeof(config), &config) == 0 &&
	       config.mode;
}

int seccomp_check(const struct thread *thread, const struct seccomp_data *data)
{
	uint64_t mode = SECCOMP_MODE_DISABLED;

	if (are_dispatched(thread))
		return -EPERM;
	proc_status(thread->tid, "Seccomp", 10, &mode);
	if (mode == SECCOMP_MODE_DISABLED)
		return 0; /* also in kernels without seccomp */
	if (mode == SECCOMP_MODE_STRICT)
		return -EACCES;
	for (long i = 0; i < FILTERS_MAX; i++) {
		int r = check_one(thread, i, data);

		if (r <= 0)
			return r;
	}
	return -EACCES;
}

int seccomp_check_number(const struct thread *thread, int nr)
{
	struct seccomp_data data = { .nr = nr, .arch = AUDIT_ARCH_X86_64 };

	return seccomp_check(thread, &data);
}
