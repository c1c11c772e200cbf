/**
 * Where parameters are at a function's first instruction, and results when it returns.
 *
 * There are two witnesses.  The ABI says where callers put a parameter; that is right if this
 * function, as it was compiled, is called by the ABI, which the declaration does not prove.  The
 * debug information says where the variable is at the first instruction (loc_entry.h); that is the
 * caller's value only if it is where callers put parameters, and no other parameter is there, too:
 * `a = b;` as first statement has no code of its own.
 *
 * What compilers are known to do:
 *
 *   GCC      changes parameters and results only in clones.  Their symbols say so (.isra,
 *            .constprop, .part); if the symbol was stripped, an instance that has an abstract origin
 *            may be one.  All other functions get all their parameters.  Of a clone's parameters
 *            those are believed that are in parameters' registers: exactly at the first instruction,
 *            or all of them without holes (with -fno-var-tracking one register may be that of the
 *            time after the prologue).  Not entry values, which GCC also gives of parameters that it
 *            has removed; not constants: what was assigned to one is described in the same way.
 *   others   (LLVM) At -O0 nothing is changed.  Else nothing is passed for a parameter that is not
 *            used, even to a function that others may call
 *            (DeadArgumentEliminationPass::removeDeadArgumentsFromCallers), and one that is assigned
 *            before it is used counts as unused.  So a parameter is believed only if the debug
 *            information tells of each of its eightbytes that it is in the register where the ABI
 *            has it, or that the prologue puts it into a register of its own; or if the code reads
 *            these registers before it writes them (code.h).  Structs that are copied to the stack
 *            are always passed.
 *            Functions of which the compiler sees each call (static, or made local at link time,
 *            and their address is nowhere, callers.h) lose parameters, get members for structs and
 *            values for pointers, and return nothing if no caller wants it or all know it; LLVM
 *            before 17 says nothing of that.  Of their parameters only what the debug information
 *            tells is believed.
 *
 * A result is believed where nothing can have taken it away, and else where a caller reads the
 * registers that it is in.  That the function writes them proves nothing: so does any call on its
 * way.
 */
#include "symbols/loc.h"

#include "symbols/abi_x86_64.h"
#include "symbols/callers.h"
#include "symbols/code.h"
#include "symbols/dwarf.h"
#include "symbols/frame.h"
#include "symbols/function.h"
#include "symbols/loc_entry.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"

#include <string.h>

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

/* Parameters of a function: where the ABI has them, and what the debug information says. */
struct signature {
	const struct function *function;
	enum passing passing;
	bool is_gcc;
	size_t n;
	struct entry_place *entries;
	struct abi_place *declared;
};

static void place_params(struct signature *signature, const struct type **types)
{
	const struct type *return_type = signature->function->return_type;
	bool known = is_passed_by_abi(signature->passing, return_type);

	abi_params(return_type, types, signature->n, signature->is_gcc, signature->declared);
	for (size_t i = 0; i < signature->n; i++) {
		known = known && is_passed_by_abi(signature->passing, types[i]);
		if (!known) /* nor are the places of those that follow */
			signature->declared[i].kind = ABI_UNKNOWN;
	}
}

static bool signature_make(const struct function *function, struct signature *signature)
{
	struct arena *arena = module_arena(function->module);
	size_t n = function->n_params;
	const struct type **types = arena_alloc(arena, n * sizeof(*types));

	*signature = (struct signature){
		.function = function,
		.passing = passing_of(function),
		.is_gcc = is_made_by_gcc(function),
		.n = n,
		.entries = arena_alloc(arena, n * sizeof(*signature->entries)),
		.declared = arena_alloc(arena, n * sizeof(*signature->declared)),
	};
	if (!types || !signature->entries || !signature->declared)
		return false;
	for (size_t i = 0; i < n; i++) {
		signature->entries[i] = loc_entry_place(function, i);
		types[i] = function->params[i].type;
	}
	place_params(signature, types);
	return true;
}

static bool is_told(const struct entry_place *entry)
{
	return entry->kind == ENTRY_TOLD || entry->kind == ENTRY_SPREAD;
}

