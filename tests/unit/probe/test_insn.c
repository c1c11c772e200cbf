/*
 * Displaced instructions do what the originals do: both are executed, and every register, the
 * flags, memory and the fault they end in are compared.  The processor is the oracle.
 *
 * An instruction is put among int3s (0xcc); what it leads to is a trap or a fault, and the signal
 * frame has the state.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "tracer/base/err.h"
#include "tracer/probe/insn.h"

enum { PAGE = 4096, CODE_SIZE = 16 * PAGE, DATA_SIZE = 4 * PAGE, N_STATES = 4 };

/* Far from each other, but in reach; nothing else is near them, a sanitizer's shadow neither. */
static uint8_t *const code = (uint8_t *)0x200000000000, *const slot = (uint8_t *)0x200040000000;
static uint8_t *const data = (uint8_t *)0x200010000000, *const stack = (uint8_t *)0x200020000000;

/* What an instruction leads to. */
struct outcome {
	int sig;
	uint64_t addr; /* si_addr */
	greg_t regs[REG_EFL + 1];
	uint8_t xmm[256];
	uint8_t data[DATA_SIZE], stack[DATA_SIZE];
};

static greg_t start_regs[REG_EFL + 1];
static enum { OUTSIDE, STARTING, RUNNING } phase;
static ucontext_t caller;
static struct _libc_fpstate caller_fp;
static struct outcome *recording;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	if (phase == STARTING) {
		caller = *uc;
		caller_fp = *uc->uc_mcontext.fpregs;
		memcpy(uc->uc_mcontext.gregs, start_regs, sizeof(start_regs));
		memset(uc->uc_mcontext.fpregs->_xmm, 0x5a, sizeof(uc->uc_mcontext.fpregs->_xmm));
		phase = RUNNING;
		return;
	}
	recording->sig = sig;
	recording->addr = (uint64_t)info->si_addr;
	memcpy(recording->regs, uc->uc_mcontext.gregs, sizeof(recording->regs));
	memcpy(recording->xmm, uc->uc_mcontext.fpregs->_xmm, sizeof(recording->xmm));
	memcpy(uc->uc_mcontext.gregs, caller.uc_mcontext.gregs, sizeof(caller.uc_mcontext.gregs));
	*uc->uc_mcontext.fpregs = caller_fp;
	phase = OUTSIDE;
}

/* Four states: pointers into the data, with flags this way and that; small numbers. */
static void set_state(int n, const uint8_t *entry)
{
	static const uint64_t flags[] = { 0x202, 0xad7, 0x203, 0x242 }; /* none; all but DF; CF; ZF */

	memset(start_regs, 0, sizeof(start_regs));
	for (int i = 0; i <= REG_RIP; i++)
		start_regs[i] = n == 3 ? i * 3 : (greg_t)(data + DATA_SIZE / 2 + i * 64 + n);
	start_regs[REG_RCX] = n; /* what loop and jrcxz look at */
	start_regs[REG_RSP] = (greg_t)(stack + DATA_SIZE / 2);
	start_regs[REG_RIP] = (greg_t)entry;
	start_regs[REG_EFL] = (greg_t)flags[n];
}

static void fill_memory(void)
{
	for (size_t i = 0; i < DATA_SIZE; i += 8) {
		uint64_t value = (uint64_t)code + 0x100 + i % 0x1000, low = i;

		memcpy(data + i, i % 16 ? &value : &low, 8);
		memcpy(stack + i, &value, 8);
	}
}

static void run(int state, const uint8_t *entry, struct outcome *ret)
{
	fill_memory();
	set_state(state, entry);
	recording = ret;
	phase = STARTING;
	__asm__ volatile("int3" : : : "memory", "cc");
	memcpy(ret->data, data, DATA_SIZE);
	memcpy(ret->stack, stack, DATA_SIZE);
}

static void map(uint8_t *at, size_t len, int prot)
{
	void *p = mmap(at, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != at)
		fail_msg("cannot map %p: %s", (void *)at, strerror(errno));
}

/* cmocka sets its own handlers before each test. */
static void take_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

