/**
 * Classification by eightbytes.
 *
 * A value of up to 16 bytes has a class for each of its two eightbytes, the merged classes of the
 * scalars that lie in them; larger ones are MEMORY.  UNKNOWN is ours and is stronger than all
 * others: what we are not sure of must not be shown. As the place of each parameter depends on
 * those before it, one that is UNKNOWN makes all later ones unknown too.
 *
 * Sources beside the ABI: GCC's classify_argument() (config/i386/i386.cc) and Clang's
 * X86_64ABIInfo::classify(), which agree for C but for flexible array members, small vectors and
 * `__int128` that finds less than two free registers (Clang before 18 splits it between register
 * and stack, https://reviews.llvm.org/D158169).
 */
#include "symbols/abi_x86_64.h"

#include "symbols/dwarf.h"
#include "symbols/frame.h"
#include "symbols/type.h"

#include <string.h>

enum class {
	CLASS_NONE,
	CLASS_INTEGER,
	CLASS_SSE,
	CLASS_SSEUP,
	CLASS_X87,
	CLASS_X87UP,
	CLASS_COMPLEX_X87,
	CLASS_MEMORY,
	CLASS_UNKNOWN,
};

struct classes {
	enum class at[2];
};

enum { MEMBER_DEPTH_MAX = 16, LEAVES_MAX = 64 };

static bool is_x87(enum class class)
{
	return class == CLASS_X87 || class == CLASS_X87UP || class == CLASS_COMPLEX_X87;
}

/* The ABI's merging of two classes of one eightbyte. */
static enum class merge(enum class a, enum class b)
{
	if (a == b || b == CLASS_NONE)
		return a;
	if (a == CLASS_NONE)
		return b;
	if (a == CLASS_UNKNOWN || b == CLASS_UNKNOWN)
		return CLASS_UNKNOWN;
	if (a == CLASS_MEMORY || b == CLASS_MEMORY)
		return CLASS_MEMORY;
	if (a == CLASS_INTEGER || b == CLASS_INTEGER)
		return CLASS_INTEGER;
	if (is_x87(a) || is_x87(b))
		return CLASS_MEMORY;
	return CLASS_SSE;
}

static struct classes both(enum class low, enum class high)
{
	return (struct classes){ { low, high } };
}

/* "_Float128", "__float128", "_Float64x" (which is x87), "long double". */
static struct classes classify_float(const struct type *type)
{
	if (type->size <= 8)
		return both(CLASS_SSE, CLASS_NONE);
	if (type->size != 16 || !type->name)
		return both(CLASS_UNKNOWN, CLASS_UNKNOWN);
	if (strstr(type->name, "128"))
		return both(CLASS_SSE, CLASS_SSEUP);
	return both(CLASS_X87, CLASS_X87UP);
}

static struct classes classify_complex(const struct type *type)
{
	switch (type->size) {
	case 8:
		return both(CLASS_SSE, CLASS_NONE);
	case 16:
		return both(CLASS_SSE, CLASS_SSE);
	case 32:
		if (type->name && strstr(type->name, "128")) /* of _Float128 */
			return both(CLASS_MEMORY, CLASS_MEMORY);
		return both(CLASS_COMPLEX_X87, CLASS_COMPLEX_X87);
	default:
		return both(CLASS_UNKNOWN, CLASS_UNKNOWN);
	}
}

static struct classes classify_scalar(const struct type *type)
{
	switch (type->kind) {
	case TYPE_INT:
	case TYPE_CHAR:
	case TYPE_BOOL:
	case TYPE_ENUM:
	case TYPE_PTR:
		if (type->size <= 8)
			return both(CLASS_INTEGER, CLASS_NONE);
		return type->size == 16 ? both(CLASS_INTEGER, CLASS_INTEGER)
					: both(CLASS_UNKNOWN, CLASS_UNKNOWN);
	case TYPE_FLOAT:
		return classify_float(type);
	case TYPE_COMPLEX:
		return classify_complex(type);
	default:
		return both(CLASS_UNKNOWN, CLASS_UNKNOWN);
	}
}

/* Alignment of scalars is their size, of complex numbers that of their parts. */
static uint64_t scalar_align(const struct type *type)
{
	uint64_t size = type->kind == TYPE_COMPLEX ? type->size / 2 : type->size;

	return size ? size : 1;
}

static void merge_at(struct classes *classes, uint64_t offset, struct classes leaf)
{
	unsigned first = offset / 8 ? 1 : 0;

	classes->at[first] = merge(classes->at[first], leaf.at[0]);
	if (!first)
		classes->at[1] = merge(classes->at[1], leaf.at[1]);
	else if (leaf.at[1] != CLASS_NONE)
		*classes = both(CLASS_UNKNOWN, CLASS_UNKNOWN);
}

