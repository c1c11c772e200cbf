/**
 * Memory that the process provides itself when it is touched (userfaultfd(2)): to read it would be to wait for the process.
 */
#ifndef REMOTE_LAZY_H
#define REMOTE_LAZY_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct lazy {
	pid_t pid;
	DIR *files;  /**< /proc/PID/fd; NULL: cannot be read */
	int pagemap; /**< once it is known that there may be such memory */
	bool is_there; /**< stays so */
};

void lazy_open(struct lazy *lazy, pid_t pid);
void lazy_close(struct lazy *lazy);

/** Look at the next `n` open files of the process, from the first again after the last; true if it is new that there may be such memory. */
bool lazy_look(struct lazy *lazy, size_t n);

/** How many of the `len` bytes from `addr` on can be read without waiting. */
size_t lazy_readable(const struct lazy *lazy, uint64_t addr, size_t len);

#endif
