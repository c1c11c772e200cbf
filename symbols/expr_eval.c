/**
 * Evaluation: what a bound expression is worth at a stop.
 *
 * An operand is an object (in memory, or bytes in the scratch area) or a number.  Objects are read
 * as late as can be: `p->x` adds to an address, and only what needs a number reads memory.  At most
 * one object is in the scratch area at a time, because operators work on numbers: an operand is
 * made one before the next is evaluated.  So the scratch area is the result's own `bytes`, and
 * nothing is allocated.
 *
 * Recursion is as deep as the syntax tree, which cexpr_parse() bounds.
 */
#include "symbols/expr.h"

#include "symbols/expr_node.h"
#include "symbols/frame.h"
#include "symbols/loc.h"
#include "symbols/loc_ops.h"
#include "symbols/number.h"
#include "symbols/type.h"
#include "tracer/base/cexpr.h"

#include <string.h>

enum form {
	FORM_NUMBER,
	FORM_MEMORY,
	FORM_BYTES,
};

struct operand {
	enum status status;
	enum form form;
	uint64_t addr; /* MEMORY; or where it is unreadable */
	size_t at;     /* BYTES: index in the scratch area */
	unsigned bit_offset, bit_size;
	struct number number;
};

struct evaluation {
	const struct expr *expr;
	const struct frame *frame;
	const struct saved *saved;
	uint64_t object;  /* where NODE_OBJECT is */
	uint8_t *scratch; /* VALUE_MAX bytes */
};

static struct operand evaluate(const struct evaluation *ev, const struct node *node);

static struct operand unavailable(enum status status, uint64_t addr)
{
	return (struct operand){ .status = status, .addr = addr };
}

static struct operand number_operand(struct number number)
{
	return (struct operand){ .form = FORM_NUMBER, .number = number };
}

static struct operand integer_operand(__int128 value)
{
	return number_operand((struct number){ .bits = (unsigned __int128)value });
}

/* Reading objects. */

/* Up to 16 bytes of memory from the byte the low bit is in. */
static struct operand read_bits(const struct evaluation *ev, const struct operand *object,
				const struct node *node)
{
	unsigned n_bits = object->bit_size ? object->bit_size : (unsigned)node->bare->size * 8;
	size_t len = (object->bit_offset + n_bits + 7) / 8;
	uint8_t bytes[32] = { 0 };
	unsigned __int128 bits;

	if (len > 16 || node->bare->size > 16)
		return unavailable(STATUS_OPTIMIZED_OUT, 0);
	if (object->form == FORM_MEMORY) {
		size_t got = ev->frame->ops->read_mem(ev->frame->ctx, object->addr, bytes, len);

		if (got < len)
			return unavailable(STATUS_UNREADABLE, object->addr + got);
	} else if (object->at + len <= VALUE_MAX) {
		memcpy(bytes, ev->scratch + object->at, len);
	} else {
		return unavailable(STATUS_OPTIMIZED_OUT, 0);
	}
	if (!object->bit_size)
		return number_operand(number_decode(bytes, node->bare));
	memcpy(&bits, bytes, sizeof(bits));
	return number_operand((struct number){
		number_extend(bits >> object->bit_offset, n_bits, node->bare->is_signed), 0 });
}

/* Evaluate a scalar to its number. */
static struct operand evaluate_number(const struct evaluation *ev, const struct node *node)
{
	struct operand operand = evaluate(ev, node);

	if (operand.status != STATUS_OK || operand.form == FORM_NUMBER)
		return operand;
	return read_bits(ev, &operand, node);
}

static struct operand evaluate_located(const struct evaluation *ev, const struct node *node)
{
	const struct loc *loc = node->loc;
	size_t size = node->bare->size;
	bool is_plain = loc->n_pieces == 1 && loc->pieces[0].kind == PIECE_MEMORY &&
			!loc->pieces[0].bit_size;

	if (size > VALUE_MAX && !is_plain)
		return unavailable(STATUS_OPTIMIZED_OUT, 0);
	struct place place = loc_read(loc, ev->frame, ev->scratch, size);

