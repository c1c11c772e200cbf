/**
 * Where parameters are at a function's first instruction, and results when it returns.
 *
 * There are two witnesses.  The ABI says where the caller has put a parameter; it is right unless
 * the compiler changed the function's parameters, as it may if it knows all callers.  The debug
 * information says where the variable is; it is right if it was written for this instruction, but
 *
 *   - one expression for the whole function is that of the time after the prologue (always at
 *     -O0, and for variables in memory), and registers that callees preserve cannot hold a
 *     parameter yet (clang gives one register to a variable although the prologue must fill it);
 *   - `x = 5;` as first statement has no code of its own: at the first instruction the debug
 *     information may already say 5.
 *
 * So the ABI is believed where it holds, the debug information where it does not:
 *
 *   GCC      changes parameters only in clones, whose symbols say so (.isra, .constprop, .part).
 *            For these a location list is exact, and so is one register for the whole function if
 *            it is the one that the parameters left over get; with -fno-var-tracking it may be one
 *            that the prologue fills.  In all other functions a parameter is passed even if the
 *            debug information has no location for it.
 *   others   (LLVM) change static functions without saying so: dead parameters are removed and the
 *            rest move up.  Of the declared signature and the one without the parameters that are
 *            nowhere, that is believed which the registers in the debug information fit.  If both
 *            do, the value is given up; if neither does, the debug information is believed if the
 *            registers it names are just the first ones, in order.
 *            A parameter without any location, or with none for an eightbyte of it, is given up,
 *            as LLVM's callers pass nothing for it even to a global function
 *            (DeadArgumentEliminationPass::removeDeadArgumentsFromCallers).
 *
 * Not noticed, as nothing tells: results that LLVM before 17 dropped from a static function whose
 * callers all ignore them.
 */
#include "symbols/loc.h"

#include "symbols/abi_x86_64.h"
#include "symbols/dwarf.h"
#include "symbols/frame.h"
#include "symbols/function.h"
#include "symbols/loc_ops.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"

#include <string.h>

/* What the debug information says of a parameter at entry. */
enum entry_kind {
	ENTRY_NOWHERE,
	ENTRY_LATE,     /* somewhere, but not before the prologue; or only parts of it are */
	ENTRY_CONSTANT,
	ENTRY_REG,      /* just in register `reg` */
	ENTRY_STACK,    /* just at CFA + `offset`, where callers put parameters */
	ENTRY_OTHER,    /* pieces, computed values: true at entry */
};

struct entry_place {
	enum entry_kind kind;
	bool has_gap;  /* a part of it is nowhere */
	bool is_exact; /* the debug information is about this instruction */
	struct loc loc;
	unsigned reg;
	int64_t offset;
};

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

static bool is_constant(const struct loc_piece *piece)
{
	if (piece->kind == PIECE_BYTES)
		return true;
	for (size_t i = 0; i < piece->n_ops; i++) {
		unsigned code = piece->ops[i].code;

		if (code == DW_OP_bregx || code == DW_OP_regval_type || code == DW_OP_deref_size ||
		    code == DW_OP_deref_type)
			return false;
	}
	return piece->kind == PIECE_VALUE;
}

static enum entry_kind entry_kind(struct entry_place *place, const struct loc_traits *traits)
{
	const struct loc_piece *piece = place->loc.pieces;
	bool is_whole = place->loc.n_pieces == 1 && !piece->bit_size;

	if (!place->loc.n_pieces)
		return traits->is_partial || (traits->is_list && !traits->is_here) ? ENTRY_LATE
										   : ENTRY_NOWHERE;
	if (traits->is_constant || (is_whole && is_constant(piece)))
		return ENTRY_CONSTANT;
	if (traits->has_frame_base || traits->has_preserved)
		return ENTRY_LATE;
	if (is_whole && piece->kind == PIECE_REG) {
		place->reg = piece->reg;
		return ENTRY_REG;
	}
	bool simple = is_whole && is_offset(piece, &place->reg, &place->offset);

	if (simple && piece->kind == PIECE_VALUE && !place->offset && place->reg != DWARF_RSP)
		return ENTRY_REG;
	if (simple && piece->kind == PIECE_MEMORY && place->reg == DWARF_RSP &&
	    place->offset >= 8 && (traits->is_list || traits->is_frame_relative)) {
		place->offset -= 8;
		return ENTRY_STACK;
	}
	if (traits->is_frame_relative || traits->has_rsp ||
	    (traits->has_memory && !traits->is_list))
		return ENTRY_LATE;
	return ENTRY_OTHER;
}

