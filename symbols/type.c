/**
 * Types from DIEs.
 *
 * A type is made when its DIE is first met, shallow: what a pointer, a function or a struct refers
 * to is read when asked for, so circles need no care.  Only what a size depends on is followed at
 * once (typedefs, qualifiers, elements of arrays); valid DWARF has no circle there, a damaged file
 * may, hence NESTING_MAX.
 *
 * One DW_TAG_array_type has all dimensions of a C array (DWARF 5 section 5.5): it becomes as many
 * types.
 */
#include "symbols/type.h"

#include <stdlib.h>
#include <string.h>

#include "symbols/type_node.h"
#include "tracer/base/arena.h"

enum { NESTING_MAX = 64, DIMENSIONS_MAX = 16 };

static const struct type *make_type(struct module *module, Dwarf_Die *die, int nesting);

struct types *types_get(struct module *module)
{
	struct module_parts *parts = module_parts(module);

	if (!parts->types)
		parts->types = calloc(1, sizeof(*parts->types));
	return parts->types;
}

void types_free(struct types *types)
{
	if (!types)
		return;
	/* The nodes themselves are in the arena of the module. */
	HASH_CLEAR(hh, types->by_die);
	HASH_CLEAR(hh, types->basic);
	free(types);
}

struct type_node *type_node_new(struct module *module, enum type_kind kind, const char *name,
				uint64_t size)
{
	struct type_node *node = arena_alloc(module_arena(module), sizeof(*node));

	if (!node)
		return NULL;
	node->type = (struct type){ .kind = kind, .name = name, .size = size, .module = module };
	return node;
}

/* What stands in for a type when there is no memory for it, and for what damaged files refer to. */
static const struct type *unknown_type(struct module *module, const char *what)
{
	static const struct type nothing = { .kind = TYPE_VOID, .name = "void" };
	static const struct type_node none = {
		.type = { .kind = TYPE_UNKNOWN, .name = "no memory" },
		.target = &nothing,
	};
	const struct type_node *node = type_node_new(module, TYPE_UNKNOWN, what, 0);

	return node ? &node->type : &none.type;
}

/* gcc names its types "long unsigned int", clang and people "unsigned long". */
static const char *plain_name(const char *name)
{
	static const char *const names[][2] = {
		{ "short int", "short" },
		{ "short unsigned int", "unsigned short" },
		{ "long int", "long" },
		{ "long unsigned int", "unsigned long" },
		{ "long long int", "long long" },
		{ "long long unsigned int", "unsigned long long" },
	};

	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i][0]))
			return names[i][1];
	}
	return name;
}

/* GCC's -mlong-double-128: another format of the same name and size, which only the producer tells. */
static bool has_quad_long_double(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die unit;
	const char *producer = dwarf_diecu(die, &unit, NULL, NULL)
				       ? dwarf_formstring(dwarf_attr(&unit, DW_AT_producer, &attr))
				       : NULL;

	return producer && strstr(producer, "-mlong-double-128");
}

static void set_base(struct type *type, Dwarf_Die *die)
{
	uint64_t encoding = 0, order = DW_END_default;

	type->name = plain_name(type->name);

	die_unsigned(die, DW_AT_encoding, &encoding);
	if (die_unsigned(die, DW_AT_endianity, &order) && order == DW_END_big)
		encoding = DW_ATE_void; /* scalar_storage_order("big-endian"): not understood */
	if (type->name && strstr(type->name, "long double") && has_quad_long_double(die))
		encoding = DW_ATE_void;
	type->kind = TYPE_INT;
	switch (encoding) {
	case DW_ATE_boolean:
		type->kind = TYPE_BOOL;
		break;
	case DW_ATE_float:
		type->kind = TYPE_FLOAT;
		type->is_signed = true;
		break;
	case DW_ATE_complex_float:
		type->kind = TYPE_COMPLEX;
		break;
	case DW_ATE_signed:
		type->is_signed = true;
		break;
	case DW_ATE_unsigned:
		break;
	case DW_ATE_signed_char:
		type->is_signed = true;
		type->kind = type->size == 1 ? TYPE_CHAR : TYPE_INT;
		break;
	case DW_ATE_unsigned_char:
	case DW_ATE_UTF: /* char8_t, char16_t, char32_t */
		type->kind = type->size == 1 ? TYPE_CHAR : TYPE_INT;
		break;
	default: /* decimal floats, _Complex int … */
		type->kind = TYPE_UNKNOWN;
	}
}

