/**
 * The address space of a process, from /proc/PID/maps (proc_pid_maps(5)).
 */
#ifndef REMOTE_MAPS_H
#define REMOTE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
	uint64_t lo, hi, offset;
	uint64_t dev, inode; /**< dev as major << 32 | minor; inode 0: anonymous */
	bool readable, writable, executable, shared;
	bool deleted;        /**< the path ended in " (deleted)", which is cut off */
	/** Part of a file that is mapped from its beginning on, as loaders do it; false for what rcall_map_file() has mapped. */
	bool loaded;
	const char *path;    /**< "" for anonymous memory, "[stack]" and the like for the kernel's names */
};

struct maps {
	struct mapping *items; /**< by rising address */
	size_t n, cap;
	char *text; /**< the paths live in here */
};

/** 0, or -ESRCH and the like. */
int maps_read(pid_t pid, struct maps *ret);
/** The same; of many mappings it takes tens of ms, so meanwhile something else is done again and again.  `meanwhile` may be NULL. */
int maps_read_slowly(pid_t pid, void (*meanwhile)(void *ctx), void *ctx, struct maps *ret);
/** Parse text in the format of the file, for maps_read() and tests; takes `text` (malloc'ed), also on failure. */
int maps_parse(char *text, struct maps *ret);
void maps_free(struct maps *maps);

/** Open /proc/PID/maps; or a negative errno. */
int maps_open(pid_t pid);

/** The mapping that holds `addr`; NULL if none. */
const struct mapping *maps_find(const struct maps *maps, uint64_t addr);

/**
 * Call `each` with the mappings of an open /proc/PID/maps, by rising address, until it says true: whether it did.  They have no path,
 * and are not known as `loaded`.  Allocates nothing.  The file stands for the memory that the process had when it was opened, also if
 * it has executed another program since (fs/proc/task_mmu.c, proc_maps_open).
 */
bool maps_walk(int fd, bool (*each)(void *ctx, const struct mapping *m), void *ctx);

/** The mapping around an address, as far as it tells what stack is there. */
struct surroundings {
	uint64_t lo, hi;
	bool is_guarded;    /**< right below is memory that may not be touched */
	bool is_main_stack; /**< the kernel made it, for the first thread */
};

/** What there is around `addr` in a process; false if nothing is mapped there.  Allocates nothing. */
bool maps_around(pid_t pid, uint64_t addr, struct surroundings *ret);
/** The same by reading all, which the other does where the kernel cannot be asked for one (before Linux 6.11); for its test. */
bool maps_read_around(int fd, uint64_t addr, struct surroundings *ret);

#endif
