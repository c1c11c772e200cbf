/**
 * Binding: what the names of an expression mean in a function, and C's rules of types.
 *
 * Sources: C17 6.3 (conversions), 6.5 (expressions); 6.3.1.1 for bit-fields, which are promoted to int if they fit it.
 * GNU C: arithmetic on void pointers counts bytes.
 */
#include "symbols/expr.h"

#include "symbols/dwarf.h"
#include "symbols/expr_node.h"
#include "symbols/function.h"
#include "symbols/loc.h"
#include "symbols/loc_ops.h"
#include "symbols/similar.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <string.h>

struct binder {
	const char *source;
	const struct function *function;
	struct module *module;
	struct arena *arena;
	struct arena scratch; /* the syntax tree, spellings for messages */
	struct expr *expr;
	int error;
};

static struct node *bind(struct binder *binder, const struct cexpr *e);

#define fail(binder, e, ...) fail_at(binder, cexpr_error(-ENOENT, (binder)->source, (e)->column, __VA_ARGS__))

static void *fail_at(struct binder *binder, int error)
{
	if (!binder->error)
		binder->error = error;
	return NULL;
}

static const char *spell(struct binder *binder, const struct type *type)
{
	const char *text = type_spell(type, NULL, &binder->scratch);

	return text ? text : "?";
}

/* Types. */

static bool is_integer(const struct type *bare)
{
	switch (bare->kind) {
	case TYPE_INT:
	case TYPE_CHAR:
	case TYPE_BOOL:
	case TYPE_ENUM:
		return bare->size == 1 || bare->size == 2 || bare->size == 4 || bare->size == 8 || bare->size == 16;
	default:
		return false;
	}
}

static bool is_arithmetic(const struct type *bare)
{
	return is_integer(bare) || type_is_real(bare);
}

static bool is_scalar(const struct type *bare)
{
	return is_arithmetic(bare) || bare->kind == TYPE_PTR;
}

static const struct type *integer_type(struct binder *binder, uint64_t size, bool is_signed)
{
	static const char *const names[][2] = {
		{ "unsigned int", "int" },
		{ "unsigned long", "long" },
		{ "unsigned __int128", "__int128" },
	};

	return type_basic(binder->module, names[size <= 4 ? 0 : size <= 8 ? 1 : 2][is_signed]);
}

static const struct type *int_type(struct binder *binder)
{
	return integer_type(binder, 4, true);
}

/* Elements of pointers to void and functions are bytes; 0: incomplete. */
static uint64_t element_size(const struct type *type)
{
	type = type_strip(type);
	return type->kind == TYPE_VOID || type->kind == TYPE_FUNC ? 1 : type->size;
}

/* Nodes. */

static struct node *node_new(struct binder *binder, enum node_kind kind, const struct type *type)
{
	struct node *node = binder->error ? NULL : arena_alloc(binder->arena, sizeof(*node));

	if (!node)
		return binder->error ? NULL : fail_at(binder, err_set(-ENOMEM, "out of memory"));
	node->kind = kind;
	node->type = type;
	node->bare = type_strip(type);
	return node;
}

static struct node *node_unary(struct binder *binder, enum node_kind kind, const struct type *type,
			       const struct node *a)
{
	struct node *node = a ? node_new(binder, kind, type) : NULL;

	if (node)
		node->a = a;
	return node;
}

static struct node *node_binary(struct binder *binder, enum node_kind kind, int op, const struct type *type,
				const struct node *a, const struct node *b)
{
	struct node *node = b ? node_unary(binder, kind, type, a) : NULL;

	if (node) {
		node->op = op;
		node->b = b;
	}
	return node;
}

static struct node *node_integer(struct binder *binder, const struct type *type, __int128 value)
{
	struct node *node = node_new(binder, NODE_CONSTANT, type);

	if (node)
		node->number.bits = (unsigned __int128)value;
	return node;
}

