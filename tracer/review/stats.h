/**
 * What the calls of each function add up to.
 */
#ifndef REVIEW_STATS_H
#define REVIEW_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct stats;
struct trace_probe;

enum { STATS_EXAMPLES = 4 };

struct function_stats {
	const struct trace_probe *probe;
	uint64_t calls, errors;
	uint64_t judged; /**< calls that call_failed() could tell of: `errors` are of these */
	uint64_t failed[STATS_EXAMPLES]; /**< numbers of the first calls that failed */
	struct {
		uint64_t id, ns;
	} slowest[STATS_EXAMPLES]; /**< calls that took longest, the longest first; id 0: no more */
	uint64_t timed; /**< calls that returned: the times below are of these */
	uint64_t total_ns, p50_ns, p99_ns, max_ns;
	unsigned level; /**< how deep below the functions that always called it */
};

/** For a trace of so many probes; NULL without memory. */
struct stats *stats_new(size_t n_probes);
void stats_free(struct stats *stats);

/** Count a call, made by `caller` (counted before it; NULL if nobody is).  0 or -ENOMEM. */
int stats_add(struct stats *stats, const struct call *call, const struct call *caller);

/**
 * The functions that were called: the one that took longest first, each followed by those that only
 * it called. Valid until stats_free(); no more calls can be added.
 */
size_t stats_finish(struct stats *stats, const struct function_stats **ret);

/**
 * Whether what a call returned says that it failed.  That is known only of functions of libvirt that return a signed number: a negative
 * one is an error there.  Other programs use such numbers for other things too, and a NULL pointer may just mean that there is none;
 * nothing is guessed.
 */
enum verdict { CALL_NOT_JUDGED, CALL_SUCCEEDED, CALL_FAILED } call_verdict(const struct call *call);
bool call_failed(const struct call *call);

#endif
