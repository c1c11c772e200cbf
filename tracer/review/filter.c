#include "tracer/review/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/filter_bound.h"
#include "tracer/review/filter_names.h"
#include "tracer/review/filter_type.h"
#include "tracer/trace/reader.h"

/* The captures of one side of a probe, as expressions; NULL where the name is none. */
struct captures {
	const struct schema *schema; /* STRUCT of CAPTUREs; may be NULL */
	const struct cexpr **exprs;
};

/*
 * An operand that was not found: as `a->b->c` is written, in how many functions, and which part of
 * it is the cause where most of it was found.
 */
struct unknown {
	const struct cexpr *expr, *cause;
	size_t n;
};

struct filter {
	struct arena arena;
	const char *source;
	const struct cexpr *expr;
	const struct trace_probe *const *probes;
	const struct bound **bound; /* of each probe */
	bool *applies;              /* to each probe */
	size_t n;
	uint64_t n_undecided;
	ARRAY(struct unknown) unknown;
};

struct binder {
	struct filter *filter;
	struct captures in, out;
	bool has_unknown;
	bool failed; /* without memory */
};

/* a->m is (*a).m: one form for both; returns the object before the member. */
static const struct cexpr *object_of(const struct cexpr *expr, struct cexpr *deref)
{
	if (expr->kind == CEXPR_MEMBER)
		return expr->a;
	*deref = (struct cexpr){ .kind = CEXPR_UNARY, .op = '*', .a = expr->a };
	return deref;
}

