/**
 * What of a trace directory can be read.
 */
#ifndef TRACE_READER_VIEW_H
#define TRACE_READER_VIEW_H

#include <stdbool.h>
#include <stdint.h>

/** Where to read the trace: the directory itself, or a temporary one with what of it is whole. */
struct view {
	char *path;
	bool is_temporary;
	bool is_cut;   /**< the last packet ends within an event */
	char *note;    /**< NULL, or a line that says what was left out */
};

/**
 * Look at the files of directory `dir`, open as `dirfd`; nothing in it is changed.  `uuid`: the
 * trace's.
 */
int view_open(const char *dir, int dirfd, const uint8_t uuid[16], struct view *ret);
void view_close(struct view *view);

#endif
