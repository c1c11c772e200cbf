/**
 * While the target stops often: no CPU sleeps so deep that it wakes up slowly.
 */
#ifndef REMOTE_LATENCY_H
#define REMOTE_LATENCY_H

#include <stdint.h>

/** Of the thread that traces; its own from latency_start() to latency_stop(). */
struct latency {
	int32_t us;               /**< how long waking up may take while stops come quickly; -1: we may not ask for it */
	int fd;                   /**< the request; -1: there is none */
	uint64_t since_ns, stops; /**< of the moment at hand: when it began, and how many there were */
};

void latency_start(struct latency *latency);
void latency_stop(struct latency *latency);

/** So many stops (0: only time has passed) were served since the last time. */
void latency_served(struct latency *latency, unsigned stops, uint64_t now_ns);

#endif
