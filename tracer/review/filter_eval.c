/**
 * Evaluating a condition over one call
 *
 * Three truths: a value that is not there is neither equal nor unequal to anything, and `!` of it
 * is no more known; `&&` and `||` know their answer if one side decides. Conversions are C's:
 * integers smaller than int become int, then both sides get the larger size, unsigned if one of
 * that size is. Numbers are held in 128 bits, of which a type keeps `size` bytes.
 */
#include "tracer/review/filter_bound.h"

#include <assert.h>
#include <string.h>

#include "tracer/base/cexpr.h"
#include "tracer/review/calls.h"
#include "tracer/review/operand.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

static const struct operand missing = { .kind = OPERAND_MISSING };
static const struct operand object = { .kind = OPERAND_OBJECT };

static struct operand eval(const struct bound *bound, const struct call *call);

/* A number as its type holds it: sign or zero extended from `size` bytes. */
static __int128 wrap(__int128 value, unsigned size, bool is_unsigned)
{
	unsigned shift = size < 16 ? 128 - 8 * size : 0;
	unsigned __int128 top = (unsigned __int128)value << shift;

	return is_unsigned ? (__int128)(top >> shift) : (__int128)top >> shift;
}

static struct operand integer(__int128 value, unsigned size, bool is_unsigned)
{
	if (size < 4) {
		value = wrap(value, size, is_unsigned);
		size = 4;
		is_unsigned = false;
	}
	return (struct operand){
		.kind = OPERAND_INT,
		.i = wrap(value, size, is_unsigned),
		.size = size,
		.is_unsigned = is_unsigned,
	};
}

static struct operand truth(int value)
{
	return value < 0 ? missing : integer(value, 4, false);
}

static struct operand real(long double value)
{
	return (struct operand){ .kind = OPERAND_REAL, .real = value };
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
		.i = (__int128)v->addr,
		.size = 8,
		.is_unsigned = true,
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
		return real(x87);
	}
	if (v->schema->is_float || v->schema->is_hex || v->len > sizeof(value) || !v->len)
		return object;
	memcpy(&value, v->bytes, v->len);
	return integer((__int128)value, (unsigned)v->len, !v->schema->is_signed);
}

static struct operand plain_value(const struct value_node *v)
{
	switch (v->schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
		return integer((__int128)v->u, v->schema->size, !v->schema->is_signed);
	case SCHEMA_BOOL:
		return integer((__int128)v->u, 1, true);
	case SCHEMA_FLOAT:
		return real(v->real);
	case SCHEMA_PTR:
	case SCHEMA_FUNC:
		return integer((__int128)v->addr, 8, true);
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

		return index.kind == OPERAND_INT && index.i <= INT32_MAX ? item(v, (int)index.i)
									 : NULL;
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

	for (; bound->a && !operand.value; bound = bound->a)
		operand.value = find_value(bound->a, call);
	if (operand.kind == OPERAND_MISSING && operand.value && operand.value->status == STATUS_OK)
		operand.value = NULL; /* its element is not among those recorded */
	return operand;
}

/* A character of a recorded text, or an element. */
static struct operand eval_index(const struct bound *bound, const struct call *call)
{
	struct operand base = eval(bound->a, call), index = eval(bound->b, call);

	if (base.kind != OPERAND_TEXT)
		return find_operand(bound, call);
	if (!base.text || index.kind != OPERAND_INT || index.i < 0 ||
	    index.i > (__int128)base.len || (index.i == (__int128)base.len && base.is_cut))
		return missing;
	return integer((signed char)base.text[index.i], 1, false);
}

static struct operand eval_special(enum special special, const struct call *call)
{
	switch (special) {
	case SPECIAL_DEPTH:
		return integer(call->depth, 4, true);
	case SPECIAL_DURATION:
		return call->outcome == OUTCOME_OPEN
			       ? missing
			       : integer((__int128)call_duration(call), 8, false);
	case SPECIAL_FUNCTION:
		return text(call->probe->function);
	case SPECIAL_ID:
		return integer((__int128)call->id, 8, true);
	case SPECIAL_MODULE:
		return text(call->probe->module);
	case SPECIAL_STATUS:
		return text(call_outcome_name(call->outcome));
	case SPECIAL_THREAD:
		return text(call->thread);
	case SPECIAL_TID:
		return integer(call->tid, 4, false);
	}
	return missing;
}

/* A text where a number is needed is its address. */
static struct operand numeric(struct operand o)
{
	if (o.kind != OPERAND_TEXT)
		return o.kind == OPERAND_OBJECT ? missing : o;
	return o.is_pointer ? integer(o.i, o.size, true) : missing;
}

static int test(struct operand o)
{
	o = numeric(o);
	switch (o.kind) {
	case OPERAND_INT:
		return o.i != 0;
	case OPERAND_REAL:
		return o.real != 0;
	default:
		return -1;
	}
}

/* 1 equal, 0 not, -1 unknown; a NULL pointer is equal to no text. */
static int same_text(const struct operand *a, const struct operand *b)
{
	size_t len = a->len < b->len ? a->len : b->len;

	if (!a->text || !b->text)
		return (a->is_pointer && !a->i) || (b->is_pointer && !b->i) ? 0 : -1;
	if (memcmp(a->text, b->text, len) != 0)
		return 0;
	if ((a->is_cut && b->len >= a->len) || (b->is_cut && a->len >= b->len))
		return -1;
	return a->len == b->len;
}

static int compare(int op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case '<':
		return order < 0;
	case '>':
		return order > 0;
	case OP_LE:
		return order <= 0;
	default:
		return order >= 0;
	}
}