static int set_up(void **state)
{
	static uint8_t signal_stack[65536];
	stack_t alternate = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };

	(void)state;
	map(code, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
	map(slot, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
	map(data, DATA_SIZE, PROT_READ | PROT_WRITE);
	map(stack, DATA_SIZE, PROT_READ | PROT_WRITE);
	sigaltstack(&alternate, NULL);
	return 0;
}

/* As the engine does for a thread found in a slot. */
static void leave_slot(const struct displaced *displaced, struct outcome *outcome)
{
	for (unsigned i = 0; i < displaced->n_points; i++) {
		const struct slot_point *point = &displaced->points[i];

		if ((uint64_t)outcome->regs[REG_RIP] != (uint64_t)slot + point->offset)
			continue;
		if (outcome->addr == (uint64_t)outcome->regs[REG_RIP])
			outcome->addr = point->addr;
		outcome->regs[REG_RIP] = (greg_t)point->addr;
		outcome->regs[REG_RSP] += point->rsp_add;
		return;
	}
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	/*
	 * Below the stack pointer there is nothing to compare: what a faulting call pushed is dead.
	 */
	size_t live = (size_t)((uint8_t *)a->regs[REG_RSP] - stack);

	live = live < DATA_SIZE ? live : 0;
	return a->sig == b->sig && a->addr == b->addr && !memcmp(a->regs, b->regs, sizeof(a->regs)) &&
	       !memcmp(a->xmm, b->xmm, sizeof(a->xmm)) && !memcmp(a->data, b->data, DATA_SIZE) &&
	       !memcmp(a->stack + live, b->stack + live, DATA_SIZE - live);
}

static void explain(const char *what, int state, const struct outcome *a, const struct outcome *b)
{
	print_error("%s, state %d: signal %d at %#lx, displaced %d at %#lx\n", what, state, a->sig,
		    (unsigned long)a->addr, b->sig, (unsigned long)b->addr);
	for (int i = 0; i <= REG_EFL; i++)
		if (a->regs[i] != b->regs[i])
			print_error("  register %d: %#llx, displaced %#llx\n", i, a->regs[i], b->regs[i]);
}

/* Whether both do the same in every state.  `from`: where the original stands. */
static bool check_insn(const char *what, uint8_t *from, const uint8_t *bytes, size_t n,
		       const struct displaced *displaced)
{
	static struct outcome original, moved;
	bool ok = true;

	memset(code, 0xcc, CODE_SIZE);
	memset(slot, 0xcc, PAGE);
	memcpy(from, bytes, n);
	memcpy(slot, displaced->code, displaced->len);
	for (int state = 0; state < N_STATES && ok; state++) {
		run(state, from, &original);
		run(state, slot, &moved);
		leave_slot(displaced, &moved);
		ok = same(&original, &moved);
		if (!ok)
			explain(what, state, &original, &moved);
	}
	return ok;
}

#define FORM(text, ...) { text, { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }) }
static const struct {
	const char *what;
	uint8_t bytes[16];
	size_t n;
} forms[] = {
	FORM("push %rbp", 0x55),
	FORM("push %r15", 0x41, 0x57),
	FORM("mov %rsp,%rbp", 0x48, 0x89, 0xe5),
	FORM("sub $24,%rsp", 0x48, 0x83, 0xec, 0x18),
	FORM("endbr64", 0xf3, 0x0f, 0x1e, 0xfa),
	FORM("mov 0x100(%rip),%rax", 0x48, 0x8b, 0x05, 0x00, 0x01, 0x00, 0x00),
	FORM("mov to the data by rip", 0x48, 0x8b, 0x05, 0x00, 0xa0, 0xff, 0x0f),
	FORM("lea -8(%rip),%rdi", 0x48, 0x8d, 0x3d, 0xf8, 0xff, 0xff, 0xff),
	FORM("cmpl $5,0x200(%rip)", 0x83, 0x3d, 0x00, 0x02, 0x00, 0x00, 0x05),
	FORM("movq $imm,x(%rip)", 0x48, 0xc7, 0x05, 0x10, 0xa0, 0xff, 0x0f, 1, 2, 3, 4),
	FORM("movaps x(%rip),%xmm1", 0x0f, 0x28, 0x0d, 0x00, 0x10, 0x00, 0x00),
	FORM("vmovdqu x(%rip),%ymm1", 0xc5, 0xfe, 0x6f, 0x0d, 0x00, 0x10, 0x00, 0x00),
	FORM("jmp short", 0xeb, 0x10),
	FORM("jmp near", 0xe9, 0x00, 0x10, 0x00, 0x00),
	FORM("jmp backwards", 0xe9, 0x00, 0xf0, 0xff, 0xff),
	FORM("bnd jmp", 0xf2, 0xe9, 0x00, 0x10, 0x00, 0x00),
	FORM("jmp to nowhere", 0xe9, 0x00, 0x00, 0x00, 0x30),
	FORM("jo short", 0x70, 0x10), FORM("jno short", 0x71, 0x10), FORM("jb short", 0x72, 0x10),
	FORM("jae short", 0x73, 0x10), FORM("je short", 0x74, 0x10), FORM("jne short", 0x75, 0x10),
	FORM("jbe short", 0x76, 0x10), FORM("ja short", 0x77, 0x10), FORM("js short", 0x78, 0x10),
	FORM("jns short", 0x79, 0x10), FORM("jp short", 0x7a, 0x10), FORM("jnp short", 0x7b, 0x10),
	FORM("jl short", 0x7c, 0x10), FORM("jge short", 0x7d, 0x10), FORM("jle short", 0x7e, 0x10),
	FORM("jg short", 0x7f, 0x10),
	FORM("je near", 0x0f, 0x84, 0x00, 0x10, 0x00, 0x00),
	FORM("jne near, hinted", 0x2e, 0x0f, 0x85, 0x00, 0x10, 0x00, 0x00),
	FORM("loop", 0xe2, 0x20), FORM("loope", 0xe1, 0x20), FORM("loopne", 0xe0, 0x20),
	FORM("jrcxz", 0xe3, 0x20), FORM("jecxz", 0x67, 0xe3, 0x20), FORM("loop backwards", 0xe2, 0xf0),
	FORM("call", 0xe8, 0x00, 0x01, 0x00, 0x00),
	FORM("call backwards", 0xe8, 0x00, 0xff, 0xff, 0xff),
	FORM("call as for thread-local storage", 0x66, 0x66, 0x48, 0xe8, 0x00, 0x01, 0x00, 0x00),
	FORM("call *%rax", 0xff, 0xd0),
	FORM("call *%r12", 0x41, 0xff, 0xd4),
	FORM("call *(%rax)", 0xff, 0x10),
	FORM("call *8(%rbx)", 0xff, 0x53, 0x08),
	FORM("call *(%rsp)", 0xff, 0x14, 0x24),
	FORM("call *16(%rsp)", 0xff, 0x54, 0x24, 0x10),
	FORM("call *0x100(%rsp)", 0xff, 0x94, 0x24, 0x00, 0x01, 0x00, 0x00),
	FORM("call *8(%rsp,%rcx,8)", 0xff, 0x54, 0xcc, 0x08),
	FORM("call *8(%r12,%rcx,8)", 0x41, 0xff, 0x54, 0xcc, 0x08),
	FORM("call *(%r12)", 0x41, 0xff, 0x14, 0x24),
	FORM("call *x(%rip)", 0xff, 0x15, 0x08, 0xa0, 0xff, 0x0f),
	FORM("call *8(%rbp)", 0xff, 0x55, 0x08),
	FORM("call *table(,%rcx,8)", 0xff, 0x14, 0xcd, 0x00, 0x00, 0x00, 0x10),
	FORM("notrack call *%rax", 0x3e, 0xff, 0xd0),
	FORM("jmp *%rdx", 0xff, 0xe2),
	FORM("jmp *(%rax)", 0xff, 0x20),
	FORM("jmp *(%rsp)", 0xff, 0x24, 0x24),
	FORM("jmp *x(%rip)", 0xff, 0x25, 0x08, 0xa0, 0xff, 0x0f),
	FORM("notrack jmp *%rax", 0x3e, 0xff, 0xe0),
	FORM("ret", 0xc3),
	FORM("rep ret", 0xf3, 0xc3),
	FORM("ret $16", 0xc2, 0x10, 0x00),
	FORM("ud2", 0x0f, 0x0b),
	FORM("hlt", 0xf4),
	FORM("xabort, outside a transaction", 0xc6, 0xf8, 0xff),
	FORM("leave", 0xc9),
	FORM("enter $16,$0", 0xc8, 0x10, 0x00, 0x00),
	FORM("pushf", 0x9c),
	FORM("push x(%rip)", 0xff, 0x35, 0x00, 0xa0, 0xff, 0x0f),
	FORM("push 8(%rsp)", 0xff, 0x74, 0x24, 0x08),
	FORM("pop %rax", 0x58),
	FORM("div %rcx", 0x48, 0xf7, 0xf1),
	FORM("mov (%rcx),%rax", 0x48, 0x8b, 0x01),
	FORM("lock cmpxchg %rdx,(%rdi)", 0xf0, 0x48, 0x0f, 0xb1, 0x17),
	FORM("rep movsb", 0xf3, 0xa4),
	FORM("nopw", 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00),
	FORM("longest nop", 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0),
};

static void every_form(void **state)
{
	(void)state;
	take_signals();
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint8_t *from = code + CODE_SIZE / 2;
		struct displaced displaced;

		if (insn_displace(forms[i].bytes, forms[i].n, (uint64_t)from, (uint64_t)slot, &displaced) < 0)
			fail_msg("%s: %s", forms[i].what, err_text());
		assert_int_equal(displaced.insn_len, forms[i].n);
		if (!check_insn(forms[i].what, from, forms[i].bytes, forms[i].n, &displaced))
			fail();
	}
}

