/*
 * Probes that cost the target too much
 *
 * What counts is what the target waited, from when a stop is seen until the thread goes on, whatever
 * the reason: a large capture, memory that had to be read from a disk, or a busy host on which our
 * own thread did not get a CPU.  To stop less often helps against all of them.
 *
 * Several probes may share a site, and nobody can tell which of them it was: all of them go.
 *
 * A probe that is disarmed stays so.  Its open calls end as open: their returns will not be seen.
 */
#include "tracer/base/log.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/site.h"

static const uint64_t second_ns = 1000 * 1000 * 1000;

/* Hits of the probe in this second, with this one. */
static uint64_t count_rate(struct probe *probe, uint64_t now_ns)
{
	if (now_ns - probe->rate_since_ns >= second_ns) {
		probe->rate_since_ns = now_ns;
		probe->rate_hits = 0;
	}
	return ++probe->rate_hits;
}

static void check(struct engine *engine, struct probe *probe, uint64_t now_ns, uint64_t held_ns)
{
	const struct probe_options *options = &probe->options;
	bool too_long = options->max_pause_ns && held_ns > options->max_pause_ns;
	bool too_often = options->max_rate && count_rate(probe, now_ns) > options->max_rate;

	if (!too_long && !too_often)
		return;
	log_debug("budget", "a hit took %lu ns", (unsigned long)held_ns);
	probe_disarm(engine, probe);
	if (engine->ops->disarmed)
		engine->ops->disarmed(engine->ctx, probe, too_long ? held_ns : 0);
}

void budget_check(struct engine *engine, const struct site *site, uint64_t now_ns, uint64_t held_ns)
{
	if (engine->phase != ENGINE_ARMED)
		return; /* all are about to be */
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].probe->held)
			check(engine, site->roles.items[i].probe, now_ns, held_ns);
}
