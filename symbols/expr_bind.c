/**
 * Binding: what the names of an expression mean in a function.
 */
#include "symbols/expr_binder.h"

#include "symbols/dwarf.h"
#include "symbols/function.h"
#include "symbols/got.h"
#include "symbols/loc.h"
#include "symbols/loc_ops.h"
#include "symbols/type.h"
#include "tracer/base/similar.h"

#include <string.h>

/* Names. */

static struct node *node_member(struct binder *binder, const struct cexpr *e, struct node *object);

static struct node *node_located(struct binder *binder, const struct type *type,
				 const struct loc *loc)
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
		return bind_fail(binder, e, "$ret is known only when the function returns");
	if (!binder->function->has_types || !type)
		return bind_fail(
			binder, e,
			"there is no debug information about '%s': the type of $ret is unknown",
			binder->function->name);
	if (type_strip(type)->kind == TYPE_VOID)
		return bind_fail(binder, e, "'%s' returns nothing", binder->function->name);
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
	const struct loc *loc = loc_variable_at(binder->module, die_id(binder->module, die),
						binder->function->entry);
	uint64_t slot = die_flag(die, DW_AT_external) ? got_slot(binder->module, e->text) : 0;

	if (slot)
		loc = loc_through(binder->module, slot);
	if (!loc->n_pieces)
		return bind_fail(
			binder, e,
			"'%s' has no place in memory (it is thread-local, or was optimized out)",
			e->text);
	return node_located(binder, type_of_die(binder->module, die), loc);
}

static struct node *fail_unknown_name(struct binder *binder, const struct cexpr *e)
{
	const struct function *function = binder->function;
	struct similar similar = { .wanted = e->text };

	for (size_t i = 0; i < function->n_params; i++)
		if (function->params[i].name)
			similar_offer(&similar, function->params[i].name);
	if (!function->has_types && function->die)
		return bind_fail(
			binder, e,
			"the debug information about '%s' is of lines only (-g1): its parameters and its result are unknown",
			function->name);
	if (!function->has_types)
		return bind_fail(
			binder, e,
			"there is no debug information about '%s': its parameters are unknown",
			function->name);
	bind_fail(binder, e, "'%s' is neither a parameter of %s() nor a variable of %s", e->text,
		  function->name, module_name(binder->module));
	if (similar.n)
		err_hint(binder->error, "did you mean '%s'?", similar.names[0]);
	return NULL;
}

/* Macros, which debug information does not have, but every C program. */
static struct node *bind_keyword(struct binder *binder, const struct cexpr *e)
{
	bool is_true = !strcmp(e->text, "true");

	if (!strcmp(e->text, "NULL"))
		return node_integer(binder, type_pointer_to(type_basic(binder->module, "void")), 0);
	return is_true || !strcmp(e->text, "false") ? node_integer(binder, bind_int_type(binder), is_true)
						    : fail_unknown_name(binder, e);
}

static struct node *bind_file_scope(struct binder *binder, const struct cexpr *e)
{
	const struct type *type;
	Dwarf_Die die;
	int64_t value;

	if (binder->object)
		return bind_fail(binder, e, "there are only the members of '%s' here",
				 bind_spell(binder, binder->object));
	int r = name_find_variable(binder->module, binder->near, e->scope, e->text, &die);

	if (r == 0)
		return bind_variable(binder, e, &die);
	if (r == -EMLINK)
		return bind_fail(binder, e,
				 "several files have a variable '%s': choose by FILE.c::%s",
				 e->text, e->text);
	if (e->scope)
		return bind_fail(binder, e, "no variable '%s' in a file '%s' of %s", e->text,
				 e->scope, module_name(binder->module));
	if (name_find_enumerator(binder->module, binder->near, e->text, &value, &type) < 0)
		return bind_keyword(binder, e);
	struct number_type number = number_of_enumerator(value, type_number(type_strip(type)));

	return node_integer(binder, bind_integer_type(binder, number.size, number.is_signed),
			    number.is_signed ? (__int128)value : (__int128)(uint64_t)value);
}

static struct node *bind_name(struct binder *binder, const struct cexpr *e)
{
	const struct function *function = binder->function;

	if (binder->object)
		return node_member(binder, e, node_new(binder, NODE_OBJECT, binder->object));
	if (!strcmp(e->text, "$ret"))
		return bind_return(binder, e);
	if (e->text[0] == '$')
		return bind_fail(binder, e, "'%s' is not known here", e->text);
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
		return node_integer(binder,
				    bind_integer_type(binder, e->is_long ? 8 : 4, !e->is_unsigned),
				    e->value);
	case CEXPR_CHAR:
		return node_integer(binder, bind_int_type(binder), (int64_t)e->value);
	case CEXPR_FLOAT:
		node = node_new(binder, NODE_CONSTANT,
				type_basic(binder->module, e->op == 'f' ? "float"
							   : e->op	? "long double"
									: "double"));
		if (node)
			node->number.real = e->real;
		return node;
	default:
		return bind_fail(binder, e,
				 "a text can only be compared with a char pointer or array");
	}
}

/* Objects. */

