/**
 * Evaluation of compiled locations over a frame: no libdw, no allocation, bounded steps and stack.
 *
 * The arithmetic is that of DWARF 5 section 2.5.1.4: the generic type is 64 bits wide; of its
 * operations only div, shra, abs, neg and the comparisons are signed.  Floating point values can be
 * moved and converted, not calculated with.
 */
#include "symbols/loc.h"

#include "symbols/expr.h"
#include "symbols/frame.h"
#include "symbols/loc_ops.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

enum { STACK_MAX = 64, STEPS_MAX = 1000, REG_MAX = 16 };

struct slot {
	uint64_t bits;
	uint8_t type;
};

struct machine {
	const struct frame *frame;
	struct slot stack[STACK_MAX];
	unsigned n;
	enum status status; /* once it is not OK, it stays */
	uint64_t addr;
};

static bool stop(struct machine *machine, enum status status, uint64_t addr)
{
	machine->status = status;
	machine->addr = addr;
	return false;
}

static bool give_up(struct machine *machine)
{
	return stop(machine, STATUS_OPTIMIZED_OUT, 0);
}

/* Bytes a register has, in the numbering of frame.h. */
static size_t reg_size(unsigned reg)
{
	if (reg >= DWARF_XMM0 && reg < DWARF_ST0)
		return 16;
	if (reg >= DWARF_ST0 && reg < DWARF_ST0 + 8)
		return 10;
	return 8;
}

/* Cut to the type's size: zero extended, so that equal values have equal bits. */
static uint64_t wrap(uint64_t bits, uint8_t type)
{
	unsigned size = type & OP_TYPE_SIZE;

	return !size || size >= 8 ? bits : bits & (((uint64_t)1 << size * 8) - 1);
}

static int64_t as_signed(struct slot slot)
{
	unsigned size = slot.type & OP_TYPE_SIZE, shift = size && size < 8 ? 64 - size * 8 : 0;

	return (int64_t)(slot.bits << shift) >> shift;
}

static bool push(struct machine *machine, uint64_t bits, uint8_t type)
{
	if (machine->n == STACK_MAX)
		return give_up(machine);
	machine->stack[machine->n++] = (struct slot){ wrap(bits, type), type };
	return true;
}

static bool need(struct machine *machine, unsigned n)
{
	return machine->n >= n || give_up(machine);
}

static bool push_register(struct machine *machine, unsigned reg, int64_t offset, uint8_t type)
{
	size_t len = type ? type & OP_TYPE_SIZE : 8;
	uint64_t bits = 0;

	if (len > reg_size(reg) ||
	    machine->frame->ops->read_reg(machine->frame->ctx, reg, &bits, len) < 0)
		return give_up(machine);
	return push(machine, bits + (uint64_t)offset, type);
}

static bool dereference(struct machine *machine, uint64_t len, uint8_t type)
{
	uint64_t bits = 0;

	if (!need(machine, 1) || len > sizeof(bits))
		return give_up(machine);
	uint64_t addr = machine->stack[--machine->n].bits;
	size_t got = machine->frame->ops->read_mem(machine->frame->ctx, addr, &bits, len);

	if (got < len)
		return stop(machine, STATUS_UNREADABLE, addr + got);
	return push(machine, bits, type);
}

static double as_double(struct slot slot)
{
	float narrow;
	double wide;

	memcpy(&narrow, &slot.bits, sizeof(narrow));
	memcpy(&wide, &slot.bits, sizeof(wide));
	return (slot.type & OP_TYPE_SIZE) == sizeof(narrow) ? (double)narrow : wide;
}

static uint64_t from_double(double value, uint8_t type)
{
	float narrow = (float)value;
	uint64_t bits = 0;

	if ((type & OP_TYPE_SIZE) == sizeof(narrow))
		memcpy(&bits, &narrow, sizeof(narrow));
	else
		memcpy(&bits, &value, sizeof(value));
	return bits;
}

