/**
 * The process a command works on: finding it, and its modules.
 */
#ifndef RECORD_TARGET_H
#define RECORD_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "symbols/module.h"

/** The argument of -p.  -EINVAL with a message. */
int target_parse_pid(const char *text, pid_t *ret);

/** The argument of --max-debuginfo.  -EINVAL with a message. */
int target_parse_max_debuginfo(const char *text, uint64_t *ret_mib);

/** Warn, once, if there is debug information of a module that is not read. */
void target_tell_refusal(struct module *module);

/**
 * Find the one process called `name` (its comm, or the last part of its executable's path).
 * -ESRCH if there is none, -EMLINK with the candidates listed if there are several.
 */
int target_by_name(const char *name, pid_t *ret);

/** Find the daemon that runs QEMU guests: the process that has libvirt_driver_qemu.so mapped. */
int target_libvirt(pid_t *ret);

/** comm of a process into `buf` ("?" if it is gone), and return `buf`. */
const char *target_comm(pid_t pid, char *buf, size_t len);

/**
 * The ELF files mapped in a process, each opened when it is first needed.
 *
 * Any thread may use the set at any time; whoever asks a module about symbols (libdw) sees to it that nobody else does.
 *
 * Files are opened through /proc/PID/map_files, so that the bytes are those that are mapped even if the file was replaced
 * or the process lives in another mount namespace.
 */
struct mapped_file {
	char *path;        /**< as in /proc/PID/maps, "[vdso]" included; without " (deleted)" */
	bool deleted;      /**< replaced or removed on disk since it was mapped */
	uint64_t lo, hi;   /**< all of its mappings lie in here */
	uint64_t offset;   /**< of the mapping at `lo` */
	uint64_t dev, inode;
	struct timespec modified; /**< zeros: not known */
	_Atomic bool executable; /**< has code mapped */
	_Atomic bool gone;       /**< unmapped since */
	_Atomic bool settled;    /**< module_set_settle() */
	uint64_t gone_ns;  /**< CLOCK_MONOTONIC when that was found; UINT64_MAX before */
	char open_path[64];    /**< /proc/PID/map_files/LO-HI */
	struct module *_Atomic module; /**< NULL until opened */
	struct module *_Atomic retired; /**< opened before debuginfod was asked; may still be in use */
	_Atomic int error;     /**< of opening it: not tried again */
	int fd;                /**< the file itself, for when the process has ended; -1: it is not kept */
	_Atomic bool searched_remote;  /**< debuginfod was asked too */
};

struct module_set;

int module_set_new(pid_t pid, const struct module_options *options, struct module_set **ret);
void module_set_free(struct module_set *set);

/**
 * Keep what backtraces need: the files that code is mapped of are opened as soon as they are known, as the process may have ended when
 * one is made.  Before other threads use the set.
 */
void module_set_keep_files(struct module_set *set);

/**
 * What the files from `first` up to `end` hold has been looked at, as far as they could be opened and are still mapped: when one comes
 * back to where it was it need not be looked at again.  Unsettled: something in it was not done, so it must.
 */
void module_set_settle(struct module_set *set, size_t first, size_t end);
void module_set_unsettle(struct module_set *set, const struct module *module);

/** Whether a module of the set was still mapped when it was last refreshed. */
bool module_set_is_mapped(struct module_set *set, const struct module *module);

/**
 * Read the maps again, after dlopen, dlclose or exec; returns how many new files there are.  One that is settled,
 * is mapped again where it was, and was not changed, is the old one.
 */
int module_set_refresh(struct module_set *set);
/** All there were up to now; the array and the files stay as long as the set. */
size_t module_set_files(struct module_set *set, struct mapped_file *const **ret);

/** Open a file's module; with `remote` debuginfod is asked if the options allow it.  NULL: see file->error. */
struct module *module_set_open(struct module_set *set, struct mapped_file *file, bool remote);
/**
 * The module that was mapped at a live address at that time (CLOCK_MONOTONIC), opened; NULL if there was none.  Libraries come and
 * go while what was recorded before is still being looked at.
 */
struct module *module_set_at(struct module_set *set, uint64_t addr, uint64_t time_ns);
/** How many files had gone at that time: where this is equal, an address means the same. */
size_t module_set_epoch(struct module_set *set, uint64_t time_ns);

#endif
