/**
 * Backtraces that must end early, and stacks and tables that are broken.
 */
#include "tests/unit/probe/unwind_sample.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>

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
		assert_int_equal(unwind_stack(unwinder, &taken.sample, pcs, NULL, max, &end), max);
		assert_int_equal(end, UNWIND_FULL);
		assert_int_equal(pcs[max], 0xeeeeeeeeeeeeeeee);
	}
	unwinder_free(unwinder);
	modules_close(&modules);
}

static struct module *no_module(void *ctx, uint64_t addr)
{
	(void)ctx, (void)addr;
	return NULL;
}

static void without_modules_the_caller_is_known(void **state)
{
	struct unwinder *unwinder = unwinder_new(no_module, NULL);
	uint64_t pcs[4];
	enum unwind_end end;

	(void)state;
	take(deep);
	assert_int_equal(unwind_stack(unwinder, &taken.sample, pcs, NULL, 4, &end), 2);
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
	size_t n = unwind_stack(unwinder, &taken.sample, first, NULL, FRAMES, NULL);
	for (int round = 0; round < 3000; round++) {
		if (round == 100)
			before = mallinfo2().uordblks;
		if (round % 500 == 0)
			unwinder_forget(unwinder);
		assert_int_equal(unwind_stack(unwinder, &taken.sample, pcs, NULL, FRAMES, NULL), n);
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
		size_t n = unwind_stack(unwinder, &sample, pcs, NULL, FRAMES, &end);
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
		size_t n = unwind_stack(unwinder, &taken.sample, pcs, NULL, FRAMES, &end);
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