static void refused(void **state)
{
	static const struct {
		uint8_t bytes[16];
		const char *why;
	} cases[] = {
		{ { 0xcc }, "interrupt" },
		{ { 0xcd, 0x80 }, "interrupt" },
		{ { 0x0f, 0x05 }, "system call" },
		{ { 0x0f, 0x34 }, "system call" },
		{ { 0xc7, 0xf8, 0, 0, 0, 0 }, "transaction" },
		{ { 0xff, 0x18 }, "far" },
		{ { 0xff, 0x28 }, "far" },
		{ { 0x66, 0xe9, 0, 0, 0, 0 }, "operand size" },
		{ { 0x67, 0x8b, 0x05, 0, 0, 0, 0 }, "eip" },
		{ { 0xff, 0xd4 }, "rsp" },
		{ { 0x06 }, "no instruction" },
	};
	struct displaced displaced;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(insn_displace(cases[i].bytes, 15, 0x1000, 0x2000, &displaced), -ENOTSUP);
		if (!strstr(err_text(), cases[i].why))
			fail_msg("'%s' does not say '%s'", err_text(), cases[i].why);
	}
	/* cut short */
	assert_int_equal(insn_displace((const uint8_t *)"\x48\x8b\x05\x00", 4, 0x1000, 0x2000, &displaced), -ENOTSUP);
}

