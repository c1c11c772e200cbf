#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"

static void context_and_hints_surround_the_cause(void **state)
{
	(void)state;
	assert_int_equal(err_set(-ENOENT, "no %s", "file"), -ENOENT);
	assert_int_equal(err_context(-ENOENT, "cannot open %d", 7), -ENOENT);
	assert_int_equal(err_hint(-ENOENT, "try %s", "harder"), -ENOENT);
	assert_string_equal(err_text(), "cannot open 7: no file\ntry harder");
	err_clear();
	assert_string_equal(err_text(), "unknown error");
}

static void long_messages_are_cut_not_overrun(void **state)
{
	static char big[20000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	err_set(-EINVAL, "%s", big);
	size_t len = strlen(err_text());

	err_context(-EINVAL, "%s", big);
	err_hint(-EINVAL, "%s", big);
	assert_in_range(strlen(err_text()), 1, len);
}

static void *fail_elsewhere(void *arg)
{
	err_set(-EIO, "elsewhere");
	return arg;
}

static void each_thread_has_its_own_message(void **state)
{
	pthread_t thread;

	(void)state;
	err_set(-ENOENT, "here");
	pthread_create(&thread, NULL, fail_elsewhere, NULL);
	pthread_join(thread, NULL);
	assert_string_equal(err_text(), "here");
}

static void an_array_grows_with_zeroed_items(void **state)
{
	ARRAY(int) array = { 0 };
	int *it, sum = 0;

	(void)state;
	array_foreach(&array, it)
		sum++;
	assert_int_equal(sum, 0);
	for (int i = 0; i < 1000; i++) {
		int *item = array_push(&array);

		assert_non_null(item);
		assert_int_equal(*item, 0);
		*item = i;
	}
	array_foreach(&array, it)
		sum += *it;
	assert_int_equal(sum, 499500);
	array_free(&array);
	assert_int_equal(array.n, 0);
}

static void an_arena_holds_objects_of_every_size(void **state)
{
	struct arena arena = { 0 };
	char *small = arena_strdup(&arena, "small");

	(void)state;
	for (size_t size = 1; size < 100000; size *= 3) {
		unsigned char *p = arena_alloc(&arena, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		assert_int_equal(p[0] | p[size - 1], 0);
		memset(p, 0xff, size);
	}
	assert_string_equal(small, "small");
	assert_string_equal(arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
	assert_null(arena_alloc(&arena, SIZE_MAX));
	arena_reset(&arena);
	unsigned char *again = arena_alloc(&arena, 64);

	for (int i = 0; i < 64; i++)
		assert_int_equal(again[i], 0);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_and_hints_surround_the_cause),
		cmocka_unit_test(long_messages_are_cut_not_overrun),
		cmocka_unit_test(each_thread_has_its_own_message),
		cmocka_unit_test(an_array_grows_with_zeroed_items),
		cmocka_unit_test(an_arena_holds_objects_of_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
