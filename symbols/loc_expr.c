/**
 * DWARF expressions to programs (loc_ops.h), for one code address: the frame base, the CFA, called
 * and indexed expressions are put in place.
 *
 * Two facts are used about a function's first instruction: the CFA is rsp + 8, as only the return
 * address has been pushed (System V ABI AMD64 3.2.2, and what every .eh_frame says there); and a
 * frame base that is plain rbp will be CFA - 16, by `push rbp; mov rbp, rsp`, so that parameters on
 * the stack can be told although rbp is not set up yet.
 */
#include "symbols/loc_compiler.h"

#include "symbols/abi_x86_64.h"
#include "symbols/frame.h"

#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 4 }; /* calls, entry values, frame bases in one another */

static bool emit(struct compiler *compiler, struct loc_op op)
{
	struct loc_op *slot = compiler->ops.n < LOC_OPS_MAX ? array_push(&compiler->ops) : NULL;

	if (slot)
		*slot = op;
	return slot;
}

static bool emit_constant(struct compiler *compiler, uint64_t value)
{
	return emit(compiler, (struct loc_op){ .code = DW_OP_const8u, .value = (int64_t)value });
}

void compiler_note_register(struct compiler *compiler, uint64_t reg)
{
	if (reg == DWARF_RSP)
		compiler->traits.has_rsp = true;
	else if (!abi_reg_is_scratch((unsigned)reg))
		compiler->traits.has_preserved = true;
}

static bool emit_register(struct compiler *compiler, uint64_t reg, int64_t offset)
{
	compiler_note_register(compiler, reg);
	return reg <= UINT16_MAX &&
	       emit(compiler,
		    (struct loc_op){ .code = DW_OP_bregx, .reg = (uint16_t)reg, .value = offset });
}

static bool compile_cfa(struct compiler *compiler)
{
	struct loc_traits traits = compiler->traits;
	Dwfl_Module *dwfl = module_dwfl(compiler->site->module);
	bool ok = false;

	if (compiler->site->is_entry)
		return emit(compiler,
			    (struct loc_op){ .code = DW_OP_bregx, .reg = DWARF_RSP, .value = 8 });
	for (int i = 0; dwfl && !ok && i < 2; i++) {
		Dwarf_Addr bias = 0;
		Dwarf_CFI *cfi =
			i ? dwfl_module_dwarf_cfi(dwfl, &bias) : dwfl_module_eh_cfi(dwfl, &bias);
		Dwarf_Frame *frame;
		Dwarf_Op *ops;
		size_t n;

		if (!cfi || dwarf_cfi_addrframe(cfi, compiler->site->addr - bias, &frame) != 0)
			continue;
		ok = dwarf_frame_cfa(frame, &ops, &n) == 0 && n &&
		     compiler_add_ops(compiler, NULL, ops, n);
		free(frame);
	}
	compiler->traits = traits; /* the registers it is made of say nothing about the variable */
	return ok;
}

static bool frame_base_of(struct compiler *compiler, Dwarf_Attribute *ret)
{
	Dwarf_Die *scopes = NULL, scope;
	bool found = false;

	if (die_at(compiler->site->module, compiler->site->function, &scope))
		return dwarf_attr_integrate(&scope, DW_AT_frame_base, ret);
	int n = dwarf_getscopes_die(&compiler->variable, &scopes);

	for (int i = 0; i < n && !found; i++)
		found = dwarf_tag(&scopes[i]) == DW_TAG_subprogram &&
			dwarf_attr_integrate(&scopes[i], DW_AT_frame_base, ret);
	free(scopes);
	return found;
}

Dwarf_Addr compiler_pc(const struct compiler *compiler)
{
	return addr_to_dwarf(compiler->site->module, compiler->site->addr);
}

static bool compile_frame_base(struct compiler *compiler)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t n;

	if (!frame_base_of(compiler, &attr) ||
	    dwarf_getlocation_addr(&attr, compiler_pc(compiler), &ops, &n, 1) != 1)
		return false;
	if (n == 1 && ops[0].atom == DW_OP_call_frame_cfa)
		return compile_cfa(compiler);
	if (n == 1 && ops[0].atom == DW_OP_reg6 && compiler->site->is_entry)
		return compile_cfa(compiler) &&
		       emit(compiler, (struct loc_op){ .code = DW_OP_plus_uconst, .value = -16 });
	compiler->traits.has_frame_base = true;
	/* A frame base in a register is the register's contents: DWARF 5 section 3.3.5. */
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return emit_register(compiler, ops[0].atom - DW_OP_reg0, 0);
	return compiler_add_ops(compiler, &attr, ops, n);
}

static bool compile_frame_relative(struct compiler *compiler, int64_t offset)
{
	compiler->traits.is_frame_relative = true;
	/* a frame base that is relative to itself is nonsense, but debug information is input */
	if (compiler->nesting >= NESTING_MAX)
		return false;
	compiler->nesting++;
	bool ok = compile_frame_base(compiler);

	compiler->nesting--;
	return ok && emit(compiler, (struct loc_op){ .code = DW_OP_plus_uconst, .value = offset });
}

