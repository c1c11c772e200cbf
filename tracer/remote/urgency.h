/**
 * The CPU for a thread that holds others: it runs before them, and how long it had to wait all the same.
 *
 * For the one thread of ours that traces.
 */
#ifndef REMOTE_URGENCY_H
#define REMOTE_URGENCY_H

#include <stdbool.h>
#include <stdint.h>

/** The calling thread runs before others, until it is told to stop, or has run for too long without a pause. */
void urgency_start(void);
/** It has run for too long: after a while it may again. */
void urgency_renew(void);
void urgency_stop(void);

/** Whether the calling thread has a real-time class. */
bool urgency_is_real_time(void);

/** What these do, for a thread that sees itself to the bound: whether it runs before others now, by which means ever. */
bool urgency_raise(void);
void urgency_lower(void);

/** For how long the calling thread has waited for a CPU, in all; 0 where the kernel does not count that. */
uint64_t urgency_waited_ns(void);

#endif
