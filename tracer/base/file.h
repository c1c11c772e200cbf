/**
 * Opening and reading a file that somebody else may have put there.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

/**
 * Open a file to read it, seen from directory `dirfd` (or AT_FDCWD); `flags`: O_NOFOLLOW or 0.  What is no regular file, as a FIFO,
 * which would be waited for, or a device, which would act, is not even opened: -EBADMSG (a directory: -EISDIR); else another negative
 * errno.  No message is set.
 */
int file_open(int dirfd, const char *path, int flags);

/**
 * The contents of `path`, seen from directory `dirfd` (or AT_FDCWD), with a NUL behind; free() it.
 * `len_ret` may be NULL.  -EBADMSG if it is no regular file (a FIFO is not waited for) or is larger
 * than `max`, else another negative errno; no message is set.
 */
int file_read(int dirfd, const char *path, size_t max, char **text_ret, size_t *len_ret);

#endif
