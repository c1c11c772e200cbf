/*
 * Displacing one instruction
 *
 *	ordinary             the bytes; jmp next
 *	rip-relative         the bytes with the distance corrected; jmp next
 *	jmp target           jmp rel32 target
 *	jcc target           jcc rel32 target; jmp next
 *	call target          push $lo(next); movl $hi(next),4(%rsp); jmp target
 *	call *operand        push, movl as above; jmp *operand (8 more for an operand relative to rsp)
 *	loop, jrcxz          the bytes with distance 5; jmp next; jmp target
 *	ret, ud2, jmp *op    the bytes alone
 *
 * A call leaves the true return address, so unwinding and the callee see nothing of the slot.  What
 * a call writes below rsp the push writes too.  Refused: int n, syscall (rcx would hold the slot's
 * address), xbegin, far transfers, 32-bit addressing relative to eip, a branch with an operand size
 * prefix (Intel and AMD differ on it).
 *
 * A thread can be found at any boundary between these instructions (signals, detaching): `points`
 * says which place of the original each is.
 */
#include "tracer/probe/insn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "symbols/frame.h"
#include "tracer/base/err.h"
#include "tracer/probe/decode.h"
#include "tracer/remote/regs.h"

enum { MODRM_RSP_BASE = 4, JMP_LEN = 5 };

struct emit {
	struct displaced out;
	uint64_t from, to, next;
	bool out_of_range;
};

static void emit_bytes(struct emit *e, const void *bytes, size_t n)
{
	assert(e->out.len + n <= SLOT_CODE_MAX);
	memcpy(e->out.code + e->out.len, bytes, n);
	e->out.len += (uint8_t)n;
}

static void emit_point(struct emit *e, uint64_t addr, uint8_t rsp_add)
{
	assert(e->out.n_points < SLOT_POINTS_MAX);
	e->out.points[e->out.n_points++] = (struct slot_point){ e->out.len, rsp_add, addr };
}

static int32_t distance(struct emit *e, uint64_t target, uint64_t end_of_insn)
{
	int64_t d = (int64_t)(target - end_of_insn);

	e->out_of_range |= d != (int32_t)d;
	return (int32_t)d;
}

/* `opcode` and a 32-bit distance to `target`. */
static void emit_branch(struct emit *e, const void *opcode, size_t n, uint64_t target)
{
	int32_t rel = distance(e, target, e->to + e->out.len + n + sizeof(rel));

	emit_bytes(e, opcode, n);
	emit_bytes(e, &rel, sizeof(rel));
}

static void emit_jmp(struct emit *e, uint64_t target)
{
	emit_point(e, target, 0);
	emit_branch(e, "\xe9", 1, target);
}

static void emit_push_return(struct emit *e)
{
	uint32_t lo = (uint32_t)e->next, hi = (uint32_t)(e->next >> 32);

	emit_point(e, e->from, 0);
	emit_bytes(e, "\x68", 1);
	emit_bytes(e, &lo, sizeof(lo));
	emit_point(e, e->from, 8);
	emit_bytes(e, "\xc7\x44\x24\x04", 4);
	emit_bytes(e, &hi, sizeof(hi));
}

static bool is_rip_relative(const ZydisDecodedInstruction *insn)
{
	return (insn->attributes & ZYDIS_ATTRIB_HAS_MODRM) && insn->raw.modrm.mod == 0 && insn->raw.modrm.rm == 5;
}

/* The bytes, with `modrm` in place of theirs, and a distance from rip corrected. */
static void emit_copy(struct emit *e, const uint8_t *bytes, const ZydisDecodedInstruction *insn, int modrm)
{
	uint8_t copy[INSN_MAX];

	memcpy(copy, bytes, insn->length);
	if (modrm >= 0)
		copy[insn->raw.modrm.offset] = (uint8_t)modrm;
	if (is_rip_relative(insn)) {
		uint64_t target = e->next + (uint64_t)insn->raw.disp.value;
		int32_t rel = distance(e, target, e->to + e->out.len + insn->length);

		memcpy(copy + insn->raw.disp.offset, &rel, sizeof(rel));
	}
	emit_bytes(e, copy, insn->length);
}

