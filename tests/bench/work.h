/**
 * The work that is traced: a function that is called over and over by some threads for some time.
 *
 * It is like those of a daemon: a name comes in, and a structure of 104 bytes goes out through a pointer to a pointer.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdbool.h>
#include <stdint.h>

struct stats {
	uint64_t rd_req, rd_bytes, rd_times, wr_req, wr_bytes, wr_times, flush_req, flush_times;
	uint64_t capacity, physical, highest, has_highest, threshold;
};

/** What one thread calls: fills in `stats` and points *ret at it. */
typedef int work_function(const char *disk, struct stats *stats, struct stats **ret);

/** The work itself. */
static inline int work_once(const char *disk, struct stats *stats, struct stats **ret)
{
	stats->rd_req++;
	stats->wr_req += disk[0] == 'v';
	stats->wr_bytes += 4096;
	stats->capacity = 2147483648;
	*ret = stats;
	return 0;
}

/**
 * Call `function` from `threads` threads for `seconds`; how long one call took, in ns: the time all of it took by all
 * calls.  Exits on failure.
 */
double work_run(work_function *function, unsigned threads, double seconds, uint64_t *calls);

#endif
