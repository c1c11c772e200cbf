/**
 * The children of type DIEs: members, enumerators, parameters.
 *
 * Bit-fields come in two descriptions, made alike here (byte offset, bit from the low end of that
 * byte):
 *   DW_AT_data_bit_offset        bits from the start of the struct (DWARF 4 and 5 section 5.7.6)
 *   DW_AT_bit_offset             bits from the *high* end of a storage unit of DW_AT_byte_size (or the
 *                                type's size) at DW_AT_data_member_location (DWARF 2 and 3; gcc uses it
 *                                with DWARF 4 too)
 */
#include <string.h>

#include "symbols/type_node.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"

enum { CHILDREN_MAX = 1 << 20 }; /* of one type; more is damage */

/* A constant, or in old files an expression that adds one.  False if it is anything else. */
static bool read_offset(Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;

	*ret = 0;
	if (!dwarf_attr_integrate(die, DW_AT_data_member_location, &attribute))
		return true;
	if (dwarf_formudata(&attribute, ret) == 0)
		return true;
	if (dwarf_getlocation(&attribute, &ops, &n) != 0 || n != 1 ||
	    ops[0].atom != DW_OP_plus_uconst)
		return false;
	*ret = ops[0].number;
	return true;
}

static bool set_bits(Dwarf_Die *die, struct member *member)
{
	uint64_t bit_size, at, storage = member->type->size;
	int64_t from_high;

	if (!die_unsigned(die, DW_AT_bit_size, &bit_size) || !bit_size)
		return true;
	if (bit_size > 8 * storage)
		return false;
	if (die_unsigned(die, DW_AT_data_bit_offset, &at)) {
		at += 8 * member->offset;
	} else if (die_constant(die, DW_AT_bit_offset, &from_high)) {
		die_unsigned(die, DW_AT_byte_size, &storage);
		at = 8 * (member->offset + storage) - (uint64_t)from_high - bit_size;
	} else {
		at = 8 * member->offset;
	}
	member->offset = at / 8;
	member->bit_offset = (unsigned)(at % 8);
	member->bit_size = (unsigned)bit_size;
	return true;
}

static const struct type *not_understood(struct module *module)
{
	const struct type_node *node =
		type_node_new(module, TYPE_UNKNOWN, "member at a computed place", 0);

	return node ? &node->type : type_basic(module, "void");
}

static void read_member(struct module *module, Dwarf_Die *die, struct member *member)
{
	const char *name = dwarf_diename(die);
	uint64_t align = 0;

	die_unsigned(die, DW_AT_alignment, &align);
	member->align = align <= 4096 ? (unsigned)align : 0;
	member->name = name && name[0] ? name : NULL;
	member->type = type_of_die(module, die);
	if (!read_offset(die, &member->offset) || !set_bits(die, member))
		member->type = not_understood(module);
}

/* Call `read` for each child until it returns false. */
static void foreach_child(struct type_node *node,
			  bool (*read)(Dwarf_Die *child, struct type_node *, void *), void *list)
{
	Dwarf_Die die, child;
	size_t n = 0;

	if (!die_at(node->type.module, node->type.die, &die) || dwarf_child(&die, &child) != 0)
		return;
	do {
		if (!read(&child, node, list))
			return;
	} while (dwarf_siblingof(&child, &child) == 0 && ++n < CHILDREN_MAX);
}

/* The finished list goes to the arena: it is never freed alone. */
static const void *keep(struct type_node *node, void *items, size_t n, size_t size)
{
	const void *kept =
		n ? arena_memdup(module_arena(node->type.module), items, n * size) : NULL;

	free(items);
	return kept;
}

typedef ARRAY(struct member) member_list;

static bool add_member(Dwarf_Die *child, struct type_node *node, void *list)
{
	if (dwarf_tag(child) != DW_TAG_member || die_flag(child, DW_AT_external))
		return true;
	struct member *member = array_push((member_list *)list);

	if (member)
		read_member(node->type.module, child, member);
	return member != NULL;
}

void type_read_members(struct type_node *node)
{
	member_list list = { 0 };

	foreach_child(node, add_member, &list);
	node->members.items = keep(node, list.items, list.n, sizeof(*list.items));
	node->members.n = node->members.items ? list.n : 0;
	node->listed = true;
}

typedef ARRAY(struct enumerator) enumerator_list;

static bool add_enumerator(Dwarf_Die *child, struct type_node *node, void *list)
{
	struct enumerator enumerator = { .name = dwarf_diename(child) };

	(void)node;
	if (dwarf_tag(child) != DW_TAG_enumerator || !enumerator.name ||
	    !die_constant(child, DW_AT_const_value, &enumerator.value))
		return true;
	struct enumerator *slot = array_push((enumerator_list *)list);

	if (slot)
		*slot = enumerator;
	return slot != NULL;
}

void type_read_enumerators(struct type_node *node)
{
	enumerator_list list = { 0 };

	foreach_child(node, add_enumerator, &list);
	node->enumerators.items = keep(node, list.items, list.n, sizeof(*list.items));
	node->enumerators.n = node->enumerators.items ? list.n : 0;
	node->listed = true;
}

typedef ARRAY(const struct type *) type_list;

static bool add_param(Dwarf_Die *child, struct type_node *node, void *list)
{
	if (dwarf_tag(child) == DW_TAG_unspecified_parameters)
		node->params.variadic = true;
	if (dwarf_tag(child) != DW_TAG_formal_parameter)
		return true;
	const struct type **slot = array_push((type_list *)list);

	if (slot)
		*slot = type_of_die(node->type.module, child);
	return slot != NULL;
}

void type_read_params(struct type_node *node)
{
	type_list list = { 0 };
	Dwarf_Die die;

	foreach_child(node, add_param, &list);
	node->params.types = keep(node, list.items, list.n, sizeof(*list.items));
	node->params.n = node->params.types ? list.n : 0;
	node->params.prototyped = die_at(node->type.module, node->type.die, &die) &&
				  die_flag(&die, DW_AT_prototyped);
	node->listed = true;
}