static bool is_comparison(int op)
{
	return op == OP_EQ || op == OP_NE || op == OP_LE || op == OP_GE || op == '<' || op == '>';
}

static struct operand text_binary(int op, const struct operand *a, const struct operand *b)
{
	int same = same_text(a, b);

	if (same < 0 || (op != OP_EQ && op != OP_NE))
		return missing;
	return truth(op == OP_EQ ? same : !same);
}

static struct operand real_binary(int op, long double a, long double b)
{
	if (is_comparison(op)) {
		if (a != a || b != b)
			return truth(op == OP_NE);
		return truth(compare(op, (a > b) - (a < b)));
	}
	switch (op) {
	case '+':
		return real(a + b);
	case '-':
		return real(a - b);
	case '*':
		return real(a * b);
	case '/':
		return real(a / b);
	default:
		return missing;
	}
}

static struct operand shift(int op, const struct operand *a, const struct operand *b)
{
	if (b->i < 0 || b->i >= 8 * (__int128)a->size)
		return missing;
	if (op == OP_SHL)
		return integer((__int128)((unsigned __int128)a->i << (unsigned)b->i), a->size,
			       a->is_unsigned);
	if (a->is_unsigned)
		return integer((__int128)((unsigned __int128)a->i >> (unsigned)b->i), a->size,
			       true);
	return integer(a->i >> (unsigned)b->i, a->size, false);
}

static struct operand divide(int op, __int128 a, __int128 b, unsigned size, bool is_unsigned)
{
	unsigned __int128 ua = (unsigned __int128)a, ub = (unsigned __int128)b;

	if (!b)
		return missing;
	if (is_unsigned)
		return integer((__int128)(op == '/' ? ua / ub : ua % ub), size, true);
	if (b == -1) /* the lowest number has no counterpart */
		return integer(op == '/' ? (__int128)-ua : 0, size, false);
	return integer(op == '/' ? a / b : a % b, size, false);
}

static struct operand int_binary(int op, const struct operand *x, const struct operand *y)
{
	unsigned size = x->size > y->size ? x->size : y->size;
	bool is_unsigned =
		(x->size == size && x->is_unsigned) || (y->size == size && y->is_unsigned);
	__int128 a = wrap(x->i, size, is_unsigned), b = wrap(y->i, size, is_unsigned);
	unsigned __int128 ua = (unsigned __int128)a, ub = (unsigned __int128)b;

	if (is_comparison(op))
		return truth(compare(op, is_unsigned ? (ua > ub) - (ua < ub) : (a > b) - (a < b)));
	switch (op) {
	case '+':
		return integer((__int128)(ua + ub), size, is_unsigned);
	case '-':
		return integer((__int128)(ua - ub), size, is_unsigned);
	case '*':
		return integer((__int128)(ua * ub), size, is_unsigned);
	case '/':
	case '%':
		return divide(op, a, b, size, is_unsigned);
	case '&':
		return integer(a & b, size, is_unsigned);
	case '|':
		return integer(a | b, size, is_unsigned);
	case '^':
		return integer(a ^ b, size, is_unsigned);
	default:
		return missing;
	}
}

static long double as_real(const struct operand *o)
{
	if (o->kind == OPERAND_REAL)
		return o->real;
	return o->is_unsigned ? (long double)(unsigned __int128)o->i : (long double)o->i;
}

static struct operand eval_logical(const struct bound *bound, const struct call *call)
{
	int deciding = bound->expr->op == OP_OR;
	int a = bound_test(bound->a, call);

	if (a == deciding)
		return truth(deciding);
	int b = bound_test(bound->b, call);

	return truth(b == deciding ? deciding : a < 0 ? a : b);
}

static struct operand eval_binary(const struct bound *bound, const struct call *call)
{
	int op = bound->expr->op;

	if (op == OP_AND || op == OP_OR)
		return eval_logical(bound, call);
	struct operand a = eval(bound->a, call), b = eval(bound->b, call);

	if (a.kind == OPERAND_TEXT && b.kind == OPERAND_TEXT)
		return text_binary(op, &a, &b);
	a = numeric(a);
	b = numeric(b);
	if (a.kind == OPERAND_MISSING || b.kind == OPERAND_MISSING)
		return missing;
	if (a.kind == OPERAND_REAL || b.kind == OPERAND_REAL)
		return real_binary(op, as_real(&a), as_real(&b));
	return op == OP_SHL || op == OP_SHR ? shift(op, &a, &b) : int_binary(op, &a, &b);
}

static struct operand eval_unary(const struct bound *bound, const struct call *call)
{
	struct operand a = eval(bound->a, call);
	int is_true = test(a);

	if (bound->expr->op == '!')
		return truth(is_true < 0 ? is_true : !is_true);
	a = numeric(a);
	if (a.kind == OPERAND_REAL)
		return bound->expr->op == '-'	? real(-a.real)
		       : bound->expr->op == '+' ? a
						: missing;
	if (a.kind != OPERAND_INT)
		return missing;
	switch (bound->expr->op) {
	case '-':
		return integer((__int128)-(unsigned __int128)a.i, a.size, a.is_unsigned);
	case '~':
		return integer(~a.i, a.size, a.is_unsigned);
	default:
		return a;
	}
}

static struct operand eval_other(const struct bound *bound, const struct call *call)
{
	const struct cexpr *expr = bound->expr;

	switch (expr->kind) {
	case CEXPR_INT:
		return integer((__int128)expr->value, expr->is_long ? 8 : 4, expr->is_unsigned);
	case CEXPR_CHAR:
		return integer((__int128)(int64_t)expr->value, 4, false);
	case CEXPR_FLOAT:
		return real(expr->real);
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
		return integer(bound->constant, 8, false);
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
