/**
 * Backtraces of this program itself; the oracle is backtrace() of glibc, which is libgcc's
 * unwinder.
 *
 * sample_here() is a function like a traced one: it takes the sample at its own first instruction.
 */
#include "tracer/probe/unwind.h"

#include "symbols/frame.h"
#include "symbols/module.h"
#include "tracer/remote/maps.h"

#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { FRAMES = 400, COPY = 256 * 1024, MODULES = 64 };

/* ---- the sample ---- */

static struct {
	struct unwind_sample sample;
	uint8_t stack[COPY];
	void *oracle[FRAMES]; // from the caller of sample_here() on
	int n_oracle;
} taken;

static bool no_oracle;     // backtrace() would not survive it
static bool sample_leaves; // sample_here() does not return but jumps:
static jmp_buf leave_to;

uint64_t sample_regs[17];
void sample_here(void);
void sample_taken(void);

__asm__(".text\n"
	".globl sample_here\n"
	".type sample_here, @function\n"
	"sample_here:\n"
	"	.cfi_startproc\n"
	"	mov %rax, sample_regs+0(%rip)\n"
	"	mov %rdx, sample_regs+8(%rip)\n"
	"	mov %rcx, sample_regs+16(%rip)\n"
	"	mov %rbx, sample_regs+24(%rip)\n"
	"	mov %rsi, sample_regs+32(%rip)\n"
	"	mov %rdi, sample_regs+40(%rip)\n"
	"	mov %rbp, sample_regs+48(%rip)\n"
	"	mov %rsp, sample_regs+56(%rip)\n"
	"	mov %r8, sample_regs+64(%rip)\n"
	"	mov %r9, sample_regs+72(%rip)\n"
	"	mov %r10, sample_regs+80(%rip)\n"
	"	mov %r11, sample_regs+88(%rip)\n"
	"	mov %r12, sample_regs+96(%rip)\n"
	"	mov %r13, sample_regs+104(%rip)\n"
	"	mov %r14, sample_regs+112(%rip)\n"
	"	mov %r15, sample_regs+120(%rip)\n"
	"	lea sample_here(%rip), %rax\n"
	"	mov %rax, sample_regs+128(%rip)\n"
	"	sub $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	call sample_taken\n"
	"	add $8, %rsp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size sample_here, .-sample_here\n");

void sample_taken(void)
{
	uint64_t rsp = sample_regs[DWARF_RSP];
	void *raw[FRAMES];
	struct maps maps;

	assert_int_equal(maps_read(getpid(), &maps), 0);
	uint64_t len = maps_find(&maps, rsp)->hi - rsp;
	maps_free(&maps);

	memcpy(taken.sample.regs, sample_regs, sizeof(sample_regs));
	taken.sample.stack_addr = rsp;
	taken.sample.stack = taken.stack;
	taken.sample.stack_len = len < COPY ? len : COPY;
	// Byte by byte: a sanitizer would object to a memcpy() across frames.
	for (size_t i = 0; i < taken.sample.stack_len; i++)
		__asm__ volatile("movb (%1), %%al; movb %%al, (%0)"
				 :
				 : "r"(&taken.stack[i]), "r"(rsp + i)
				 : "al", "memory");

	if (no_oracle)
		return;
	int n = backtrace(raw, FRAMES), first = 0;
	while (first < n && (uintptr_t)raw[first] != *(uint64_t *)taken.stack)
		first++;
	assert_true(first < n); // how many frames are above it is up to sanitizers
	taken.n_oracle = n - first;
	memcpy(taken.oracle, raw + first, taken.n_oracle * sizeof(*raw));
	if (sample_leaves)
		longjmp(leave_to, 1);
}

/* ---- modules of this process ---- */

struct modules {
	struct module *items[MODULES];
	size_t n;
	const char *replaced, *replacement; // path of a module, and the file to be opened instead
};

static struct module *module_at(void *ctx, uint64_t addr)
{
	struct modules *modules = ctx;
	struct module *module = NULL;
	struct maps maps;