	if (place.status != STATUS_OK)
		return unavailable(place.status, place.addr);
	return (struct operand){ .form = place.in_memory ? FORM_MEMORY : FORM_BYTES,
				 .addr = place.addr };
}

static struct operand evaluate_param(const struct evaluation *ev, const struct node *node)
{
	struct saved_item item;

	if (ev->expr->when == EXPR_ENTRY)
		return evaluate_located(ev, node);
	if (!ev->saved || !saved_get(ev->saved, node->param, &item))
		return unavailable(STATUS_OPTIMIZED_OUT, 0);
	if (item.status != STATUS_OK)
		return unavailable(item.status, item.addr);
	if (item.len != node->bare->size)
		return unavailable(STATUS_OPTIMIZED_OUT, 0);
	memcpy(ev->scratch, item.bytes, item.len);
	return (struct operand){ .form = FORM_BYTES };
}

static struct operand evaluate_deref(const struct evaluation *ev, const struct node *node)
{
	struct operand pointer = evaluate_number(ev, node->a);

	if (pointer.status != STATUS_OK)
		return pointer;
	if (!pointer.number.bits)
		return unavailable(STATUS_NULL, 0);
	return (struct operand){ .form = FORM_MEMORY, .addr = (uint64_t)pointer.number.bits };
}

static struct operand evaluate_pointed_element(const struct evaluation *ev, const struct node *node)
{
	struct operand pointer = evaluate_number(ev, node->a);
	struct operand index = pointer.status == STATUS_OK ? evaluate_number(ev, node->b) : pointer;

	if (index.status != STATUS_OK)
		return index;
	if (!pointer.number.bits)
		return unavailable(STATUS_NULL, 0);
	return (struct operand){
		.form = FORM_MEMORY,
		.addr = (uint64_t)(pointer.number.bits + index.number.bits * node->size),
	};
}

static struct operand evaluate_array_element(const struct evaluation *ev, const struct node *node)
{
	/* the index first: it may need the scratch area that the array then stays in */
	struct operand index = evaluate_number(ev, node->b);
	struct operand array = index.status == STATUS_OK ? evaluate(ev, node->a) : index;
	unsigned __int128 offset = index.number.bits * node->size;

	if (array.status != STATUS_OK)
		return array;
	if (array.form == FORM_MEMORY) {
		array.addr += (uint64_t)offset;
		return array;
	}
	/* outside of an object that is in no memory there is nothing */
	if (offset > VALUE_MAX || offset + node->size > node->a->bare->size)
		return unavailable(STATUS_OPTIMIZED_OUT, 0);
	array.at += (size_t)offset;
	return array;
}

static struct operand evaluate_member(const struct evaluation *ev, const struct node *node)
{
	struct operand object = evaluate(ev, node->a);

	if (object.status != STATUS_OK)
		return object;
	if (object.form == FORM_MEMORY)
		object.addr += node->offset;
	else
		object.at += node->offset;
	object.bit_offset = node->bit_offset;
	object.bit_size = node->bit_size;
	return object;
}

static struct operand evaluate_address(const struct evaluation *ev, const struct node *node)
{
	struct operand object = evaluate(ev, node->a);

	if (object.status != STATUS_OK)
		return object;
	return object.form == FORM_MEMORY ? integer_operand(object.addr)
					  : unavailable(STATUS_OPTIMIZED_OUT, 0);
}

/* Conversions and operators. */

static struct operand evaluate_convert(const struct evaluation *ev, const struct node *node)
{
	struct operand operand = evaluate_number(ev, node->a);
	bool from_real = type_is_real(node->a->bare), to_real = type_is_real(node->bare);
	struct number *number = &operand.number;