static struct node *fail_unknown_member(struct binder *binder, const struct cexpr *e,
					const struct type *object)
{
	struct similar similar = { .wanted = e->text };
	const struct member *members;
	size_t n = type_members(object, &members);

	for (size_t i = 0; i < n; i++)
		if (members[i].name)
			similar_offer(&similar, members[i].name);
	bind_fail(binder, e, "'%s' has no member '%s'", bind_spell(binder, object), e->text);
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
		return bind_fail(binder, e, "'%s' has no members",
				 bind_spell(binder, object->type));
	if (object->bare->is_declaration)
		return bind_fail(binder, e,
				 "the members of '%s' are not known: %s has no definition of it",
				 bind_spell(binder, object->bare), module_name(binder->module));
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

struct node *node_deref(struct binder *binder, const struct cexpr *e, struct node *pointer)
{
	if (!pointer)
		return NULL;
	if (pointer->bare->kind != TYPE_PTR)
		return bind_fail(binder, e, "'%s' is not a pointer",
				 bind_spell(binder, pointer->type));
	if (type_strip(type_target(pointer->bare))->kind == TYPE_VOID)
		return bind_fail(
			binder, e,
			"what is behind a 'void *' is not known: cast it, as in *(struct x *)p");
	return node_unary(binder, NODE_DEREF, type_target(pointer->bare), pointer);
}

static struct node *bind_member(struct binder *binder, const struct cexpr *e)
{
	struct node *object = bind_expression(binder, e->a);

	if (e->kind == CEXPR_ARROW)
		return node_member(binder, e, node_deref(binder, e->a, node_decay(binder, object)));
	if (object && object->bare->kind == TYPE_PTR)
		return bind_fail(binder, e, "'%s' is a pointer: use '->'",
				 bind_spell(binder, object->type));
	return node_member(binder, e, object);
}

static struct node *bind_index(struct binder *binder, const struct cexpr *e)
{
	struct node *array = bind_expression(binder, e->a), *index = bind_arithmetic(binder, e->b);

	if (!array || !index)
		return NULL;
	if (array->bare->kind != TYPE_PTR && array->bare->kind != TYPE_ARRAY)
		return bind_fail(binder, e, "'%s' is neither an array nor a pointer",
				 bind_spell(binder, array->type));
	if (!type_is_integer(index->bare))
		return bind_fail(binder, e->b, "an index is an integer");
	const struct type *element = type_target(array->bare);
	uint64_t size = type_element_size(element);

	if (!size || type_strip(element)->kind == TYPE_VOID ||
	    type_strip(element)->kind == TYPE_FUNC)
		return bind_fail(binder, e, "the size of '%s' is not known",
				 bind_spell(binder, element));
	struct node *node = node_binary(binder, NODE_INDEX, 0, element, array, index);

	if (node)
		node->size = size;
	return node;
}

struct node *bind_address(struct binder *binder, const struct cexpr *e)
{
	struct node *object = bind_expression(binder, e->a);

	if (!object)
		return NULL;
	if (object->bit_size || !node_is_object(object))
		return bind_fail(binder, e, "this has no address");
	return node_unary(binder, NODE_ADDRESS, type_pointer_to(object->type), object);
}

struct node *bind_expression(struct binder *binder, const struct cexpr *e)
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
	case CEXPR_SIZEOF:
	case CEXPR_UNARY:
	case CEXPR_BINARY:
		return bind_operator(binder, e);
	}
	return NULL;
}

static int bind_source(struct binder *binder, enum expr_when when, struct expr **ret)
{
	const struct cexpr *syntax;

	binder->expr = arena_alloc(binder->arena, sizeof(*binder->expr));
	if (!binder->expr)
		return err_set(-ENOMEM, "out of memory");
	binder->expr->when = when;
	int r = cexpr_parse(binder->source, &binder->scratch, &syntax);

	if (r == 0) {
		binder->expr->root = bind_expression(binder, syntax);
		if (!binder->error && !binder->expr->root)
			binder->error = err_set(-ENOMEM, "out of memory");
		r = binder->error;
	}
	arena_free(&binder->scratch);
	if (r < 0)
		return r;
	*ret = binder->expr;
	return 0;
}

int expr_bind(const char *source, const struct function *function, enum expr_when when,
	      struct expr **ret)
{
	struct binder binder = {
		.source = source,
		.function = function,
		.near = function->die,
		.module = function->module,
		.arena = module_arena(function->module),
	};

	return bind_source(&binder, when, ret);
}

int expr_bind_object(const char *source, const struct type *object, struct arena *arena,
		     struct expr **ret)
{
	const struct type *bare = type_strip(object);
	struct binder binder = {
		.source = source,
		.object = bare,
		.near = bare->die,
		.module = bare->module,
		.arena = arena,
	};

	return bind_source(&binder, EXPR_ENTRY, ret);
}

const struct type *expr_type(const struct expr *expr)
{
	return expr->root->type;
}

bool expr_uses_return(const struct expr *expr)
{
	return expr->uses_return;
}

bool expr_is_passed(const struct expr *expr)
{
	const struct node *node = expr->root;

	while (node->kind == NODE_MEMBER)
		node = node->a;
	return node->kind == NODE_PARAM || (node->kind == NODE_VARIABLE && expr->uses_return);
}

uint64_t expr_params(const struct expr *expr)
{
	return expr->params;
}
