/**
 * How far the reading of a trace has come: a line on a terminal, if it takes long.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>

struct progress;
struct reader;
struct trace_event;

/** Both are borrowed.  Nothing is shown if stderr is no terminal.  NULL without memory. */
struct progress *progress_new(struct reader *reader, const char *path);
/** Wipes the line.  NULL is allowed. */
void progress_free(struct progress *progress);

/** Whether to show it: not while there is other output on the terminal. */
void progress_show(struct progress *progress, bool shows);

/** calls_source_fn: the reader's events. */
int progress_next(void *progress, struct trace_event *ret);

#endif
