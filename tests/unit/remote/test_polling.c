/*
 * Polling where it pays: in made up worlds, where a stop takes longer or less long with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tracer/remote/polling.h"

struct world {
	uint64_t polled_ns, slept_ns; /* what a stop takes */
	bool finds;                   /* what polling brings */
};

static const struct world two_cpus = { 25000, 50000, true }, one_cpu = { 15000, 12000, true },
			  seldom = { 10000000, 10000000, false };

/* How many of so many stops were polled for. */
static unsigned live_in(const struct world *world, struct polling *polling, uint64_t *now_ns, unsigned stops)
{
	unsigned polled = 0;

	for (unsigned i = 0; i < stops; i++) {
		bool polls = polling_for(polling, *now_ns) > 0;

		if (polls)
			polling_told(polling, world->finds);
		polled += polls;
		*now_ns += polls ? world->polled_ns : world->slept_ns;
	}
	return polled;
}

static void it_is_found_out_and_noticed_when_it_changes(void **state)
{
	enum { STOPS = 200000, LEAST = STOPS / 100 * 85, MOST = STOPS / 100 * 15 };
	struct polling polling = { 0 };
	uint64_t now_ns = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(live_in(&two_cpus, &polling, &now_ns, STOPS) > LEAST);
		assert_true(live_in(&one_cpu, &polling, &now_ns, STOPS) < MOST);
	}
}

static void not_for_those_that_come_seldom(void **state)
{
	enum { STOPS = 10000 };
	struct polling polling = { 0 };
	uint64_t now_ns = 0;

	(void)state;
	assert_true(live_in(&seldom, &polling, &now_ns, STOPS) < STOPS / 50);
	assert_true(live_in(&two_cpus, &polling, &now_ns, STOPS) > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_out_and_noticed_when_it_changes),
		cmocka_unit_test(not_for_those_that_come_seldom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
