/**
 * Evaluating a condition over one call
 *
 * The rules of numbers and truths are those of tracer/base/number.h, as for expressions over a stopped thread.  A value that is not
 * there is neither equal nor unequal to anything.  Types are those the values were recorded with, so they are found while
 * evaluating.
 */
#include "tracer/review/filter_bound.h"

#include <assert.h>
#include <string.h>

#include "tracer/base/cexpr.h"
#include "tracer/base/number.h"
#include "tracer/review/calls.h"
#include "tracer/review/operand.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

static const struct operand missing = { .kind = OPERAND_MISSING };
static const struct operand object = { .kind = OPERAND_OBJECT };

static struct operand eval(const struct bound *bound, const struct call *call);

static struct operand integer(__int128 value, struct number_type type)
{
	return (struct operand){
		.kind = OPERAND_INT,
		.type = type,
		.number.bits = number_wrap((unsigned __int128)value, type),
	};
}

static struct operand pointer(uint64_t addr, uint64_t element_size)
{
	struct operand o = integer((__int128)addr, number_ulong);

	o.is_pointer = true;
	o.element_size = element_size;
	return o;
}

static struct operand truth(int value)
{
	return value < 0 ? missing : integer(value, number_int);
}

static struct operand real(long double value, unsigned size)
{
	return (struct operand){
		.kind = OPERAND_REAL,
		.type = { .size = (uint8_t)size, .is_signed = true, .is_real = true },
		.number.real = value,
	};
}

static struct operand with_type(struct number number, struct number_type type)
{
	return (struct operand){ .kind = type.is_real ? OPERAND_REAL : OPERAND_INT, .type = type, .number = number };
}

static struct operand text(const char *s)
{
	return s ? (struct operand){ .kind = OPERAND_TEXT, .text = s, .len = strlen(s) } : missing;
}

static struct operand recorded_text(const struct value_node *v)
{
	bool is_there = v->status != STATUS_NULL && v->status != STATUS_UNREADABLE && v->bytes;

	return (struct operand){
		.kind = OPERAND_TEXT,
		.type = number_ulong,
		.number.bits = v->addr,
		.element_size = 1,
		.text = is_there ? (const char *)v->bytes : NULL,
		.len = is_there ? strnlen((const char *)v->bytes, v->len) : 0,
		.is_cut = v->status == STATUS_CUT || v->status == STATUS_BYTES_CUT,
		.is_pointer = v->schema->kind == SCHEMA_STRING,
	};
}

static struct operand recorded_bytes(const struct value_node *v)
{
	unsigned __int128 value = 0;
	long double x87 = 0;

	if (v->schema->is_float && v->len >= 10) {
		memcpy(&x87, v->bytes, 10);
		return real(x87, 16);
	}
	if (v->schema->is_float || v->schema->is_hex || v->len > sizeof(value) || !v->len)
		return object;
	memcpy(&value, v->bytes, v->len);
	return integer((__int128)value, (struct number_type){ .size = (uint8_t)v->len, .is_signed = v->schema->is_signed });
}

static struct operand recorded_integer(const struct value_node *v)
{
	const struct schema *schema = v->schema;
	struct operand o = integer((__int128)v->u, (struct number_type){ .size = (uint8_t)schema->size, .is_signed = schema->is_signed });

	o.bit_size = schema->bit_size;
	return o;
}

static struct operand plain_value(const struct value_node *v)
{
	switch (v->schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
		return recorded_integer(v);
	case SCHEMA_BOOL:
		return integer((__int128)v->u, (struct number_type){ .size = 1, .is_bool = true });
	case SCHEMA_FLOAT:
		return real(v->real, v->schema->size);
	case SCHEMA_PTR:
	case SCHEMA_FUNC:
		return pointer(v->addr, 0);
	case SCHEMA_STRING:
	case SCHEMA_TEXT:
		return recorded_text(v);
	case SCHEMA_BYTES:
		return recorded_bytes(v);
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		return object;
	case SCHEMA_CAPTURE: /* not there */
		break;
	}
	return missing;
}

static struct operand recorded(const struct value_node *v)
{
	struct operand operand = v ? plain_value(v) : missing;

	operand.value = v;
	return operand;
}

static const struct value_node *item(const struct value_node *values, int i)
{
	return values && i >= 0 && (size_t)i < values->n ? &values->items[i] : NULL;
}