static bool is_object(const struct node *node)
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

/* An array's value is the address of its first element, a function's its own. */
static struct node *decay(struct binder *binder, struct node *node)
{
	if (!node)
		return NULL;
	if (node->bare->kind == TYPE_ARRAY)
		return node_unary(binder, NODE_ADDRESS, type_pointer_to(type_target(node->bare)), node);
	if (node->bare->kind == TYPE_FUNC)
		return node_unary(binder, NODE_ADDRESS, type_pointer_to(node->type), node);
	return node;
}

static struct node *convert(struct binder *binder, struct node *node, const struct type *type)
{
	if (!node || (node->bare == type_strip(type) && !node->bit_size))
		return node;
	return node_unary(binder, NODE_CONVERT, type, node);
}

static struct node *promote(struct binder *binder, struct node *node)
{
	if (!node || !is_integer(node->bare))
		return node;
	bool fits_int = node->bit_size ? node->bit_size < 32 || (node->bit_size == 32 && node->bare->is_signed)
				       : node->bare->size < 4;

	if (fits_int)
		return convert(binder, node, int_type(binder));
	if (node->bare->kind == TYPE_ENUM || node->bit_size)
		return convert(binder, node, integer_type(binder, node->bare->size, node->bare->is_signed));
	return node;
}

/* The usual arithmetic conversions: the type both operands get. */
static const struct type *common_type(struct binder *binder, const struct type *a, const struct type *b)
{
	if (type_is_real(a) || type_is_real(b)) {
		if (!type_is_real(a))
			return b;
		return type_is_real(b) && b->size > a->size ? b : a;
	}
	uint64_t size = a->size > b->size ? a->size : b->size;
	bool is_unsigned = (!a->is_signed && a->size == size) || (!b->is_signed && b->size == size);

	return integer_type(binder, size, !is_unsigned);
}

static struct node *bind_value(struct binder *binder, const struct cexpr *e)
{
	return decay(binder, bind(binder, e));
}

/* A value for truth, or comparison with 0. */
static struct node *bind_scalar(struct binder *binder, const struct cexpr *e)
{
	struct node *node = bind_value(binder, e);

	if (node && !is_scalar(node->bare))
		return fail(binder, e, "a number or a pointer is needed here, not '%s'", spell(binder, node->type));
	return node;
}

static struct node *bind_arithmetic(struct binder *binder, const struct cexpr *e)
{
	struct node *node = bind_value(binder, e);

	if (node && !is_arithmetic(node->bare))
		return fail(binder, e, "a number is needed here, not '%s'", spell(binder, node->type));
	return promote(binder, node);
}

/* Names. */

static struct node *node_located(struct binder *binder, const struct type *type, const struct loc *loc)
{
	struct node *node = node_new(binder, NODE_VARIABLE, type);

	if (node)
		node->loc = loc;
	return node;
}

static struct node *bind_return(struct binder *binder, const struct cexpr *e)
{
	const struct type *type = binder->function->return_type;

	if (binder->expr->when != EXPR_RETURN)
		return fail(binder, e, "$ret is known only when the function returns");
	if (!binder->function->has_types || !type)
		return fail(binder, e, "there is no debug information about '%s': the type of $ret is unknown",
			    binder->function->name);
	if (type_strip(type)->kind == TYPE_VOID)
		return fail(binder, e, "'%s' returns nothing", binder->function->name);
	binder->expr->uses_return = true;
	return node_located(binder, type, loc_return_value(binder->function));
}

static struct node *bind_param(struct binder *binder, size_t i)
{
	struct node *node = node_new(binder, NODE_PARAM, binder->function->params[i].type);

	if (!node)
		return NULL;
	node->param = (unsigned)i;
	if (binder->expr->when == EXPR_ENTRY)
		node->loc = loc_param_at_entry(binder->function, i);
	if (i < 64)
		binder->expr->params |= (uint64_t)1 << i;
	return node;
}

