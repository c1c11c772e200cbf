/**
 * A register that is read before it is written has been given to the code by its caller: compilers
 * pass something there.  All ways through the code are followed, up to some hundred instructions;
 * what a called function reads is not counted, nor is what only looks like a use:
 *
 *   - pushing a register (to keep it for the caller, or for the room it takes),
 *   - idioms whose result does not depend on what they read (xor r,r; sbb r,r; or r,-1),
 *   - the destination of vector instructions, of which some change a part only, and conversions
 *     and roots, which are said to read all they keep.
 *
 * Where the stack pointer is known relative to the entry, so is what is read of the caller's part
 * of the stack, where further parameters are.
 */
#include "symbols/code.h"

#include <Zydis/Zydis.h>
#include <string.h>

#include "symbols/abi_x86_64.h"
#include "symbols/frame.h"
#include "symbols/function.h"
#include "symbols/module.h"

enum { WAYS_MAX = 48, STEPS_MAX = 600, VISITED_BITS = 4096 };

/* A way through the code: where it stands, and what it has written. */
struct way {
	uint64_t addr;
	struct code_reads written;
	int64_t depth, frame;          /* of rsp and rbp below the entry's rsp, */
	bool has_depth, has_frame;     /* if that is known */
};

struct walk {
	const struct module *module;
	uint64_t start;
	struct code_reads reads;
	struct way ways[WAYS_MAX];
	unsigned n_ways, steps;
	uint8_t visited[VISITED_BITS / 8]; /* branch targets, by their distance from the start */
};

struct insn {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	uint64_t next;
};

static bool decode(const struct walk *walk, uint64_t addr, struct insn *ret)
{
	static ZydisDecoder decoder;
	static bool ready;
	uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	size_t len = sizeof(bytes);

	if (!ready)
		ready = ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
						      ZYDIS_STACK_WIDTH_64));
	while (len && module_read(walk->module, addr, bytes, len) < 0)
		len--;
	if (!len || !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, len, &ret->insn, ret->operands)))
		return false;
	ret->next = addr + ret->insn.length;
	return true;
}

/* DWARF number of a general or SSE register, of whatever width; -1 for all others. */
static int dwarf_number(ZydisRegister reg)
{
	static const uint8_t general[] = { DWARF_RAX, DWARF_RCX, DWARF_RDX, DWARF_RBX, DWARF_RSP, DWARF_RBP,
					   DWARF_RSI, DWARF_RDI, DWARF_R8,  DWARF_R9,  DWARF_R10, DWARF_R11,
					   DWARF_R12, DWARF_R13, DWARF_R14, DWARF_R15 };
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	ZyanI8 id = ZydisRegisterGetId(whole);

	if (ZydisRegisterGetClass(whole) == ZYDIS_REGCLASS_GPR64)
		return id >= 0 && id < 16 ? general[id] : -1;
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_YMM:
	case ZYDIS_REGCLASS_ZMM:
		id = ZydisRegisterGetId(reg);
		return id >= 0 && id < 16 ? DWARF_XMM0 + id : -1;
	default:
		return -1;
	}
}

static uint64_t bit_of(ZydisRegister reg)
{
	int number = reg == ZYDIS_REGISTER_NONE ? -1 : dwarf_number(reg);

	return number < 0 ? 0 : (uint64_t)1 << number;
}

static bool is_immediate(const ZydisDecodedOperand *operand, int64_t value)
{
	return operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operand->imm.value.s == value;
}

/* Whether the result is the same whatever the register holds. */
static bool is_idiom(const struct insn *insn)
{
	const ZydisDecodedOperand *a = &insn->operands[0], *b = &insn->operands[1];
	unsigned n = insn->insn.operand_count_visible;
	const ZydisDecodedOperand *last = n ? &insn->operands[n - 1] : a, *before = n > 1 ? last - 1 : a;

	switch (insn->insn.mnemonic) {
	case ZYDIS_MNEMONIC_OR:
		return is_immediate(b, -1);
	case ZYDIS_MNEMONIC_AND:
		return is_immediate(b, 0);
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_SBB:
	case ZYDIS_MNEMONIC_PXOR:
	case ZYDIS_MNEMONIC_VPXOR:
	case ZYDIS_MNEMONIC_XORPS:
	case ZYDIS_MNEMONIC_VXORPS:
	case ZYDIS_MNEMONIC_XORPD:
	case ZYDIS_MNEMONIC_VXORPD:
	case ZYDIS_MNEMONIC_PCMPEQB:
	case ZYDIS_MNEMONIC_PCMPEQD:
	case ZYDIS_MNEMONIC_VPCMPEQD:
	case ZYDIS_MNEMONIC_VPCMPEQB:
		return n > 1 && last->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		       before->type == ZYDIS_OPERAND_TYPE_REGISTER && last->reg.value == before->reg.value;
	default:
		return false;
	}
}