static const struct value_node *find_value(const struct bound *bound, const struct call *call)
{
	const struct value_node *v = bound->a ? find_value(bound->a, call) : NULL;

	switch (bound->kind) {
	case BOUND_CAPTURE:
		v = item(call->ret, bound->out);
		return v ? v : item(call->entry, bound->in);
	case BOUND_MEMBER:
		return v && v->schema->kind != SCHEMA_CAPTURE ? value_member(v, bound->expr->text)
							      : NULL;
	case BOUND_DEREF:
		return item(v, 0);
	case BOUND_INDEX: {
		struct operand index = eval(bound->b, call);

		return index.kind == OPERAND_INT && index.number.bits <= INT32_MAX ? item(v, (int)index.number.bits) : NULL;
	}
	default:
		return NULL;
	}
}

/*
 * A recorded value; where it is missing, the one on the way to it that is the cause: the NULL
 * pointer, the capture that could not be read.
 */
static struct operand find_operand(const struct bound *bound, const struct call *call)
{
	struct operand operand = recorded(find_value(bound, call));

	if (operand.is_pointer)
		operand.element_size = bound->element_size;
	for (; bound->a && !operand.value; bound = bound->a)
		operand.value = find_value(bound->a, call);
	if (operand.kind == OPERAND_MISSING && operand.value && operand.value->status == STATUS_OK)
		operand.value = NULL; /* its element is not among those recorded */
	return operand;
}

/* Of a text; a negative index is a large one. */
static struct operand character(const struct operand *base, unsigned __int128 index)
{
	if (!base->text || index > base->len || (index == base->len && base->is_cut))
		return missing;
	return integer(index < base->len ? (signed char)base->text[index] : 0, (struct number_type){ .size = 1, .is_signed = true });
}

/* A character of a recorded text, or an element. */
static struct operand eval_index(const struct bound *bound, const struct call *call)
{
	struct operand base = eval(bound->a, call), index = eval(bound->b, call);

	if (base.kind != OPERAND_TEXT)
		return find_operand(bound, call);
	return index.kind == OPERAND_INT ? character(&base, index.number.bits) : missing;
}

static struct operand eval_special(enum special special, const struct call *call)
{
	switch (special) {
	case SPECIAL_DEPTH:
		return integer(call->depth, (struct number_type){ .size = 4 });
	case SPECIAL_DURATION:
		return call->outcome == OUTCOME_OPEN
			       ? missing
			       : integer((__int128)call_duration(call), (struct number_type){ .size = 8, .is_signed = true });
	case SPECIAL_FUNCTION:
		return text(call->probe->function);
	case SPECIAL_ID:
		return integer((__int128)call->id, number_ulong);
	case SPECIAL_MODULE:
		return text(call->probe->module);
	case SPECIAL_STATUS:
		return text(call_outcome_name(call->outcome));
	case SPECIAL_THREAD:
		return text(call->thread);
	case SPECIAL_TID:
		return integer(call->tid, number_int);
	}
	return missing;
}

/* A text where a number is needed is its address. */
static struct operand numeric(struct operand o)
{
	if (o.kind == OPERAND_OBJECT || (o.kind == OPERAND_TEXT && !o.is_pointer))
		return missing;
	return o.kind == OPERAND_TEXT ? pointer((uint64_t)o.number.bits, o.element_size) : o;
}

static bool is_missing(const struct operand *o)
{
	return o->kind == OPERAND_MISSING;
}

static struct operand promoted(struct operand o)
{
	o = numeric(o);
	if (!is_missing(&o) && !o.is_pointer)
		o.type = number_promoted(o.type, o.bit_size);
	o.bit_size = 0;
	return o;
}

static int test(struct operand o)
{
	o = numeric(o);
	return is_missing(&o) ? -1 : number_is_true(o.number, o.type);
}

/* A pointer that is NULL points at no text: it is unlike any, and neither less nor greater. */
static struct operand text_binary(int op, const struct operand *a, const struct operand *b)
{
	bool is_null = (a->is_pointer && !a->number.bits) || (b->is_pointer && !b->number.bits);

	if (op != OP_EQ && op != OP_NE && op != '<' && op != '>' && op != OP_LE && op != OP_GE)
		return missing;
	if (is_null)
		return op == OP_EQ || op == OP_NE ? truth(op == OP_NE) : missing;
	if (!a->text || !b->text)
		return missing;
	return truth(text_compare(op, a->text, a->len, !a->is_cut, b->text, b->len, !b->is_cut));
}

static bool is_comparison(int op)
{
	return op == OP_EQ || op == OP_NE || op == OP_LE || op == OP_GE || op == '<' || op == '>';
}

/* Pointers in steps of what they point at; NULL if that is not known. */
static struct operand pointer_sum(int op, const struct operand *a, const struct operand *b)
{
	const struct operand *base = a->is_pointer ? a : b, *other = a->is_pointer ? b : a;
	uint64_t addr = (uint64_t)base->number.bits, n = (uint64_t)other->number.bits;

