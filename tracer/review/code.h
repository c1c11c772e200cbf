/**
 * What code addresses of a trace mean: filled from its FRAME events.
 */
#ifndef REVIEW_CODE_H
#define REVIEW_CODE_H

#include <stdbool.h>
#include <stdint.h>

struct code_map;

/** One function at an address; several share it where functions are inlined. */
struct code_place {
	const char *function, *module, *source; /**< each may be NULL */
	bool inlined;                           /**< into the place of the next index */
};

/** NULL without memory. */
struct code_map *code_map_new(void);
void code_map_free(struct code_map *map);

/**
 * Add the place with number `index` at `addr` (0: the innermost); strings are copied.  0 or
 * -ENOMEM.
 */
int code_map_add(struct code_map *map, uint64_t addr, unsigned index,
		 const struct code_place *place);

/** NULL if the trace does not tell; valid until code_map_free(). */
const struct code_place *code_map_find(const struct code_map *map, uint64_t addr, unsigned index);

/** The function, not inlined, that has `addr`; NULL if the trace does not tell. */
const char *code_map_function(const struct code_map *map, uint64_t addr);

#endif