static struct node *bind_variable(struct binder *binder, const struct cexpr *e, Dwarf_Die *die)
{
	const struct loc *loc = loc_variable_at(binder->module, die_id(binder->module, die), binder->function->entry);

	if (!loc->n_pieces)
		return fail(binder, e, "'%s' has no place in memory (it is thread-local, or was optimized out)", e->text);
	return node_located(binder, type_of_die(binder->module, die), loc);
}

static struct node *fail_unknown_name(struct binder *binder, const struct cexpr *e)
{
	const struct function *function = binder->function;
	struct similar similar = { .wanted = e->text };

	for (size_t i = 0; i < function->n_params; i++)
		if (function->params[i].name)
			similar_offer(&similar, function->params[i].name);
	if (!function->has_types)
		return fail(binder, e, "there is no debug information about '%s': its parameters are unknown",
			    function->name);
	fail(binder, e, "'%s' is neither a parameter of %s() nor a variable of %s", e->text, function->name,
	     module_name(binder->module));
	if (similar.n)
		err_hint(binder->error, "did you mean '%s'?", similar.names[0]);
	return NULL;
}

static struct node *bind_file_scope(struct binder *binder, const struct cexpr *e)
{
	const struct type *type;
	Dwarf_Die die;
	int64_t value;
	int r = name_find_variable(binder->module, binder->function->die, e->scope, e->text, &die);

	if (r == 0)
		return bind_variable(binder, e, &die);
	if (r == -EMLINK)
		return fail(binder, e, "several files have a variable '%s': choose by FILE.c::%s", e->text, e->text);
	if (e->scope)
		return fail(binder, e, "no variable '%s' in a file '%s' of %s", e->text, e->scope,
			    module_name(binder->module));
	if (name_find_enumerator(binder->module, binder->function->die, e->text, &value, &type) < 0)
		return fail_unknown_name(binder, e);
	/* An enumeration constant is an int; GNU C: if it fits one. */
	bool is_signed = value < 0 || type_strip(type)->is_signed || value <= INT32_MAX;

	return node_integer(binder, integer_type(binder, value == (int32_t)value ? 4 : 8, is_signed),
			    is_signed ? (__int128)value : (__int128)(uint64_t)value);
}

static struct node *bind_name(struct binder *binder, const struct cexpr *e)
{
	const struct function *function = binder->function;

	if (!strcmp(e->text, "$ret"))
		return bind_return(binder, e);
	if (e->text[0] == '$')
		return fail(binder, e, "'%s' is not known here", e->text);
	for (size_t i = 0; i < function->n_params; i++)
		if (function->params[i].name && !strcmp(function->params[i].name, e->text))
			return bind_param(binder, i);
	return bind_file_scope(binder, e);
}

/* Literals. */

static struct node *bind_literal(struct binder *binder, const struct cexpr *e)
{
	struct node *node;

	switch (e->kind) {
	case CEXPR_INT:
		return node_integer(binder, integer_type(binder, e->is_long ? 8 : 4, !e->is_unsigned), e->value);
	case CEXPR_CHAR:
		return node_integer(binder, int_type(binder), (int64_t)e->value);
	case CEXPR_FLOAT:
		node = node_new(binder, NODE_CONSTANT,
				type_basic(binder->module, e->op == 'f' ? "float" : e->op ? "long double" : "double"));
		if (node)
			node->number.real = e->real;
		return node;
	default:
		return fail(binder, e, "a text can only be compared with a char pointer or array");
	}
}

/* Objects. */

static struct node *fail_unknown_member(struct binder *binder, const struct cexpr *e, const struct type *object)
{
	struct similar similar = { .wanted = e->text };
	const struct member *members;
	size_t n = type_members(object, &members);

	for (size_t i = 0; i < n; i++)
		if (members[i].name)
			similar_offer(&similar, members[i].name);
	fail(binder, e, "'%s' has no member '%s'", spell(binder, object), e->text);
	if (similar.n)
		err_hint(binder->error, "did you mean '%s'?", similar.names[0]);
	return NULL;
}

