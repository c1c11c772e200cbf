/**
 * Slots: displaced instructions in the traced process, in areas near its modules.
 *
 * A slot is never freed, changed or reused while the process lives: a thread may stand in it, or a
 * signal frame may hold its address.  The next attach finds them again and reuses them.
 */
#ifndef PROBE_SLOTS_H
#define PROBE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/probe/insn.h"

struct areas;
struct proc;
struct rcall;
struct slots;

struct slot {
	uint64_t addr;    /**< where a thread is sent */
	uint64_t site;    /**< of the original instruction */
	uint8_t orig[INSN_MAX + 1]; /**< the original bytes, insn_len of them */
	uint32_t origin;  /**< slot_origin() of its mapping (inside.h) */
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

/** So many slots are to be left near a place that sites are added to while hits come. */
enum { SLOTS_LOW = 600 };
/** Whether fewer are left near `addr`. */
bool slots_are_low(struct slots *slots, uint64_t addr);

/**
 * Find or make the slot of the instruction `bytes` (`len` readable) of `origin` at `site`.  Allocates nothing
 * in the process: -ENOSPC if no area in reach has room.  -ENOTSUP if the instruction cannot be
 * displaced.  Valid until slots_free().
 */
int slots_get(struct slots *slots, uint64_t site, const uint8_t *bytes, size_t len, uint32_t origin, const struct slot **ret);

/** Have in stock what the next few slots need: slots_get() allocates nothing for them then. */
void slots_refill(struct slots *slots);

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

/** The areas they are in; borrowed. */
struct areas *slots_areas(struct slots *slots);

/** How many bytes of the process' memory the areas take. */
uint64_t slots_bytes(const struct slots *slots);

#endif
