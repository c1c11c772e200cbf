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
	struct scratch *scratch; /**< NULL: not temporary */
	bool is_cut;   /**< the last packet ends within an event */
	char *note;    /**< NULL, or a line that says what was left out */
	bool has_packets;
	uint64_t n_packets;
	uint64_t first;             /**< number of the packet to begin with */
	uint64_t last, last_content; /**< of the last packet, and how much of it there was */
};

/**
 * Look at the files of directory `dir`, open as `dirfd`; nothing in it is changed.  `uuid`: the
 * trace's. Packets before number `first` are left out.
 */
int view_open(const char *dir, int dirfd, const uint8_t uuid[16], uint64_t first, struct view *ret);
/** Whether there is more in the directory now than there was then. */
bool view_has_grown(const struct view *view, int dirfd, const uint8_t uuid[16]);
void view_close(struct view *view);

#endif
