/**
 * Whether to look for the next stop for a moment before sleeping until it comes.
 */
#ifndef REMOTE_POLLING_H
#define REMOTE_POLLING_H

#include <stdbool.h>
#include <stdint.h>

/** All zero: nothing is known yet. */
struct polling {
	bool on;
	unsigned phase;           /**< of what is tried, see polling.c */
	uint64_t began_ns, stops; /**< of the stretch at hand */
	uint64_t took_ns;         /**< a stop in the stretch before */
	unsigned in_vain, skip;   /**< moments in a row that brought nothing; stops that are not polled for therefore */
};

/** A stop has been served: for how many ns to look for the next one; 0: not at all. */
uint64_t polling_for(struct polling *polling, uint64_t now_ns);
/** What came of it. */
void polling_told(struct polling *polling, bool found);

#endif
