/**
 * DWARF location descriptions to locations (loc_ops.h): lists, pieces, constants.
 *
 * What cannot be expressed (thread-local addresses, implicit pointers, values at the entry of a
 * function that has gone on) makes the location empty, which means optimized out.
 */
#include "symbols/loc_compiler.h"

#include "symbols/type.h"
#include "tracer/base/arena.h"

#include <string.h>

enum {
	PIECES_MAX = 256, /* gcc makes one for each member of a struct it has taken apart */
	ENDBR64_LEN = 4,
};

/* Whether bytes lo to hi (excluded) of a value hold anything but padding. */
static bool holds_data(const struct type *type, uint64_t lo, uint64_t hi, unsigned depth)
{
	const struct member *members;

	type = type_strip(type);
	if (lo >= hi || lo >= type->size)
		return false;
	if (!depth || (type->kind != TYPE_STRUCT && type->kind != TYPE_UNION))
		return true;
	size_t n = type_members(type, &members);

	for (size_t i = 0; i < n; i++) {
		uint64_t start = members[i].offset;

		if (hi > start &&
		    holds_data(members[i].type, lo > start ? lo - start : 0, hi - start, depth - 1))
			return true;
	}
	return false;
}

/* An empty piece is harmless where the variable has padding only. */
static bool is_padding(const struct compiler *compiler, uint64_t bit_size)
{
	uint64_t start = 0;

	for (size_t i = 0; i < compiler->pieces.n; i++)
		start += compiler->pieces.items[i].bit_size;
	return bit_size && compiler->type &&
	       !holds_data(compiler->type, start / 8, (start + bit_size + 7) / 8, 8);
}

static struct arena *arena_of(const struct compiler *compiler)
{
	return module_arena(compiler->site->module);
}

static bool piece_bytes(struct compiler *compiler, struct loc_piece *piece, const void *data,
			size_t len)
{
	piece->kind = PIECE_BYTES;
	piece->n_bytes = len;
	piece->bytes = arena_memdup(arena_of(compiler), data, len);
	return piece->bytes;
}

static bool piece_register(struct compiler *compiler, struct loc_piece *piece, uint64_t reg)
{
	compiler_note_register(compiler, reg);
	piece->kind = PIECE_REG;
	piece->reg = (uint16_t)reg;
	return reg <= UINT16_MAX;
}

static bool piece_program(struct compiler *compiler, struct loc_piece *piece, Dwarf_Attribute *attr,
			  const Dwarf_Op *ops, size_t n)
{
	if (!compiler_add_ops(compiler, attr, ops, n))
		return false;
	piece->n_ops = compiler->ops.n;
	piece->ops = arena_memdup(arena_of(compiler), compiler->ops.items,
				  piece->n_ops * sizeof(*piece->ops));
	compiler->ops.n = 0;
	compiler->traits.has_memory |= piece->kind == PIECE_MEMORY;
	return piece->ops;
}

/* One simple location description: DWARF 5 section 2.6.1.1. */
static bool fill_piece(struct compiler *compiler, struct loc_piece *piece, Dwarf_Attribute *attr,
		       const Dwarf_Op *ops, size_t n)
{
	const Dwarf_Op *last = &ops[n - 1];
	Dwarf_Block block;

	if (last->atom == DW_OP_implicit_value)
		return n == 1 && dwarf_getlocation_implicit_value(attr, last, &block) == 0 &&
		       piece_bytes(compiler, piece, block.data, block.length);
	if (n == 1 && last->atom >= DW_OP_reg0 && last->atom <= DW_OP_reg31)
		return piece_register(compiler, piece, last->atom - DW_OP_reg0);
	if (n == 1 && last->atom == DW_OP_regx)
		return piece_register(compiler, piece, last->number);

	bool is_value = last->atom == DW_OP_stack_value;

	piece->kind = is_value ? PIECE_VALUE : PIECE_MEMORY;
	return piece_program(compiler, piece, attr, ops, is_value ? n - 1 : n);
}

static bool add_piece(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *ops,
		      size_t n, const Dwarf_Op *end)
{
	struct loc_piece piece = { 0 };

	if (end && end->atom == DW_OP_bit_piece) {
		piece.bit_size = end->number;
		piece.bit_offset = (uint32_t)end->number2;
	} else if (end) {
		piece.bit_size = end->number * 8;
	}
	if (n && ops[n - 1].atom == DW_OP_GNU_uninit)
		n--;
	if (end && (!piece.bit_size || piece.bit_size > (uint64_t)1 << 32))
		return false;
	if (n && !fill_piece(compiler, &piece, attr, ops, n))
		return false;
	if (!n) /* padding is read as zeros */
		piece.kind = is_padding(compiler, piece.bit_size) ? PIECE_BYTES : PIECE_NOWHERE;
	struct loc_piece *slot =
		compiler->pieces.n < PIECES_MAX ? array_push(&compiler->pieces) : NULL;

	if (slot)
		*slot = piece;
	return slot;
}