static bool is_member(const struct cexpr *expr)
{
	return expr->kind == CEXPR_MEMBER || expr->kind == CEXPR_ARROW;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_expr(const struct cexpr *a, const struct cexpr *b)
{
	struct cexpr deref_a, deref_b;

	if (!a || !b)
		return a == b;
	if (is_member(a) && is_member(b))
		return !strcmp(a->text, b->text) &&
		       same_expr(object_of(a, &deref_a), object_of(b, &deref_b));
	return a->kind == b->kind && a->op == b->op && a->value == b->value && a->real == b->real &&
	       same_text(a->text, b->text) && same_text(a->scope, b->scope) &&
	       same_expr(a->a, b->a) && same_expr(a->b, b->b);
}

static int find_capture(const struct captures *captures, const struct cexpr *expr)
{
	for (uint32_t i = 0; captures->schema && i < captures->schema->n_members; i++)
		if (captures->exprs[i] && same_expr(captures->exprs[i], expr))
			return (int)i;
	return -1;
}

static const struct schema *content(const struct schema *schema)
{
	return schema->kind == SCHEMA_CAPTURE && schema->target ? schema->target : schema;
}

static struct bound *new_bound(struct binder *binder, enum bound_kind kind,
			       const struct cexpr *expr)
{
	struct bound *bound = arena_alloc(&binder->filter->arena, sizeof(*bound));

	if (!bound) {
		binder->failed = true;
		return NULL;
	}
	bound->kind = kind;
	bound->expr = expr;
	return bound;
}

static struct filter_types types_of(const struct binder *binder)
{
	return (struct filter_types){ binder->in.schema, binder->out.schema };
}

static void set_schema(const struct binder *binder, struct bound *bound, const struct schema *schema)
{
	const struct filter_types types = types_of(binder);

	bound->schema = schema;
	bound->element_size = schema ? filter_element_size(&types, schema) : 0;
}

static const struct bound *bind_capture(struct binder *binder, const struct cexpr *expr)
{
	int in = find_capture(&binder->in, expr), out = find_capture(&binder->out, expr);

	if (in < 0 && out < 0)
		return NULL;
	struct bound *bound = new_bound(binder, BOUND_CAPTURE, expr);

	if (bound) {
		bound->in = in;
		bound->out = out;
		set_schema(binder, bound, content(out >= 0 ? binder->out.schema->members[out] : binder->in.schema->members[in]));
	}
	return bound;
}

/*
 * `budget`: how many types to look at; a hostile trace may share them so that the walk would never
 * end.
 */
static const struct schema *find_member(const struct schema *schema, const char *name,
					unsigned *budget)
{
	if (!*budget || (schema->kind != SCHEMA_STRUCT && schema->kind != SCHEMA_UNION))
		return NULL;
	--*budget;
	for (uint32_t i = 0; i < schema->n_members; i++) {
		const struct schema *member = schema->members[i], *found;

		if (member->name && !strcmp(member->name, name))
			return content(member);
		found = member->name && *member->name ? NULL : find_member(member, name, budget);
		if (found)
			return found;
	}
	return NULL;
}

static bool find_enumerator(const struct schema *schema, const char *name, unsigned *budget,
			    struct operand *ret)
{
	if (!schema || !*budget)
		return false;
	--*budget;
	for (uint32_t i = 0; i < schema->n_enumerators; i++) {
		if (!strcmp(schema->enumerators[i].name, name)) {
			const struct number_type whole = { .size = (uint8_t)schema->size, .is_signed = schema->is_signed };
			int64_t value = schema->enumerators[i].value;

			*ret = filter_constant(value, number_of_enumerator(value, whole));
			return true;
		}
	}
	for (uint32_t i = 0; i < schema->n_members; i++)
		if (find_enumerator(schema->members[i], name, budget, ret))
			return true;
	return find_enumerator(schema->target, name, budget, ret);
}

/* Constants every C program has. */
static bool find_keyword(const char *name, struct operand *ret)
{
	bool is_null = !strcmp(name, "NULL"), is_true = !strcmp(name, "true");

	*ret = filter_constant(is_true, is_null ? number_ulong : number_int);
	ret->is_pointer = is_null;
	return is_null || is_true || !strcmp(name, "false");
}

static const struct bound *absent(struct binder *binder, const struct cexpr *cause)
{
	return new_bound(binder, BOUND_ABSENT, cause);
}

static const struct bound *bind_constant(struct binder *binder, const struct cexpr *expr, struct operand constant)
{
	struct bound *bound = new_bound(binder, BOUND_CONSTANT, expr);

	if (bound)
		bound->constant = constant;
	return bound;
}

static const struct bound *bind(struct binder *binder, const struct cexpr *expr);

static const struct bound *bind_name(struct binder *binder, const struct cexpr *expr)
{
	struct bound *bound;
	unsigned budget = FILTER_TYPES_SEARCHED;
	struct operand constant;
	enum special special;

	if (filter_special(expr->text, &special)) {
		bound = new_bound(binder, BOUND_SPECIAL, expr);
		if (bound)
			bound->special = special;
		return bound;
	}
	if (!find_enumerator(binder->in.schema, expr->text, &budget, &constant) &&
	    !find_enumerator(binder->out.schema, expr->text, &budget, &constant) && !find_keyword(expr->text, &constant))
		return absent(binder, expr);
	return bind_constant(binder, expr, constant);
}

static bool is_text(const struct schema *schema)
{
	return schema && (schema->kind == SCHEMA_TEXT || schema->kind == SCHEMA_STRING);
}

static const struct bound *bind_element(struct binder *binder, const struct cexpr *expr, const struct bound *array,
					const struct bound *index)
{
	struct bound *bound = array && index ? new_bound(binder, BOUND_INDEX, expr) : NULL;

	if (bound) {
		bound->a = array;
		bound->b = index;
		set_schema(binder, bound, array->schema->target);
	}
	return bound;
}

/* What `a` points at: captured as such, or followed when `a` was captured. */
static const struct bound *bind_deref(struct binder *binder, const struct cexpr *expr,
				      const struct cexpr *a)
{
	const struct cexpr deref = { .kind = CEXPR_UNARY, .op = '*', .a = a };
	const struct bound *found = bind_capture(binder, &deref);

	if (found)
		return found;
	const struct bound *pointer = bind(binder, a);

	if (!pointer || pointer->kind == BOUND_ABSENT)
		return pointer;
	if (is_text(pointer->schema))
		return bind_element(binder, expr, pointer, bind_constant(binder, expr, filter_constant(0, number_int)));
	if (!pointer->schema || !pointer->schema->target)
		return absent(binder, expr);
	struct bound *bound = new_bound(binder, BOUND_DEREF, expr);

	if (bound) {
		bound->a = pointer;
		set_schema(binder, bound, pointer->schema->target);
	}
	return bound;
}

static const struct bound *bind_member(struct binder *binder, const struct cexpr *expr)
{
	const struct bound *object = expr->kind == CEXPR_ARROW ? bind_deref(binder, expr, expr->a)
							       : bind(binder, expr->a);
	unsigned budget = FILTER_TYPES_SEARCHED;
	const struct schema *member;

	if (!object || object->kind == BOUND_ABSENT)
		return object;
	member = object->schema ? find_member(object->schema, expr->text, &budget) : NULL;
	if (!member)
		return absent(binder, expr);
	struct bound *bound = new_bound(binder, BOUND_MEMBER, expr);

	if (bound) {
		bound->a = object;
		set_schema(binder, bound, member);
	}
	return bound;
}

static bool is_zero(const struct cexpr *expr)
{
	return expr->kind == CEXPR_INT && !expr->value;
}

static const struct bound *bind_index(struct binder *binder, const struct cexpr *expr)
{
	const struct bound *array = bind(binder, expr->a), *index = bind(binder, expr->b);

	if (!array || !index)
		return NULL;
	if (array->kind == BOUND_ABSENT || index->kind == BOUND_ABSENT)
		return array->kind == BOUND_ABSENT ? array : index;
	if (array->schema && array->schema->kind == SCHEMA_PTR && is_zero(expr->b))
		return bind_deref(binder, expr, expr->a);
	if (!array->schema || (!array->schema->target && !is_text(array->schema)))
		return absent(binder, expr);
	return bind_element(binder, expr, array, index);
}

static void note_unknown(struct binder *binder, const struct cexpr *expr, const struct cexpr *cause)
{
	struct filter *filter = binder->filter;
	struct unknown *unknown;

	binder->has_unknown = true;
	array_foreach(&filter->unknown, unknown)
		if (unknown->expr == expr)
			break;
	if (!filter->unknown.n || unknown == filter->unknown.items + filter->unknown.n)
		unknown = array_push(&filter->unknown);
	if (!unknown) {
		binder->failed = true;
		return;
	}
	unknown->expr = expr;
	unknown->n++;
	if (!unknown->cause || cause->kind != CEXPR_NAME)
		unknown->cause = cause;
}

/* Operand of an operator, or the whole condition. */
static const struct bound *bind_operand(struct binder *binder, const struct cexpr *expr)
{
	const struct bound *bound = bind(binder, expr);

	if (bound && bound->kind == BOUND_ABSENT)
		note_unknown(binder, expr, bound->expr);
	return binder->failed ? NULL : bound;
}

static const struct bound *bind_operands(struct binder *binder, const struct cexpr *expr)
{
	struct bound *bound = new_bound(binder, BOUND_OTHER, expr);

	if (!bound)
		return NULL;
	bound->a = expr->a ? bind_operand(binder, expr->a) : NULL;
	bound->b = expr->b ? bind_operand(binder, expr->b) : NULL;
	return (expr->a && !bound->a) || (expr->b && !bound->b) ? NULL : bound;
}

static const struct bound *bind_cast(struct binder *binder, const struct cexpr *expr)
{
	const struct filter_types types = types_of(binder);
	struct operand type;

	if (!filter_type(&types, expr->text, &type))
		return absent(binder, expr);
	struct bound *bound = new_bound(binder, BOUND_CAST, expr);

	if (bound) {
		bound->constant = type;
		bound->a = bind_operand(binder, expr->a);
	}
	return bound && bound->a ? bound : NULL;
}

/* Of a type, or of a recorded value: what an operator makes has a type only when it is evaluated. */
static const struct bound *bind_sizeof(struct binder *binder, const struct cexpr *expr)
{
	const struct filter_types types = types_of(binder);
	uint64_t size = expr->text ? filter_size_of_type(&types, expr->text) : 0;
	const struct bound *operand = !size && expr->a ? bind(binder, expr->a) : NULL;

	if (operand && operand->schema)
		size = filter_size(operand->schema);
	else if (operand && operand->kind == BOUND_CONSTANT)
		size = operand->constant.type.size;
	if (binder->failed)
		return NULL;
	return size ? bind_constant(binder, expr, filter_constant((__int128)size, number_ulong)) : absent(binder, expr);
}

static const struct bound *bind(struct binder *binder, const struct cexpr *expr)
{
	const struct bound *capture = bind_capture(binder, expr);

	if (capture || binder->failed)
		return capture;
	switch (expr->kind) {
	case CEXPR_NAME:
		return bind_name(binder, expr);
	case CEXPR_MEMBER:
	case CEXPR_ARROW:
		return bind_member(binder, expr);
	case CEXPR_INDEX:
		return bind_index(binder, expr);
	case CEXPR_UNARY:
		if (expr->op == '*')
			return bind_deref(binder, expr, expr->a);
		if (expr->op == '&')
			return absent(binder, expr);
		return bind_operands(binder, expr);
	case CEXPR_CAST:
		return bind_cast(binder, expr);
	case CEXPR_SIZEOF:
		return bind_sizeof(binder, expr);
	case CEXPR_SCOPED: /* only as it was captured */
		return absent(binder, expr);
	case CEXPR_INT:
	case CEXPR_FLOAT:
	case CEXPR_STRING:
	case CEXPR_CHAR:
	case CEXPR_BINARY:
		return bind_operands(binder, expr);
	}
	return NULL;
}

/* Names of captures are expressions; one that is not is only not found. */
static int parse_captures(struct filter *filter, const struct schema *schema, struct captures *ret)
{
	uint32_t n = schema ? schema->n_members : 0;
	const struct cexpr **exprs = arena_alloc(&filter->arena, n * sizeof(const struct cexpr *));

	if (!exprs)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (schema->members[i]->name)
			cexpr_parse(schema->members[i]->name, &filter->arena, &exprs[i]);
	*ret = (struct captures){ schema, exprs };
	return 0;
}

static int bind_probe(struct filter *filter, size_t i)
{
	const struct trace_probe *probe = filter->probes[i];
	struct binder binder = { .filter = filter };

	if (parse_captures(filter, probe->entry, &binder.in) < 0 ||
	    parse_captures(filter, probe->ret, &binder.out) < 0)
		return err_set(-ENOMEM, "out of memory");
	filter->bound[i] = bind_operand(&binder, filter->expr);
	filter->applies[i] = !binder.has_unknown;
	return filter->bound[i] ? 0 : err_set(-ENOMEM, "out of memory");
}

/* A name is an error if no function has it. */
static int check_unknown(const struct filter *filter)
{
	const struct unknown *unknown;

	array_foreach(&filter->unknown, unknown) {
		const struct cexpr *cause = unknown->cause;

		if (unknown->n < filter->n)
			continue;
		if (cause->kind == CEXPR_NAME)
			cexpr_error(-EINVAL, filter->source, cause->column,
				    "no function of this trace has a '%s'", cause->text);
		else if (cause->kind == CEXPR_CAST)
			cexpr_error(-EINVAL, filter->source, cause->column,
				    "no function of this trace has recorded a value of type '%s'", cause->text);
		else if (is_member(cause))
			cexpr_error(-EINVAL, filter->source, cause->column,
				    "no function of this trace has a member '%s' here",
				    cause->text);
		else
			cexpr_error(-EINVAL, filter->source, cause->column,
				    "no function of this trace has recorded this");
		filter_hint_names(cause, filter->probes, filter->n);
		return -EINVAL;
	}
	return 0;
}

static int filter_init(struct filter *filter)
{
	int r = cexpr_parse(filter->source, &filter->arena, &filter->expr);

	if (r < 0)
		return r;
	filter->bound = arena_alloc(&filter->arena, filter->n * sizeof(const struct bound *));
	filter->applies = arena_alloc(&filter->arena, filter->n * sizeof(*filter->applies));
	if (!filter->bound || !filter->applies)
		return err_set(-ENOMEM, "out of memory");
	for (size_t i = 0; i < filter->n; i++) {
		r = bind_probe(filter, i);
		if (r < 0)
			return r;
	}
	return check_unknown(filter);
}

int filter_new(const char *source, const struct trace_probe *const *probes, size_t n_probes,
	       struct filter **ret)
{
	struct filter *filter = calloc(1, sizeof(*filter));

	if (!filter)
		return err_set(-ENOMEM, "out of memory");
	filter->source = source;
	filter->probes = probes;
	filter->n = n_probes;
	int r = filter_init(filter);

	if (r < 0) {
		filter_free(filter);
		return r;
	}
	*ret = filter;
	return 0;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	array_free(&filter->unknown);
	arena_free(&filter->arena);
	free(filter);
}

/* Which probe a call is of; `n` if it is none of these. */
static size_t find_probe(const struct filter *filter, const struct call *call)
{
	size_t i = call->probe->index;

	if (i < filter->n && filter->probes[i] == call->probe)
		return i;
	for (i = 0; i < filter->n && filter->probes[i] != call->probe;)
		i++;
	return i;
}

bool filter_matches(struct filter *filter, const struct call *call)
{
	size_t i = find_probe(filter, call);
	int truth = i < filter->n ? bound_test(filter->bound[i], call) : 0;

	filter->n_undecided += truth < 0 && filter->applies[i];
	return truth > 0;
}

uint64_t filter_undecided(const struct filter *filter)
{
	return filter->n_undecided;
}

bool filter_applies(const struct filter *filter, const struct call *call)
{
	size_t i = find_probe(filter, call);

	return i < filter->n && filter->applies[i];
}

struct operand filter_value(const struct filter *filter, const struct call *call)
{
	size_t i = find_probe(filter, call);

	return i < filter->n ? bound_value(filter->bound[i], call)
			     : (struct operand){ .kind = OPERAND_MISSING };
}