static struct entry_place entry_place(const struct function *function, size_t i)
{
	struct loc_site site = {
		.module = function->module,
		.function = function->die,
		.addr = function->entry,
		.is_entry = true,
	};
	struct loc_traits traits;
	struct entry_place place = { .loc = loc_compile(&site, function->params[i].die, &traits) };

	place.kind = entry_kind(&place, &traits);
	place.has_gap = traits.has_gap;
	place.is_exact = traits.is_list;
	return place;
}

static bool is_made_by_gcc(const struct function *function)
{
	Dwarf_Die die, unit;
	Dwarf_Attribute attr;

	if (!die_at(function->module, function->die, &die) || !dwarf_diecu(&die, &unit, NULL, NULL))
		return false;
	const char *producer = dwarf_formstring(dwarf_attr_integrate(&unit, DW_AT_producer, &attr));

	return producer && !strncmp(producer, "GNU ", 4);
}

/* What is known of the rules by which a function's source language passes values. */
enum passing { PASSING_C, PASSING_CXX, PASSING_OTHER };

/* Later than DWARF 5, so not in every dwarf.h: https://dwarfstd.org/languages.html */
enum { LANG_CXX17 = 0x2a, LANG_CXX20 = 0x2b, LANG_C17 = 0x2c, LANG_CXX23 = 0x3a, LANG_C23 = 0x3e };

/*
 * Classes of C++ may be passed by a hidden reference (Itanium C++ ABI 3.1.2.3); other languages
 * have rules of their own.
 */
static enum passing passing_of(const struct function *function)
{
	Dwarf_Die die, unit;
	int language = -1;

	if (die_at(function->module, function->die, &die) && dwarf_diecu(&die, &unit, NULL, NULL))
		language = dwarf_srclang(&unit);
	switch (language) {
	case -1: /* not stated */
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case LANG_C17:
	case LANG_C23:
	case DW_LANG_ObjC:
	case DW_LANG_Mips_Assembler:
		return PASSING_C;
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case LANG_CXX17:
	case LANG_CXX20:
	case LANG_CXX23:
	case DW_LANG_ObjC_plus_plus:
		return PASSING_CXX;
	default:
		return PASSING_OTHER;
	}
}

static bool is_passed_by_abi(enum passing passing, const struct type *type)
{
	enum type_kind kind = type_strip(type)->kind;

	return passing == PASSING_C ||
	       (passing == PASSING_CXX && kind != TYPE_STRUCT && kind != TYPE_UNION);
}

/*
 * LLVM says "nocall" of functions whose parameters it has changed; else it is a convention with
 * other registers.
 */
static bool is_foreign(const struct function *function)
{
	uint64_t convention;
	Dwarf_Die die;

	return function->is_nonstandard && die_at(function->module, function->die, &die) &&
	       die_unsigned(&die, DW_AT_calling_convention, &convention) &&
	       convention != DW_CC_nocall;
}

/*
 * Callers of functions without prototype (K&R) pass a float as a double, although it is declared
 * and described as a float.
 */
static bool is_promoted(const struct function *function, size_t i)
{
	const struct type *type = type_strip(function->params[i].type);
	Dwarf_Die die;

	return type->kind == TYPE_FLOAT && type->size < 8 &&
	       !(die_at(function->module, function->die, &die) && die_flag(&die, DW_AT_prototyped));
}

/*
 * Parameters of a function and their places in two readings: as declared, and without those that
 * are nowhere.
 */
struct signature {
	const struct function *function;
	bool is_gcc;
	size_t n;
	struct entry_place *entries;
	struct abi_place *declared, *reduced;
};

static bool is_passed(const struct entry_place *entry)
{
	return entry->kind != ENTRY_NOWHERE && entry->kind != ENTRY_CONSTANT;
}

static void place_params(const struct signature *signature, const struct type *const *types,
			 size_t n, struct abi_place *ret)
{
	const struct type *return_type = signature->function->return_type;
	enum passing passing = passing_of(signature->function);
	bool known = is_passed_by_abi(passing, return_type);

	abi_params(return_type, types, n, signature->is_gcc, ret);
	for (size_t i = 0; i < n; i++) {
		known = known && is_passed_by_abi(passing, types[i]);
		if (!known) /* nor are the places of those that follow */
			ret[i].kind = ABI_UNKNOWN;
	}
}

static void place_reduced(struct signature *signature, const struct type **types)
{
	const struct function *function = signature->function;
	size_t n = 0;

	for (size_t i = 0; i < signature->n; i++)
		if (is_passed(&signature->entries[i]))
			types[n++] = function->params[i].type;
	place_params(signature, types, n, signature->reduced);
	/* spread them to their parameters, from the end as they move up */
	for (size_t i = signature->n; i--;)
		signature->reduced[i] = is_passed(&signature->entries[i])
						? signature->reduced[--n]
						: (struct abi_place){ .kind = ABI_UNKNOWN };
}