/* Conversions and roots of scalars keep the rest of their destination, which they are said to read. */
static bool keeps_rest(const struct insn *insn)
{
	switch (insn->insn.mnemonic) {
	case ZYDIS_MNEMONIC_CVTSI2SD:
	case ZYDIS_MNEMONIC_CVTSI2SS:
	case ZYDIS_MNEMONIC_CVTSS2SD:
	case ZYDIS_MNEMONIC_CVTSD2SS:
	case ZYDIS_MNEMONIC_SQRTSD:
	case ZYDIS_MNEMONIC_SQRTSS:
	case ZYDIS_MNEMONIC_VCVTSI2SD:
	case ZYDIS_MNEMONIC_VCVTSI2SS:
	case ZYDIS_MNEMONIC_VCVTUSI2SD:
	case ZYDIS_MNEMONIC_VCVTUSI2SS:
	case ZYDIS_MNEMONIC_VCVTSS2SD:
	case ZYDIS_MNEMONIC_VCVTSD2SS:
	case ZYDIS_MNEMONIC_VSQRTSD:
	case ZYDIS_MNEMONIC_VSQRTSS:
	case ZYDIS_MNEMONIC_VROUNDSD:
	case ZYDIS_MNEMONIC_VROUNDSS:
		return true;
	default:
		return false;
	}
}

/* The slots of the caller's stack that an operand covers; 0 if it is elsewhere, or that is not known. */
static uint64_t slots_of(const struct way *way, const ZydisDecodedOperand *operand)
{
	bool by_rsp = operand->mem.base == ZYDIS_REGISTER_RSP && way->has_depth,
	     by_rbp = operand->mem.base == ZYDIS_REGISTER_RBP && way->has_frame;
	int64_t cfa = operand->mem.disp.value - 8 - (by_rsp ? way->depth : way->frame);

	if ((!by_rsp && !by_rbp) || operand->mem.index != ZYDIS_REGISTER_NONE || cfa < 0 ||
	    cfa / 8 >= CODE_SLOTS)
		return 0;
	uint64_t slot = (uint64_t)cfa / 8, end = ((uint64_t)cfa + operand->size / 8 + 7) / 8;
	uint64_t mask = 0;

	for (; slot < end && slot < CODE_SLOTS; slot++)
		mask |= (uint64_t)1 << slot;
	return mask;
}

static bool is_sse(uint64_t regs)
{
	return regs >> DWARF_XMM0;
}

/* What an instruction reads and writes. */
static void use(struct walk *walk, struct way *way, const struct insn *insn)
{
	bool ignore = is_idiom(insn) || insn->insn.meta.category == ZYDIS_CATEGORY_PUSH ||
		      insn->insn.meta.category == ZYDIS_CATEGORY_NOP ||
		      insn->insn.meta.category == ZYDIS_CATEGORY_WIDENOP;
	struct code_reads read = { 0 }, written = { 0 };

	for (unsigned i = 0; i < insn->insn.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operands[i];
		bool reads = operand->actions & ZYDIS_OPERAND_ACTION_READ,
		     writes = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

		if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			read.regs |= bit_of(operand->mem.base) | bit_of(operand->mem.index);
			if (operand->mem.type != ZYDIS_MEMOP_TYPE_MEM)
				continue;
			read.slots |= reads ? slots_of(way, operand) : 0;
			written.slots |= writes ? slots_of(way, operand) : 0;
		} else if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
			uint64_t regs = bit_of(operand->reg.value);
			bool kept = is_sse(regs) && (writes || keeps_rest(insn));

			read.regs |= reads && !kept ? regs : 0;
			written.regs |= writes ? regs : 0;
		}
	}
	if (!ignore) {
		walk->reads.regs |= read.regs & ~way->written.regs;
		walk->reads.slots |= read.slots & ~way->written.slots;
	}
	way->written.regs |= written.regs;
	way->written.slots |= written.slots;
}