static void too_far(void **state)
{
	static const uint8_t load[] = { 0x48, 0x8b, 0x05, 0, 0, 0, 0 }, push[] = { 0x55 };
	const uint64_t from = 0x7f0000000000;
	struct displaced displaced;

	(void)state;
	assert_int_equal(insn_displace(load, sizeof(load), from, from + 0x7ffffff0, &displaced), 0);
	assert_int_equal(insn_displace(load, sizeof(load), from, from + 0x80000010, &displaced), -ERANGE);
	assert_int_equal(insn_displace(load, sizeof(load), from, from - 0x80000010, &displaced), -ERANGE);
	assert_int_equal(insn_displace(push, sizeof(push), from, from - 0x80000010, &displaced), -ERANGE);
	assert_int_equal(insn_displace(push, sizeof(push), from, from - 0x7ffffff0, &displaced), 0);
}

/* ---- the first instruction of every function of a library */
static const char *const skipped[] = { /* what differs from one time to the next, or would break the test itself */
	"\x0f\x31", "\x0f\xc7", "\x0f\x01\xf9", "\x9d", "\x0f\x01\xd0",
};

static bool is_skipped(const uint8_t *bytes)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++)
		if (!memcmp(bytes, skipped[i], strlen(skipped[i])))
			return true;
	return false;
}