	for (size_t i = 0; i < modules->n; i++)
		if (module_contains(modules->items[i], addr))
			return modules->items[i];
	assert_int_equal(maps_read(getpid(), &maps), 0);
	const struct mapping *map = maps_find(&maps, addr);

	if (map && map->path[0] == '/' && modules->n < MODULES) {
		const char *path = map->path;

		if (modules->replaced && strcmp(path, modules->replaced) == 0)
			path = modules->replacement;
		if (module_open(path, path, map->lo, map->offset,
				&(struct module_options){ .no_debuginfod = true }, &module) == 0)
			modules->items[modules->n++] = module;
	}
	maps_free(&maps);
	return module;
}

static struct module *no_module(void *ctx, uint64_t addr)
{
	(void)ctx, (void)addr;
	return NULL;
}

static void modules_close(struct modules *modules)
{
	while (modules->n)
		module_close(modules->items[--modules->n]);
}

struct result {
	uint64_t pcs[FRAMES];
	size_t n;
	enum unwind_end end;
};

static struct result unwind_taken(void)
{
	struct modules modules = { 0 };
	struct unwinder *unwinder = unwinder_new(module_at, &modules);
	struct result result;

	assert_non_null(unwinder);
	result.n = unwind_stack(unwinder, &taken.sample, result.pcs, FRAMES, &result.end);
	unwinder_free(unwinder);
	modules_close(&modules);
	return result;
}

/* The frames that were interrupted by a signal; `n` of those of the oracle that there should be. */
static void assert_frames(const struct result *result, int n, int interrupted)
{
	assert_true(n <= taken.n_oracle);
	assert_int_equal(result->n, n + 1);
	assert_int_equal(result->pcs[0], (uintptr_t)sample_here);
	for (int i = 0; i < n; i++)
		assert_int_equal(result->pcs[i + 1],
				 (uintptr_t)taken.oracle[i] + (i == interrupted));
}

/* Index in the oracle of the frame a signal interrupted: it comes after that of the trampoline. */
static int find_interrupted(void)
{
	static const uint8_t sigreturn[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };

	for (int i = 0; i < taken.n_oracle; i++)
		if (memcmp(taken.oracle[i], sigreturn, sizeof(sigreturn)) == 0)
			return i + 1;
	fail_msg("no signal frame in the oracle's backtrace");
	return -1;
}

/* ---- functions of many shapes ---- */

#define NO_FP __attribute__((noinline, optimize("omit-frame-pointer")))
#define WITH_FP __attribute__((noinline, optimize("no-omit-frame-pointer")))
#ifdef __clang__
#undef NO_FP
#undef WITH_FP
#define NO_FP __attribute__((noinline))
#define WITH_FP __attribute__((noinline))
#endif
#define KEEP() __asm__ volatile("" ::: "memory") /* no tail call */

NO_FP static void recurse(int depth)
{
	if (depth)
		recurse(depth - 1);
	else
		sample_here();
	KEEP();
}

WITH_FP static void with_alloca(size_t size)
{
	volatile char *room = __builtin_alloca(size);

	room[0] = room[size - 1] = 1;
	recurse(2);
	KEEP();
}

NO_FP static void with_saved_registers(size_t size)
{
	// All callee-saved registers change, so that callers' values must come out of the CFI.
	__asm__ volatile("xor %%ebx, %%ebx; xor %%r12d, %%r12d; xor %%r13d, %%r13d;"
			 "xor %%r14d, %%r14d; xor %%r15d, %%r15d" ::
				 : "rbx", "r12", "r13", "r14", "r15");
	with_alloca(size);
	__asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15", "memory");
}

/* rsp is aligned to 64 through rbp or r10: CFA by expression in gcc's code. */
NO_FP static void realigned(void)
{
	volatile char room[256] __attribute__((aligned(64)));

	room[0] = 1;
	with_saved_registers(room[0] * 5000);
	KEEP();
}