/*
 * The expression that an operation refers to: DW_OP_entry_value's block, the location of a called
 * DIE.
 */
static bool compile_nested(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *op)
{
	Dwarf_Attribute nested;
	Dwarf_Op *ops;
	size_t n;

	if (!attr || compiler->nesting >= NESTING_MAX ||
	    dwarf_getlocation_attr(attr, op, &nested) != 0 ||
	    dwarf_getlocation_addr(&nested, compiler_pc(compiler), &ops, &n, 1) != 1)
		return false;
	compiler->nesting++;
	bool ok = compiler_add_ops(compiler, &nested, ops, n);

	compiler->nesting--;
	return ok;
}

static bool compile_entry_value(struct compiler *compiler, Dwarf_Attribute *attr,
				const Dwarf_Op *op)
{
	Dwarf_Attribute nested;
	Dwarf_Op *ops;
	size_t n;

	compiler->traits.has_entry_value = true;
	if (!compiler->site->is_entry || !attr || dwarf_getlocation_attr(attr, op, &nested) != 0 ||
	    dwarf_getlocation(&nested, &ops, &n) != 0)
		return false;
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return emit_register(compiler, ops[0].atom - DW_OP_reg0, 0);
	return compile_nested(compiler, attr, op);
}

static bool compile_indexed(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *op)
{
	Dwarf_Attribute indexed;
	Dwarf_Addr addr;
	Dwarf_Word word;

	if (!attr || dwarf_getlocation_attr(attr, op, &indexed) != 0)
		return false;
	if (dwarf_formaddr(&indexed, &addr) == 0)
		return emit_constant(compiler, addr_from_dwarf(compiler->site->module, addr));
	return dwarf_formudata(&indexed, &word) == 0 && emit_constant(compiler, word);
}

/* The base type an operation names.  Types that do not fit into 8 bytes are not handled. */
static bool op_type(Dwarf_Attribute *attr, const Dwarf_Op *op, uint8_t *ret)
{
	uint64_t size, encoding;
	Dwarf_Die die;

	if (!attr || dwarf_getlocation_die(attr, op, &die) != 0 ||
	    !die_unsigned(&die, DW_AT_byte_size, &size) ||
	    !die_unsigned(&die, DW_AT_encoding, &encoding))
		return false;
	*ret = (uint8_t)size;
	if (encoding == DW_ATE_float)
		*ret |= OP_TYPE_FLOAT;
	else if (encoding == DW_ATE_signed || encoding == DW_ATE_signed_char)
		*ret |= OP_TYPE_SIGNED;
	return encoding == DW_ATE_float ? size == 4 || size == 8 : size >= 1 && size <= 8;
}

/*
 * LLVM has types of any number of bits, like "DW_ATE_unsigned_1", that only their names tell: what
 * an operation left in the bits above goes.  False for signed ones that are not whole bytes.
 */
static bool cut_to_bits(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *op,
			uint8_t type)
{
	struct loc_op mask = { .code = DW_OP_const_type, .type = type };
	unsigned long bits = 0;
	Dwarf_Die die;
	const char *name = dwarf_getlocation_die(attr, op, &die) == 0 ? dwarf_diename(&die) : NULL;

	if (name && !strncmp(name, "DW_ATE_", 7))
		bits = strtoul(strrchr(name, '_') + 1, NULL, 10);
	if (!bits || bits >= (type & OP_TYPE_SIZE) * 8ul)
		return true;
	mask.value = ((int64_t)1 << bits) - 1;
	return !(type & (OP_TYPE_SIGNED | OP_TYPE_FLOAT)) && emit(compiler, mask) &&
	       emit(compiler, (struct loc_op){ .code = DW_OP_and });
}

static bool compile_const_type(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *op)
{
	struct loc_op constant = { .code = DW_OP_const_type };
	Dwarf_Attribute value;
	Dwarf_Block block;

	if (!op_type(attr, op, &constant.type) || dwarf_getlocation_attr(attr, op, &value) != 0 ||
	    dwarf_formblock(&value, &block) != 0 || block.length != (constant.type & OP_TYPE_SIZE))
		return false;
	memcpy(&constant.value, block.data, block.length);
	return emit(compiler, constant);
}

static bool compile_typed(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *op)
{
	struct loc_op typed = { 0 };

	switch (op->atom) {
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		typed.code = DW_OP_regval_type;
		typed.reg = (uint16_t)op->number;
		compiler_note_register(compiler, op->number);
		break;
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		typed.code = DW_OP_deref_type;
		typed.value = (int64_t)op->number;
		break;
	case DW_OP_convert:
	case DW_OP_GNU_convert:
		typed.code = DW_OP_convert;
		break;
	default:
		typed.code = DW_OP_reinterpret;
		break;
	}
	bool to_generic =
		(typed.code == DW_OP_convert || typed.code == DW_OP_reinterpret) && !op->number;

	if (to_generic)
		return emit(compiler, typed);
	return op_type(attr, op, &typed.type) && emit(compiler, typed) &&
	       cut_to_bits(compiler, attr, op, typed.type);
}

