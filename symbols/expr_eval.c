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
#include "symbols/type.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/number.h"

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
		return number_operand(number_decode(bytes, node->number_type));
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

	if (operand.status == STATUS_OK && !number_convert(&operand.number, node->a->number_type, node->number_type))
		return unavailable(STATUS_OPTIMIZED_OUT, 0);
	return operand;
}

/* Both operands; the status of the first that has none. */
static enum status evaluate_both(const struct evaluation *ev, const struct node *node, struct operand *a, struct operand *b)
{
	*a = evaluate_number(ev, node->a);
	*b = a->status == STATUS_OK ? evaluate_number(ev, node->b) : *a;
	return b->status;
}

static struct operand evaluate_arithmetic(const struct evaluation *ev, const struct node *node)
{
	struct operand a, b;
	struct number result;

	if (evaluate_both(ev, node, &a, &b) != STATUS_OK)
		return b;
	return number_calculate(node->op, a.number, b.number, node->number_type, &result)
		       ? number_operand(result)
		       : unavailable(STATUS_OPTIMIZED_OUT, 0);
}

static struct operand evaluate_sign(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);

	if (a.status == STATUS_OK)
		number_unary(node->kind == NODE_NEGATE ? '-' : '~', &a.number, node->number_type);
	return a;
}

static struct operand evaluate_pointer_sum(const struct evaluation *ev, const struct node *node)
{
	struct operand a, b;

	if (evaluate_both(ev, node, &a, &b) != STATUS_OK)
		return b;
	uint64_t x = (uint64_t)a.number.bits, y = (uint64_t)b.number.bits;

	if (node->kind == NODE_POINTER_DIFF)
		return (int64_t)(x - y) % (int64_t)node->size
			       ? unavailable(STATUS_OPTIMIZED_OUT, 0)
			       : integer_operand((int64_t)(x - y) / (int64_t)node->size);
	y *= node->size;
	return integer_operand((__int128)(node->op == '-' ? x - y : x + y));
}

static struct operand evaluate_compare(const struct evaluation *ev, const struct node *node)
{
	struct operand a, b;

	if (evaluate_both(ev, node, &a, &b) != STATUS_OK)
		return b;
	return integer_operand(number_compare(node->op, a.number, b.number, node->a->number_type));
}

/* `len` bytes of the text are there, at `addr` if they were read from memory; then it ends, or cannot be read on. */
static struct operand compare_bytes(const struct node *node, const uint8_t *bytes, size_t len, bool ends, uint64_t addr)
{
	int holds = text_compare(node->op, (const char *)bytes, len, ends, node->text, node->len, true);

	return holds < 0 ? unavailable(STATUS_UNREADABLE, addr + len) : integer_operand(holds);
}

/* A pointer that is NULL points at no text: it is unlike any, and neither less nor greater. */
static struct operand null_text(int op)
{
	return op == OP_EQ || op == OP_NE ? integer_operand(op == OP_NE) : unavailable(STATUS_NULL, 0);
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
		return null_text(node->op);
	size_t got = ev->frame->ops->read_mem(ev->frame->ctx, addr, ev->scratch, want);

	return compare_bytes(node, ev->scratch, got, ends && got == want, addr);
}

static int truth(const struct operand *operand, const struct node *node)
{
	return operand->status == STATUS_OK ? number_is_true(operand->number, node->number_type) : -1;
}

/* One side may decide though the other is not there. */
static struct operand evaluate_logical(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);
	int first = truth(&a, node->a);

	if (first == (node->op == OP_OR))
		return integer_operand(first);
	struct operand b = evaluate_number(ev, node->b);
	int both = truth_both(node->op, first, truth(&b, node->b));

	return both >= 0 ? integer_operand(both) : first < 0 ? a : b;
}

static struct operand evaluate_not(const struct evaluation *ev, const struct node *node)
{
	struct operand a = evaluate_number(ev, node->a);

	return a.status != STATUS_OK ? a : integer_operand(truth_not(truth(&a, node->a)));
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
		number_encode(operand.number, node->number_type, ret->bytes);
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

	return truth(&operand, expr->root);
}
