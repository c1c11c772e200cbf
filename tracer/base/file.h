/**
 * Reading a whole file that somebody else may have put there.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

/**
 * The contents of `path`, seen from directory `dirfd` (or AT_FDCWD), with a NUL behind; free() it.
 * `len_ret` may be NULL.  -EBADMSG if it is no regular file (a FIFO is not waited for) or is larger
 * than `max`, else another negative errno; no message is set.
 */
int file_read(int dirfd, const char *path, size_t max, char **text_ret, size_t *len_ret);

#endif