static bool compile_one(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *op)
{
	struct loc_op plain = { .code = op->atom };

	switch (op->atom) {
	case DW_OP_lit0 ... DW_OP_lit31:
		return emit_constant(compiler, op->atom - DW_OP_lit0);
	case DW_OP_addr: /* 0: the linker left the variable out */
		return op->number &&
		       emit_constant(compiler, addr_from_dwarf(compiler->site->module, op->number));
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return emit_constant(compiler, op->number);
	case DW_OP_addrx:
	case DW_OP_constx:
	case DW_OP_GNU_addr_index:
	case DW_OP_GNU_const_index:
		return compile_indexed(compiler, attr, op);
	case DW_OP_breg0 ... DW_OP_breg31:
		return emit_register(compiler, op->atom - DW_OP_breg0, (int64_t)op->number);
	case DW_OP_bregx:
		return emit_register(compiler, op->number, (int64_t)op->number2);
	case DW_OP_fbreg:
		return compile_frame_relative(compiler, (int64_t)op->number);
	case DW_OP_call_frame_cfa:
		return compile_frame_relative(compiler, 0);
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		return compile_entry_value(compiler, attr, op);
	case DW_OP_call2:
	case DW_OP_call4:
	case DW_OP_call_ref:
		return compile_nested(compiler, attr, op);
	case DW_OP_const_type:
	case DW_OP_GNU_const_type:
		return compile_const_type(compiler, attr, op);
	case DW_OP_regval_type:
	case DW_OP_deref_type:
	case DW_OP_convert:
	case DW_OP_reinterpret:
	case DW_OP_GNU_regval_type:
	case DW_OP_GNU_deref_type:
	case DW_OP_GNU_convert:
	case DW_OP_GNU_reinterpret:
		return compile_typed(compiler, attr, op);
	case DW_OP_deref:
		return emit(compiler, (struct loc_op){ .code = DW_OP_deref_size, .value = 8 });
	case DW_OP_deref_size:
	case DW_OP_plus_uconst:
	case DW_OP_pick:
		plain.value = (int64_t)op->number;
		return emit(compiler, plain);
	case DW_OP_over:
		return emit(compiler, (struct loc_op){ .code = DW_OP_pick, .value = 1 });
	case DW_OP_dup:
		return emit(compiler, (struct loc_op){ .code = DW_OP_pick, .value = 0 });
	case DW_OP_drop:
	case DW_OP_swap:
	case DW_OP_rot:
	case DW_OP_nop:
	case DW_OP_abs ... DW_OP_plus:
	case DW_OP_shl ... DW_OP_xor:
	case DW_OP_eq ... DW_OP_ne:
		return emit(compiler, plain);
	default:
		return false;
	}
}

/*
 * A branch goes to the operation at `target`, a byte offset; the last entry of `starts` is the end.
 */
static bool resolve_branch(struct loc_op *branch, int64_t target, const Dwarf_Op *ops,
			   const uint16_t *starts, size_t n)
{
	const Dwarf_Op *last = &ops[n - 1];

	for (size_t i = 0; i < n; i++) {
		if ((int64_t)ops[i].offset == target) {
			branch->reg = starts[i];
			return true;
		}
	}
	branch->reg = starts[n];
	/*
	 * to the end: only a branch has a length that we know of, but none can be longer than what
	 * is last
	 */
	return target > (int64_t)last->offset;
}

bool compiler_add_ops(struct compiler *compiler, Dwarf_Attribute *attr, const Dwarf_Op *ops,
			size_t n)
{
	struct branch {
		size_t at;
		int64_t target;
	} branches[16];
	uint16_t starts[LOC_OPS_MAX + 1];
	size_t n_branches = 0;

	if (!n || n > LOC_OPS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		starts[i] = (uint16_t)compiler->ops.n;
		if (ops[i].atom != DW_OP_skip && ops[i].atom != DW_OP_bra) {
			if (!compile_one(compiler, attr, &ops[i]))
				return false;
			continue;
		}
		if (n_branches == sizeof(branches) / sizeof(branches[0]))
			return false;
		/* 3 bytes long, with a signed 16-bit distance from its end */
		branches[n_branches].at = compiler->ops.n;
		branches[n_branches++].target = (int64_t)ops[i].offset + 3 + (int16_t)ops[i].number;
		if (!emit(compiler, (struct loc_op){ .code = ops[i].atom }))
			return false;
	}
	starts[n] = (uint16_t)compiler->ops.n;
	for (size_t i = 0; i < n_branches; i++)
		if (!resolve_branch(&compiler->ops.items[branches[i].at], branches[i].target, ops,
				    starts, n))
			return false;
	return true;
}