static void classify_bits(const struct member *member, uint64_t offset, struct classes *classes)
{
	uint64_t first = offset * 8 + member->bit_offset, last = first + member->bit_size - 1;

	for (uint64_t i = first / 64; i <= last / 64 && i < 2; i++)
		classes->at[i] = merge(classes->at[i], CLASS_INTEGER);
}

static void classify_at(const struct type *type, uint64_t offset, unsigned depth,
			struct classes *classes);

static void classify_members(const struct type *type, uint64_t offset, unsigned depth,
			     struct classes *classes)
{
	const struct member *members;
	size_t n = type_members(type, &members);

	for (size_t i = 0; i < n; i++) {
		if (members[i].bit_size)
			classify_bits(&members[i], offset + members[i].offset, classes);
		else
			classify_at(members[i].type, offset + members[i].offset, depth, classes);
	}
}

static void classify_elements(const struct type *type, uint64_t offset, unsigned depth,
			      struct classes *classes)
{
	const struct type *element = type_strip(type_target(type));

	if (type->is_vector && type->size == 16) {
		merge_at(classes, offset, both(CLASS_SSE, CLASS_SSEUP));
		return;
	}
	if (!type->size || !element->size || type->count > 16 || type->is_vector) {
		*classes = both(CLASS_UNKNOWN, CLASS_UNKNOWN);
		return;
	}
	for (uint64_t i = 0; i < type->count; i++)
		classify_at(element, offset + i * element->size, depth, classes);
}

/* Merge in a part of a value of at most 16 bytes. */
static void classify_at(const struct type *type, uint64_t offset, unsigned depth,
			struct classes *classes)
{
	type = type_strip(type);
	if (!depth || offset + type->size > 16) {
		*classes = both(CLASS_UNKNOWN, CLASS_UNKNOWN);
		return;
	}
	if (type->kind == TYPE_STRUCT || type->kind == TYPE_UNION)
		classify_members(type, offset, depth - 1, classes);
	else if (type->kind == TYPE_ARRAY)
		classify_elements(type, offset, depth - 1, classes);
	else if (offset % scalar_align(type))
		merge_at(classes, offset, both(CLASS_MEMORY, CLASS_NONE));
	else
		merge_at(classes, offset, classify_scalar(type));
}

/* The "post merger cleanup" of the ABI. */
static struct classes clean_up(struct classes classes)
{
	enum class low = classes.at[0], high = classes.at[1];

	if (low == CLASS_UNKNOWN || high == CLASS_UNKNOWN)
		return both(CLASS_UNKNOWN, CLASS_UNKNOWN);
	if (low == CLASS_MEMORY || high == CLASS_MEMORY ||
	    (high == CLASS_X87UP && low != CLASS_X87))
		return both(CLASS_MEMORY, CLASS_MEMORY);
	if (high == CLASS_SSEUP && low != CLASS_SSE)
		classes.at[1] = CLASS_SSE;
	return classes;
}

/*
 * Whether some member, at any depth, is a vector: then more than 16 bytes may be in one register.
 */
static bool holds_unknown(const struct type *type, unsigned depth)
{
	const struct member *members;

	type = type_strip(type);
	if (!depth || type->kind == TYPE_UNKNOWN)
		return true;
	if (type->kind == TYPE_ARRAY)
		return type->is_vector || holds_unknown(type_target(type), depth - 1);
	if (type->kind != TYPE_STRUCT && type->kind != TYPE_UNION)
		return false;
	size_t n = type_members(type, &members);

	for (size_t i = 0; i < n && i < LEAVES_MAX; i++)
		if (holds_unknown(members[i].type, depth - 1))
			return true;
	return false;
}

static struct classes classify(const struct type *type)
{
	struct classes classes = both(CLASS_NONE, CLASS_NONE);

	type = type_strip(type);
	switch (type->kind) {
	case TYPE_STRUCT:
	case TYPE_UNION:
		if (type->is_declaration)
			return both(CLASS_UNKNOWN, CLASS_UNKNOWN);
		if (type->size > 64) /* larger than any vector register */
			return both(CLASS_MEMORY, CLASS_MEMORY);
		if (type->size > 16 && holds_unknown(type, MEMBER_DEPTH_MAX))
			return both(CLASS_UNKNOWN, CLASS_UNKNOWN);
		if (type->size > 16)
			return both(CLASS_MEMORY, CLASS_MEMORY);
		classify_at(type, 0, MEMBER_DEPTH_MAX, &classes);
		return clean_up(classes);
	case TYPE_ARRAY: /* as a whole value it can only be a vector */
		return type->size == 16 && type->is_vector ? both(CLASS_SSE, CLASS_SSEUP)
							    : both(CLASS_UNKNOWN, CLASS_UNKNOWN);
	case TYPE_VOID: /* nullptr_t has a size, and is passed as a pointer */
		return type->size ? both(CLASS_INTEGER, CLASS_NONE) : classes;
	default:
		return classify_scalar(type);
	}
}