static bool convert(struct machine *machine, uint8_t type)
{
	if (!need(machine, 1))
		return false;
	struct slot *top = &machine->stack[machine->n - 1];
	bool from_float = top->type & OP_TYPE_FLOAT, to_float = type & OP_TYPE_FLOAT;
	int64_t integer = top->type & OP_TYPE_SIGNED ? as_signed(*top) : (int64_t)top->bits;

	if (from_float && to_float) {
		top->bits = from_double(as_double(*top), type);
	} else if (from_float) {
		double value = as_double(*top);

		if (!(value > -0x1p63 && value < 0x1p63))
			return give_up(machine);
		top->bits = wrap((uint64_t)(int64_t)value, type);
	} else if (to_float) {
		bool negative = top->type & OP_TYPE_SIGNED && integer < 0;

		top->bits = from_double(negative ? (double)integer : (double)top->bits, type);
	} else {
		top->bits = wrap((uint64_t)integer, type);
	}
	top->type = type;
	return true;
}

static bool reinterpret(struct machine *machine, uint8_t type)
{
	if (!need(machine, 1))
		return false;
	struct slot *top = &machine->stack[machine->n - 1];
	unsigned from = top->type & OP_TYPE_SIZE, to = type & OP_TYPE_SIZE;

	if ((from ? from : 8) != (to ? to : 8))
		return give_up(machine);
	top->type = type;
	return true;
}

static bool unary(struct machine *machine, unsigned code)
{
	if (!need(machine, 1))
		return false;
	struct slot *top = &machine->stack[machine->n - 1];
	bool is_signed = !top->type || top->type & OP_TYPE_SIGNED;

	if (top->type & OP_TYPE_FLOAT)
		return give_up(machine);
	if (code == DW_OP_not)
		top->bits = ~top->bits;
	else if (code == DW_OP_neg || (is_signed && as_signed(*top) < 0))
		top->bits = -top->bits;
	top->bits = wrap(top->bits, top->type);
	return true;
}

static bool divide(struct slot a, struct slot b, bool is_signed, uint64_t *ret)
{
	int64_t x = as_signed(a), y = as_signed(b);

	if (!b.bits || (is_signed && x == INT64_MIN && y == -1))
		return false;
	*ret = is_signed ? (uint64_t)(x / y) : a.bits / b.bits;
	return true;
}

static bool compare(unsigned code, struct slot a, struct slot b, bool is_signed)
{
	int64_t x = as_signed(a), y = as_signed(b);
	bool less = is_signed ? x < y : a.bits < b.bits, equal = a.bits == b.bits;

	switch (code) {
	case DW_OP_eq: return equal;
	case DW_OP_ne: return !equal;
	case DW_OP_lt: return less;
	case DW_OP_le: return less || equal;
	case DW_OP_gt: return !less && !equal;
	default: return !less;
	}
}

static bool calculate(unsigned code, struct slot a, struct slot b, uint64_t *ret)
{
	bool is_signed = !a.type || a.type & OP_TYPE_SIGNED;

	switch (code) {
	case DW_OP_and: *ret = a.bits & b.bits; return true;
	case DW_OP_or: *ret = a.bits | b.bits; return true;
	case DW_OP_xor: *ret = a.bits ^ b.bits; return true;
	case DW_OP_plus: *ret = a.bits + b.bits; return true;
	case DW_OP_minus: *ret = a.bits - b.bits; return true;
	case DW_OP_mul: *ret = a.bits * b.bits; return true;
	case DW_OP_div: return divide(a, b, is_signed, ret);
	case DW_OP_mod:
		/* of the generic type it is unsigned, unlike the division */
		if (!b.bits || (a.type & OP_TYPE_SIGNED && as_signed(b) == -1))
			return false;
		*ret = a.type & OP_TYPE_SIGNED ? (uint64_t)(as_signed(a) % as_signed(b)) : a.bits % b.bits;
		return true;
	case DW_OP_shl: *ret = b.bits < 64 ? a.bits << b.bits : 0; return true;
	case DW_OP_shr: *ret = b.bits < 64 ? a.bits >> b.bits : 0; return true;
	case DW_OP_shra:
		*ret = (uint64_t)(as_signed(a) >> (b.bits < 63 ? b.bits : 63));
		return true;
	default: return false;
	}
}

static bool binary(struct machine *machine, unsigned code)
{
	bool is_shift = code == DW_OP_shl || code == DW_OP_shr || code == DW_OP_shra;
	uint64_t bits;

	if (!need(machine, 2))
		return false;
	struct slot b = machine->stack[machine->n - 1], a = machine->stack[machine->n - 2];

	machine->n -= 2;
	if ((a.type | b.type) & OP_TYPE_FLOAT || (a.type != b.type && !is_shift))
		return give_up(machine);
	if (code >= DW_OP_eq && code <= DW_OP_ne)
		return push(machine, compare(code, a, b, !a.type || a.type & OP_TYPE_SIGNED), 0);
	return calculate(code, a, b, &bits) ? push(machine, bits, a.type) : give_up(machine);
}

