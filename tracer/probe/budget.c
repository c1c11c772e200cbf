/*
 * Probes that cost the target too much
 *
 * What counts is what the target waited, as far as that can be known (remote/event.c), whatever
 * the reason: a large capture, memory that had to be read from a disk, or a busy host on which our
 * own thread did not get a CPU.  To stop less often helps against all of them.
 *
 * A single long hit means nothing on a busy machine: LONG_HITS of them in LONG_SPAN do.  Then the probe is disarmed for a while,
 * engine->rest_ns at first, and each time for twice as long.  Its open calls end as open: their returns will not be seen.
 *
 * Several probes may share a site, and nobody can tell which of them it was: all of them go.
 */
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/site.h"

static const uint64_t second_ns = 1000 * 1000 * 1000, rest_max_ns = 300ull * 1000 * 1000 * 1000;

/* Hits in the span that goes on now, with this one. */
static uint64_t count_hit(struct hit_count *count, uint64_t span_ns, uint64_t now_ns)
{
	if (now_ns - count->since_ns >= span_ns)
		*count = (struct hit_count){ now_ns, 0 };
	return ++count->hits;
}

static void rest(struct probe *probe, uint64_t now_ns)
{
	uint64_t *rest_ns = &probe->rest_ns;

	*rest_ns = !*rest_ns ? probe->engine->rest_ns : *rest_ns < rest_max_ns / 2 ? *rest_ns * 2 : rest_max_ns;
	probe->rests_until_ns = now_ns + *rest_ns;
	probe->hits = probe->long_hits = (struct hit_count){ 0 };
}

static void check(struct engine *engine, struct probe *probe, uint64_t now_ns, uint64_t held_ns)
{
	const struct probe_options *options = &probe->options;
	bool is_long = options->max_pause_ns && held_ns > options->max_pause_ns;
	bool too_long = is_long && count_hit(&probe->long_hits, LONG_SPAN * second_ns, now_ns) >= LONG_HITS;
	bool too_often = options->max_rate && count_hit(&probe->hits, second_ns, now_ns) > options->max_rate;

	if (!too_long && !too_often)
		return;
	log_debug("budget", "a hit took %lu ns", (unsigned long)held_ns);
	probe_disarm(engine, probe);
	rest(probe, now_ns);
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

void budget_serve(struct engine *engine, uint64_t now_ns)
{
	for (size_t i = 0; i < engine->probes.n; i++) {
		struct probe *probe = engine->probes.items[i];

		if (!probe->rests_until_ns || now_ns < probe->rests_until_ns || engine->held)
			continue;
		probe->rests_until_ns = 0;
		if (probe_arm_again(probe) < 0)
			log_debug("budget", "cannot arm again: %s", err_text());
		else if (probe->held && engine->ops->armed_again)
			engine->ops->armed_again(engine->ctx, probe);
	}
}