static bool has_rsp_base(const ZydisDecodedInstruction *insn)
{
	bool rex_b = (insn->attributes & ZYDIS_ATTRIB_HAS_REX) && insn->raw.rex.B;

	return insn->raw.modrm.mod != 3 && insn->raw.modrm.rm == MODRM_RSP_BASE &&
	       insn->raw.sib.base == MODRM_RSP_BASE && !rex_b;
}

/* jmp (opcode extension 4) with the operand of a call (extension 2). */
static int emit_indirect_jump(struct emit *e, const uint8_t *bytes, const ZydisDecodedInstruction *insn)
{
	uint8_t modrm = (uint8_t)(insn->raw.modrm.mod << 6 | 4 << 3 | insn->raw.modrm.rm);

	emit_point(e, e->from, 8);
	if (!has_rsp_base(insn)) {
		emit_copy(e, bytes, insn, modrm);
		return 0;
	}
	int32_t disp = (int32_t)insn->raw.disp.value + 8;

	modrm = (uint8_t)(2 << 6 | 4 << 3 | MODRM_RSP_BASE); /* with a 32-bit displacement */
	emit_bytes(e, bytes, insn->raw.modrm.offset);
	emit_bytes(e, &modrm, 1);
	emit_bytes(e, bytes + insn->raw.sib.offset, 1);
	emit_bytes(e, &disp, sizeof(disp));
	return 0;
}

static int displace_call(struct emit *e, const uint8_t *bytes, const ZydisDecodedInstruction *insn)
{
	bool rex_b = (insn->attributes & ZYDIS_ATTRIB_HAS_REX) && insn->raw.rex.B;

	if (decode_is_relative(insn)) {
		emit_push_return(e);
		emit_jmp(e, decode_target(insn, e->from));
		return 0;
	}
	if (insn->raw.modrm.mod == 3 && insn->raw.modrm.rm == MODRM_RSP_BASE && !rex_b)
		return err_set(-ENOTSUP, "a call through rsp");
	emit_push_return(e);
	return emit_indirect_jump(e, bytes, insn);
}

static void displace_loop(struct emit *e, const uint8_t *bytes, const ZydisDecodedInstruction *insn)
{
	uint8_t over_jmp = JMP_LEN;

	emit_point(e, e->from, 0);
	emit_bytes(e, bytes, insn->length - 1u);
	emit_bytes(e, &over_jmp, 1);
	emit_jmp(e, e->next);
	emit_jmp(e, decode_target(insn, e->from));
}

static void displace_jcc(struct emit *e, const ZydisDecodedInstruction *insn)
{
	uint8_t opcode[2] = { 0x0f, 0x80 | (insn->opcode & 15) };

	emit_point(e, e->from, 0);
	emit_branch(e, opcode, sizeof(opcode), decode_target(insn, e->from));
	emit_jmp(e, e->next);
}

static void displace_ordinary(struct emit *e, const uint8_t *bytes, const ZydisDecodedInstruction *insn)
{
	bool goes_on = insn->meta.category != ZYDIS_CATEGORY_RET &&
		       insn->mnemonic != ZYDIS_MNEMONIC_JMP && insn->mnemonic != ZYDIS_MNEMONIC_UD2;

	emit_point(e, e->from, 0);
	emit_copy(e, bytes, insn, -1);
	if (goes_on)
		emit_jmp(e, e->next);
}

static bool has_operand_size_prefix(const ZydisDecodedInstruction *insn)
{
	for (unsigned i = 0; i < insn->raw.prefix_count; i++)
		if (insn->raw.prefixes[i].value == 0x66)
			return !((insn->attributes & ZYDIS_ATTRIB_HAS_REX) && insn->raw.rex.W);
	return false;
}

/* What cannot be moved; NULL if it can. */
static const char *obstacle(const ZydisDecodedInstruction *insn)
{
	bool branches = insn->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE;

	if (insn->meta.category == ZYDIS_CATEGORY_INTERRUPT)
		return "an interrupt instruction";
	if (insn->meta.category == ZYDIS_CATEGORY_SYSCALL)
		return "a system call instruction";
	if (insn->mnemonic == ZYDIS_MNEMONIC_XBEGIN)
		return "the start of a transaction";
	if (insn->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR && insn->meta.category != ZYDIS_CATEGORY_RET)
		return "a far jump or call";
	if (branches && has_operand_size_prefix(insn))
		return "a branch with an operand size prefix";
	if (is_rip_relative(insn) && insn->address_width == 32)
		return "an address relative to eip";
	return NULL;
}

