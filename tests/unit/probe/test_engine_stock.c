/*
 * What a hit needs is in stock: from looking at a thread that stands at a site until it goes on nothing is allocated, not even where
 * a call returns to a place that nothing has returned to before, nor where one is left by longjmp on a stack that is new.
 *
 * The allocator and ptrace() are this program's own, so it is they that tell.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/harness.h"
#include "tracer/base/sanitizer.h"
#include "tracer/probe/engine_state.h"

static pid_t held; /* the thread that was looked at and does not go on yet */
static size_t n_held, allocations, largest;

long ptrace(enum __ptrace_request request, ...)
{
	va_list ap;

	va_start(ap, request);
	pid_t tid = va_arg(ap, pid_t);
	void *addr = va_arg(ap, void *), *data = va_arg(ap, void *);

	va_end(ap);
	if (request == PTRACE_GETREGS)
		held = tid;
	if (request == PTRACE_CONT && tid == held) {
		held = 0;
		n_held++;
	}
	return syscall(SYS_ptrace, request, tid, addr, data);
}

#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static void count(size_t size)
{
	allocations += held != 0;
	largest = held && size > largest ? size : largest;
}

void *malloc(size_t size)
{
	count(size);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count(n * size);
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	count(size);
	return __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	count(n * size);
	return __libc_realloc(old, n * size);
}
#endif

/* The owner of this test keeps what it is told as it likes: that does not count. */
static bool on_enter(void *ctx, const struct call_event *event)
{
	pid_t tid = held;

	held = 0;
	bool taken = recorder_ops->enter(ctx, event);

	held = tid;
	return taken;
}

static void on_leave(void *ctx, const struct call_event *event)
{
	pid_t tid = held;

	held = 0;
	recorder_ops->leave(ctx, event);
	held = tid;
}

static const struct engine_ops ops = { .enter = on_enter, .leave = on_leave };

static void nothing_is_allocated(void **state)
{
	struct victim victim = load_start("2");
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	recorder_watch_all(&recorder);
	recorder_attach(&recorder);
	recorder.engine->ops = &ops;
	recorder_run(&recorder, 0); /* all is armed */
	uint32_t places = recorder.engine->journal.file->n_sites;

	n_held = allocations = 0;
	while (n_held < 5000)
		recorder_run(&recorder, 20);
	assert_true(recorder.engine->journal.file->n_sites > places + 3); /* places that calls return to */
	if (allocations)
		fail_msg("%zu allocations while a thread was held, the largest of %zu bytes", allocations, largest);
	recorder_detach(&recorder);
	recorder_check(&recorder);
	load_finish(&victim, &recorder);
}

static void nor_on_a_new_stack(void **state)
{
	struct victim victim = victim_start("special", NULL, 1);
	struct recorder recorder;

	(void)state;
	recorder_init(&recorder, &victim);
	struct watched *jumps = recorder_watch(&recorder, "f_jumps", 0, 0, false);

	recorder_watch(&recorder, "f_jumper", 0, 0, false);
	recorder_attach(&recorder);
	recorder.engine->ops = &ops;
	recorder_run(&recorder, 0);
	allocations = 0;
	victim.shared->step = 1;
	recorder_run_until(&recorder, &victim.shared->done, 1);
	assert_int_equal(jumps->ends[CALL_UNWOUND], 30);
	if (allocations)
		fail_msg("%zu allocations while a thread was held, the largest of %zu bytes", allocations, largest);
	recorder_detach(&recorder);
	victim_check_text(&victim);
	recorder_fini(&recorder);
	victim_finish(&victim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allocated),
		cmocka_unit_test(nor_on_a_new_stack),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