static bool signature_make(const struct function *function, struct signature *signature)
{
	struct arena *arena = module_arena(function->module);
	size_t n = function->n_params;
	const struct type **types = arena_alloc(arena, n * sizeof(*types));

	*signature = (struct signature){
		.function = function,
		.is_gcc = is_made_by_gcc(function),
		.n = n,
		.entries = arena_alloc(arena, n * sizeof(*signature->entries)),
		.declared = arena_alloc(arena, n * sizeof(*signature->declared)),
		.reduced = arena_alloc(arena, n * sizeof(*signature->reduced)),
	};
	if (!types || !signature->entries || !signature->declared || !signature->reduced)
		return false;
	for (size_t i = 0; i < n; i++) {
		signature->entries[i] = entry_place(function, i);
		types[i] = function->params[i].type;
	}
	place_params(signature, types, n, signature->declared);
	place_reduced(signature, types);
	return true;
}

/* Whether what the debug information is sure of agrees with a reading. */
static bool fits(const struct signature *signature, const struct abi_place *places)
{
	for (size_t i = 0; i < signature->n; i++) {
		const struct entry_place *entry = &signature->entries[i];
		const struct abi_place *place = &places[i];

		if (place->kind == ABI_UNKNOWN)
			continue;
		if (entry->kind == ENTRY_REG && (place->kind != ABI_REGS || place->n_parts != 1 ||
						 place->parts[0].reg != entry->reg))
			return false;
		if (entry->kind == ENTRY_STACK &&
		    (place->kind != ABI_MEMORY || (int64_t)place->offset != entry->offset))
			return false;
	}
	return true;
}

static bool same_place(const struct abi_place *a, const struct abi_place *b)
{
	if (a->kind != b->kind || a->n_parts != b->n_parts || a->offset != b->offset)
		return false;
	for (unsigned i = 0; i < a->n_parts; i++)
		if (a->parts[i].reg != b->parts[i].reg)
			return false;
	return true;
}

/*
 * Whether the registers in the debug information are the first ones for parameters, in order: then
 * some were taken out.
 */
static bool is_compact(const struct signature *signature)
{
	struct abi_cursor cursor = {
		.n_general = abi_return(signature->function->return_type).kind == ABI_MEMORY
	};

	for (size_t i = 0; i < signature->n; i++) {
		const struct entry_place *entry = &signature->entries[i];

		if (entry->kind == ENTRY_LATE)
			return false;
		if (entry->kind == ENTRY_REG && !abi_is_next_reg(&cursor, entry->reg))
			return false;
		for (size_t j = 0; entry->kind == ENTRY_OTHER && j < entry->loc.n_pieces; j++) {
			const struct loc_piece *piece = &entry->loc.pieces[j];

			if (piece->kind != PIECE_BYTES && !is_constant(piece) &&
			    (piece->kind != PIECE_REG || !abi_is_next_reg(&cursor, piece->reg)))
				return false;
		}
	}
	return true;
}

static bool has_constant(const struct loc *loc)
{
	for (size_t i = 0; i < loc->n_pieces; i++)
		if (is_constant(&loc->pieces[i]) &&
		    (loc->pieces[i].n_bytes || loc->pieces[i].n_ops))
			return true;
	return false;
}

/**
 * Whether it is a function of the Microsoft ABI (__attribute__((ms_abi))), of which GCC says
 * nothing.  Then a parameter that should be in a register is described above the return address,
 * where those functions have room for the parameters they get in registers; or all registers are
 * that ABI's.
 */
static bool is_microsoft(const struct signature *signature)
{
	bool differs = false;

	for (size_t i = 0; i < signature->n; i++) {
		const struct entry_place *entry = &signature->entries[i];
		const struct abi_place *place = &signature->declared[i];

		if (entry->kind == ENTRY_STACK && place->kind == ABI_REGS)
			return true;
		if (entry->kind == ENTRY_REG && !abi_is_microsoft_reg(i, entry->reg))
			return false;
		differs |= entry->kind == ENTRY_REG &&
			   (place->kind != ABI_REGS || place->parts[0].reg != entry->reg);
	}
	return differs;
}

enum belief { BELIEVE_NONE, BELIEVE_DECLARED, BELIEVE_REDUCED, BELIEVE_DEBUG };

static enum belief believe_clone(const struct signature *signature, const struct entry_place *entry)
{
	bool fits_rest = false;