	if (operand.status != STATUS_OK)
		return operand;
	if (node->bare->kind == TYPE_BOOL) {
		number->bits = from_real ? number->real != 0 : number->bits != 0;
	} else if (to_real) {
		if (!from_real)
			number->real = node->a->bare->is_signed
					       ? (long double)(__int128)number->bits
					       : (long double)number->bits;
		number->real = number_round(number->real, node->bare);
	} else if (from_real) {
		/* what does not fit C leaves undefined; NaN too */
		if (!(number->real > -0x1p127L && number->real < 0x1p127L))
			return unavailable(STATUS_OPTIMIZED_OUT, 0);
		number->bits = (unsigned __int128)(__int128)number->real;
		if (number_wrap(number->bits, node->bare) != number->bits)
			return unavailable(STATUS_OPTIMIZED_OUT, 0);
	} else {
		number->bits = number_wrap(number->bits, node->bare);
	}
	return operand;
}

#define REAL_OPERATION(type, a, op, b)                                                                                 \
	((op) == '+'   ? (type)(a) + (type)(b)                                                                         \
	 : (op) == '-' ? (type)(a) - (type)(b)                                                                         \
	 : (op) == '*' ? (type)(a) * (type)(b)                                                                         \
		       : (type)(a) / (type)(b))

/* In the type itself: rounding twice would not be what C does. */
static struct operand calculate_real(int op, long double a, long double b, const struct type *bare)
{
	struct number number = { 0 };

	if (bare->size == 4)
		number.real = REAL_OPERATION(float, a, op, b);
	else if (bare->size == 8)
		number.real = REAL_OPERATION(double, a, op, b);
	else
		number.real = REAL_OPERATION(long double, a, op, b);
	return number_operand(number);
}

static unsigned __int128 divide(int op, unsigned __int128 a, unsigned __int128 b, bool is_signed)
{
	if (is_signed && b == -(unsigned __int128)1) /* the least number divided by -1 would trap */
		return op == '/' ? -a : 0;
	if (is_signed)
		return (unsigned __int128)(op == '/' ? (__int128)a / (__int128)b
						     : (__int128)a % (__int128)b);
	return op == '/' ? a / b : a % b;
}

/*
 * What C leaves undefined (division by 0, shifts by the width or more, and the like) has no value.
 */
static struct operand calculate(int op, unsigned __int128 a, unsigned __int128 b,
				const struct type *bare)
{
	struct operand undefined = unavailable(STATUS_OPTIMIZED_OUT, 0);
	unsigned __int128 bits;

	switch (op) {
	case '+': bits = a + b; break;
	case '-': bits = a - b; break;
	case '*': bits = a * b; break;
	case '&': bits = a & b; break;
	case '|': bits = a | b; break;
	case '^': bits = a ^ b; break;
	case '/':
	case '%':
		if (!b)
			return undefined;
		bits = divide(op, a, b, bare->is_signed);
		break;
	default:
		if (b >= bare->size * 8)
			return undefined;
		if (op == OP_SHL)
			bits = a << (unsigned)b;
		else
			bits = bare->is_signed ? (unsigned __int128)((__int128)a >> (unsigned)b)
					       : a >> (unsigned)b;
		break;
	}
	return integer_operand((__int128)number_wrap(bits, bare));
}

static struct operand evaluate_arithmetic(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);
	struct operand b = a.status == STATUS_OK ? evaluate_number(ev, node->b) : a;

	if (b.status != STATUS_OK)
		return b;
	if (type_is_real(node->bare))
		return calculate_real(node->op, a.number.real, b.number.real, node->bare);
	return calculate(node->op, a.number.bits, b.number.bits, node->bare);
}

static struct operand evaluate_sign(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);

	if (a.status != STATUS_OK)
		return a;
	a.number.real = -a.number.real;
	a.number.bits =
		number_wrap(node->kind == NODE_NEGATE ? -a.number.bits : ~a.number.bits, node->bare);
	return a;
}