static int compare(const void *a, const void *b)
{
	if (!taken.n_oracle)
		realigned();
	return *(const int *)a - *(const int *)b;
}

static void take(void (*how)(void))
{
	memset(&taken, 0, sizeof(taken));
	how();
	assert_true(taken.n_oracle > 3);
}

static void deep(void)
{
	recurse(200);
	KEEP();
}

static void in_qsort(void)
{
	int numbers[] = { 3, 1, 2, 5, 4 };

	qsort(numbers, 5, sizeof(int), compare);
	KEEP();
}

static void *thread_main(void *arg)
{
	realigned();
	KEEP();
	return arg;
}

static void in_thread(void)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, thread_main, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/*
 * Calls of functions that do not return are the last instructions: their return addresses are in
 * the functions behind. Both the sample's and a later frame's.
 */
void ends_with_call(void);
__asm__(".type ends_with_call, @function\n"
	"ends_with_call:\n"
	"	.cfi_startproc\n"
	"	sub $72, %rsp\n"
	"	.cfi_adjust_cfa_offset 72\n"
	"	call ends_with_sample\n"
	"	.cfi_endproc\n"
	".size ends_with_call, .-ends_with_call\n"
	".type ends_with_sample, @function\n"
	"ends_with_sample:\n"
	"	.cfi_startproc\n"
	"	sub $24, %rsp\n"
	"	.cfi_adjust_cfa_offset 24\n"
	"	call sample_here\n"
	"	.cfi_endproc\n"
	".size ends_with_sample, .-ends_with_sample\n"
	".type behind_them, @function\n"
	"behind_them:\n"
	"	.cfi_startproc\n"
	"	.cfi_def_cfa_offset 4096\n"
	"	ret\n"
	"	.cfi_endproc\n");

static void noreturn(void)
{
	sample_leaves = true;
	if (setjmp(leave_to) == 0)
		ends_with_call();
	sample_leaves = false;
	KEEP();
}

static void frames_are_backtraces(void **state)
{
	static void (*const ways[])(void) = { deep, realigned, in_qsort, in_thread, noreturn };

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		take(ways[i]);
		struct result result = unwind_taken();
		assert_frames(&result, taken.n_oracle, -1);
		assert_int_equal(result.end, UNWIND_OUTERMOST);
	}
}

/* ---- signals ---- */

static void handler(int signal)
{
	(void)signal;
	recurse(1);
	KEEP();
}

struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

void bare_restorer(void);
__asm__("	nop\n"
	"bare_restorer:\n" // as other C libraries': no unwind information
	"	mov $15, %rax\n"
	"	syscall\n");

static void set_handler(unsigned long flags, void (*restorer)(void))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	// SA_RESTORER is the kernel's, not the C library's.
	struct kernel_sigaction raw = { handler, flags | 0x04000000, restorer, 0 };

	if (restorer)
		assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR1, &raw, NULL, 8), 0);
	else
		assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
}

/* The signal comes at a function's first instruction: the byte before is another function's. */
void ud2_at_once(void);
__asm__(".type before_ud2, @function\n"
	"before_ud2:\n"
	"	.cfi_startproc\n"
	"	.cfi_def_cfa_offset 4096\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".type ud2_at_once, @function\n"
	"ud2_at_once:\n"
	"	.cfi_startproc\n"
	"	ud2\n"
	"	.cfi_endproc\n");

static jmp_buf after_ud2;

static void handle_ud2(int signal)
{
	(void)signal;
	recurse(1);
	siglongjmp(after_ud2, 1);
}

static void at_first_instruction(void)
{
	struct sigaction action = { .sa_handler = handle_ud2 };

	assert_int_equal(sigaction(SIGILL, &action, NULL), 0);
	if (sigsetjmp(after_ud2, 1) == 0)
		ud2_at_once();
	signal(SIGILL, SIG_DFL);
}

static void raised(void)
{
	raise(SIGUSR1);
	KEEP();
}