	if (!base->element_size || other->kind != OPERAND_INT || (op == '-' && base != a))
		return missing;
	if (!other->is_pointer)
		return pointer(op == '-' ? addr - n * base->element_size : addr + n * base->element_size, base->element_size);
	int64_t distance = (int64_t)(addr - n), size = (int64_t)base->element_size;

	if (op != '-' || other->element_size != base->element_size || distance % size)
		return missing;
	return integer(distance / size, (struct number_type){ .size = 8, .is_signed = true });
}

/* Both are promoted, or pointers. */
static struct operand number_binary(int op, struct operand a, struct operand b)
{
	bool is_shift = op == OP_SHL || op == OP_SHR, has_pointer = a.is_pointer || b.is_pointer;
	struct number_type type = is_shift ? a.type : number_common(a.type, b.type);
	struct number result;

	if (has_pointer && (op == '+' || op == '-'))
		return pointer_sum(op, &a, &b);
	if ((has_pointer && !is_comparison(op)) || (has_pointer && type.is_real) || (is_shift && b.type.is_real))
		return missing;
	if (!number_convert(&a.number, a.type, type) || (!is_shift && !number_convert(&b.number, b.type, type)))
		return missing;
	if (is_comparison(op))
		return truth(number_compare(op, a.number, b.number, type));
	return number_calculate(op, a.number, b.number, type, &result) ? with_type(result, type) : missing;
}

static struct operand eval_logical(const struct bound *bound, const struct call *call)
{
	int op = bound->expr->op, a = bound_test(bound->a, call);

	return truth(a == (op == OP_OR) ? a : truth_both(op, a, bound_test(bound->b, call)));
}

static struct operand eval_binary(const struct bound *bound, const struct call *call)
{
	int op = bound->expr->op;

	if (op == OP_AND || op == OP_OR)
		return eval_logical(bound, call);
	struct operand a = eval(bound->a, call), b = eval(bound->b, call);

	if (a.kind == OPERAND_TEXT && b.kind == OPERAND_TEXT)
		return text_binary(op, &a, &b);
	a = promoted(a);
	b = promoted(b);
	return is_missing(&a) || is_missing(&b) ? missing : number_binary(op, a, b);
}

static struct operand eval_unary(const struct bound *bound, const struct call *call)
{
	struct operand a = eval(bound->a, call);

	if (bound->expr->op == '!')
		return truth(truth_not(test(a)));
	a = promoted(a);
	if (is_missing(&a) || a.is_pointer || !number_unary(bound->expr->op, &a.number, a.type))
		return missing;
	return with_type(a.number, a.type);
}

static struct operand eval_cast(const struct bound *bound, const struct call *call)
{
	struct operand a = numeric(eval(bound->a, call));
	const struct operand *to = &bound->constant;

	if (is_missing(&a) || (to->is_pointer && a.type.is_real) || (to->type.is_real && a.is_pointer) ||
	    !number_convert(&a.number, a.type, to->type))
		return missing;
	return to->is_pointer ? pointer((uint64_t)a.number.bits, to->element_size) : with_type(a.number, to->type);
}

static struct operand eval_other(const struct bound *bound, const struct call *call)
{
	const struct cexpr *expr = bound->expr;

	switch (expr->kind) {
	case CEXPR_INT:
		return integer((__int128)expr->value,
			       (struct number_type){ .size = expr->is_long ? 8 : 4, .is_signed = !expr->is_unsigned });
	case CEXPR_CHAR:
		return integer((__int128)(int64_t)expr->value, number_int);
	case CEXPR_FLOAT:
		return real(expr->real, expr->op == 'f' ? 4 : expr->op ? 16 : 8);
	case CEXPR_STRING:
		return text(expr->text);
	case CEXPR_UNARY:
		return eval_unary(bound, call);
	case CEXPR_BINARY:
		return eval_binary(bound, call);
	default:
		assert(!"bound as something else");
		return missing;
	}
}

static struct operand eval(const struct bound *bound, const struct call *call)
{
	switch (bound->kind) {
	case BOUND_ABSENT:
		return missing;
	case BOUND_CAPTURE:
	case BOUND_MEMBER:
	case BOUND_DEREF:
		return find_operand(bound, call);
	case BOUND_INDEX:
		return eval_index(bound, call);
	case BOUND_CONSTANT:
		return bound->constant;
	case BOUND_CAST:
		return eval_cast(bound, call);
	case BOUND_SPECIAL:
		return eval_special(bound->special, call);
	case BOUND_OTHER:
		return eval_other(bound, call);
	}
	return missing;
}

struct operand bound_value(const struct bound *bound, const struct call *call)
{
	return eval(bound, call);
}

int bound_test(const struct bound *bound, const struct call *call)
{
	return test(eval(bound, call));
}