static int displace(struct emit *e, const uint8_t *bytes, const ZydisDecodedInstruction *insn)
{
	if (insn->meta.category == ZYDIS_CATEGORY_CALL)
		return displace_call(e, bytes, insn);
	if (!decode_is_relative(insn))
		displace_ordinary(e, bytes, insn);
	else if (insn->mnemonic == ZYDIS_MNEMONIC_JMP)
		emit_jmp(e, decode_target(insn, e->from));
	else if (decode_is_loop(insn))
		displace_loop(e, bytes, insn);
	else
		displace_jcc(e, insn);
	return 0;
}

int insn_displace(const uint8_t *bytes, size_t n, uint64_t from, uint64_t to, struct displaced *ret)
{
	ZydisDecodedInstruction insn;
	struct emit e = { .from = from, .to = to };

	if (!decode_insn(bytes, n < INSN_MAX ? n : INSN_MAX, &insn, NULL))
		return err_set(-ENOTSUP, "no instruction at %#lx", (unsigned long)from);
	const char *why_not = obstacle(&insn);

	if (why_not)
		return err_set(-ENOTSUP, "%s at %#lx cannot run elsewhere", why_not, (unsigned long)from);
	e.next = from + insn.length;
	e.out.insn_len = insn.length;
	int r = displace(&e, bytes, &insn);

	if (r < 0)
		return err_context(r, "%#lx", (unsigned long)from);
	if (e.out_of_range)
		return err_set(-ERANGE, "the instruction at %#lx cannot reach its operand from %#lx",
			       (unsigned long)from, (unsigned long)to);
	*ret = e.out;
	return 0;
}

enum {
	OP_PUSH = 0x50, OP_POP = 0x58, OP_NOP = 0x90, OP_CWTL = 0x98, OP_CLTD = 0x99, OP_SAHF = 0x9e, OP_LAHF = 0x9f,
	OP_RET = 0xc3, OP_LEAVE = 0xc9, OP_LOCK = 0xf0, OP_CLC = 0xf8, OP_STD = 0xfd, /* and what is between these two */
	OP_REG_MASK = 7,
};

bool insn_hides_next_byte(const uint8_t *bytes, size_t len)
{
	ZydisDecodedInstruction insn;

	return decode_insn(bytes, len < INSN_MAX ? len : INSN_MAX, &insn, NULL) && insn.length > 1 && bytes[0] != OP_LOCK;
}

/* It leaves what it has moved in a register, and on the stack or just below. */
static bool moves_stack(uint8_t opcode)
{
	return (opcode & ~OP_REG_MASK) == OP_PUSH || (opcode & ~OP_REG_MASK) == OP_POP || opcode == OP_LEAVE;
}

bool insn_shows_run(uint8_t opcode)
{
	switch (opcode) {
	case OP_POP | MODRM_RSP_BASE:
		return false;
	case OP_RET: /* does not go on behind */
	case OP_LOCK:
	case OP_NOP: /* these may run twice */
	case OP_CWTL:
	case OP_CLTD:
	case OP_SAHF:
	case OP_LAHF:
		return true;
	default:
		return moves_stack(opcode) || (opcode >= OP_CLC && opcode <= OP_STD);
	}
}

bool insn_has_run(uint8_t opcode, const struct user_regs_struct *regs,
		  size_t (*read_mem)(void *ctx, uint64_t addr, void *buf, size_t len), void *ctx)
{
	static const uint8_t numbers[] = {
		DWARF_RAX, DWARF_RCX, DWARF_RDX, DWARF_RBX, DWARF_RSP, DWARF_RBP, DWARF_RSI, DWARF_RDI,
	};
	bool pushes = (opcode & ~OP_REG_MASK) == OP_PUSH;
	uint64_t moved = regs_get(regs, opcode == OP_LEAVE ? DWARF_RBP : numbers[opcode & OP_REG_MASK]), there;

	if (opcode == (OP_PUSH | MODRM_RSP_BASE))
		moved += sizeof(moved); /* as it was before */
	return moves_stack(opcode) &&
	       read_mem(ctx, pushes ? regs->rsp : regs->rsp - sizeof(there), &there, sizeof(there)) == sizeof(there) &&
	       there == moved;
}