	if (entry->kind == ENTRY_REG)
		fits_rest = entry->is_exact || fits(signature, signature->reduced);
	else if (entry->kind == ENTRY_OTHER)
		fits_rest = entry->is_exact || is_compact(signature);
	else if (entry->kind == ENTRY_CONSTANT) /* other clones may have assigned it themselves */
		fits_rest = strstr(signature->function->symbol, ".constprop.");
	return fits_rest ? BELIEVE_DEBUG : BELIEVE_NONE;
}

static enum belief believe(const struct signature *signature, size_t i)
{
	const struct function *function = signature->function;

	if (is_foreign(function) || is_microsoft(signature))
		return BELIEVE_NONE;
	if (function->is_clone)
		return believe_clone(signature, &signature->entries[i]);
	if (signature->is_gcc && !function->is_nonstandard)
		return BELIEVE_DECLARED;
	bool declared = fits(signature, signature->declared),
	     reduced = fits(signature, signature->reduced);

	/*
	 * not static: only link time optimization may have changed it, so there must be a sign of
	 * that
	 */
	if (!function->is_static && !function->is_nonstandard)
		return declared || !reduced ? BELIEVE_DECLARED : BELIEVE_NONE;
	if (declared && reduced)
		return same_place(&signature->declared[i], &signature->reduced[i])
			       ? BELIEVE_DECLARED
			       : BELIEVE_NONE;
	if (declared)
		return BELIEVE_DECLARED;
	if (reduced)
		return BELIEVE_REDUCED;
	if (signature->entries[i].kind != ENTRY_REG && signature->entries[i].kind != ENTRY_OTHER)
		return BELIEVE_NONE;
	return is_compact(signature) && !has_constant(&signature->entries[i].loc) ? BELIEVE_DEBUG
										  : BELIEVE_NONE;
}

static const struct loc *loc_place(const struct function *function, const struct abi_place *place)
{
	if (place->kind == ABI_REGS)
		return loc_registers(function->module, place);
	return place->kind == ABI_MEMORY
		       ? loc_memory(function->module, DWARF_RSP, 8 + (int64_t)place->offset)
		       : NULL;
}

static const struct loc *loc_believed(const struct signature *signature, size_t i)
{
	enum belief belief = believe(signature, i);
	const struct entry_place *entry = &signature->entries[i];
	const struct loc *loc = NULL;

	if (belief == BELIEVE_DECLARED)
		loc = loc_place(signature->function, &signature->declared[i]);
	else if (belief == BELIEVE_REDUCED)
		loc = loc_place(signature->function, &signature->reduced[i]);
	if (loc)
		return loc;
	/* ABI_UNKNOWN: a kind of value whose passing we do not know; GCC does */
	bool is_told = belief == BELIEVE_DEBUG ||
		       (signature->is_gcc && belief == BELIEVE_DECLARED &&
			(entry->kind == ENTRY_REG || entry->kind == ENTRY_OTHER));

	return is_told ? loc_dup(signature->function->module, entry->loc) : &loc_nowhere;
}

const struct loc *loc_param_at_entry(const struct function *function, size_t i)
{
	struct signature signature;

	if (!function->has_types || i >= function->n_params || is_promoted(function, i) ||
	    !signature_make(function, &signature))
		return &loc_nowhere;
	const struct entry_place *entry = &signature.entries[i];

	/*
	 * The stack above the return address is the caller's: nothing but a parameter is described
	 * there.
	 */
	if (entry->kind == ENTRY_STACK && !is_microsoft(&signature))
		return loc_dup(function->module, entry->loc);
	if ((entry->kind == ENTRY_NOWHERE || entry->has_gap) && !signature.is_gcc)
		return &loc_nowhere;
	return loc_believed(&signature, i);
}

/*
 * GCC may have made the function return nothing: .isra if no caller wants it, .part if the rest is
 * known.
 */
static bool may_not_return_value(const struct function *function)
{
	return function->is_nonstandard || strstr(function->symbol, ".isra.") ||
	       strstr(function->symbol, ".part.");
}

const struct loc *loc_return_value(const struct function *function)
{
	if (!function->has_types || may_not_return_value(function))
		return &loc_nowhere;
	if (!is_passed_by_abi(passing_of(function), function->return_type))
		return &loc_nowhere;
	struct abi_place place = abi_return(function->return_type);

	if (place.kind == ABI_REGS)
		return loc_registers(function->module, &place);
	if (place.kind == ABI_MEMORY)
		return loc_memory(function->module, DWARF_RAX, 0);
	return &loc_nowhere;
}
