/**
 * Where a number or pointer lies in an object, by the names of members, for code that reads objects of types it
 * knows.  Private to symbols/.
 */
#ifndef SYMBOLS_PLACE_H
#define SYMBOLS_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct type;

struct place {
	const struct type *type;
	uint64_t offset, size;
	unsigned bit_offset, bit_size; /**< as in struct member */
	bool is_signed;
};

enum place_kind { PLACE_INTEGER, PLACE_POINTER };

/**
 * Find a member of a member: "data.object.pairs".  0, or -ENOENT with a message if there is none of that kind, or it
 * does not lie in the object.
 */
int place_find(const struct type *object, const char *path, enum place_kind kind, struct place *ret);

/** Several, of which none may be missing. */
struct place_wanted {
	const char *path;
	enum place_kind kind;
	struct place *ret;
};
int place_find_all(const struct type *object, const struct place_wanted *wanted, size_t n);

/** Its value, from the bytes of the object. */
uint64_t place_load(const struct place *place, const uint8_t *object);

#endif
