/**
 * What lay in the feed when virtrace was killed, brought into the trace: by the guardian, in its own process.
 */
#ifndef RECORD_SALVAGE_H
#define RECORD_SALVAGE_H

/** The files that it needs. */
enum { SALVAGE_FEED, SALVAGE_TRACE };

/**
 * last_will (probe/guardian.h): append what the feed (of ring_file()) still holds to the trace (its directory), and tell in it that
 * virtrace was killed.  A trace that had come to its end is left as it is.
 */
void salvage(const int files[2]);

#endif
