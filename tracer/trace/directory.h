/**
 * The directory of a trace: making it, replacing its small files, reading them.
 */
#ifndef TRACE_DIRECTORY_H
#define TRACE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#define METADATA_FILE "metadata"
#define SIDE_DIR      ".virtrace" /* CTF readers skip names with a dot */
#define SCHEMA_FILE   SIDE_DIR "/schema.json"
#define INFO_FILE     SIDE_DIR "/info.json"

/** Bytes; a trace of thousands of probes has some MB. */
enum { METADATA_MAX = 256 * 1024 * 1024, SCHEMA_MAX = METADATA_MAX, INFO_MAX = 16 * 1024 * 1024 };

/**
 * Make the directory with its side directory, mode 0700, and open it.  -EEXIST if it is there; with
 * `force` a trace or an empty directory is removed first, but nothing that has files in it which a
 * trace has not, and no trace that is being written.
 */
int directory_create(const char *path, bool force, int *fd_ret);

/**
 * Remove a trace, also a half made one; 0, or nothing was removed if it has files that a trace has
 * not.
 */
int directory_remove(const char *path);

/**
 * Whether somebody writes a trace into it, or may: who has made it keeps it locked (flock(2)) as long as the file that
 * directory_create() gave is open, also in another process.
 */
bool directory_is_written(int dirfd);

/** Replace the file `name` as a whole: readers see the old text or the new. */
int directory_put(int dirfd, const char *name, const char *text, size_t len);

/** Wait until what is written to the file `name` is on disk. */
int directory_sync(int dirfd, const char *name);

/**
 * Read a whole file of at most `max` bytes; free() the text, which ends with a NUL that is not
 * counted.  -ENOENT without a message.
 */
int directory_get(int dirfd, const char *name, size_t max, char **text_ret, size_t *len_ret);

#endif
