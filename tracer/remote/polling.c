/*
 * When the tracer polls
 *
 * Between two CPUs a stop costs two wake-ups of a CPU that has gone to sleep, tracer's and target's.  A tracer that looks again and
 * again for some 30 us does not sleep, which saves the first.  On one CPU it is in the way of the target.  Two stops with the least a
 * tracer must do, one hot thread, in us, on a virtual machine of two CPUs:
 *
 *				nothing else runs	all on one CPU
 *	sleeping		80 to 116		24
 *	polling for 10 us	84 to 98		30
 *	polling for 20 us	42 to 50		31
 *	polling for 50 us	44 to 54		31
 *	polling for 200 us	36 to 56		31
 *	sched_yield() between	43 to 55		22	but 95 to 180 where others want that CPU: they go first
 *
 * (4 hot threads: 20 to 25 everywhere.)  Which of the two it is cannot be known, and changes.  So it is tried: a stretch of stops with
 * polling, one without, then many in the way that took less time; then again.
 *
 *	phase 0        a stretch without
 *	phase 1        a stretch with; at its end the two are compared
 *	phase 2 …      the better way
 *
 * A daemon that is called now and then is not polled for all the time either: after each moment that brought nothing more and more
 * stops pass without one.
 */
#include "tracer/remote/polling.h"

enum { STRETCH_STOPS = 64, PHASES = 24, IN_VAIN_MAX = 6 };
static const uint64_t poll_ns = 30 * 1000, stretch_ns = 4 * 1000 * 1000;

static void end_stretch(struct polling *polling, uint64_t now_ns)
{
	uint64_t took_ns = (now_ns - polling->began_ns) / polling->stops;

	if (polling->phase == 0)
		polling->on = true;
	else if (polling->phase == 1)
		polling->on = took_ns < polling->took_ns;
	if (++polling->phase == PHASES) {
		polling->phase = 0;
		polling->on = false;
	}
	polling->took_ns = took_ns;
	polling->began_ns = now_ns;
	polling->stops = 0;
}

uint64_t polling_for(struct polling *polling, uint64_t now_ns)
{
	polling->stops++;
	if (polling->stops >= STRETCH_STOPS && now_ns - polling->began_ns >= stretch_ns)
		end_stretch(polling, now_ns);
	if (polling->skip) {
		polling->skip--;
		return 0;
	}
	return polling->on ? poll_ns : 0;
}

void polling_told(struct polling *polling, bool found)
{
	if (found)
		polling->in_vain = 0;
	else if (polling->in_vain < IN_VAIN_MAX)
		polling->in_vain++;
	polling->skip = found ? 0 : (1u << polling->in_vain) - 1;
}