/* Whether another parameter is said to be there as well: then one has been assigned to the other. */
static bool is_shared(const struct signature *signature, size_t i)
{
	for (size_t j = 0; j < signature->n; j++)
		if (j != i && signature->entries[i].regs & signature->entries[j].regs)
			return true;
	return false;
}

static bool same_place(const struct abi_place *told, const struct abi_place *declared)
{
	if (told->kind != declared->kind)
		return false;
	if (told->kind == ABI_MEMORY)
		return told->offset == declared->offset;
	for (unsigned i = 0; i < declared->n_parts; i++)
		if (i >= told->n_parts || !told->parts[i].len ||
		    told->parts[i].reg != declared->parts[i].reg)
			return false;
	return told->kind == ABI_REGS;
}

/* Whether the registers that the debug information tells of are in order; and the first ones, without holes. */
static bool are_in_order(const struct signature *signature, bool without_holes)
{
	const struct function *function = signature->function;
	int next[2] = { abi_return(function->return_type).kind == ABI_MEMORY, 0 };

	for (size_t i = 0; i < signature->n; i++) {
		const struct entry_place *entry = &signature->entries[i];

		for (size_t j = 0; is_told(entry) && j < entry->loc.n_pieces; j++) {
			unsigned reg;

			if (!loc_piece_register(&entry->loc.pieces[j], &reg))
				continue;
			bool is_sse = reg >= DWARF_XMM0;
			int index = abi_param_index(reg);

			if (index == next[is_sse] - 1 && j) /* more of the same eightbyte */
				continue;
			if (index < next[is_sse] || (without_holes && index != next[is_sse]))
				return false;
			next[is_sse] = index + 1;
		}
	}
	return true;
}

/* Whether the code wants general registers that the ABI gives no parameter. */
static bool reads_others(const struct signature *signature)
{
	const struct function *function = signature->function;
	uint64_t given = abi_return(function->return_type).kind == ABI_MEMORY ? (uint64_t)1 << DWARF_RDI : 0;
	Dwarf_Die die;

	if (function->is_variadic || !die_at(function->module, function->die, &die) ||
	    !die_flag(&die, DW_AT_prototyped))
		return false;
	for (size_t i = 0; i < signature->n; i++) {
		const struct abi_place *place = &signature->declared[i];

		if (place->kind == ABI_UNKNOWN)
			return false;
		for (unsigned j = 0; place->kind == ABI_REGS && j < place->n_parts; j++)
			given |= (uint64_t)1 << place->parts[j].reg;
	}
	uint64_t others = code_reads_at_entry(function).regs & ~given;

	for (unsigned reg = 0; reg < DWARF_XMM0; reg++)
		if (others >> reg & 1 && abi_param_index(reg) >= 0)
			return true;
	return false;
}

/**
 * Whether it is a function of the Microsoft ABI (__attribute__((ms_abi))), of which GCC says
 * nothing.  Then a parameter that should be in a register is described above the return address,
 * where those functions have room for the parameters they get in registers; or a struct is described
 * through a pointer, which only that ABI passes for it; or all registers are that ABI's; or the code
 * reads registers that are no parameter's.
 */
static bool is_microsoft(const struct signature *signature)
{
	bool differs = reads_others(signature);

	for (size_t i = 0; i < signature->n; i++) {
		const struct entry_place *entry = &signature->entries[i];
		const struct abi_place *place = &signature->declared[i];
		bool in_register = entry->kind == ENTRY_TOLD && entry->told.kind == ABI_REGS &&
				   entry->told.n_parts == 1;

		if (entry->kind == ENTRY_TOLD && entry->told.kind == ABI_MEMORY && place->kind == ABI_REGS)
			return true;
		if (entry->is_pointed_at && signature->passing == PASSING_C)
			return true;
		if (in_register && !abi_is_microsoft_reg(i, entry->told.parts[0].reg))
			return false;
		differs |= in_register && !same_place(&entry->told, place);
	}
	return differs;
}