static struct node *node_member(struct binder *binder, const struct cexpr *e, struct node *object)
{
	struct member member;

	if (!object)
		return NULL;
	if (object->bare->kind != TYPE_STRUCT && object->bare->kind != TYPE_UNION)
		return fail(binder, e, "'%s' has no members", spell(binder, object->type));
	if (object->bare->is_declaration)
		return fail(binder, e, "the members of '%s' are not known: %s has no definition of it",
			    spell(binder, object->bare), module_name(binder->module));
	if (type_find_member(object->bare, e->text, &member) < 0)
		return fail_unknown_member(binder, e, object->bare);
	struct node *node = node_unary(binder, NODE_MEMBER, member.type, object);

	if (node) {
		node->offset = member.offset;
		node->bit_offset = member.bit_offset;
		node->bit_size = member.bit_size;
	}
	return node;
}

static struct node *node_deref(struct binder *binder, const struct cexpr *e, struct node *pointer)
{
	if (!pointer)
		return NULL;
	if (pointer->bare->kind != TYPE_PTR)
		return fail(binder, e, "'%s' is not a pointer", spell(binder, pointer->type));
	if (type_strip(type_target(pointer->bare))->kind == TYPE_VOID)
		return fail(binder, e, "what is behind a 'void *' is not known: cast it, as in *(struct x *)p");
	return node_unary(binder, NODE_DEREF, type_target(pointer->bare), pointer);
}

static struct node *bind_member(struct binder *binder, const struct cexpr *e)
{
	struct node *object = bind(binder, e->a);

	if (e->kind == CEXPR_ARROW)
		return node_member(binder, e, node_deref(binder, e->a, decay(binder, object)));
	if (object && object->bare->kind == TYPE_PTR)
		return fail(binder, e, "'%s' is a pointer: use '->'", spell(binder, object->type));
	return node_member(binder, e, object);
}

static struct node *bind_index(struct binder *binder, const struct cexpr *e)
{
	struct node *array = bind(binder, e->a), *index = bind_arithmetic(binder, e->b);

	if (!array || !index)
		return NULL;
	if (array->bare->kind != TYPE_PTR && array->bare->kind != TYPE_ARRAY)
		return fail(binder, e, "'%s' is neither an array nor a pointer", spell(binder, array->type));
	if (!is_integer(index->bare))
		return fail(binder, e->b, "an index is an integer");
	const struct type *element = type_target(array->bare);
	uint64_t size = element_size(element);

	if (!size || type_strip(element)->kind == TYPE_VOID || type_strip(element)->kind == TYPE_FUNC)
		return fail(binder, e, "the size of '%s' is not known", spell(binder, element));
	struct node *node = node_binary(binder, NODE_INDEX, 0, element, array, index);

	if (node)
		node->size = size;
	return node;
}

static struct node *bind_address(struct binder *binder, const struct cexpr *e)
{
	struct node *object = bind(binder, e->a);

	if (!object)
		return NULL;
	if (object->bit_size || !is_object(object))
		return fail(binder, e, "this has no address");
	return node_unary(binder, NODE_ADDRESS, type_pointer_to(object->type), object);
}

/* Operators. */

static struct node *bind_unary(struct binder *binder, const struct cexpr *e)
{
	struct node *a;

	switch (e->op) {
	case '*':
		return node_deref(binder, e, bind_value(binder, e->a));
	case '&':
		return bind_address(binder, e);
	case '!':
		return node_unary(binder, NODE_NOT, int_type(binder), bind_scalar(binder, e->a));
	case '+':
		return bind_arithmetic(binder, e->a);
	default:
		a = bind_arithmetic(binder, e->a);
		if (a && e->op == '~' && !is_integer(a->bare))
			return fail(binder, e, "'~' needs an integer, not '%s'", spell(binder, a->type));
		return a ? node_unary(binder, e->op == '~' ? NODE_COMPLEMENT : NODE_NEGATE, a->type, a) : NULL;
	}
}