static struct module *open_library(const char *path)
{
	struct module_options options = { .no_debuginfod = true };
	struct module *module;

	if (module_open(path, path, 0, 0, &options, &module) < 0)
		fail_msg("%s", err_text());
	return module;
}

/* VIRTRACE_LIBRARY: of another one (tests/e2e/entries.sh). */
static void every_entry(void **state)
{
	const char *library = getenv("VIRTRACE_LIBRARY");
	struct module *module = open_library(library ? library : "/lib/x86_64-linux-gnu/libc.so.6");
	struct pattern pattern = { .name = "*" };
	struct function_list list = { 0 };
	size_t n_run = 0, n_refused = 0;

	(void)state;
	take_signals();
	assert_true(function_find(module, &pattern, &list) > 1000);
	for (size_t i = 0; i < list.n; i++) {
		const struct function *function = list.items[i];
		uint8_t bytes[INSN_MAX], *from = code + CODE_SIZE / 2;
		struct displaced displaced;

		if (module_read(module, function->entry, bytes, sizeof(bytes)) < 0 || is_skipped(bytes))
			continue;
		/* It stands elsewhere in the test: the same instruction, another neighbourhood. */
		if (insn_displace(bytes, sizeof(bytes), (uint64_t)from, (uint64_t)slot, &displaced) < 0) {
			print_message("%s: %s\n", function->name, err_text());
			n_refused++;
			continue;
		}
		if (!check_insn(function->name, from, bytes, displaced.insn_len, &displaced))
			fail();
		n_run++;
	}
	print_message("%zu entries executed, %zu refused\n", n_run, n_refused);
	assert_true(n_run > 1000 && n_refused < 20);
	function_list_free(&list);
	module_close(module);
}

static size_t read_words(void *ctx, uint64_t addr, void *buf, size_t len)
{
	memcpy(buf, (const char *)ctx + addr, len);
	return len;
}

/* Whether an instruction of one byte has been executed, told from the stack: words at 0 and 8, rsp is 8. */
static void has_run(void **state)
{
	static const struct {
		uint8_t opcode;
		uint64_t below, at;
		bool shows, has_run;
	} cases[] = {
		{ 0x53, 0, 7, true, true }, { 0x53, 7, 1, true, false },   /* push %rbx, which is 7 */
		{ 0x54, 0, 16, true, true }, { 0x54, 0, 8, true, false },  /* push %rsp */
		{ 0x5b, 7, 0, true, true }, { 0x5b, 0, 7, true, false },   /* pop %rbx */
		{ 0xc9, 9, 0, true, true }, { 0xc9, 0, 9, true, false },   /* leave; rbp is 9 */
		{ 0xc3, 0, 0, true, false }, { 0x90, 0, 0, true, false }, { 0xfc, 0, 0, true, false }, { 0xf0, 0, 0, true, false },
		{ 0x5c, 0, 0, false, false }, { 0x93, 0, 0, false, false }, { 0xf5, 0, 0, false, false },
		{ 0xa4, 0, 0, false, false },
	};
	struct user_regs_struct regs = { .rsp = 8, .rbx = 7, .rbp = 9 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t words[2] = { cases[i].below, cases[i].at };

		if (insn_shows_run(cases[i].opcode) != cases[i].shows ||
		    (cases[i].shows && insn_has_run(cases[i].opcode, &regs, read_words, words) != cases[i].has_run))
			fail_msg("%#x, case %zu", cases[i].opcode, i);
	}
	assert_false(insn_hides_next_byte((const uint8_t[]){ 0x53 }, 1));
	assert_false(insn_hides_next_byte((const uint8_t[]){ 0xf0, 0xff, 0x07 }, 3));
	assert_true(insn_hides_next_byte((const uint8_t[]){ 0x41, 0x54 }, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_far),
		cmocka_unit_test(has_run),
		cmocka_unit_test(every_entry),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, set_up, NULL);
}
