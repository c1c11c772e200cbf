#include "tracer/review/stats.h"

#include <errno.h>
#include <stdlib.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/libvirt/known.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

/* Who called a function: nobody that is recorded, always the same function, or several. */
struct tally {
	struct function_stats stats;
	ARRAY(uint64_t) times;
	const struct tally *caller;
	bool has_callers; /* not always the same */
	bool is_listed;
};

struct stats {
	struct tally *tallies; /* by the probe's index */
	size_t n;
	struct function_stats *listed;
	size_t n_listed;
};

enum verdict call_verdict(const struct call *call)
{
	const struct value_node *v = call_capture(call->ret, "$ret");
	bool is_number = v && (v->schema->kind == SCHEMA_INT || v->schema->kind == SCHEMA_ENUM) && v->schema->is_signed;

	if (!is_number || v->status != STATUS_OK || !known_is_libvirt(call->probe->module))
		return CALL_NOT_JUDGED;
	return (int64_t)v->u < 0 ? CALL_FAILED : CALL_SUCCEEDED;
}

bool call_failed(const struct call *call)
{
	return call_verdict(call) == CALL_FAILED;
}

struct stats *stats_new(size_t n_probes)
{
	struct stats *stats = calloc(1, sizeof(*stats));

	if (!stats)
		return NULL;
	stats->n = n_probes;
	stats->tallies = calloc(n_probes ? n_probes : 1, sizeof(*stats->tallies));
	if (!stats->tallies) {
		stats_free(stats);
		return NULL;
	}
	return stats;
}

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	for (size_t i = 0; stats->tallies && i < stats->n; i++)
		array_free(&stats->tallies[i].times);
	free(stats->tallies);
	free(stats->listed);
	free(stats);
}

static struct tally *find_tally(struct stats *stats, const struct call *call)
{
	return call && call->probe->index < stats->n ? &stats->tallies[call->probe->index] : NULL;
}

static void note_caller(struct tally *tally, const struct tally *caller)
{
	if (!tally->stats.calls)
		tally->caller = caller;
	else if (tally->caller != caller)
		tally->has_callers = true;
}

static void note_failure(struct function_stats *stats, const struct call *call)
{
	if (stats->errors < STATS_EXAMPLES)
		stats->failed[stats->errors] = call->id;
	stats->errors++;
}

/* Keep the slowest ones, in order. */
static void note_time(struct function_stats *stats, uint64_t id, uint64_t ns)
{
	size_t i = STATS_EXAMPLES;

	stats->total_ns += ns;
	while (i && (!stats->slowest[i - 1].id || stats->slowest[i - 1].ns < ns)) {
		if (i < STATS_EXAMPLES)
			stats->slowest[i] = stats->slowest[i - 1];
		i--;
	}
	if (i < STATS_EXAMPLES) {
		stats->slowest[i].id = id;
		stats->slowest[i].ns = ns;
	}
}

int stats_add(struct stats *stats, const struct call *call, const struct call *caller)
{
	struct tally *tally = find_tally(stats, call);

	if (!tally)
		return 0;
	note_caller(tally, find_tally(stats, caller));
	tally->stats.probe = call->probe;
	tally->stats.calls++;
	enum verdict verdict = call_verdict(call);

	tally->stats.judged += verdict != CALL_NOT_JUDGED;
	if (verdict == CALL_FAILED)
		note_failure(&tally->stats, call);
	if (call->outcome != OUTCOME_RETURNED)
		return 0;
	uint64_t *time = array_push(&tally->times);

	if (!time)
		return err_set(-ENOMEM, "out of memory");
	*time = call_duration(call);
	note_time(&tally->stats, call->id, *time);
	return 0;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Nearest rank: the smallest time that `percent` of the calls did not exceed. */
static uint64_t percentile(const uint64_t *times, size_t n, unsigned percent)
{
	size_t rank = (n * percent + 99) / 100;

	return times[rank ? rank - 1 : 0];
}

static void finish_tally(struct tally *tally)
{
	size_t n = tally->times.n;
	uint64_t *times = tally->times.items;

	tally->stats.timed = n;
	if (!n)
		return;
	qsort(times, n, sizeof(*times), compare_times);
	tally->stats.p50_ns = percentile(times, n, 50);
	tally->stats.p99_ns = percentile(times, n, 99);
	tally->stats.max_ns = times[n - 1];
}

/* The one below `caller` that took longest of those not listed yet. */
static struct tally *next_below(struct stats *stats, const struct tally *caller)
{
	struct tally *best = NULL;

	for (size_t i = 0; i < stats->n; i++) {
		struct tally *tally = &stats->tallies[i];
		const struct tally *above = tally->has_callers ? NULL : tally->caller;

		if (!tally->stats.calls || tally->is_listed || above != caller)
			continue;
		if (!best || tally->stats.total_ns > best->stats.total_ns)
			best = tally;
	}
	return best;
}

/*
 * A function that is always called from another is listed below it; a tree, as the first call of
 * all has no caller.
 */
static void list_below(struct stats *stats, const struct tally *caller, unsigned level)
{
	struct tally *tally;

	while ((tally = next_below(stats, caller))) {
		tally->is_listed = true;
		tally->stats.level = level;
		stats->listed[stats->n_listed++] = tally->stats;
		list_below(stats, tally, level + 1);
	}
}

size_t stats_finish(struct stats *stats, const struct function_stats **ret)
{
	for (size_t i = 0; i < stats->n; i++)
		finish_tally(&stats->tallies[i]);
	if (!stats->listed) {
		stats->listed = calloc(stats->n + 1, sizeof(*stats->listed));
		if (stats->listed)
			list_below(stats, NULL, 0);
	}
	*ret = stats->listed;
	return stats->n_listed;
}
