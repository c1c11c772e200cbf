#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tracer/probe/callstack.h"
#include "tracer/probe/site.h"

/*
 * Each row: the stack pointers of the open calls, outermost first; which of them loop (L), made a
 * tail call (T), one whose return will not be seen (S); what is asked; and which are gone, innermost first.
 */
static const struct {
	const char *what;
	uint64_t rsp[5]; /* 0 ends */
	const char *marks;
	uint64_t now;
	bool entering;
	uint64_t gone[5];
} cases[] = {
	{ "nothing open", { 0 }, "", 0x1000, true, { 0 } },
	{ "a nested call", { 0x5000, 0x4000 }, "..", 0x3000, true, { 0 } },
	{ "its return", { 0x5000, 0x4000 }, "..", 0x4000, false, { 0 } },
	{ "longjmp over two", { 0x5000, 0x4000, 0x3000 }, "...", 0x4800, true, { 0x3000, 0x4000 } },
	{ "longjmp over all", { 0x5000, 0x4000 }, "..", 0x6000, false, { 0x4000, 0x5000 } },
	{ "called again where it was left", { 0x5000, 0x4000 }, "..", 0x4000, true, { 0x4000 } },
	{ "come back to its entry by a jump", { 0x5000, 0x4000 }, ".L", 0x4000, true, { 0 } },
	{ "a tail call's callee is entered", { 0x5000, 0x4000 }, ".T", 0x4000, true, { 0 } },
	{ "the same, where it will not be seen to return", { 0x5000, 0x4000 }, ".S", 0x4000, true, { 0 } },
	{ "a tail call that was unwound", { 0x5000, 0x4000 }, ".T", 0x4008, true, { 0x4000 } },
};

static void gone(void **state)
{
	static struct site site;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct callstack stack = { 0 };
		struct call calls[5], *call;

		memset(calls, 0, sizeof(calls));
		for (int k = 0; cases[i].rsp[k]; k++) {
			calls[k].entry_rsp = cases[i].rsp[k];
			calls[k].loops = cases[i].marks[k] == 'L';
			calls[k].return_site = cases[i].marks[k] == 'T' ? &site : NULL;
			calls[k].returns_unseen = cases[i].marks[k] == 'S';
			callstack_push(&stack, &calls[k]);
		}
		for (int k = 0; cases[i].gone[k]; k++) {
			call = callstack_gone(&stack, cases[i].now, cases[i].entering);
			if (!call || call->entry_rsp != cases[i].gone[k])
				fail_msg("%s: item %d", cases[i].what, k);
			callstack_remove(call);
		}
		if (callstack_gone(&stack, cases[i].now, cases[i].entering))
			fail_msg("%s: one too many", cases[i].what);
	}
}

static void find(void **state)
{
	struct call calls[4];
	struct callstack stack = { 0 };
	static struct site site, other;
	struct probe *a = (struct probe *)&calls[0], *b = (struct probe *)&calls[1]; /* any two addresses */

	(void)state;
	memset(calls, 0, sizeof(calls));
	calls[0] = (struct call){ .probe = a, .entry_rsp = 0x5000, .return_site = &site };
	calls[1] = (struct call){ .probe = b, .entry_rsp = 0x5000, .return_site = &site };
	calls[2] = (struct call){ .probe = a, .entry_rsp = 0x5000 };
	calls[3] = (struct call){ .probe = a, .entry_rsp = 0x4000 };
	for (int i = 0; i < 4; i++)
		callstack_push(&stack, &calls[i]);
	assert_ptr_equal(callstack_find(&stack, a, 0x5000), &calls[2]);
	assert_ptr_equal(callstack_find(&stack, b, 0x5000), &calls[1]);
	assert_null(callstack_find(&stack, b, 0x4000));
	/* The return address has been popped. */
	assert_ptr_equal(callstack_returning(&stack, &site, 0x5008), &calls[1]);
	callstack_remove(&calls[1]);
	assert_ptr_equal(callstack_returning(&stack, &site, 0x5008), &calls[0]);
	assert_null(callstack_returning(&stack, &site, 0x5000));
	assert_null(callstack_returning(&stack, &other, 0x5008));
	callstack_remove(&calls[3]);
	callstack_remove(&calls[0]);
	assert_ptr_equal(stack.top, &calls[2]);
	assert_null(calls[2].below);
}

/* Two coroutines whose stacks share memory: the calls of one say nothing of those of the other, whichever lies higher. */
static void shared(void **state)
{
	struct callstack stack = { .is_shared = true };
	struct call calls[4];

	(void)state;
	memset(calls, 0, sizeof(calls));
	calls[0] = (struct call){ .tid = 1, .entry_rsp = 0x30000 };
	calls[1] = (struct call){ .tid = 1, .entry_rsp = 0x20000 };
	calls[2] = (struct call){ .tid = 1, .entry_rsp = 0x2ff00 };
	calls[3] = (struct call){ .tid = 2, .entry_rsp = 0x1ff80 };
	callstack_push(&stack, &calls[0]);
	assert_null(callstack_caller(&stack, 0x20000, 1)); /* too far below */
	callstack_push(&stack, &calls[1]);
	assert_null(callstack_gone(&stack, 0x2ff00, true));
	assert_ptr_equal(callstack_caller(&stack, 0x2ff00, 1), &calls[0]);
	callstack_push(&stack, &calls[2]);
	assert_ptr_equal(callstack_caller(&stack, 0x1ff00, 1), &calls[1]);
	assert_null(callstack_caller(&stack, 0x1ff00, 2));
	callstack_push(&stack, &calls[3]);
	assert_ptr_equal(callstack_caller(&stack, 0x1ff00, 1), &calls[1]); /* over another thread's */
	assert_ptr_equal(callstack_gone(&stack, 0x20000, true), &calls[1]); /* at its very place */
	assert_null(callstack_gone(&stack, 0x20000, false));
	for (const struct call *call = stack.top; call->below; call = call->below)
		assert_true(call->entry_rsp < call->below->entry_rsp && call->below->above == call);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(gone), cmocka_unit_test(find), cmocka_unit_test(shared) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