/* As clang says of functions that it has optimised; without it, parameters that are not in memory. */
static bool is_optimised(const struct signature *signature)
{
	const struct function *function = signature->function;
	Dwarf_Die die;

	if (die_at(function->module, function->die, &die) &&
	    (die_flag(&die, DW_AT_call_all_calls) || die_flag(&die, DW_AT_GNU_all_call_sites)))
		return true;
	for (size_t i = 0; i < signature->n; i++) {
		const struct entry_place *entry = &signature->entries[i];

		if (entry->is_exact || entry->regs ||
		    (entry->kind != ENTRY_KEPT && entry->kind != ENTRY_TOLD))
			return true;
	}
	return false;
}

enum belief { BELIEVE_NONE, BELIEVE_DECLARED, BELIEVE_DEBUG };

static enum belief believe_told(const struct signature *signature, size_t i)
{
	const struct entry_place *entry = &signature->entries[i];

	bool is_exact = entry->is_exact || same_place(&entry->told, &signature->declared[i]) ||
			!(entry->regs & ~code_reads_at_entry(signature->function).regs);

	return is_told(entry) && !entry->has_entry_value && !is_shared(signature, i) &&
			       are_in_order(signature, !is_exact)
		       ? BELIEVE_DEBUG
		       : BELIEVE_NONE;
}

/* A struct that its callers copy to where parameters are on the stack ("byval"). */
static bool is_copied(const struct signature *signature, size_t i)
{
	const struct type *type = type_strip(signature->function->params[i].type);

	return signature->declared[i].kind == ABI_MEMORY && type->size > 8 &&
	       (type->kind == TYPE_STRUCT || type->kind == TYPE_UNION);
}

/* What is passed is stored into such a variable, whatever follows. */
static bool is_volatile(const struct type *type)
{
	for (; type->kind == TYPE_TYPEDEF || type->kind == TYPE_QUAL; type = type_target(type))
		if (type->kind == TYPE_QUAL && !strcmp(type->name, "volatile"))
			return type_is_scalar(type);
	return false;
}

/* Whether the code reads all that the ABI has of a parameter before it writes there. */
static bool is_read(const struct signature *signature, size_t i)
{
	struct code_reads reads = code_reads_at_entry(signature->function);
	const struct abi_place *place = &signature->declared[i];

	if (place->kind == ABI_MEMORY)
		return place->offset / 8 < CODE_SLOTS && reads.slots >> place->offset / 8 & 1;
	for (unsigned j = 0; j < place->n_parts; j++)
		if (!(reads.regs >> place->parts[j].reg & 1))
			return false;
	return place->kind == ABI_REGS;
}

/* Whether the debug information proves that a parameter is where the ABI has it. */
static bool is_proved(const struct signature *signature, size_t i)
{
	const struct entry_place *entry = &signature->entries[i];

	if (entry->kind == ENTRY_TOLD)
		return same_place(&entry->told, &signature->declared[i]) && !is_shared(signature, i);
	if (entry->kind != ENTRY_KEPT)
		return false;
	return entry->regs ? !is_shared(signature, i)
			   : signature->declared[i].kind == ABI_MEMORY || is_volatile(signature->function->params[i].type);
}

/* Whether the debug information shows that a function is not called by the ABI. */
static bool is_changed(const struct signature *signature)
{
	for (size_t i = 0; i < signature->n; i++) {
		const struct entry_place *entry = &signature->entries[i];
		const struct abi_place *place = &signature->declared[i];

		if (entry->kind == ENTRY_SPREAD && place->kind != ABI_UNKNOWN)
			return true;
		if (entry->kind != ENTRY_TOLD || place->kind == ABI_UNKNOWN || is_shared(signature, i))
			continue;
		if (entry->told.kind != place->kind)
			return true;
		for (unsigned j = 0; j < entry->told.n_parts && j < place->n_parts; j++)
			if (entry->told.parts[j].len && entry->told.parts[j].reg != place->parts[j].reg)
				return true;
	}
	return false;
}

static bool are_all_proved(const struct signature *signature)
{
	for (size_t i = 0; i < signature->n; i++)
		if (!is_proved(signature, i))
			return false;
	return true;
}

static enum belief believe_llvm(const struct signature *signature, size_t i)
{
	const struct function *function = signature->function;

