/**
 * Areas: memory in the traced process for slots and for the code that lives there (inside.h), near its modules.
 *
 * An area is never unmapped or moved while the process lives.  Areas survive detaching; the next attach finds them again.
 */
#ifndef PROBE_AREAS_H
#define PROBE_AREAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/base/array.h"
#include "tracer/probe/inside.h"

struct maps;
struct proc;
struct rcall;

struct area {
	uint64_t lo;
	uint32_t size, used;
	uint64_t next; /**< as in its head */
};

struct areas {
	struct proc *proc;
	ARRAY(struct area) list;    /**< the first is the one whose handler is (to be) installed; it links to all others */
	struct area_header common;  /**< what is the same in all heads */
};

/** Find those that are in the process; 0 or a negative errno. */
int areas_open(struct proc *proc, struct areas *ret);
void areas_fini(struct areas *areas);

/** One with room for `len` bytes in reach of all of [lo, hi); NULL if none. */
struct area *areas_find(struct areas *areas, uint64_t lo, uint64_t hi, size_t len);

/** Make the process map one more: errors as slots_reserve(). */
int areas_map(struct areas *areas, const struct rcall *call, uint64_t lo, uint64_t hi);

/** Put `len` bytes behind what is there; they count only when all are written.  0 or a negative errno. */
int areas_append(struct areas *areas, struct area *area, const void *content, size_t len);

/** Write the fields of `common` from may_repair on, but for `next`, into every head; may_repair is among the last. */
int areas_update(struct areas *areas);

/** Live address of one of inside.h's entry points in an area. */
uint64_t area_entry(const struct area *area, const char *entry);

/** Everything within a 32-bit distance of everything, with room to spare. */
bool areas_in_reach(uint64_t addr, uint64_t len, uint64_t lo, uint64_t hi);

/**
 * A free range of `len` bytes such that it and all of [lo, hi) are within a 32-bit distance; 0 if
 * there is none.
 */
uint64_t areas_choose_address(const struct maps *maps, uint64_t lo, uint64_t hi, uint64_t len);

#endif
