/**
 * What report and export have in common: a trace, read for the calls the user wants.
 */
#ifndef CMD_REVIEW_H
#define CMD_REVIEW_H

#include <stdint.h>
#include <stdio.h>

struct call;
struct calls;
struct code_map;
struct reader;
struct selection;

struct review {
	struct reader *reader;
	struct calls *calls;
	uint64_t wall_offset_ns; /**< add it to a time of the trace for ns since 1970 */
};

/** Open a trace and make the selection ready for it. 0, or a negative errno with a message. */
int review_open(const char *path, struct selection *selection, struct review *ret);
void review_close(struct review *review);

/**
 * Read a trace only for what its code addresses mean: that is written behind the calls they are in.
 * As much as can be read of a damaged trace. For code_map_free(); NULL without memory.
 */
struct code_map *review_code(const char *path);

/** Warn of what is wrong with the trace, and was left out. */
void review_warn(const struct review *review);

/**
 * Flush, and turn a failure to write into an error, unless `r` is one or the reader has gone (a
 * pager).
 */
int review_flush(FILE *out, int r);

/** Tell the error, if `r` is one, and give the exit status: what the user got wrong is -EINVAL. */
int review_exit_status(int r);

#endif