	if (!is_optimised(signature))
		return BELIEVE_DECLARED;
	bool is_own = (function->is_local && !function_has_pointer(function)) ||
		      function->is_nonstandard || is_changed(signature);

	if (is_own && !are_all_proved(signature))
		return believe_told(signature, i);
	return is_proved(signature, i) || is_copied(signature, i) || (!is_own && is_read(signature, i))
		       ? BELIEVE_DECLARED
		       : BELIEVE_NONE;
}

static enum belief believe(const struct signature *signature, size_t i)
{
	const struct function *function = signature->function;

	if (is_foreign(function) || is_microsoft(signature))
		return BELIEVE_NONE;
	/* The stack above the return address is the caller's: nothing but a parameter is described there. */
	if (signature->entries[i].kind == ENTRY_TOLD && signature->entries[i].told.kind == ABI_MEMORY)
		return BELIEVE_DEBUG;
	if (!signature->is_gcc)
		return believe_llvm(signature, i);
	return function->is_clone ? believe_told(signature, i) : BELIEVE_DECLARED;
}

static const struct loc *loc_place(const struct function *function, const struct abi_place *place)
{
	if (place->kind == ABI_REGS)
		return loc_registers(function->module, place);
	return place->kind == ABI_MEMORY
		       ? loc_memory(function->module, DWARF_RSP, 8 + (int64_t)place->offset)
		       : NULL;
}

const struct loc *loc_param_at_entry(const struct function *function, size_t i)
{
	struct signature signature;

	if (!function->has_types || i >= function->n_params || is_promoted(function, i) ||
	    !signature_make(function, &signature))
		return &loc_nowhere;
	enum belief belief = believe(&signature, i);
	const struct loc *loc = belief == BELIEVE_DECLARED ? loc_place(function, &signature.declared[i]) : NULL;

	if (loc || belief == BELIEVE_NONE)
		return loc ? loc : &loc_nowhere;
	/* ABI_UNKNOWN: a kind of value whose passing we do not know, but the compiler does */
	return belief == BELIEVE_DEBUG || is_told(&signature.entries[i])
		       ? loc_dup(function->module, signature.entries[i].loc)
		       : &loc_nowhere;
}

/* The Microsoft ABI has other places for all but scalars of up to 8 bytes. */
static bool is_result_foreign(const struct signature *signature)
{
	const struct type *type = type_strip(signature->function->return_type);

	return is_foreign(signature->function) ||
	       (is_microsoft(signature) && !(type_is_scalar(type) && type->size <= 8));
}

/*
 * GCC may have made the function return nothing: .isra if no caller wants it, .part if the rest is
 * known.  LLVM may if it knows all callers.
 */
static bool is_result_changed(const struct signature *signature)
{
	const struct function *function = signature->function;

	if (!signature->is_gcc)
		return function->is_nonstandard ||
		       (function->is_local && !function_has_pointer(function) && is_optimised(signature));
	return function->is_nonstandard ||
	       (function->is_clone && (strstr(function->symbol, ".isra.") || strstr(function->symbol, ".part.") ||
				       !strchr(function->symbol, '.')));
}

/* Whether some caller reads each of the registers that a result is in. */
static bool is_result_read(const struct function *function, const struct abi_place *place)
{
	uint64_t reads = place->kind == ABI_REGS ? function_result_reads(function) : 0;

	for (unsigned i = 0; i < place->n_parts; i++)
		if (!(reads >> place->parts[i].reg & 1))
			return false;
	return place->kind == ABI_REGS;
}

const struct loc *loc_return_value(const struct function *function)
{
	struct signature signature;

	if (!function->has_types || !signature_make(function, &signature) ||
	    !is_passed_by_abi(signature.passing, function->return_type))
		return &loc_nowhere;
	struct abi_place place = abi_return(function->return_type);

	if (is_result_foreign(&signature) ||
	    (is_result_changed(&signature) && !is_result_read(function, &place)))
		return &loc_nowhere;
	if (place.kind == ABI_REGS)
		return loc_registers(function->module, &place);
	if (place.kind == ABI_MEMORY)
		return loc_memory(function->module, DWARF_RAX, 0);
	return &loc_nowhere;
}