static struct operand evaluate_pointer_sum(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);
	struct operand b = a.status == STATUS_OK ? evaluate_number(ev, node->b) : a;

	if (b.status != STATUS_OK)
		return b;
	uint64_t x = (uint64_t)a.number.bits, y = (uint64_t)b.number.bits;

	if (node->kind == NODE_POINTER_DIFF)
		return (int64_t)(x - y) % (int64_t)node->size
			       ? unavailable(STATUS_OPTIMIZED_OUT, 0)
			       : integer_operand((int64_t)(x - y) / (int64_t)node->size);
	y *= node->size;
	return integer_operand((__int128)(node->op == '-' ? x - y : x + y));
}

static bool truth(const struct operand *operand, const struct node *node)
{
	return type_is_real(node->bare) ? operand->number.real != 0 : operand->number.bits != 0;
}

static bool compare_order(int op, int order)
{
	switch (op) {
	case OP_EQ: return order == 0;
	case OP_NE: return order != 0;
	case '<': return order < 0;
	case '>': return order > 0;
	case OP_LE: return order <= 0;
	default: return order >= 0;
	}
}

static bool compare_real(int op, long double a, long double b)
{
	if (a != a || b != b) /* NaN is unlike anything */
		return op == OP_NE;
	return compare_order(op, (a > b) - (a < b));
}

static struct operand evaluate_compare(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);
	struct operand b = a.status == STATUS_OK ? evaluate_number(ev, node->b) : a;
	const struct type *bare = node->a->bare;

	if (b.status != STATUS_OK)
		return b;
	if (type_is_real(bare))
		return integer_operand(compare_real(node->op, a.number.real, b.number.real));
	__int128 x = (__int128)a.number.bits, y = (__int128)b.number.bits;
	int order = bare->is_signed
			    ? (x > y) - (x < y)
			    : (a.number.bits > b.number.bits) - (a.number.bits < b.number.bits);

	return integer_operand(compare_order(node->op, order));
}

/**
 * Compare text in memory or in the scratch area with the literal, as strcmp() does; `len` bytes can
 * be read.  As soon as a byte differs the rest does not matter.
 */
static struct operand compare_bytes(const struct node *node, const uint8_t *bytes, size_t len,
				    bool ends, uint64_t addr)
{
	for (size_t i = 0; i <= node->len; i++) {
		uint8_t theirs = i < len ? bytes[i] : 0, ours = (uint8_t)node->text[i];

		if (i >= len && !ends)
			return unavailable(STATUS_UNREADABLE, addr + i);
		if (theirs != ours)
			return integer_operand(compare_order(node->op, theirs < ours ? -1 : 1));
	}
	return integer_operand(compare_order(node->op, 0));
}

static struct operand evaluate_compare_text(const struct evaluation *ev, const struct node *node)
{
	bool is_array = node->a->bare->kind == TYPE_ARRAY;
	struct operand text = is_array ? evaluate(ev, node->a) : evaluate_number(ev, node->a);
	size_t want = node->len + 1;

	if (text.status != STATUS_OK)
		return text;
	/* an array may be full, without a NUL */
	bool ends = is_array && node->a->bare->size && node->a->bare->size < want;

	if (ends)
		want = node->a->bare->size;
	if (is_array && text.form == FORM_BYTES) {
		if (text.at + want > VALUE_MAX)
			return unavailable(STATUS_OPTIMIZED_OUT, 0);
		return compare_bytes(node, ev->scratch + text.at, want, ends, 0);
	}
	uint64_t addr = is_array ? text.addr : (uint64_t)text.number.bits;

	if (!addr)
		return unavailable(STATUS_NULL, 0);
	size_t got = ev->frame->ops->read_mem(ev->frame->ctx, addr, ev->scratch, want);

	return compare_bytes(node, ev->scratch, got, ends && got == want, addr);
}

static struct operand evaluate_logical(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);

	if (a.status != STATUS_OK)
		return a;
	if (truth(&a, node->a) == (node->op == OP_OR))
		return integer_operand(node->op == OP_OR);
	struct operand b = evaluate_number(ev, node->b);

	return b.status != STATUS_OK ? b : integer_operand(truth(&b, node->b));
}