static bool compile_description(struct compiler *compiler, Dwarf_Attribute *attr,
				const Dwarf_Op *ops, size_t n)
{
	size_t start = 0;

	for (size_t i = 0; i < n; i++) {
		if (ops[i].atom != DW_OP_piece && ops[i].atom != DW_OP_bit_piece)
			continue;
		if (!add_piece(compiler, attr, ops + start, i - start, &ops[i]))
			return false;
		start = i + 1;
	}
	if (!compiler->pieces.n)
		return add_piece(compiler, attr, ops, n, NULL);
	return start == n;
}

/*
 * The expression of a list for `pc`, or the only one there is.  At a function's entry GCC may give
 * several: with location views (-gvariable-location-views) ranges may be empty, and stand for what
 * is true before the first instruction but no longer when a statement without code of its own has
 * been "run".  The first one that starts there is what the caller passed.
 */
static bool find_expression(struct compiler *compiler, Dwarf_Attribute *attr, Dwarf_Addr pc,
			    Dwarf_Op **ret, size_t *n)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t offset = 0;

	for (int i = 0;
	     i < 10000 && (offset = dwarf_getlocations(attr, offset, &base, &lo, &hi, ret, n)) > 0;
	     i++) {
		if (lo == 0 && hi == (Dwarf_Addr)-1)
			return true; /* no list */
		compiler->traits.is_list = true;
		if (lo <= pc && (pc < hi || (pc == hi && lo == hi && compiler->site->is_entry)))
			return true;
	}
	return false;
}

/* LLVM's lists begin behind the endbr64 that -fcf-protection puts first, which changes nothing. */
static bool is_behind_endbr64(const struct loc_site *site)
{
	static const uint8_t endbr64[ENDBR64_LEN] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t code[ENDBR64_LEN];

	return site->is_entry && module_read(site->module, site->addr, code, sizeof(code)) == 0 &&
	       !memcmp(code, endbr64, sizeof(code));
}

static bool choose_expression(struct compiler *compiler, Dwarf_Attribute *attr, Dwarf_Op **ret,
			      size_t *n)
{
	Dwarf_Addr pc = compiler_pc(compiler);

	return find_expression(compiler, attr, pc, ret, n) ||
	       (compiler->traits.is_list && is_behind_endbr64(compiler->site) &&
		find_expression(compiler, attr, pc + ENDBR64_LEN, ret, n));
}

/* GCC means DW_FORM_data1 … data8 to be unsigned: only what is negative has a signed form. */
static bool compile_constant(struct compiler *compiler, Dwarf_Attribute *attr)
{
	struct loc_piece *piece = array_push(&compiler->pieces);
	Dwarf_Block block;
	__int128 wide;
	Dwarf_Sword signed_value;
	Dwarf_Word value;
	const char *text;

	compiler->traits.is_constant = true;
	if (!piece)
		return false;
	switch (dwarf_whatform(attr)) {
	case DW_FORM_string:
	case DW_FORM_strp:
	case DW_FORM_line_strp:
		text = dwarf_formstring(attr);
		return text && piece_bytes(compiler, piece, text, strlen(text) + 1);
	case DW_FORM_sdata:
	case DW_FORM_implicit_const:
		if (dwarf_formsdata(attr, &signed_value) != 0)
			return false;
		wide = signed_value;
		return piece_bytes(compiler, piece, &wide, sizeof(wide));
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_udata:
		if (dwarf_formudata(attr, &value) != 0)
			return false;
		wide = value;
		return piece_bytes(compiler, piece, &wide, sizeof(wide));
	default:
		return dwarf_formblock(attr, &block) == 0 &&
		       piece_bytes(compiler, piece, block.data, block.length);
	}
}

static bool compile_variable(struct compiler *compiler)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_attr_integrate(&compiler->variable, DW_AT_const_value, &attr))
		return compile_constant(compiler, &attr);
	if (!dwarf_attr_integrate(&compiler->variable, DW_AT_location, &attr) ||
	    !choose_expression(compiler, &attr, &ops, &n))
		return false;
	compiler->traits.is_here = true;
	return compile_description(compiler, &attr, ops, n);
}

struct loc loc_compile(const struct loc_site *site, uint64_t die, struct loc_traits *traits)
{
	struct compiler compiler = { .site = site };
	struct loc loc = { 0 };

	if (die_at(site->module, die, &compiler.variable)) {
		compiler.type = type_of_die(site->module, &compiler.variable);
		if (compile_variable(&compiler)) {
			loc.n_pieces = compiler.pieces.n;
			loc.pieces = arena_memdup(module_arena(site->module), compiler.pieces.items,
						  loc.n_pieces * sizeof(*loc.pieces));
		}
	}
	if (!loc.pieces)
		loc.n_pieces = 0;
	if (traits)
		*traits = compiler.traits;
	array_free(&compiler.ops);
	array_free(&compiler.pieces);
	return loc;
}
