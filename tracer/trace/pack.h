/**
 * A packed trace: its directory in one file, a tar archive compressed with zstd.
 *
 * The archive may be anybody's: only what a trace is made of is taken from it, as plain files, and no
 * more than a real trace could hold.
 */
#ifndef TRACE_PACK_H
#define TRACE_PACK_H

#include <stdio.h>

struct unpacked;

#define PACK_SUFFIX ".tar.zst"

/**
 * Pack the directory `dir` as one called `name`, or like that.  0, or a negative errno with a
 * message.
 */
int pack_write(const char *dir, const char *name, FILE *out);

/** Unpack into the directory `to`, which must not be there; on failure nothing is left of it. */
int pack_extract(const char *file, const char *to);

/**
 * Unpack into a private directory; a file that is unpacked already is so once only.  -EBADMSG if it
 * is no packed trace.
 */
int unpacked_get(const char *file, struct unpacked **ret);
/** The same for what may be a directory already: then `*ret` is NULL, and `*dir_ret` is `path`. */
int unpacked_directory(const char *path, struct unpacked **ret, const char **dir_ret);
/** The last one removes the directory; NULL is allowed. */
void unpacked_put(struct unpacked *unpacked);
const char *unpacked_path(const struct unpacked *unpacked);

#endif
