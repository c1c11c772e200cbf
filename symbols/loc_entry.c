/**
 * Callers put parameters into registers, an eightbyte into one, and onto the stack above the return
 * address.  Only a location made of these can be that of a parameter at entry; what else stands in
 * the debug information for the first instruction is where the prologue will have put it, or what a
 * statement that has no code of its own has assigned.
 *
 * One expression for the whole function is mostly that of the time after the prologue: always at
 * -O0, and for variables in memory.
 */
#include "symbols/loc_entry.h"

#include "symbols/dwarf.h"
#include "symbols/frame.h"
#include "symbols/function.h"
#include "symbols/type.h"

enum { EIGHTBYTE = 64, REGS_MAX = 64 };

/* Programs that are a register and sums: `*offset` from it. */
static bool is_offset(const struct loc_piece *piece, unsigned *reg, int64_t *offset)
{
	if (!piece->n_ops || piece->ops[0].code != DW_OP_bregx)
		return false;
	*reg = piece->ops[0].reg;
	*offset = 0;
	for (size_t i = 0; i < piece->n_ops; i++) {
		if (i && piece->ops[i].code != DW_OP_plus_uconst)
			return false;
		*offset += piece->ops[i].value;
	}
	return true;
}

static bool reads_memory(const struct loc_piece *piece)
{
	for (size_t i = 0; i < piece->n_ops; i++)
		if (piece->ops[i].code == DW_OP_deref_size || piece->ops[i].code == DW_OP_deref_type)
			return true;
	return false;
}

bool loc_piece_register(const struct loc_piece *piece, unsigned *ret)
{
	bool found = piece->kind == PIECE_REG;

	*ret = piece->reg;
	if (piece->kind != PIECE_VALUE || reads_memory(piece))
		return found;
	for (size_t i = 0; i < piece->n_ops; i++) {
		const struct loc_op *op = &piece->ops[i];

		if (op->code != DW_OP_bregx && op->code != DW_OP_regval_type)
			continue;
		if (found && op->reg != *ret)
			return false;
		*ret = op->reg;
		found = true;
	}
	return found;
}

/* Note that the bits from `bit` on are in a register; false if that is not how the ABI does it. */
static bool tell(struct entry_place *place, uint64_t bit, uint64_t n_bits, unsigned reg)
{
	for (uint64_t i = bit / EIGHTBYTE; i <= (bit + n_bits - 1) / EIGHTBYTE; i++) {
		bool is_upper_half = i == 1 && reg >= DWARF_XMM0 && place->told.parts[0].len &&
				     place->told.parts[0].reg == reg;

		if (is_upper_half) /* of a vector register */
			continue;
		if (i >= 2 || (place->told.parts[i].len && place->told.parts[i].reg != reg))
			return false;
		place->told.parts[i] = (struct abi_part){ .reg = (uint8_t)reg, .len = 8 };
		place->told.n_parts = place->told.n_parts > i ? place->told.n_parts : (unsigned)i + 1;
	}
	return true;
}

/* A location of which each piece is in a parameter's register, or nowhere. */
static enum entry_kind pieces_kind(struct entry_place *place, uint64_t size)
{
	bool is_told = size <= 16, is_all_there = true;
	uint64_t bit = 0;

	place->told.kind = ABI_REGS;
	for (size_t i = 0; i < place->loc.n_pieces; i++) {
		const struct loc_piece *piece = &place->loc.pieces[i];
		uint64_t n_bits = piece->bit_size ? piece->bit_size : size * 8;
		bool is_padding = piece->kind == PIECE_BYTES && !piece->n_bytes;
		unsigned reg;

		if (piece->kind == PIECE_NOWHERE) {
			is_all_there = false;
		} else if (!is_padding) {
			if (!loc_piece_register(piece, &reg) || abi_param_index(reg) < 0 || !n_bits)
				return ENTRY_OTHER;
			is_told = is_told && tell(place, bit, n_bits, reg);
			place->regs |= (uint64_t)1 << reg;
		}
		bit += n_bits;
	}
	if (!place->regs)
		return ENTRY_LATE;
	if (is_told)
		return ENTRY_TOLD;
	return is_all_there ? ENTRY_SPREAD : ENTRY_OTHER;
}

static enum entry_kind entry_kind(struct entry_place *place, const struct loc_traits *traits,
				  uint64_t size)
{
	const struct loc_piece *piece = place->loc.pieces;
	bool is_whole = place->loc.n_pieces == 1 && !piece->bit_size;
	unsigned reg;
	int64_t offset;

	if (!place->loc.n_pieces)
		return traits->is_list && !traits->is_here ? ENTRY_LATE : ENTRY_NOWHERE;
	if (is_whole && piece->kind == PIECE_MEMORY) {
		bool simple = !traits->has_frame_base && is_offset(piece, &reg, &offset);

		if (simple && reg == DWARF_RSP && offset >= 8 &&
		    (traits->is_list || traits->is_frame_relative)) {
			place->told = (struct abi_place){ .kind = ABI_MEMORY, .offset = (uint64_t)offset - 8 };
			return ENTRY_TOLD;
		}
		place->is_pointed_at = (simple && reg != DWARF_RSP && !traits->has_preserved) ||
				       (traits->is_frame_relative && reads_memory(piece));
		return traits->is_list || traits->is_constant ? ENTRY_OTHER : ENTRY_KEPT;
	}
	if (is_whole && loc_piece_register(piece, &reg) && abi_param_index(reg) < 0 && !traits->is_list) {
		place->regs = reg < REGS_MAX ? (uint64_t)1 << reg : 0;
		return ENTRY_KEPT;
	}
	return traits->is_constant ? ENTRY_OTHER : pieces_kind(place, size);
}

struct entry_place loc_entry_place(const struct function *function, size_t i)
{
	struct loc_site site = {
		.module = function->module,
		.function = function->die,
		.addr = function->entry,
		.is_entry = true,
	};
	struct loc_traits traits;
	struct entry_place place = { .loc = loc_compile(&site, function->params[i].die, &traits) };

	place.is_exact = traits.is_list;
	place.has_entry_value = traits.has_entry_value;
	place.kind = entry_kind(&place, &traits, type_strip(function->params[i].type)->size);
	return place;
}
