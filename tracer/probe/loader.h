/**
 * The dynamic loader's own breakpoint: a function it calls when libraries were mapped or unmapped.
 */
#ifndef PROBE_LOADER_H
#define PROBE_LOADER_H

#include <stdint.h>

struct proc;

struct loader {
	uint64_t hook;  /**< address of _dl_debug_state */
	uint64_t state; /**< address of r_debug.r_state; 0 if unknown */
};

/**
 * Find it in the memory of the process: -ENOENT if it is statically linked or its loader has none.
 */
int loader_find(struct proc *proc, struct loader *ret);

/** The address of a symbol of the file that is mapped from its beginning at `base`: -ENOENT if it is not there. */
int loader_find_symbol(struct proc *proc, uint64_t base, const char *name, uint64_t *ret);

#endif
