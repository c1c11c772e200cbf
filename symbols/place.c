#include "symbols/place.h"

#include "symbols/type.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What debug information says may be nonsense. */
static bool is_readable(const struct type *object, const struct member *member, enum place_kind kind)
{
	const struct type *bare = type_strip(member->type);
	bool is_pointer = bare->kind == TYPE_PTR;
	bool is_integer = bare->kind == TYPE_INT || bare->kind == TYPE_ENUM || bare->kind == TYPE_BOOL;

	return (kind == PLACE_POINTER ? is_pointer : is_integer) && bare->size && bare->size <= 8 &&
	       bare->size <= object->size && member->offset <= object->size - bare->size &&
	       member->bit_offset + member->bit_size <= bare->size * 8;
}

int place_find(const struct type *object, const char *path, enum place_kind kind, struct place *ret)
{
	struct member member = { .type = object };
	uint64_t offset = 0;
	char name[64];

	for (const char *s = path; *s;) {
		size_t len = strcspn(s, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, s);
		if (type_find_member(type_strip(member.type), name, &member) < 0)
			return err_set(-ENOENT, "it has no member '%s'", path);
		offset += member.offset;
		s += len + (s[len] == '.');
	}
	member.offset = offset;
	if (!is_readable(type_strip(object), &member, kind))
		return err_set(-ENOENT, "its member '%s' is of an unknown kind", path);
	*ret = (struct place){
		.type = member.type,
		.offset = offset,
		.size = type_strip(member.type)->size,
		.bit_offset = member.bit_offset,
		.bit_size = member.bit_size,
		.is_signed = type_strip(member.type)->is_signed,
	};
	return 0;
}

int place_find_all(const struct type *object, const struct place_wanted *wanted, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = place_find(object, wanted[i].path, wanted[i].kind, wanted[i].ret);
	return r;
}

uint64_t place_load(const struct place *place, const uint8_t *object)
{
	unsigned n_bits = place->bit_size ? place->bit_size : 8 * (unsigned)place->size;
	unsigned unused = 64 - n_bits;
	uint64_t value = 0;

	memcpy(&value, object + place->offset, place->size);
	value = value >> place->bit_offset << unused;
	return place->is_signed ? (uint64_t)((int64_t)value >> unused) : value >> unused;
}
