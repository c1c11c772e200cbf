// Messages of a thread that must not print: kept, and printed by another one as if it had said them.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/log.h"
#include "tracer/base/ring.h"

static char said[4096];

/* What `act` writes to stderr. */
static void capture(void (*act)(void *), void *arg)
{
	FILE *file = tmpfile();
	int old = dup(STDERR_FILENO);

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	act(arg);
	dup2(old, STDERR_FILENO);
	close(old);
	rewind(file);
	size_t n = fread(said, 1, sizeof(said) - 1, file);

	said[n] = '\0';
	fclose(file);
}

static void *say(void *ring)
{
	log_keep(ring);
	log_warn("the %s is full", "disk");
	log_info("\033[31mred");
	return NULL;
}

static void let_another_say(void *ring)
{
	pthread_t thread;

	pthread_create(&thread, NULL, say, ring);
	pthread_join(thread, NULL);
}

static void print_kept(void *ring)
{
	log_print_kept(ring);
}

static void say_at_once(void *arg)
{
	(void)arg;
	log_warn("here");
}

static void messages_wait_for_the_thread_that_prints(void **state)
{
	struct ring *ring;

	(void)state;
	assert_int_equal(ring_new(0, &ring), 0);
	capture(let_another_say, ring);
	assert_string_equal(said, "");
	capture(say_at_once, NULL); /* other threads print as before */
	assert_string_equal(said, "virtrace: warning: here\n");
	capture(print_kept, ring);
	assert_string_equal(said, "virtrace: warning: the disk is full\nvirtrace: \\033[31mred\n");
	capture(print_kept, ring);
	assert_string_equal(said, "");
	ring_free(ring);
}

static void *say_much(void *ring)
{
	log_keep(ring);
	for (int i = 0; i < 100000; i++)
		log_warn("message %d", i);
	return NULL;
}

static void too_many_are_dropped(void **state)
{
	struct ring *ring;
	pthread_t thread;

	(void)state;
	assert_int_equal(ring_new(0, &ring), 0);
	pthread_create(&thread, NULL, say_much, ring);
	pthread_join(thread, NULL);
	capture(print_kept, ring);
	assert_int_equal(strncmp(said, "virtrace: warning: message 0\nvirtrace: warning: message 1\n", 57), 0);
	ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_wait_for_the_thread_that_prints),
		cmocka_unit_test(too_many_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
