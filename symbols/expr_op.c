/**
 * Operators, casts and sizeof: C17 6.5.3 to 6.5.14, and comparison of text, which C does not have.
 */
#include "symbols/expr_binder.h"

#include "symbols/function.h"
#include "symbols/type.h"

#include <string.h>

static struct node *bind_unary(struct binder *binder, const struct cexpr *e)
{
	struct node *a;

	switch (e->op) {
	case '*':
		return node_deref(binder, e, bind_value(binder, e->a));
	case '&':
		return bind_address(binder, e);
	case '!':
		return node_unary(binder, NODE_NOT, bind_int_type(binder),
				  bind_scalar(binder, e->a));
	case '+':
		return bind_arithmetic(binder, e->a);
	default:
		a = bind_arithmetic(binder, e->a);
		if (a && e->op == '~' && !type_is_integer(a->bare))
			return bind_fail(binder, e, "'~' needs an integer, not '%s'",
					 bind_spell(binder, a->type));
		return a ? node_unary(binder, e->op == '~' ? NODE_COMPLEMENT : NODE_NEGATE, a->type,
				      a)
			 : NULL;
	}
}

static struct node *bind_shift(struct binder *binder, const struct cexpr *e)
{
	struct node *a = bind_arithmetic(binder, e->a), *b = bind_arithmetic(binder, e->b);

	if (a && b && (!type_is_integer(a->bare) || !type_is_integer(b->bare)))
		return bind_fail(binder, e, "'%s' needs integers", cexpr_op_text(e->op));
	return a ? node_binary(binder, NODE_ARITHMETIC, e->op, a->type, a, b) : NULL;
}

static struct node *node_arithmetic(struct binder *binder, const struct cexpr *e, struct node *a,
				    struct node *b)
{
	if (!type_is_arithmetic(a->bare) || !type_is_arithmetic(b->bare))
		return bind_fail(binder, e, "'%s' cannot be done with '%s' and '%s'",
				 cexpr_op_text(e->op), bind_spell(binder, a->type),
				 bind_spell(binder, b->type));
	a = node_promote(binder, a);
	b = node_promote(binder, b);
	if (!a || !b)
		return NULL;
	const struct type *type = bind_common_type(binder, a->bare, b->bare);

	if (type_is_real(type) && (e->op == '%' || e->op == '&' || e->op == '|' || e->op == '^'))
		return bind_fail(binder, e, "'%s' needs integers", cexpr_op_text(e->op));
	return node_binary(binder, NODE_ARITHMETIC, e->op, type, node_convert(binder, a, type),
			   node_convert(binder, b, type));
}

static struct node *node_pointer_op(struct binder *binder, const struct cexpr *e,
				    enum node_kind kind, const struct type *type,
				    struct node *pointer, struct node *other)
{
	uint64_t size = type_element_size(type_target(pointer->bare));

	if (!size)
		return bind_fail(binder, e, "the size of '%s' is not known",
				 bind_spell(binder, type_target(pointer->bare)));
	struct node *node = node_binary(binder, kind, e->op, type, pointer, other);

	if (node)
		node->size = size;
	return node;
}

static struct node *bind_sum(struct binder *binder, const struct cexpr *e)
{
	struct node *a = bind_value(binder, e->a), *b = bind_value(binder, e->b);

	if (!a || !b)
		return NULL;
	bool a_points = a->bare->kind == TYPE_PTR, b_points = b->bare->kind == TYPE_PTR;

	if (a_points && b_points && e->op == '-') {
		if (type_element_size(type_target(a->bare)) !=
		    type_element_size(type_target(b->bare)))
			return bind_fail(binder, e, "'%s' and '%s' point at different things",
					 bind_spell(binder, a->type), bind_spell(binder, b->type));
		return node_pointer_op(binder, e, NODE_POINTER_DIFF,
				       bind_integer_type(binder, 8, true), a, b);
	}
	if (a_points && type_is_integer(b->bare))
		return node_pointer_op(binder, e, NODE_POINTER_ADD, a->type, a,
				       node_promote(binder, b));
	if (b_points && type_is_integer(a->bare) && e->op == '+')
		return node_pointer_op(binder, e, NODE_POINTER_ADD, b->type, b,
				       node_promote(binder, a));
	return node_arithmetic(binder, e, a, b);
}

static bool is_text(const struct type *bare)
{
	return type_is_char_ptr(bare) ||
	       (bare->kind == TYPE_ARRAY && type_strip(type_target(bare))->kind == TYPE_CHAR);
}

static int mirrored(int op)
{
	return op == '<' ? '>' : op == '>' ? '<' : op == OP_LE ? OP_GE : op == OP_GE ? OP_LE : op;
}

static struct node *bind_compare_text(struct binder *binder, const struct cexpr *e)
{
	bool literal_first = e->a->kind == CEXPR_STRING;
	const struct cexpr *literal = literal_first ? e->a : e->b;
	struct node *a = bind_expression(binder, literal_first ? e->b : e->a);

	if (!a)
		return NULL;
	if (!is_text(a->bare))
		return bind_fail(
			binder, literal,
			"a text can only be compared with a char pointer or array, not '%s'",
			bind_spell(binder, a->type));
	struct node *node = node_unary(binder, NODE_COMPARE_TEXT, bind_int_type(binder), a);

