#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tracer/probe/again.h"

/* Two stacks: addresses below 0x8000, and from there on. */
static bool same_stack(void *ctx, uint64_t a, uint64_t b)
{
	(void)ctx;
	return (a < 0x8000) == (b < 0x8000);
}

static struct user_regs_struct at(uint64_t rip, uint64_t rsp, uint64_t rdi)
{
	return (struct user_regs_struct){ .rip = rip, .rsp = rsp, .rdi = rdi, .eflags = 0x246 };
}

static bool expect(struct again *again, struct user_regs_struct regs)
{
	return again_expect(again, &regs);
}

static bool has_come(struct again *again, struct user_regs_struct regs)
{
	return again_has_come(again, &regs, same_stack, NULL);
}

static void once(void **state)
{
	struct again again = { 0 };
	struct user_regs_struct faulted = at(0x100, 0x5000, 1);

	(void)state;
	assert_false(has_come(&again, at(0x100, 0x5000, 1)));
	assert_true(expect(&again, at(0x100, 0x5000, 1)));
	assert_false(has_come(&again, at(0x100, 0x4000, 1))); /* in the handler, deeper */
	assert_true(has_come(&again, at(0x100, 0x5000, 1)));
	assert_false(has_come(&again, at(0x100, 0x5000, 1))); /* the next call */
	faulted.eflags |= 1 << 16; /* a fault leaves the resume flag */
	assert_true(expect(&again, faulted));
	assert_true(has_come(&again, at(0x100, 0x5000, 1)));
}

static void never(void **state)
{
	struct again again = { 0 };

	(void)state;
	/* the handler jumps out of itself, and the function is called again from the same place */
	assert_true(expect(&again, at(0x100, 0x5000, 1)));
	assert_false(has_come(&again, at(0x100, 0x5000, 2)));
	assert_false(has_come(&again, at(0x100, 0x5000, 1)));
	/* a hit in its caller */
	assert_true(expect(&again, at(0x100, 0x5000, 1)));
	assert_false(has_come(&again, at(0x200, 0x6000, 1)));
	assert_false(has_come(&again, at(0x100, 0x5000, 1)));
	/* but a handler on a stack of its own is none */
	assert_true(expect(&again, at(0x100, 0x5000, 1)));
	assert_false(has_come(&again, at(0x200, 0x9000, 1)));
	assert_true(has_come(&again, at(0x100, 0x5000, 1)));
}

static void nested(void **state)
{
	struct again again = { 0 };

	(void)state;
	for (uint64_t i = 0; i < AGAIN_MAX + 2; i++) {
		assert_false(has_come(&again, at(0x100, 0x5000 - 0x100 * i, i)));
		assert_true(expect(&again, at(0x100, 0x5000 - 0x100 * i, i)));
	}
	for (uint64_t i = AGAIN_MAX + 2; i-- > 0;) /* of too many the outermost are forgotten */
		assert_int_equal(has_come(&again, at(0x100, 0x5000 - 0x100 * i, i)), i >= 2);
	/* the outer one comes: the inner one's handler is gone */
	assert_true(expect(&again, at(0x100, 0x5000, 1)));
	assert_true(expect(&again, at(0x200, 0x4000, 1)));
	assert_true(has_come(&again, at(0x100, 0x5000, 1)));
	assert_false(has_come(&again, at(0x200, 0x4000, 1)));
}

/* Signals that do not end must not keep a thread for ever. */
static void storm(void **state)
{
	struct again again = { 0 };
	unsigned n = 0;

	(void)state;
	while (expect(&again, at(0x100, 0x5000, 1)) && n++ < 1000)
		assert_true(has_come(&again, at(0x100, 0x5000, 1)));
	assert_in_range(n, 50, 200);
	assert_false(expect(&again, at(0x100, 0x5000, 1)));
	/* and it is another call then */
	assert_false(has_come(&again, at(0x100, 0x5000, 1)));
	assert_true(expect(&again, at(0x100, 0x5000, 1)));
	assert_true(has_come(&again, at(0x100, 0x5000, 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once),
		cmocka_unit_test(never),
		cmocka_unit_test(nested),
		cmocka_unit_test(storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
