/**
 * Backtraces through functions of many shapes and through signals.
 */
#include "tests/unit/probe/unwind_sample.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_backtraces),
		cmocka_unit_test(signal_frames_are_passed),
		cmocka_unit_test(signal_frames_are_known_by_code),
		cmocka_unit_test(other_stack_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