static uint64_t stated_align(const struct type *type)
{
	Dwarf_Die die;
	uint64_t align;

	if (!die_at(type->module, type->die, &die) || !die_unsigned(&die, DW_AT_alignment, &align))
		return 1;
	return align && align <= 4096 ? align : 1;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Alignment as far as it is stated, or that of scalars, of which at most `scalar_max` counts.  A
 * member that is not where its own alignment wants it is in a packed struct, and does not count.
 */
static uint64_t type_align(const struct type *type, unsigned depth, uint64_t scalar_max)
{
	uint64_t stated = 1;

	for (; type->kind == TYPE_TYPEDEF || type->kind == TYPE_QUAL; type = type_target(type))
		stated = max(stated, stated_align(type));
	type = type_strip(type);
	if (!depth)
		return stated;
	if (type->kind == TYPE_ARRAY)
		return max(stated,
			   type->is_vector ? least(type->size, scalar_max)
					   : type_align(type_target(type), depth - 1, scalar_max));
	if (type->kind != TYPE_STRUCT && type->kind != TYPE_UNION)
		return max(stated, least(scalar_align(type), scalar_max));

	const struct member *members;
	size_t n = type_members(type, &members);

	stated = max(stated, stated_align(type));
	for (size_t i = 0; i < n; i++) {
		uint64_t align = members[i].bit_size ? 1 : type_align(members[i].type, depth - 1, scalar_max);

		align = max(align, members[i].align);
		if (members[i].offset % align == 0 && type->size % align == 0)
			stated = max(stated, align);
	}
	return stated;
}

/* Registers and stack used up so far. */
struct allocation {
	unsigned n_general, n_sse;
	uint64_t stack;
	bool is_gcc;
	bool lost; /* a parameter was not understood: nothing is known from here on */
};

static const uint8_t general_args[] = { DWARF_RDI, DWARF_RSI, DWARF_RDX,
					DWARF_RCX, DWARF_R8,  DWARF_R9 };
enum { N_GENERAL_ARGS = sizeof(general_args), N_SSE_ARGS = 8 };

static void add_part(struct abi_place *place, unsigned reg, uint64_t len)
{
	place->parts[place->n_parts].reg = (uint8_t)reg;
	place->parts[place->n_parts++].len = (uint8_t)len;
}

static struct abi_place place_unknown(struct allocation *allocation)
{
	allocation->lost = true;
	return (struct abi_place){ .kind = ABI_UNKNOWN };
}

/*
 * Whether a struct may be packed: then its members' own alignment does not count, and nothing in the
 * debug information tells, if they are where that alignment would have them.
 */
static bool may_be_packed(const struct type *type)
{
	const struct type *bare = type_strip(type);

	if (bare->kind != TYPE_STRUCT && bare->kind != TYPE_UNION)
		return false;
	return type_align(type, MEMBER_DEPTH_MAX, UINT64_MAX) != type_align(type, MEMBER_DEPTH_MAX, 8);
}

static struct abi_place place_on_stack(const struct type *type, struct allocation *allocation)
{
	uint64_t align = max(8, type_align(type, MEMBER_DEPTH_MAX, UINT64_MAX));
	struct abi_place place = { .kind = ABI_MEMORY };

	if (align > 8 && allocation->stack % align && may_be_packed(type))
		return place_unknown(allocation);
	place.offset = (allocation->stack + align - 1) / align * align;
	allocation->stack = place.offset + (type_strip(type)->size + 7) / 8 * 8;
	return place;
}

static unsigned count(struct classes classes, enum class class)
{
	return (unsigned)(classes.at[0] == class) + (unsigned)(classes.at[1] == class);
}

static bool is_in_memory(struct classes classes)
{
	return classes.at[0] == CLASS_MEMORY || is_x87(classes.at[0]);
}

static uint64_t eightbyte_len(const struct type *type, unsigned i)
{
	uint64_t left = type->size - 8 * (uint64_t)i;

	return left < 8 ? left : 8;
}

static struct abi_place place_param(const struct type *type, struct allocation *allocation)
{
	struct classes classes = classify(type);
	const struct type *stripped = type_strip(type);
	unsigned n_general = count(classes, CLASS_INTEGER), n_sse = count(classes, CLASS_SSE);
	bool fits = allocation->n_general + n_general <= N_GENERAL_ARGS &&
		    allocation->n_sse + n_sse <= N_SSE_ARGS;

	if (allocation->lost || classes.at[0] == CLASS_UNKNOWN)
		return place_unknown(allocation);
	if (!stripped->size)
		return (struct abi_place){ .kind = ABI_EMPTY };
	if (!fits && stripped->kind == TYPE_INT && n_general == 2 && !allocation->is_gcc)
		return place_unknown(allocation);
	if (!fits || is_in_memory(classes))
		return place_on_stack(type, allocation);

	struct abi_place place = { .kind = ABI_REGS };

	for (unsigned i = 0; i < 2 && 8 * i < stripped->size; i++) {
		bool whole = i == 0 && classes.at[1] == CLASS_SSEUP;

		if (classes.at[i] == CLASS_INTEGER)
			add_part(&place, general_args[allocation->n_general++],
				 eightbyte_len(stripped, i));
		else if (classes.at[i] == CLASS_SSE)
			add_part(&place, DWARF_XMM0 + allocation->n_sse++,
				 whole ? 16 : eightbyte_len(stripped, i));
		else if (classes.at[i] == CLASS_NONE)
			return place_unknown(allocation); /* padding only: its bytes are nowhere */
	}
	return place;
}

void abi_params(const struct type *return_type, const struct type *const *types, size_t n,
		bool is_gcc, struct abi_place *ret)
{
	struct allocation allocation = { .is_gcc = is_gcc };
	struct abi_place result = abi_return(return_type);

	/* The caller's address for a result in memory comes as a hidden first parameter. */
	allocation.n_general = result.kind == ABI_MEMORY;
	allocation.lost = result.kind == ABI_UNKNOWN;
	for (size_t i = 0; i < n; i++)
		ret[i] = place_param(types[i], &allocation);
}

struct abi_place abi_return(const struct type *type)
{
	static const uint8_t general[] = { DWARF_RAX, DWARF_RDX };
	struct classes classes = classify(type);
	struct abi_place place = { .kind = ABI_REGS };
	unsigned n_general = 0, n_sse = 0;

	type = type_strip(type);
	if (classes.at[0] == CLASS_UNKNOWN)
		return (struct abi_place){ .kind = ABI_UNKNOWN };
	if (!type->size)
		return (struct abi_place){ .kind = ABI_EMPTY };
	if (classes.at[0] == CLASS_MEMORY)
		return (struct abi_place){ .kind = ABI_MEMORY };
	if (classes.at[0] == CLASS_X87) {
		add_part(&place, DWARF_ST0, 16);
		return place;
	}
	if (classes.at[0] == CLASS_COMPLEX_X87) {
		add_part(&place, DWARF_ST0, 16);
		add_part(&place, DWARF_ST0 + 1, 16);
		return place;
	}
	for (unsigned i = 0; i < 2 && 8 * i < type->size; i++) {
		bool whole = i == 0 && classes.at[1] == CLASS_SSEUP;

		if (classes.at[i] == CLASS_INTEGER)
			add_part(&place, general[n_general++], eightbyte_len(type, i));
		else if (classes.at[i] == CLASS_SSE)
			add_part(&place, DWARF_XMM0 + n_sse++, whole ? 16 : eightbyte_len(type, i));
		else if (classes.at[i] == CLASS_NONE)
			return (struct abi_place){ .kind = ABI_UNKNOWN };
	}
	return place;
}

bool abi_is_microsoft_reg(size_t param, unsigned dwarf_reg)
{
	static const uint8_t general[] = { DWARF_RCX, DWARF_RDX, DWARF_R8, DWARF_R9 };

	return param < sizeof(general) &&
	       (dwarf_reg == general[param] || dwarf_reg == DWARF_XMM0 + param);
}

int abi_param_index(unsigned dwarf_reg)
{
	for (int i = 0; i < N_GENERAL_ARGS; i++)
		if (dwarf_reg == general_args[i])
			return i;
	return dwarf_reg >= DWARF_XMM0 && dwarf_reg < DWARF_XMM0 + N_SSE_ARGS ? (int)dwarf_reg - DWARF_XMM0 : -1;
}

bool abi_reg_is_scratch(unsigned dwarf_reg)
{
	switch (dwarf_reg) {
	case DWARF_RBX:
	case DWARF_RBP:
	case DWARF_RSP:
	case DWARF_R12:
	case DWARF_R13:
	case DWARF_R14:
	case DWARF_R15:
	case DWARF_RIP:
		return false;
	default:
		return true;
	}
}
