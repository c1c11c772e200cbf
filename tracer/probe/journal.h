/**
 * The journal of a traced process: what was changed in it, and what was there before, in a file that outlives us.
 *
 * /run/virtrace/PID.STARTTIME, mode 0600 ($XDG_RUNTIME_DIR/virtrace if we are not root).  Every site is in it before its int3 is
 * planted; a clean detach removes it.  Whoever has it open holds its lock: the tracer, and its guardian after it.
 */
#ifndef PROBE_JOURNAL_H
#define PROBE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/probe/insn.h"

struct mapping;

enum {
	JOURNAL_MODULES_MAX = 512,
	JOURNAL_SITES_MAX = 1 << 17,
	JOURNAL_ID_MAX = 32,
	JOURNAL_NO_MODULE = 0xffff,
};

struct journal_module {
	uint64_t lo, hi, offset, dev, inode; /**< of its executable mapping, as /proc/PID/maps told */
	uint8_t build_id[JOURNAL_ID_MAX];
	uint32_t build_id_len; /**< 0: it has none */
	char path[212];
};

struct journal_site {
	uint64_t addr;
	uint8_t orig[INSN_MAX + 1]; /**< the whole instruction */
	uint8_t len;                /**< of it; 0: the site is gone, its module was unmapped */
	uint8_t reserved;
	uint16_t module;            /**< index, or JOURNAL_NO_MODULE */
	uint32_t page_sum;          /**< place_sum() of its page, without int3s of ours; 0: not known */
};

/** The file, and its mapping. */
struct journal_file {
	char magic[16];
	uint32_t version, size;
	int32_t pid, tracer, guardian, reserved;
	uint64_t start_time, tracer_start_time; /**< field 22 of /proc/PID/stat */
	uint32_t n_modules, n_sites;            /**< complete up to there */
	char comm[16];
	struct journal_module modules[JOURNAL_MODULES_MAX];
	struct journal_site sites[JOURNAL_SITES_MAX];
};

struct journal {
	int fd;
	struct journal_file *file; /**< shared mapping */
	bool read_only;
	uint32_t room; /**< sites for which the file system has given room */
	char path[128];
};

/**
 * Make the journal of a process and lock it.
 * -EEXIST: there is one, which somebody who was killed has left; journal_open() it and repair first.
 * -EBUSY: its tracer (or guardian) lives; -EAGAIN: somebody was in the way for a moment.
 */
int journal_create(pid_t pid, struct journal *ret);

/**
 * Open and lock a journal that is there.  It is checked: what is in it is within its bounds.
 * -ENOENT: there is none, or one whose maker was killed before it was complete, which is removed; -EBUSY as above;
 * -EBADMSG: it is damaged or not one.
 */
int journal_open(pid_t pid, struct journal *ret);
int journal_open_path(const char *path, struct journal *ret);

/** Check a file's content: 0 or -EBADMSG. */
int journal_check(const struct journal_file *file, size_t len);

/** Unlock and forget; the file stays. */
void journal_close(struct journal *journal);
/** Nothing is left to be undone. */
void journal_remove(struct journal *journal);

/**
 * The index of a module, which is added if it is new; JOURNAL_NO_MODULE if there is no room.  `build_id` is asked for
 * when it is added: returns the length.
 */
unsigned journal_module(struct journal *journal, const struct mapping *m,
			size_t (*build_id)(void *ctx, const struct mapping *m, uint8_t *id), void *ctx);

/** The index of the module that holds an address, or JOURNAL_NO_MODULE. */
unsigned journal_find_module(const struct journal *journal, uint64_t addr);

/** Note a site; its index, or a negative errno: there is no room.  Allocates no memory of ours. */
int journal_add(struct journal *journal, uint64_t addr, const uint8_t *orig, size_t len, unsigned module, uint32_t page_sum);
void journal_drop(struct journal *journal, int index);
/** One that was dropped is there again, as it was. */
void journal_add_again(struct journal *journal, int index, size_t len);

/** Field 22 of /proc/PID/stat: with the pid it names a process for ever (until reboot); 0 if there is none. */
uint64_t process_start_time(pid_t pid);

/** The directory of journals; 0 or -ENOENT. */
int journal_directory(char *path, size_t len);

#endif