static bool has_negative_enumerator(Dwarf_Die *die)
{
	Dwarf_Die child;
	int64_t value;

	if (dwarf_child(die, &child) != 0)
		return false;
	do {
		if (dwarf_tag(&child) == DW_TAG_enumerator &&
		    die_constant(&child, DW_AT_const_value, &value) && value < 0)
			return true;
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* gcc and clang name the underlying type; others leave only the values to tell. */
static void set_enum(struct module *module, struct type *type, Dwarf_Die *die, int nesting)
{
	Dwarf_Die underlying;

	type->kind = TYPE_ENUM;
	if (die_ref(die, DW_AT_type, &underlying)) {
		const struct type *base = type_strip_names(make_type(module, &underlying, nesting));

		type->is_signed = base->is_signed;
		type->size = type->size ? type->size : base->size;
	} else {
		type->is_signed = has_negative_enumerator(die);
	}
}

/* The subrange of one dimension; how many there are is returned. */
static unsigned find_dimension(Dwarf_Die *die, unsigned dimension, Dwarf_Die *ret)
{
	unsigned n = 0;
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return 0;
	do {
		int tag = dwarf_tag(&child);

		if (tag != DW_TAG_subrange_type && tag != DW_TAG_enumeration_type)
			continue;
		if (n == dimension)
			*ret = child;
		n++;
	} while (dwarf_siblingof(&child, &child) == 0 && n < DIMENSIONS_MAX);
	return n;
}

/* False if the length is not stated, or known only where the program runs (a reference or an expression). */
static bool read_count(Dwarf_Die *subrange, uint64_t *ret)
{
	int64_t lower = 0, upper;

	if (die_unsigned(subrange, DW_AT_count, ret))
		return true;
	if (!die_constant(subrange, DW_AT_upper_bound, &upper))
		return false;
	die_constant(subrange, DW_AT_lower_bound, &lower);
	/* int a[0] may have the upper bound -1, in as many bits as the form has. */
	*ret = upper < lower || upper == UINT32_MAX ? 0 : (uint64_t)upper - (uint64_t)lower + 1;
	return true;
}

static void set_array(struct module *module, struct type_node *node, Dwarf_Die *die, int nesting);

/* It is reached from the outer array only. */
static const struct type *inner_array(struct module *module, Dwarf_Die *die, unsigned dimension,
				      int nesting)
{
	struct type_node *node = type_node_new(module, TYPE_ARRAY, NULL, 0);

	if (!node)
		return unknown_type(module, NULL);
	node->type.die = die_id(module, die);
	node->dimension = dimension;
	set_array(module, node, die, nesting);
	return &node->type;
}

static void set_array(struct module *module, struct type_node *node, Dwarf_Die *die, int nesting)
{
	struct type *type = &node->type;
	unsigned dimension = node->dimension;
	Dwarf_Die subrange;
	unsigned dimensions = find_dimension(die, dimension, &subrange);

	type->kind = TYPE_ARRAY;
	type->name = NULL;
	type->is_vector = die_flag(die, DW_AT_GNU_vector);
	type->is_flexible = dimension >= dimensions || !read_count(&subrange, &type->count);
	if (dimension + 1 < dimensions) {
		node->target = inner_array(module, die, dimension + 1, nesting);
	} else {
		Dwarf_Die element;

		node->target = die_ref(die, DW_AT_type, &element)
				       ? make_type(module, &element, nesting)
				       : type_from_die(module, NULL);
	}
	if (__builtin_mul_overflow(type->count, node->target->size, &type->size)) {
		type->is_flexible = true;
		type->count = type->size = 0;
	}
}

static void set_alias(struct module *module, struct type_node *node, Dwarf_Die *die,
		      enum type_kind kind, const char *name, int nesting)
{
	Dwarf_Die target;

	node->type.kind = kind;
	node->type.name = name;
	node->target = die_ref(die, DW_AT_type, &target) ? make_type(module, &target, nesting)
							  : type_from_die(module, NULL);
	node->type.size = node->target->size;
	node->type.is_signed = node->target->is_signed;
}

static void set_pointer(struct type *type)
{
	type->kind = TYPE_PTR;
	type->name = NULL;
	type->size = type->size ? type->size : sizeof(uint64_t);
}

static void set_unknown(struct module *module, struct type *type, int tag)
{
	type->kind = TYPE_UNKNOWN;
	if (!type->name)
		type->name = arena_printf(module_arena(module), "DW_TAG 0x%x", (unsigned)tag);
}

static void fill_type(struct module *module, struct type_node *node, Dwarf_Die *die, int nesting)
{
	struct type *type = &node->type;
	int tag = dwarf_tag(die);

	type->name = dwarf_diename(die);
	die_unsigned(die, DW_AT_byte_size, &type->size);
	type->is_declaration = die_flag(die, DW_AT_declaration);
	switch (tag) {
	case DW_TAG_base_type:
		return set_base(type, die);
	case DW_TAG_unspecified_type:
		type->kind = TYPE_VOID;
		type->name = type->name ? type->name : "void";
		type->size = strcmp(type->name, "decltype(nullptr)") == 0 ? sizeof(uint64_t) : 0;
		return;
	case DW_TAG_enumeration_type:
		return set_enum(module, type, die, nesting);
	case DW_TAG_pointer_type:
		return set_pointer(type);
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		type->kind = TYPE_STRUCT;
		return;
	case DW_TAG_union_type:
		type->kind = TYPE_UNION;
		return;
	case DW_TAG_array_type:
		return set_array(module, node, die, nesting);
	case DW_TAG_subroutine_type:
	case DW_TAG_subprogram:
		type->kind = TYPE_FUNC;
		type->name = NULL;
		return;
	case DW_TAG_typedef:
		return set_alias(module, node, die, TYPE_TYPEDEF, type->name, nesting);
	case DW_TAG_const_type:
		return set_alias(module, node, die, TYPE_QUAL, "const", nesting);
	case DW_TAG_volatile_type:
		return set_alias(module, node, die, TYPE_QUAL, "volatile", nesting);
	case DW_TAG_restrict_type:
		return set_alias(module, node, die, TYPE_QUAL, "restrict", nesting);
	case DW_TAG_atomic_type:
		return set_alias(module, node, die, TYPE_QUAL, "_Atomic", nesting);
	default:
		set_unknown(module, type, tag);
	}
}

static const struct type *make_type(struct module *module, Dwarf_Die *die, int nesting)
{
	struct types *types = types_get(module);
	uint64_t id = die_id(module, die);
	struct type_node *node = NULL;
	Dwarf_Die signature;

	/* A declaration whose definition is in a type unit (DWARF 5 section 3.1.4). */
	if (dwarf_hasattr(die, DW_AT_signature) && die_ref(die, DW_AT_signature, &signature) &&
	    !dwarf_hasattr(&signature, DW_AT_signature))
		return make_type(module, &signature, nesting);
	if (!types || !id)
		return unknown_type(module, "unreadable type");
	HASH_FIND(hh, types->by_die, &id, sizeof(id), node);
	if (node)
		return &node->type;
	if (nesting >= NESTING_MAX)
		return unknown_type(module, "circular type");
	node = type_node_new(module, TYPE_UNKNOWN, NULL, 0);
	if (!node)
		return unknown_type(module, NULL);
	node->type.die = id;
	fill_type(module, node, die, nesting + 1);
	HASH_ADD(hh, types->by_die, type.die, sizeof(id), node);
	return &node->type;
}

const struct type *type_from_die(struct module *module, Dwarf_Die *die)
{
	return die ? make_type(module, die, 0) : type_basic(module, "void");
}

const struct type *type_of_die(struct module *module, Dwarf_Die *die)
{
	Dwarf_Die type;

	return type_from_die(module, die_ref(die, DW_AT_type, &type) ? &type : NULL);
}

const struct type *type_target(const struct type *type)
{
	struct type_node *node = type_node(type);
	Dwarf_Die die;

	if (node->target)
		return node->target;
	if (die_at(type->module, type->die, &die))
		node->target = type_of_die(type->module, &die);
	else
		node->target = type_basic(type->module, "void");
	return node->target;
}

const struct type *type_pointer_to(const struct type *type)
{
	struct type_node *node = type_node(type);

	if (node->pointer)
		return node->pointer;
	struct type_node *pointer = type_node_new(type->module, TYPE_PTR, NULL, sizeof(uint64_t));

	if (!pointer)
		return unknown_type(type->module, NULL);
	pointer->target = type;
	node->pointer = &pointer->type;
	return node->pointer;
}

size_t type_members(const struct type *type, const struct member **ret)
{
	struct type_node *node = type_node(type);

	if (type->kind != TYPE_STRUCT && type->kind != TYPE_UNION)
		return 0;
	if (!node->listed)
		type_read_members(node);
	*ret = node->members.items;
	return node->members.n;
}

size_t type_enumerators(const struct type *type, const struct enumerator **ret)
{
	struct type_node *node = type_node(type);

	if (type->kind != TYPE_ENUM)
		return 0;
	if (!node->listed)
		type_read_enumerators(node);
	*ret = node->enumerators.items;
	return node->enumerators.n;
}

size_t type_params(const struct type *type, const struct type *const **ret, bool *variadic)
{
	struct type_node *node = type_node(type);

	if (type->kind != TYPE_FUNC)
		return 0;
	if (!node->listed)
		type_read_params(node);
	if (variadic)
		*variadic = node->params.variadic;
	*ret = node->params.types;
	return node->params.n;
}