static void signal_frames_are_passed(void **state)
{
	(void)state;
	set_handler(0, NULL);
	take(raised);
	struct result result = unwind_taken();
	assert_frames(&result, taken.n_oracle, find_interrupted());
	assert_int_equal(result.end, UNWIND_OUTERMOST);

	take(at_first_instruction);
	result = unwind_taken();
	assert_frames(&result, taken.n_oracle, find_interrupted());
	assert_int_equal(taken.oracle[find_interrupted()], (void *)ud2_at_once);
	assert_int_equal(result.end, UNWIND_OUTERMOST);
}

static void signal_frames_are_known_by_code(void **state)
{
	(void)state;
	set_handler(0, bare_restorer);
	take(raised);
	struct result result = unwind_taken();
	assert_frames(&result, taken.n_oracle, find_interrupted());
	assert_int_equal(result.end, UNWIND_OUTERMOST);
	set_handler(0, NULL);
}

static void other_stack_ends_it(void **state)
{
	stack_t stack = { .ss_sp = malloc(128 * 1024), .ss_size = 128 * 1024 };

	(void)state;
	assert_int_equal(sigaltstack(&stack, NULL), 0);
	set_handler(SA_ONSTACK, NULL);
	take(raised);
	// What lies above in the heap is not that stack.
	taken.sample.stack_len = (uint64_t)stack.ss_sp + stack.ss_size - taken.sample.stack_addr;
	struct result result = unwind_taken();
	assert_frames(&result, find_interrupted() + 1, find_interrupted());
	assert_int_equal(result.end, UNWIND_CUT);

	set_handler(0, NULL);
	stack.ss_flags = SS_DISABLE;
	assert_int_equal(sigaltstack(&stack, NULL), 0);
	free(stack.ss_sp);
}

/* ---- where it must stop ---- */

static void short_copies_are_cut(void **state)
{
	(void)state;
	take(realigned);
	size_t whole = taken.sample.stack_len;
	struct result all = unwind_taken();
	size_t last = 0;

	for (size_t len = 0; len < whole && len < 8000; len += 8) {
		taken.sample.stack_len = len;
		struct result result = unwind_taken();
		assert_true(result.n >= 1 && result.n <= all.n && result.n >= last);
		assert_memory_equal(result.pcs, all.pcs, result.n * sizeof(*all.pcs));
		if (result.n < all.n)
			assert_int_equal(result.end, UNWIND_CUT);
		last = result.n;
	}
	assert_true(last > 5);
}

static void maximum_is_kept(void **state)
{
	struct modules modules = { 0 };
	struct unwinder *unwinder = unwinder_new(module_at, &modules);
	uint64_t pcs[12];
	enum unwind_end end;

	(void)state;
	take(deep);
	for (size_t max = 0; max <= 10; max++) {
		memset(pcs, 0xee, sizeof(pcs));
		assert_int_equal(unwind_stack(unwinder, &taken.sample, pcs, max, &end), max);
		assert_int_equal(end, UNWIND_FULL);
		assert_int_equal(pcs[max], 0xeeeeeeeeeeeeeeee);
	}
	unwinder_free(unwinder);
	modules_close(&modules);
}

static void without_modules_the_caller_is_known(void **state)
{
	struct unwinder *unwinder = unwinder_new(no_module, NULL);
	uint64_t pcs[4];
	enum unwind_end end;

	(void)state;
	take(deep);
	assert_int_equal(unwind_stack(unwinder, &taken.sample, pcs, 4, &end), 2);
	assert_int_equal(pcs[1], (uintptr_t)taken.oracle[0]);
	assert_int_equal(end, UNWIND_LOST);
	unwinder_free(unwinder);
}