static bool shuffle(struct machine *machine, unsigned code)
{
	struct slot *top = &machine->stack[machine->n];

	if (!need(machine, code == DW_OP_rot ? 3 : code == DW_OP_swap ? 2 : 1))
		return false;
	if (code == DW_OP_drop) {
		machine->n--;
		return true;
	}
	struct slot first = top[-1];

	top[-1] = top[-2];
	top[-2] = code == DW_OP_rot ? top[-3] : first;
	if (code == DW_OP_rot)
		top[-3] = first;
	return true;
}

static bool pick(struct machine *machine, int64_t index)
{
	if (index < 0 || index >= (int64_t)machine->n)
		return give_up(machine);
	struct slot slot = machine->stack[machine->n - 1 - (unsigned)index];

	return push(machine, slot.bits, slot.type);
}

/* Run one operation that is no branch. */
static bool run_one(struct machine *machine, const struct loc_op *op)
{
	switch (op->code) {
	case DW_OP_const8u:
		return push(machine, (uint64_t)op->value, 0);
	case DW_OP_const_type:
		return push(machine, (uint64_t)op->value, op->type);
	case DW_OP_bregx:
		return push_register(machine, op->reg, op->value, 0);
	case DW_OP_regval_type:
		return push_register(machine, op->reg, 0, op->type);
	case DW_OP_deref_size:
		return dereference(machine, (uint64_t)op->value, 0);
	case DW_OP_deref_type:
		return dereference(machine, (uint64_t)op->value, op->type);
	case DW_OP_plus_uconst:
		if (!need(machine, 1))
			return false;
		machine->stack[machine->n - 1].bits += (uint64_t)op->value;
		return true;
	case DW_OP_convert:
		return convert(machine, op->type);
	case DW_OP_reinterpret:
		return reinterpret(machine, op->type);
	case DW_OP_pick:
		return pick(machine, op->value);
	case DW_OP_drop:
	case DW_OP_swap:
	case DW_OP_rot:
		return shuffle(machine, op->code);
	case DW_OP_abs:
	case DW_OP_neg:
	case DW_OP_not:
		return unary(machine, op->code);
	case DW_OP_nop:
		return true;
	default:
		return binary(machine, op->code);
	}
}

/* Run a program; true and the value on top of the stack, or false and the status set. */
static bool run(struct machine *machine, const struct loc_op *ops, size_t n, struct slot *ret)
{
	size_t at = 0;

	machine->n = 0;
	for (unsigned steps = 0; at < n; steps++) {
		const struct loc_op *op = &ops[at++];

		if (steps == STEPS_MAX)
			return give_up(machine);
		if (op->code == DW_OP_skip) {
			at = op->reg;
		} else if (op->code == DW_OP_bra) {
			if (!need(machine, 1))
				return false;
			if (machine->stack[--machine->n].bits)
				at = op->reg;
		} else if (!run_one(machine, op)) {
			return false;
		}
	}
	if (!need(machine, 1))
		return false;
	*ret = machine->stack[machine->n - 1];
	return true;
}

static void copy_bits(uint8_t *dst, uint64_t dst_bit, const uint8_t *src, uint64_t src_bit,
		      uint64_t n)
{
	if (dst_bit % 8 == 0 && src_bit % 8 == 0 && n % 8 == 0) {
		memcpy(dst + dst_bit / 8, src + src_bit / 8, n / 8);
		return;
	}
	for (uint64_t i = 0; i < n; i++, dst_bit++, src_bit++) {
		uint8_t bit = (uint8_t)(src[src_bit / 8] >> src_bit % 8 & 1);

		dst[dst_bit / 8] = (uint8_t)((dst[dst_bit / 8] & ~(1u << dst_bit % 8)) |
					     (unsigned)bit << dst_bit % 8);
	}
}

/* Where a piece goes in the variable. */
struct target {
	uint8_t *buf;
	uint64_t bit, n_bits;
};