static struct node *bind_shift(struct binder *binder, const struct cexpr *e)
{
	struct node *a = bind_arithmetic(binder, e->a), *b = bind_arithmetic(binder, e->b);

	if (a && b && (!is_integer(a->bare) || !is_integer(b->bare)))
		return fail(binder, e, "'%s' needs integers", cexpr_op_text(e->op));
	return a ? node_binary(binder, NODE_ARITHMETIC, e->op, a->type, a, b) : NULL;
}

static struct node *node_arithmetic(struct binder *binder, const struct cexpr *e, struct node *a, struct node *b)
{
	if (!is_arithmetic(a->bare) || !is_arithmetic(b->bare))
		return fail(binder, e, "'%s' cannot be done with '%s' and '%s'", cexpr_op_text(e->op),
			    spell(binder, a->type), spell(binder, b->type));
	a = promote(binder, a);
	b = promote(binder, b);
	if (!a || !b)
		return NULL;
	const struct type *type = common_type(binder, a->bare, b->bare);

	if (type_is_real(type) && (e->op == '%' || e->op == '&' || e->op == '|' || e->op == '^'))
		return fail(binder, e, "'%s' needs integers", cexpr_op_text(e->op));
	return node_binary(binder, NODE_ARITHMETIC, e->op, type, convert(binder, a, type), convert(binder, b, type));
}

static struct node *node_pointer_op(struct binder *binder, const struct cexpr *e, enum node_kind kind,
				    const struct type *type, struct node *pointer, struct node *other)
{
	uint64_t size = element_size(type_target(pointer->bare));

	if (!size)
		return fail(binder, e, "the size of '%s' is not known", spell(binder, type_target(pointer->bare)));
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
		if (element_size(type_target(a->bare)) != element_size(type_target(b->bare)))
			return fail(binder, e, "'%s' and '%s' point at different things", spell(binder, a->type),
				    spell(binder, b->type));
		return node_pointer_op(binder, e, NODE_POINTER_DIFF, integer_type(binder, 8, true), a, b);
	}
	if (a_points && is_integer(b->bare))
		return node_pointer_op(binder, e, NODE_POINTER_ADD, a->type, a, promote(binder, b));
	if (b_points && is_integer(a->bare) && e->op == '+')
		return node_pointer_op(binder, e, NODE_POINTER_ADD, b->type, b, promote(binder, a));
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
	struct node *a = bind(binder, literal_first ? e->b : e->a);

	if (!a)
		return NULL;
	if (!is_text(a->bare))
		return fail(binder, literal, "a text can only be compared with a char pointer or array, not '%s'",
			    spell(binder, a->type));
	struct node *node = node_unary(binder, NODE_COMPARE_TEXT, int_type(binder), a);

	if (!node)
		return NULL;
	node->op = literal_first ? mirrored(e->op) : e->op;
	node->len = strlen(literal->text);
	node->text = arena_strdup(binder->arena, literal->text);
	if (node->len >= VALUE_MAX)
		return fail(binder, literal, "the text is too long");
	return node->text ? node : fail_at(binder, err_set(-ENOMEM, "out of memory"));
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
			return fail(binder, e, "a pointer cannot be compared with '%s'",
				    spell(binder, type_is_real(a->bare) ? a->type : b->type));
		type = integer_type(binder, 8, false);
	} else {
		a = promote(binder, a);
		b = promote(binder, b);
		if (!a || !b)
			return NULL;
		type = common_type(binder, a->bare, b->bare);
	}
	struct node *node = node_binary(binder, NODE_COMPARE, e->op, int_type(binder), convert(binder, a, type),
					convert(binder, b, type));

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
		return node_binary(binder, NODE_LOGICAL, e->op, int_type(binder), a, b);
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
	int r = type_find(binder->module, binder->function->die, e->text, &type);

	if (r < 0) {
		const char *why = arena_strdup(&binder->scratch, err_text());

		return fail(binder, e, "%s", why ? why : "unknown type");
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

	if (bare == a->bare || ((bare->kind == TYPE_STRUCT || bare->kind == TYPE_UNION) && type_same(bare, a->bare)))
		return is_scalar(bare) ? node_unary(binder, NODE_CONVERT, type, a) : a;
	bool mixes = (bare->kind == TYPE_PTR && type_is_real(a->bare)) || (type_is_real(bare) && a->bare->kind == TYPE_PTR);

	if (!is_scalar(bare) || !is_scalar(a->bare) || mixes)
		return fail(binder, e, "'%s' cannot be cast to '%s'", spell(binder, a->type), e->text);
	return node_unary(binder, NODE_CONVERT, type, a);
}

