/**
 * Slots: displaced instructions in the traced process, in areas of executable memory near its
 * modules.
 *
 * A slot is never freed, changed or reused while the process lives: a thread may stand in it, or a
 * signal frame may hold its address.  Areas survive detaching; the next attach finds them again and
 * reuses the slots.
 */
#ifndef PROBE_SLOTS_H
#define PROBE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/probe/insn.h"

struct maps;
struct proc;
struct rcall;
struct slots;

struct slot {
	uint64_t addr;    /**< of the displaced code */
	uint64_t site;    /**< of the original instruction */
	uint8_t orig[INSN_MAX + 1]; /**< the original bytes, insn_len of them */
	uint8_t insn_len, code_len;
	uint8_t n_points;
	struct slot_point points[SLOT_POINTS_MAX];
};

/** Find the areas that are already in the process. */
int slots_open(struct proc *proc, struct slots **ret);
void slots_free(struct slots *slots);

/**
 * Make sure that there is an area with room for `n` more slots in reach of all of [lo, hi).  May
 * make the process map one. -ENOTSUP with a reason: no address space near, or the process may not
 * map executable memory; others as rcall_map().
 */
int slots_reserve(struct slots *slots, const struct rcall *call, uint64_t lo, uint64_t hi, size_t n);

/**
 * Find or make the slot of the instruction `bytes` (`len` readable) at `site`.  Allocates nothing
 * in the process: -ENOSPC if no area in reach has room.  -ENOTSUP if the instruction cannot be
 * displaced.  Valid until slots_free().
 */
int slots_get(struct slots *slots, uint64_t site, const uint8_t *bytes, size_t len, const struct slot **ret);

/**
 * The newest slot of a site whose first byte is not known, the others are `rest`: an int3 is over
 * it.  NULL if none.
 */
const struct slot *slots_recall(const struct slots *slots, uint64_t site, const uint8_t *rest, size_t len);

/** The slot whose code holds `rip`; NULL if none. */
const struct slot *slots_find(const struct slots *slots, uint64_t rip);

/**
 * The original place that is the same as `rip` in a slot; NULL if `rip` is inside an instruction.
 */
const struct slot_point *slot_point_at(const struct slot *slot, uint64_t rip);

/** How many bytes of the process' memory the areas take. */
uint64_t slots_bytes(const struct slots *slots);

/**
 * A free range of `len` bytes such that it and all of [lo, hi) are within a 32-bit distance; 0 if
 * there is none.
 */
uint64_t slots_choose_address(const struct maps *maps, uint64_t lo, uint64_t hi, uint64_t len);

#endif
