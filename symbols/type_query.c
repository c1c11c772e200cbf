/**
 * Questions about types.
 */
#include <errno.h>
#include <string.h>

#include "symbols/type_node.h"

enum {
	ANONYMOUS_MAX = 32, /* structs without name inside each other */
	COMPARE_DEPTH = 64, /* levels of types inside each other that are compared */
	COMPARE_MAX = 100000, /* types in all */
};

const struct type *type_strip_names(const struct type *type)
{
	while (type->kind == TYPE_TYPEDEF || type->kind == TYPE_QUAL)
		type = type_target(type);
	return type;
}

static unsigned tag_of(const struct type *type)
{
	switch (type->kind) {
	case TYPE_STRUCT:
		return DW_TAG_structure_type;
	case TYPE_UNION:
		return DW_TAG_union_type;
	default:
		return DW_TAG_enumeration_type;
	}
}

const struct type *type_strip(const struct type *type)
{
	type = type_strip_names(type);
	if (!type->is_declaration || !type->name)
		return type;
	struct type_node *node = type_node(type);
	Dwarf_Die die;

	if (!node->complete) {
		node->complete = type;
		if (name_find_type(type->module, type->die, tag_of(type), type->name, &die) == 0)
			node->complete = type_from_die(type->module, &die);
	}
	return node->complete;
}

bool type_is_char_ptr(const struct type *type)
{
	type = type_strip_names(type);
	return type->kind == TYPE_PTR && type_strip_names(type_target(type))->kind == TYPE_CHAR;
}

bool type_is_scalar(const struct type *type)
{
	switch (type_strip(type)->kind) {
	case TYPE_INT:
	case TYPE_CHAR:
	case TYPE_BOOL:
	case TYPE_FLOAT:
	case TYPE_ENUM:
	case TYPE_PTR:
		return true;
	default:
		return false;
	}
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* How far a comparison has come: damaged files must not make it endless. */
struct extent {
	unsigned depth, types;
};

static bool same(const struct type *a, const struct type *b, struct extent *extent);

/* clang takes a bit-field that fills its type for no bit-field. */
static uint64_t bits_of(const struct member *member)
{
	return member->bit_size ? member->bit_size : 8 * member->type->size;
}

static bool same_members(const struct type *a, const struct type *b, struct extent *extent)
{
	const struct member *x, *y;
	size_t n = type_members(a, &x);

	if (type_members(b, &y) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!same_name(x[i].name, y[i].name) || x[i].offset != y[i].offset ||
		    bits_of(&x[i]) != bits_of(&y[i]) || x[i].bit_offset != y[i].bit_offset ||
		    !same(x[i].type, y[i].type, extent))
			return false;
	}
	return true;
}

static bool same_enumerators(const struct type *a, const struct type *b)
{
	const struct enumerator *x, *y;
	size_t n = type_enumerators(a, &x);

	if (type_enumerators(b, &y) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(x[i].name, y[i].name) != 0 || x[i].value != y[i].value)
			return false;
	}
	return true;
}

static bool same_params(const struct type *a, const struct type *b, struct extent *extent)
{
	const struct type *const *x, *const *y;
	bool x_variadic, y_variadic;
	size_t n = type_params(a, &x, &x_variadic);

	if (type_params(b, &y, &y_variadic) != n || x_variadic != y_variadic)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!same(x[i], y[i], extent))
			return false;
	}
	return same(type_target(a), type_target(b), extent);
}

/* Named structs behind pointers are the same if their names are: this also ends all circles. */
static bool same_pointees(const struct type *a, const struct type *b, struct extent *extent)
{
	a = type_strip_names(type_target(a));
	b = type_strip_names(type_target(b));
	if (a->kind == b->kind && a->name && b->name &&
	    (a->kind == TYPE_STRUCT || a->kind == TYPE_UNION))
		return !strcmp(a->name, b->name);
	return same(a, b, extent);
}

static bool same_kind(const struct type *a, const struct type *b, struct extent *extent)
{
	switch (a->kind) {
	case TYPE_VOID:
		return true;
	case TYPE_INT:
	case TYPE_CHAR:
	case TYPE_BOOL:
	case TYPE_FLOAT:
	case TYPE_COMPLEX:
		/* gcc's "long unsigned int" is clang's "unsigned long". */
		return a->is_signed == b->is_signed;
	case TYPE_ENUM:
		return same_name(a->name, b->name) && same_enumerators(a, b);
	case TYPE_PTR:
		return same_pointees(a, b, extent);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return same_name(a->name, b->name) && same_members(a, b, extent);
	case TYPE_ARRAY:
		return a->count == b->count && same(type_target(a), type_target(b), extent);
	case TYPE_FUNC:
		return same_params(a, b, extent);
	default:
		return same_name(a->name, b->name);
	}
}

static bool same(const struct type *a, const struct type *b, struct extent *extent)
{
	a = type_strip_names(a);
	b = type_strip_names(b);
	if (a == b)
		return true;
	if (a->kind != b->kind || a->size != b->size || extent->depth >= COMPARE_DEPTH ||
	    extent->types++ >= COMPARE_MAX)
		return false;
	extent->depth++;
	bool is_same = same_kind(a, b, extent);

	extent->depth--;
	return is_same;
}

bool type_same(const struct type *a, const struct type *b)
{
	struct extent extent = { 0 };

	return same(a, b, &extent);
}

static int find_member(const struct type *type, const char *name, uint64_t offset, int depth,
		       struct member *ret)
{
	const struct member *members;
	size_t n;

	type = type_strip(type);
	n = type_members(type, &members);
	for (size_t i = 0; i < n; i++) {
		const struct member *member = &members[i];

		if (member->name && !strcmp(member->name, name)) {
			*ret = *member;
			ret->offset += offset;
			return 0;
		}
		if (!member->name && depth < ANONYMOUS_MAX &&
		    find_member(member->type, name, offset + member->offset, depth + 1, ret) == 0)
			return 0;
	}
	return -ENOENT;
}

int type_find_member(const struct type *type, const char *name, struct member *ret)
{
	return find_member(type, name, 0, 0, ret);
}
