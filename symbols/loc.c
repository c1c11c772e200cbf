/**
 * Making locations: of variables from debug information, of what is in registers or memory known
 * otherwise.
 */
#include "symbols/loc.h"

#include "symbols/abi_x86_64.h"
#include "symbols/dwarf.h"
#include "symbols/loc_ops.h"
#include "tracer/base/arena.h"

const struct loc loc_nowhere;

const struct loc *loc_dup(struct module *module, struct loc loc)
{
	bool is_there = loc.pieces && loc.n_pieces;
	const struct loc *copy =
		is_there ? arena_memdup(module_arena(module), &loc, sizeof(loc)) : NULL;

	return copy ? copy : &loc_nowhere;
}

const struct loc *loc_memory(struct module *module, unsigned reg, int64_t offset)
{
	struct arena *arena = module_arena(module);
	struct loc_op op = { .code = DW_OP_bregx, .reg = (uint16_t)reg, .value = offset };
	struct loc_piece piece = { .kind = PIECE_MEMORY,
				   .ops = arena_memdup(arena, &op, sizeof(op)),
				   .n_ops = 1 };

	if (!piece.ops)
		return &loc_nowhere;
	return loc_dup(module, (struct loc){ arena_memdup(arena, &piece, sizeof(piece)), 1 });
}

const struct loc *loc_registers(struct module *module, const struct abi_place *place)
{
	struct loc_piece pieces[2] = { 0 };

	for (unsigned i = 0; i < place->n_parts; i++) {
		pieces[i].kind = PIECE_REG;
		pieces[i].reg = place->parts[i].reg;
		pieces[i].bit_size = place->parts[i].len * 8u;
	}
	struct loc loc = {
		arena_memdup(module_arena(module), pieces, place->n_parts * sizeof(*pieces)),
		place->n_parts,
	};

	return loc_dup(module, loc);
}

const struct loc *loc_variable_at(struct module *module, uint64_t die, uint64_t addr)
{
	struct loc_site site = { .module = module, .addr = addr };

	return loc_dup(module, loc_compile(&site, die, NULL));
}

const struct loc *loc_through(struct module *module, uint64_t slot)
{
	const struct loc_op ops[] = {
		{ .code = DW_OP_const8u, .value = (int64_t)slot },
		{ .code = DW_OP_deref_size, .value = 8 },
	};
	struct arena *arena = module_arena(module);
	struct loc_piece piece = { .kind = PIECE_MEMORY,
				   .ops = arena_memdup(arena, ops, sizeof(ops)),
				   .n_ops = 2 };

	return piece.ops ? loc_dup(module,
				   (struct loc){ arena_memdup(arena, &piece, sizeof(piece)), 1 })
			 : &loc_nowhere;
}