static bool read_register_piece(struct machine *machine, const struct loc_piece *piece,
				struct target target)
{
	uint8_t bytes[REG_MAX] = { 0 };
	size_t need_bytes = (piece->bit_offset + target.n_bits + 7) / 8,
	       size = reg_size(piece->reg);
	/* a long double in an x87 register has 6 bytes of padding in memory */
	size_t room = size == 10 ? REG_MAX : size;

	if (need_bytes > room ||
	    machine->frame->ops->read_reg(machine->frame->ctx, piece->reg, bytes,
					  need_bytes < size ? need_bytes : size) < 0)
		return give_up(machine);
	copy_bits(target.buf, target.bit, bytes, piece->bit_offset, target.n_bits);
	return true;
}

static bool read_memory_piece(struct machine *machine, const struct loc_piece *piece,
			      struct target target)
{
	uint8_t bytes[VALUE_MAX];
	struct slot addr;

	if (!run(machine, piece->ops, piece->n_ops, &addr))
		return false;
	uint64_t start = addr.bits + piece->bit_offset / 8, skip = piece->bit_offset % 8;
	size_t len = (skip + target.n_bits + 7) / 8;

	if (len > sizeof(bytes))
		return give_up(machine);
	size_t got = machine->frame->ops->read_mem(machine->frame->ctx, start, bytes, len);

	if (got < len)
		return stop(machine, STATUS_UNREADABLE, start + got);
	copy_bits(target.buf, target.bit, bytes, skip, target.n_bits);
	return true;
}

static bool read_value_piece(struct machine *machine, const struct loc_piece *piece,
			     struct target target)
{
	struct slot value;

	if (!run(machine, piece->ops, piece->n_ops, &value))
		return false;
	unsigned size = value.type & OP_TYPE_SIZE;

	/* the generic type has 8 bytes, and no more of the variable are known */
	if (piece->bit_offset + target.n_bits > (size ? size : 8) * 8)
		return give_up(machine);
	copy_bits(target.buf, target.bit, (const uint8_t *)&value.bits, piece->bit_offset,
		  target.n_bits);
	return true;
}

static bool read_constant_piece(struct machine *machine, const struct loc_piece *piece,
				struct target target)
{
	if (!piece->n_bytes)
		return true;
	if (piece->bit_offset + target.n_bits > piece->n_bytes * 8)
		return give_up(machine);
	copy_bits(target.buf, target.bit, piece->bytes, piece->bit_offset, target.n_bits);
	return true;
}

static bool read_piece(struct machine *machine, const struct loc_piece *piece, struct target target)
{
	switch (piece->kind) {
	case PIECE_REG:
		return read_register_piece(machine, piece, target);
	case PIECE_MEMORY:
		return read_memory_piece(machine, piece, target);
	case PIECE_VALUE:
		return read_value_piece(machine, piece, target);
	case PIECE_BYTES:
		return read_constant_piece(machine, piece, target);
	case PIECE_NOWHERE:
		break;
	}
	return give_up(machine);
}

static bool read_pieces(struct machine *machine, const struct loc *loc, uint8_t *buf, size_t len)
{
	uint64_t bit = 0, end = (uint64_t)len * 8;

	memset(buf, 0, len);
	for (size_t i = 0; i < loc->n_pieces && bit < end; i++) {
		uint64_t n = loc->pieces[i].bit_size ? loc->pieces[i].bit_size : end;
		struct target target = { buf, bit, n < end - bit ? n : end - bit };

		if (!read_piece(machine, &loc->pieces[i], target))
			return false;
		bit += target.n_bits;
	}
	return bit == end || give_up(machine);
}

struct place loc_read(const struct loc *loc, const struct frame *frame, void *buf, size_t len)
{
	struct machine machine = { .frame = frame };
	struct place place = { .status = STATUS_OPTIMIZED_OUT };

	if (!loc->n_pieces)
		return place;
	if (loc->n_pieces == 1 && loc->pieces[0].kind == PIECE_MEMORY && !loc->pieces[0].bit_size) {
		struct slot addr = { 0 };

		place.in_memory = run(&machine, loc->pieces[0].ops, loc->pieces[0].n_ops, &addr);
		machine.addr = machine.status == STATUS_OK ? addr.bits : machine.addr;
	} else {
		read_pieces(&machine, loc, buf, len);
	}
	place.status = machine.status;
	place.addr = machine.addr;
	return place;
}
