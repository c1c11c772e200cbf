/**
 * How types are kept: shared by the type_*.c files only.
 */
#ifndef SYMBOLS_TYPE_NODE_H
#define SYMBOLS_TYPE_NODE_H

#include <uthash.h>

#include "symbols/dwarf.h"
#include "symbols/type.h"

struct type_node {
	struct type type; /* first: a type is a pointer into its node */
	unsigned dimension; /* of the array DIE, which has all of them */
	UT_hash_handle hh;  /* by type.die, or the name of a basic type */

	/* What is found out when first asked for. */
	const struct type *target, *pointer, *complete;
	bool listed; /* the list of its kind has been read */
	union {
		struct {
			const struct member *items;
			size_t n;
		} members;
		struct {
			const struct enumerator *items;
			size_t n;
		} enumerators;
		struct {
			const struct type *const *types;
			size_t n;
			bool variadic;
			bool prototyped;
		} params;
	};
};

struct types {
	struct type_node *by_die;
	struct type_node *basic; /* by name, linked through hh */
};

static inline struct type_node *type_node(const struct type *type)
{
	return (struct type_node *)(uintptr_t)type;
}

struct types *types_get(struct module *module);

/** A type made by us, without a DIE; NULL without memory. */
struct type_node *type_node_new(struct module *module, enum type_kind kind, const char *name, uint64_t size);

/** Fill the list of its kind. */
void type_read_members(struct type_node *node);
void type_read_enumerators(struct type_node *node);
void type_read_params(struct type_node *node);

/** Behind typedefs and qualifiers, but without a search for the definition of a declaration. */
const struct type *type_strip_names(const struct type *type);

#endif