static struct node *bind_sizeof(struct binder *binder, const struct cexpr *e)
{
	const struct type *type = NULL;
	const struct expr before = *binder->expr;
	bool may_be_type = e->text && (!e->a || type_find(binder->module, binder->function->die, e->text, &type) == 0);

	if (may_be_type) {
		type = type ? type : bind_type(binder, e);
	} else {
		struct node *operand = bind(binder, e->a);

		if (operand && operand->bit_size)
			return fail(binder, e, "a bit-field has no size");
		type = operand ? operand->type : NULL;
		/* it is not evaluated: what it mentions is not needed */
		*binder->expr = before;
	}
	if (!type)
		return NULL;
	if (!type_strip(type)->size)
		return fail(binder, e, "the size of '%s' is not known", spell(binder, type));
	return node_integer(binder, integer_type(binder, 8, false), (__int128)type_strip(type)->size);
}

static struct node *bind(struct binder *binder, const struct cexpr *e)
{
	switch (e->kind) {
	case CEXPR_NAME:
		return bind_name(binder, e);
	case CEXPR_SCOPED:
		return bind_file_scope(binder, e);
	case CEXPR_INT:
	case CEXPR_FLOAT:
	case CEXPR_STRING:
	case CEXPR_CHAR:
		return bind_literal(binder, e);
	case CEXPR_MEMBER:
	case CEXPR_ARROW:
		return bind_member(binder, e);
	case CEXPR_INDEX:
		return bind_index(binder, e);
	case CEXPR_CAST:
		return bind_cast(binder, e);
	case CEXPR_SIZEOF:
		return bind_sizeof(binder, e);
	case CEXPR_UNARY:
		return bind_unary(binder, e);
	case CEXPR_BINARY:
		return bind_binary(binder, e);
	}
	return NULL;
}

int expr_bind(const char *source, const struct function *function, enum expr_when when, struct expr **ret)
{
	struct binder binder = {
		.source = source,
		.function = function,
		.module = function->module,
		.arena = module_arena(function->module),
	};
	const struct cexpr *syntax;

	binder.expr = arena_alloc(binder.arena, sizeof(*binder.expr));
	if (!binder.expr)
		return err_set(-ENOMEM, "out of memory");
	binder.expr->when = when;
	int r = cexpr_parse(source, &binder.scratch, &syntax);

	if (r == 0) {
		binder.expr->root = bind(&binder, syntax);
		if (!binder.error && !binder.expr->root)
			binder.error = err_set(-ENOMEM, "out of memory");
		r = binder.error;
	}
	arena_free(&binder.scratch);
	if (r < 0)
		return r;
	*ret = binder.expr;
	return 0;
}

const struct type *expr_type(const struct expr *expr)
{
	return expr->root->type;
}

bool expr_uses_return(const struct expr *expr)
{
	return expr->uses_return;
}

uint64_t expr_params(const struct expr *expr)
{
	return expr->params;
}
