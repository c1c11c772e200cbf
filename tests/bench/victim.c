/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program under trace.  It says where the function is that it will call; then for each line "THREADS SECONDS" that
 * it reads it does the work and answers "NS CALLS": how long a call took, and how many there were.  So a tracer gets
 * ready while nothing happens.
 */
#include "work.h"

#include <inttypes.h>
#include <stdio.h>

int block_stats(const char *disk, struct stats *stats, struct stats **ret);

__attribute__((noipa)) int block_stats(const char *disk, struct stats *stats, struct stats **ret)
{
	int r = work_once(disk, stats, ret);

	return r; /* HERE the statistics are complete */
}

int main(void)
{
	unsigned threads;
	double seconds;
	uint64_t calls;

	setlinebuf(stdout);
	printf("%" PRIuPTR "\n", (uintptr_t)block_stats);
	while (scanf("%u %lf", &threads, &seconds) == 2) {
		double ns = work_run(block_stats, threads, seconds, &calls);

		printf("%.1f %" PRIu64 "\n", ns, calls);
	}
	return 0;
}
