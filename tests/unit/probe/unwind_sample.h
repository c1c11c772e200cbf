/**
 * Samples of this program itself, and its modules: what the tests of backtraces have in common.  The oracle is backtrace() of glibc,
 * which is libgcc's unwinder.
 *
 * sample_here() is a function like a traced one: it takes the sample at its own first instruction.
 */
#ifndef UNIT_PROBE_UNWIND_SAMPLE_H
#define UNIT_PROBE_UNWIND_SAMPLE_H
#include "tracer/probe/unwind.h"

#include "symbols/frame.h"
#include "symbols/module.h"
#include "tracer/remote/maps.h"

#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
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

static inline struct module *module_at(void *ctx, uint64_t addr)
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

static inline void modules_close(struct modules *modules)
{
	while (modules->n)
		module_close(modules->items[--modules->n]);
}

struct result {
	uint64_t pcs[FRAMES];
	enum unwind_kind kinds[FRAMES];
	size_t n;
	enum unwind_end end;
};

static inline struct result unwind_taken(void)
{
	struct modules modules = { 0 };
	struct unwinder *unwinder = unwinder_new(module_at, &modules);
	struct result result;

	assert_non_null(unwinder);
	result.n = unwind_stack(unwinder, &taken.sample, result.pcs, result.kinds, FRAMES, &result.end);
	unwinder_free(unwinder);
	modules_close(&modules);
	return result;
}

/* The frames that were interrupted by a signal; `n` of those of the oracle that there should be. */
static inline void assert_frames(const struct result *result, int n, int interrupted)
{
	assert_true(n <= taken.n_oracle);
	assert_int_equal(result->n, n + 1);
	assert_int_equal(result->pcs[0], (uintptr_t)sample_here);
	assert_int_equal(result->kinds[0], UNWIND_HERE);
	for (int i = 0; i < n; i++) {
		enum unwind_kind kind = interrupted > 0 && i == interrupted - 1 ? UNWIND_TRAMPOLINE
					: i == interrupted			 ? UNWIND_INTERRUPTED
										 : UNWIND_RETURN;

		assert_int_equal(result->pcs[i + 1], (uintptr_t)taken.oracle[i]);
		assert_int_equal(result->kinds[i + 1], kind);
	}
}

/* ---- functions of many shapes ---- */

#define NO_FP __attribute__((noinline, unused, optimize("omit-frame-pointer")))
#define WITH_FP __attribute__((noinline, unused, optimize("no-omit-frame-pointer")))
#ifdef __clang__
#undef NO_FP
#undef WITH_FP
#define NO_FP __attribute__((noinline, unused))
#define WITH_FP __attribute__((noinline, unused))
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

static inline int compare(const void *a, const void *b)
{
	if (!taken.n_oracle)
		realigned();
	return *(const int *)a - *(const int *)b;
}

static inline void take(void (*how)(void))
{
	memset(&taken, 0, sizeof(taken));
	how();
	assert_true(taken.n_oracle > 3);
}

static inline void deep(void)
{
	recurse(200);
	KEEP();
}

static inline void in_qsort(void)
{
	int numbers[] = { 3, 1, 2, 5, 4 };

	qsort(numbers, 5, sizeof(int), compare);
	KEEP();
}

#endif
