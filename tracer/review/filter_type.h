/**
 * Types in expressions over recorded calls: what casts and sizeof name.
 */
#ifndef REVIEW_FILTER_TYPE_H
#define REVIEW_FILTER_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/review/operand.h"

struct schema;

enum { FILTER_TYPES_SEARCHED = 100000 }; /* a hostile trace may share types so that a walk would never end */

/** Where types are looked for: what a function recorded; both may be NULL. */
struct filter_types {
	const struct schema *in, *out;
};

/** A number that does not depend on the call. */
struct operand filter_constant(__int128 value, struct number_type type);

/** A scalar type by its name, as a number of that type: one of C's own, or that of a value in this trace. */
bool filter_type(const struct filter_types *types, const char *name, struct operand *ret);

/** How many bytes a value has in the program; 0: not known. */
uint64_t filter_size(const struct schema *schema);
/** The same for what a pointer points at. */
uint64_t filter_element_size(const struct filter_types *types, const struct schema *pointer);
/** The same for a type by its name. */
uint64_t filter_size_of_type(const struct filter_types *types, const char *name);

#endif