static struct operand evaluate_not(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);

	return a.status != STATUS_OK ? a : integer_operand(!truth(&a, node->a));
}

static struct operand evaluate(const struct evaluation *ev, const struct node *node)
{
	switch (node->kind) {
	case NODE_CONSTANT:
		return number_operand(node->number);
	case NODE_PARAM:
		return evaluate_param(ev, node);
	case NODE_OBJECT:
		return (struct operand){ .form = FORM_MEMORY, .addr = ev->object };
	case NODE_VARIABLE:
		return evaluate_located(ev, node);
	case NODE_DEREF:
		return evaluate_deref(ev, node);
	case NODE_INDEX:
		return node->a->bare->kind == TYPE_ARRAY ? evaluate_array_element(ev, node)
							 : evaluate_pointed_element(ev, node);
	case NODE_MEMBER:
		return evaluate_member(ev, node);
	case NODE_ADDRESS:
		return evaluate_address(ev, node);
	case NODE_CONVERT:
		return evaluate_convert(ev, node);
	case NODE_NEGATE:
	case NODE_COMPLEMENT:
		return evaluate_sign(ev, node);
	case NODE_NOT:
		return evaluate_not(ev, node);
	case NODE_ARITHMETIC:
		return evaluate_arithmetic(ev, node);
	case NODE_POINTER_ADD:
	case NODE_POINTER_DIFF:
		return evaluate_pointer_sum(ev, node);
	case NODE_COMPARE:
		return evaluate_compare(ev, node);
	case NODE_COMPARE_TEXT:
		return evaluate_compare_text(ev, node);
	case NODE_LOGICAL:
		return evaluate_logical(ev, node);
	}
	return unavailable(STATUS_OPTIMIZED_OUT, 0);
}

/* Into `ret`, whose `bytes` are the scratch area. */
static void evaluate_value(const struct evaluation *ev, struct value *ret)
{
	const struct node *node = ev->expr->root;
	struct operand operand = evaluate(ev, node);

	/* a bit-field that is in no memory becomes a number */
	if (operand.status == STATUS_OK && operand.form == FORM_BYTES && operand.bit_size)
		operand = read_bits(ev, &operand, node);
	ret->type = node->type;
	ret->status = operand.status;
	ret->in_memory = operand.status == STATUS_OK && operand.form == FORM_MEMORY;
	ret->addr = operand.addr;
	ret->bit_offset = operand.bit_offset;
	ret->bit_size = ret->in_memory ? operand.bit_size : 0;
	ret->len = node->bare->size;
	if (operand.status != STATUS_OK || ret->in_memory)
		return;
	if (operand.form == FORM_NUMBER)
		number_encode(operand.number, node->bare, ret->bytes);
	else if (operand.at + ret->len <= VALUE_MAX)
		memmove(ret->bytes, ret->bytes + operand.at, ret->len);
	else
		ret->status = STATUS_OPTIMIZED_OUT;
}

void expr_eval(const struct expr *expr, const struct frame *frame, const struct saved *saved,
	       struct value *ret)
{
	/* cppcheck-suppress ctuuninitvar ; `bytes` is what is filled */
	struct evaluation ev = {
		.expr = expr, .frame = frame, .saved = saved, .scratch = ret->bytes
	};

	evaluate_value(&ev, ret);
}

void expr_eval_object(const struct expr *expr, const struct frame *frame, uint64_t addr,
		      struct value *ret)
{
	struct evaluation ev = {
		.expr = expr, .frame = frame, .object = addr, .scratch = ret->bytes
	};

	evaluate_value(&ev, ret);
}

int expr_test(const struct expr *expr, const struct frame *frame, const struct saved *saved)
{
	uint8_t scratch[VALUE_MAX];
	struct evaluation ev = { .expr = expr, .frame = frame, .saved = saved, .scratch = scratch };
	struct operand operand = evaluate_number(&ev, expr->root);

	return operand.status == STATUS_OK ? truth(&operand, expr->root) : -1;
}