	if (!node)
		return NULL;
	node->op = literal_first ? mirrored(e->op) : e->op;
	node->len = strlen(literal->text);
	node->text = arena_strdup(binder->arena, literal->text);
	if (node->len >= VALUE_MAX)
		return bind_fail(binder, literal, "the text is too long");
	return node->text ? node : bind_fail_with(binder, err_set(-ENOMEM, "out of memory"));
}

static struct node *bind_compare(struct binder *binder, const struct cexpr *e)
{
	if (e->a->kind == CEXPR_STRING || e->b->kind == CEXPR_STRING)
		return bind_compare_text(binder, e);
	struct node *a = bind_scalar(binder, e->a), *b = bind_scalar(binder, e->b);

	if (!a || !b)
		return NULL;
	const struct type *type;

	if (a->bare->kind == TYPE_PTR || b->bare->kind == TYPE_PTR) {
		if (type_is_real(a->bare) || type_is_real(b->bare))
			return bind_fail(binder, e, "a pointer cannot be compared with '%s'",
				    bind_spell(binder, type_is_real(a->bare) ? a->type : b->type));
		type = bind_integer_type(binder, 8, false);
	} else {
		a = node_promote(binder, a);
		b = node_promote(binder, b);
		if (!a || !b)
			return NULL;
		type = bind_common_type(binder, a->bare, b->bare);
	}
	struct node *node =
		node_binary(binder, NODE_COMPARE, e->op, bind_int_type(binder),
			    node_convert(binder, a, type), node_convert(binder, b, type));

	return node;
}

static struct node *bind_binary(struct binder *binder, const struct cexpr *e)
{
	struct node *a, *b;

	switch (e->op) {
	case OP_AND:
	case OP_OR:
		a = bind_scalar(binder, e->a);
		b = bind_scalar(binder, e->b);
		return node_binary(binder, NODE_LOGICAL, e->op, bind_int_type(binder), a, b);
	case OP_SHL:
	case OP_SHR:
		return bind_shift(binder, e);
	case '+':
	case '-':
		return bind_sum(binder, e);
	case OP_EQ:
	case OP_NE:
	case OP_LE:
	case OP_GE:
	case '<':
	case '>':
		return bind_compare(binder, e);
	default:
		a = bind_value(binder, e->a);
		b = bind_value(binder, e->b);
		return a && b ? node_arithmetic(binder, e, a, b) : NULL;
	}
}

static const struct type *bind_type(struct binder *binder, const struct cexpr *e)
{
	const struct type *type = NULL;
	int r = type_find(binder->module, binder->near, e->text, &type);

	if (r < 0) {
		const char *why = arena_strdup(&binder->scratch, err_text());

		return bind_fail(binder, e, "%s", why ? why : "unknown type");
	}
	return type;
}

static struct node *bind_cast(struct binder *binder, const struct cexpr *e)
{
	const struct type *type = bind_type(binder, e);
	struct node *a = type ? bind_value(binder, e->a) : NULL;

	if (!a)
		return NULL;
	const struct type *bare = type_strip(type);

	if (bare == a->bare ||
	    ((bare->kind == TYPE_STRUCT || bare->kind == TYPE_UNION) && type_same(bare, a->bare)))
		return type_is_number(bare) ? node_unary(binder, NODE_CONVERT, type, a) : a;
	bool mixes = (bare->kind == TYPE_PTR && type_is_real(a->bare)) ||
		     (type_is_real(bare) && a->bare->kind == TYPE_PTR);

	if (!type_is_number(bare) || !type_is_number(a->bare) || mixes)
		return bind_fail(binder, e, "'%s' cannot be cast to '%s'",
				 bind_spell(binder, a->type), e->text);
	return node_unary(binder, NODE_CONVERT, type, a);
}

static struct node *bind_sizeof(struct binder *binder, const struct cexpr *e)
{
	const struct type *type = NULL;
	const struct expr before = *binder->expr;
	bool may_be_type = e->text && (!e->a || type_find(binder->module, binder->near,
							  e->text, &type) == 0);

	if (may_be_type) {
		type = type ? type : bind_type(binder, e);
	} else {
		struct node *operand = bind_expression(binder, e->a);

		if (operand && operand->bit_size)
			return bind_fail(binder, e, "a bit-field has no size");
		type = operand ? operand->type : NULL;
		/* it is not evaluated: what it mentions is not needed */
		*binder->expr = before;
	}
	if (!type)
		return NULL;
	if (!type_strip(type)->size)
		return bind_fail(binder, e, "the size of '%s' is not known",
				 bind_spell(binder, type));
	return node_integer(binder, bind_integer_type(binder, 8, false),
			    (__int128)type_strip(type)->size);
}

struct node *bind_operator(struct binder *binder, const struct cexpr *e)
{
	switch (e->kind) {
	case CEXPR_UNARY:
		return bind_unary(binder, e);
	case CEXPR_BINARY:
		return bind_binary(binder, e);
	case CEXPR_CAST:
		return bind_cast(binder, e);
	default:
		return bind_sizeof(binder, e);
	}
}