/* A function without unwind information and with a tempting rbp chain, whose frames are none. */
void no_cfi(void (*call)(void));
__asm__(".type no_cfi, @function\n"
	"no_cfi:\n"
	"	push %rbp\n"
	"	sub $48, %rsp\n"
	"	lea 8(%rsp), %rbp\n"
	"	lea 24(%rsp), %rax\n"
	"	mov %rax, (%rbp)\n"
	"	lea no_cfi(%rip), %rax\n"
	"	mov %rax, 8(%rbp)\n"
	"	call *%rdi\n"
	"	add $48, %rsp\n"
	"	pop %rbp\n"
	"	ret\n");

static void through_no_cfi(void)
{
	no_cfi(realigned);
	KEEP();
}

static void code_without_information_ends_it(void **state)
{
	(void)state;
	take(through_no_cfi);
	struct result result = unwind_taken();
	int known = 0;

	while (known < taken.n_oracle && (uint64_t)taken.oracle[known] - (uint64_t)no_cfi > 64)
		known++;
	assert_true(known < taken.n_oracle);
	assert_frames(&result, known + 1, -1);
	assert_int_equal(result.end, UNWIND_LOST);
}

/* Bad unwind information: a CFA below rsp, and one that is computed for ever (DW_OP_skip -3). */
void cfa_goes_down(void);
void cfa_loops(void);
__asm__(".type cfa_goes_down, @function\n"
	"cfa_goes_down:\n"
	"	.cfi_startproc\n"
	"	.cfi_def_cfa_offset -8\n"
	"	sub $72, %rsp\n"
	"	call 1f\n"
	"	add $72, %rsp\n"
	"2:	ret\n"
	"	.cfi_endproc\n"
	"1:	.cfi_startproc\n"
	"	lea 2b(%rip), %rax\n"
	"	push %rax\n" // where that CFA has the return address
	"	.cfi_adjust_cfa_offset 8\n"
	"	call sample_here\n"
	"	pop %rax\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".type cfa_loops, @function\n"
	"cfa_loops:\n"
	"	.cfi_startproc\n"
	"	.cfi_escape 0x0f, 3, 0x2f, 0xfd, 0xff\n"
	"	sub $8, %rsp\n"
	"	call sample_here\n"
	"	add $8, %rsp\n"
	"	ret\n"
	"	.cfi_endproc\n");

static void bad_information_ends_it(void **state)
{
	(void)state;
	no_oracle = true;
	cfa_goes_down();
	struct result result = unwind_taken();
	assert_int_equal(result.n, 3);
	assert_int_equal(result.end, UNWIND_LOST);

	cfa_loops();
	result = unwind_taken();
	assert_int_equal(result.n, 2);
	assert_int_equal(result.end, UNWIND_LOST);
	no_oracle = false;
}

/* ---- one unwinder, many backtraces ---- */

static void many_backtraces_take_no_memory(void **state)
{
	struct modules modules = { 0 };
	struct unwinder *unwinder = unwinder_new(module_at, &modules);
	uint64_t pcs[FRAMES], first[FRAMES];
	size_t before = 0;

	(void)state;
	take(in_qsort);
	size_t n = unwind_stack(unwinder, &taken.sample, first, FRAMES, NULL);
	for (int round = 0; round < 3000; round++) {
		if (round == 100)
			before = mallinfo2().uordblks;
		if (round % 500 == 0)
			unwinder_forget(unwinder);
		assert_int_equal(unwind_stack(unwinder, &taken.sample, pcs, FRAMES, NULL), n);
		assert_memory_equal(pcs, first, n * sizeof(*pcs));
	}
	assert_true(mallinfo2().uordblks <= before + 4096);
	unwinder_free(unwinder);
	modules_close(&modules);
	unwinder_free(NULL);
}

/* ---- garbage ---- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* A word as it might be in a broken stack: code, stack, or anything. */
static uint64_t rnd_word(void)
{
	switch (rnd() % 4) {
	case 0:
		return (uintptr_t)taken.oracle[rnd() % taken.n_oracle];
	case 1:
		return taken.sample.stack_addr + rnd() % (taken.sample.stack_len + 1);
	case 2:
		return taken.sample.stack_addr + rnd() % 4096 * 8;
	default:
		return rnd();
	}
}

