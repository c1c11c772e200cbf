/**
 * C's rules of types: which operands there are, and how they are converted.
 *
 * Sources: C17 6.3 (conversions), 6.3.1.1 for bit-fields, which are promoted to int if they fit it.
 * GNU C: arithmetic on void pointers counts bytes.
 */
#include "symbols/expr_binder.h"

#include "symbols/type.h"

#include <string.h>

void *bind_fail_with(struct binder *binder, int error)
{
	if (!binder->error)
		binder->error = error;
	return NULL;
}

const char *bind_spell(struct binder *binder, const struct type *type)
{
	const char *text = type_spell(type, NULL, &binder->scratch);

	return text ? text : "?";
}

/* _Float128 is none. */
bool type_is_real(const struct type *bare)
{
	if (bare->kind != TYPE_FLOAT)
		return false;
	if (bare->size == 16)
		return !bare->name || !strstr(bare->name, "128");
	return bare->size == 4 || bare->size == 8;
}

struct number_type type_number(const struct type *bare)
{
	return (struct number_type){
		.size = bare->size <= 16 ? (uint8_t)bare->size : 0,
		.is_signed = bare->is_signed,
		.is_real = type_is_real(bare),
		.is_bool = bare->kind == TYPE_BOOL,
	};
}

bool type_is_integer(const struct type *bare)
{
	switch (bare->kind) {
	case TYPE_INT:
	case TYPE_CHAR:
	case TYPE_BOOL:
	case TYPE_ENUM:
		return bare->size == 1 || bare->size == 2 || bare->size == 4 || bare->size == 8 ||
		       bare->size == 16;
	default:
		return false;
	}
}

bool type_is_arithmetic(const struct type *bare)
{
	return type_is_integer(bare) || type_is_real(bare);
}

bool type_is_number(const struct type *bare)
{
	return type_is_arithmetic(bare) || bare->kind == TYPE_PTR;
}

const struct type *bind_integer_type(struct binder *binder, uint64_t size, bool is_signed)
{
	static const char *const names[][2] = {
		{ "unsigned int", "int" },
		{ "unsigned long", "long" },
		{ "unsigned __int128", "__int128" },
	};

	return type_basic(binder->module, names[size <= 4 ? 0 : size <= 8 ? 1 : 2][is_signed]);
}

const struct type *bind_int_type(struct binder *binder)
{
	return bind_integer_type(binder, 4, true);
}

uint64_t type_element_size(const struct type *type)
{
	type = type_strip(type);
	return type->kind == TYPE_VOID || type->kind == TYPE_FUNC ? 1 : type->size;
}

struct node *node_new(struct binder *binder, enum node_kind kind, const struct type *type)
{
	struct node *node = binder->error ? NULL : arena_alloc(binder->arena, sizeof(*node));

	if (!node)
		return binder->error ? NULL
				     : bind_fail_with(binder, err_set(-ENOMEM, "out of memory"));
	node->kind = kind;
	node->type = type;
	node->bare = type_strip(type);
	node->number_type = type_number(node->bare);
	return node;
}

struct node *node_unary(struct binder *binder, enum node_kind kind, const struct type *type,
			       const struct node *a)
{
	struct node *node = a ? node_new(binder, kind, type) : NULL;

	if (node)
		node->a = a;
	return node;
}

struct node *node_binary(struct binder *binder, enum node_kind kind, int op,
			 const struct type *type, const struct node *a, const struct node *b)
{
	struct node *node = b ? node_unary(binder, kind, type, a) : NULL;

	if (node) {
		node->op = op;
		node->b = b;
	}
	return node;
}

struct node *node_integer(struct binder *binder, const struct type *type, __int128 value)
{
	struct node *node = node_new(binder, NODE_CONSTANT, type);

	if (node)
		node->number.bits = (unsigned __int128)value;
	return node;
}

bool node_is_object(const struct node *node)
{
	switch (node->kind) {
	case NODE_PARAM:
	case NODE_VARIABLE:
	case NODE_DEREF:
	case NODE_INDEX:
	case NODE_MEMBER:
		return true;
	default:
		return false;
	}
}

struct node *node_decay(struct binder *binder, struct node *node)
{
	if (!node)
		return NULL;
	if (node->bare->kind == TYPE_ARRAY)
		return node_unary(binder, NODE_ADDRESS, type_pointer_to(type_target(node->bare)),
				  node);
	if (node->bare->kind == TYPE_FUNC)
		return node_unary(binder, NODE_ADDRESS, type_pointer_to(node->type), node);
	return node;
}

struct node *node_convert(struct binder *binder, struct node *node, const struct type *type)
{
	if (!node || (node->bare == type_strip(type) && !node->bit_size))
		return node;
	return node_unary(binder, NODE_CONVERT, type, node);
}

/* The type that DWARF has for it, by the name C gives it. */
static const struct type *integer_type_of(struct binder *binder, struct number_type type)
{
	return bind_integer_type(binder, type.size, type.is_signed);
}

struct node *node_promote(struct binder *binder, struct node *node)
{
	if (!node || !type_is_integer(node->bare))
		return node;
	struct number_type promoted = number_promoted(node->number_type, node->bit_size);

	if (promoted.size == node->bare->size && node->bare->kind != TYPE_ENUM && !node->bit_size)
		return node;
	return node_convert(binder, node, integer_type_of(binder, promoted));
}

const struct type *bind_common_type(struct binder *binder, const struct type *a, const struct type *b)
{
	struct number_type common = number_common(type_number(a), type_number(b));

	if (!common.is_real)
		return integer_type_of(binder, common);
	return type_is_real(a) && a->size == common.size ? a : b;
}

struct node *bind_value(struct binder *binder, const struct cexpr *e)
{
	return node_decay(binder, bind_expression(binder, e));
}

struct node *bind_scalar(struct binder *binder, const struct cexpr *e)
{
	struct node *node = bind_value(binder, e);

	if (node && !type_is_number(node->bare))
		return bind_fail(binder, e, "a number or a pointer is needed here, not '%s'",
				 bind_spell(binder, node->type));
	return node;
}

struct node *bind_arithmetic(struct binder *binder, const struct cexpr *e)
{
	struct node *node = bind_value(binder, e);

	if (node && !type_is_arithmetic(node->bare))
		return bind_fail(binder, e, "a number is needed here, not '%s'",
				 bind_spell(binder, node->type));
	return node_promote(binder, node);
}
