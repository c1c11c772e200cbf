/**
 * Places where a test build (make KILL=1) can be killed, as kill -9 would do it: VIRTRACE_KILL_AT=NAME[:N], the Nth time it is
 * passed.  In other builds there is nothing.
 */
#ifndef BASE_KILLPOINT_H
#define BASE_KILLPOINT_H

#ifdef VIRTRACE_KILL_POINTS
void kill_point(const char *name);
#define KILL_POINT(name) kill_point(name)
#else
#define KILL_POINT(name) ((void)0)
#endif

#endif