static void broken_stacks_do_no_harm(void **state)
{
	struct modules modules = { 0 };
	struct unwinder *unwinder = unwinder_new(module_at, &modules);
	uint64_t pcs[FRAMES], good[4096];
	enum unwind_end end;

	(void)state;
	take(realigned);
	memcpy(good, taken.stack, sizeof(good));
	for (int round = 0; round < 20000; round++) {
		struct unwind_sample sample = taken.sample;
		size_t changes = 1 + rnd() % 200;

		memcpy(taken.stack, good, sizeof(good));
		for (size_t i = 0; i < changes; i++)
			memcpy(taken.stack + rnd() % 1000 * 8, &(uint64_t){ rnd_word() }, 8);
		if (round % 3 == 0)
			sample.regs[rnd() % 17] = rnd_word();
		if (round % 5 == 0)
			sample.stack_len = rnd() % sample.stack_len;
		if (round % 7 == 0)
			sample.stack_addr = rnd_word();
		size_t n = unwind_stack(unwinder, &sample, pcs, FRAMES, &end);
		assert_true(n >= 1 && n <= FRAMES);
		assert_true(end <= UNWIND_LOST);
	}
	unwinder_free(unwinder);
	modules_close(&modules);
}

/* This program's file with damage in .eh_frame and its header. */
static void write_damaged(const char *from, const char *to, uint64_t lo, uint64_t hi,
			  unsigned changes)
{
	struct stat st;
	int fd = open(from, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	uint8_t *bytes = malloc(st.st_size);
	assert_int_equal(read(fd, bytes, st.st_size), st.st_size);
	close(fd);
	while (changes--)
		bytes[lo + rnd() % (hi - lo)] = rnd();
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	assert_int_equal(write(fd, bytes, st.st_size), st.st_size);
	close(fd);
	free(bytes);
}

static void broken_tables_do_no_harm(void **state)
{
	char self[4096] = { 0 }, damaged[] = "/tmp/test_unwind.XXXXXX";
	uint64_t pcs[FRAMES];
	enum unwind_end end;

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	close(mkstemp(damaged));
	take(deep);

	struct modules modules = { 0 };
	struct unwind_table table;
	struct module *module = module_at(&modules, (uintptr_t)sample_here);
	assert_int_equal(module_unwind_table(module, &table), 0);
	// Both sections are in the first segments, where addresses are offsets.
	uint64_t lo = table.hdr_addr - module_bias(module);
	modules_close(&modules);

	for (int round = 0; round < 300; round++) {
		uint64_t from = round % 3 ? lo : lo + 8 + rnd() % 4096;

		write_damaged(self, damaged, from, from + 64 + rnd() % 16384, 1 + rnd() % 2000);
		struct modules broken = { .replaced = self, .replacement = damaged };
		struct unwinder *unwinder = unwinder_new(module_at, &broken);
		size_t n = unwind_stack(unwinder, &taken.sample, pcs, FRAMES, &end);
		assert_true(n >= 2 && n <= FRAMES);
		assert_int_equal(pcs[1], (uintptr_t)taken.oracle[0]);
		unwinder_free(unwinder);
		modules_close(&broken);
	}
	unlink(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_backtraces),
		cmocka_unit_test(signal_frames_are_passed),
		cmocka_unit_test(signal_frames_are_known_by_code),
		cmocka_unit_test(other_stack_ends_it),
		cmocka_unit_test(short_copies_are_cut),
		cmocka_unit_test(maximum_is_kept),
		cmocka_unit_test(without_modules_the_caller_is_known),
		cmocka_unit_test(code_without_information_ends_it),
		cmocka_unit_test(bad_information_ends_it),
		cmocka_unit_test(many_backtraces_take_no_memory),
		cmocka_unit_test(broken_stacks_do_no_harm),
		cmocka_unit_test(broken_tables_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