/* Where rsp and rbp are after an instruction. */
static void track_stack(struct way *way, const struct insn *insn)
{
	const ZydisDecodedOperand *a = &insn->operands[0], *b = &insn->operands[1];
	bool to_rsp = a->type == ZYDIS_OPERAND_TYPE_REGISTER && a->reg.value == ZYDIS_REGISTER_RSP,
	     to_rbp = a->type == ZYDIS_OPERAND_TYPE_REGISTER && a->reg.value == ZYDIS_REGISTER_RBP,
	     by_number = b->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;

	switch (insn->insn.mnemonic) {
	case ZYDIS_MNEMONIC_PUSH:
		way->depth += 8;
		return;
	case ZYDIS_MNEMONIC_POP:
		way->depth -= 8;
		way->has_frame &= !to_rbp;
		return;
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_ADD:
		if (to_rsp && by_number) {
			way->depth += insn->insn.mnemonic == ZYDIS_MNEMONIC_SUB ? b->imm.value.s
										: -b->imm.value.s;
			return;
		}
		break;
	case ZYDIS_MNEMONIC_MOV:
		if (to_rbp && b->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    b->reg.value == ZYDIS_REGISTER_RSP) {
			way->frame = way->depth;
			way->has_frame = way->has_depth;
			return;
		}
		break;
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_CMP:
	case ZYDIS_MNEMONIC_TEST:
		return;
	default:
		break;
	}
	way->has_depth &= !(to_rsp && a->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
			  insn->insn.mnemonic != ZYDIS_MNEMONIC_LEAVE;
	way->has_frame &= !(to_rbp && a->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
			  insn->insn.mnemonic != ZYDIS_MNEMONIC_LEAVE;
}

/* Each branch target is followed once. */
static bool is_new(struct walk *walk, uint64_t target)
{
	uint64_t at = target - walk->start;
	uint8_t bit = (uint8_t)(1 << at % 8);

	if (at >= VISITED_BITS || walk->visited[at / 8] & bit)
		return false;
	walk->visited[at / 8] |= bit;
	return true;
}

static void branch(struct walk *walk, const struct way *way, uint64_t target)
{
	if (walk->n_ways == WAYS_MAX || !is_new(walk, target))
		return;
	walk->ways[walk->n_ways] = *way;
	walk->ways[walk->n_ways++].addr = target;
}

static uint64_t scratch_registers(void)
{
	uint64_t mask = 0;

	for (unsigned reg = 0; reg < DWARF_XMM0 + 16; reg++)
		if (abi_reg_is_scratch(reg))
			mask |= (uint64_t)1 << reg;
	return mask;
}

/* One instruction of a way; false if it ends there. */
static bool step(struct walk *walk, struct way *way)
{
	struct insn insn;

	if (!decode(walk, way->addr, &insn))
		return false;
	uint64_t target = insn.next + (uint64_t)insn.insn.raw.imm[0].value.s;
	bool is_relative = insn.insn.raw.imm[0].is_relative;

	use(walk, way, &insn);
	track_stack(way, &insn);
	switch (insn.insn.meta.category) {
	case ZYDIS_CATEGORY_CALL:
		way->written.regs |= scratch_registers();
		break;
	case ZYDIS_CATEGORY_COND_BR:
		branch(walk, way, target);
		break;
	case ZYDIS_CATEGORY_UNCOND_BR:
		if (is_relative)
			branch(walk, way, target);
		return false;
	case ZYDIS_CATEGORY_RET:
		walk->reads.kept |= ~way->written.regs;
		return false;
	case ZYDIS_CATEGORY_INTERRUPT:
		return false;
	default:
		if (insn.insn.mnemonic == ZYDIS_MNEMONIC_UD2)
			return false;
		break;
	}
	way->addr = insn.next;
	return true;
}

static struct code_reads walk_from(const struct module *module, uint64_t addr, bool is_entry)
{
	struct walk walk = { .module = module, .start = addr };

	walk.ways[walk.n_ways++] = (struct way){ .addr = addr, .has_depth = is_entry };
	while (walk.n_ways) {
		struct way way = walk.ways[--walk.n_ways];

		while (walk.steps++ < STEPS_MAX && step(&walk, &way))
			;
	}
	return walk.reads;
}

struct code_reads code_reads_at_entry(const struct function *function)
{
	struct function_code *code = function->code;

	if (!code)
		return (struct code_reads){ 0 };
	if (!code->is_known)
		code->reads = walk_from(function->module, function->entry, true);
	code->is_known = true;
	return code->reads;
}

struct code_reads code_reads_from(const struct module *module, uint64_t addr)
{
	return walk_from(module, addr, false);
}
