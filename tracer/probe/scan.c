/*
 * Finding every way out of a function
 *
 * All ranges are decoded from end to end.  That is reliable for compiled code, where tables are
 * elsewhere; where it is not (data between code), an int3 could be planted into the middle of an
 * instruction, so what was decoded is cross-checked: every direct jump and call into the ranges
 * must hit the start of a decoded instruction.  One exception is an idiom of hand-written code: a
 * jump over a lock prefix.
 *
 * Indirect jumps are switches or tail calls.  A switch is known by
 *   - a `notrack` prefix, which compilers give only to table jumps (Intel CET), or
 *   - an `add %reg,%target` right before `jmp *%target`: the address was computed from a table of
 *     distances (what gcc and clang make for position independent code).
 * All others get a site, and where the jump goes is computed when a thread stands at it: inside the
 * ranges is no exit.
 *
 * A thread that has hit an int3 stands behind its byte.  Mostly nothing else leads there; where it does, the signal has to tell, and
 * a SIGTRAP that is sent at that moment makes it untrue (dispatch.c).  So it is looked at what lies behind:
 *   - the entry, if it has one byte or a lock prefix: a jump of the function may go there.  The instruction itself leads there,
 *     too, but mostly it can be seen whether it has been executed (insn.c)
 *   - `ret`: other code, if it is not padding.  Something leads there, be it a jump, a table, an exception, or a call: it may
 *     be the next function
 */
#include "tracer/probe/insn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/frame.h"
#include "symbols/function.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/probe/decode.h"
#include "tracer/remote/regs.h"

enum {
	FUNCTION_BYTES_MAX = 16 << 20, /* the largest one in Debian's binaries is below 1 MiB */
	EXITS_MAX = 60000,             /* return_site is 16 bits in a trace */
};

/* One range, decoded. */
struct piece {
	uint64_t lo, hi;
	uint8_t *code;
	uint8_t *starts; /* a byte a code byte: 1 where an instruction starts */
};

struct jump {
	uint64_t from, target;
};

struct scanner {
	struct piece *pieces;
	size_t n;
	ARRAY(struct jump) inside; /* direct branches to check */
	ARRAY(struct exit_point) exits;
	struct scan scan;
	uint64_t function_entry;
	/* the instruction before, for the switch pattern */
	ZydisDecodedInstruction previous;
	ZydisDecoderContext previous_context;
	bool has_previous;
	read_code_fn read;
	void *ctx;
};

static struct piece *piece_at(struct scanner *s, uint64_t addr)
{
	for (size_t i = 0; i < s->n; i++)
		if (addr >= s->pieces[i].lo && addr < s->pieces[i].hi)
			return &s->pieces[i];
	return NULL;
}

static int out_of_memory(void)
{
	return err_set(-ENOMEM, "out of memory");
}

static int add_exit(struct scanner *s, const struct exit_point *exit)
{
	if (s->exits.n >= EXITS_MAX)
		return err_set(-ENOTSUP, "the function has more than %d exits", EXITS_MAX);
	struct exit_point *item = array_push(&s->exits);

	if (!item)
		return out_of_memory();
	*item = *exit;
	return 0;
}

static uint8_t condition_of(const ZydisDecodedInstruction *insn)
{
	if (insn->mnemonic == ZYDIS_MNEMONIC_JMP)
		return EXIT_ALWAYS;
	if (!decode_is_loop(insn))
		return insn->opcode & 15;
	switch (insn->opcode) {
	case 0xe0:
		return EXIT_LOOPNE;
	case 0xe1:
		return EXIT_LOOPE;
	case 0xe2:
		return EXIT_LOOP;
	default:
		return insn->address_width == 32 ? EXIT_ECX_ZERO : EXIT_RCX_ZERO;
	}
}

static int scan_direct(struct scanner *s, uint64_t addr, const ZydisDecodedInstruction *insn)
{
	uint64_t target = decode_target(insn, addr);
	bool is_call = insn->meta.category == ZYDIS_CATEGORY_CALL;

	if (!piece_at(s, target)) {
		if (is_call)
			return 0;
		return add_exit(s, &(struct exit_point){ .addr = addr, .kind = EXIT_JUMP, .target = target,
							 .condition = condition_of(insn) });
	}
	struct jump *jump = array_push(&s->inside);

	if (!jump)
		return out_of_memory();
	*jump = (struct jump){ addr, target };
	s->scan.loops_to_entry |= !is_call && (target == s->scan.entry || target == s->function_entry);
	return 0;
}

static uint8_t dwarf_number(ZydisRegister reg)
{
	static const uint8_t numbers[] = { /* in Zydis' order, which is the machine's */
		DWARF_RAX, DWARF_RCX, DWARF_RDX, DWARF_RBX, DWARF_RSP, DWARF_RBP, DWARF_RSI, DWARF_RDI,
		DWARF_R8, DWARF_R9, DWARF_R10, DWARF_R11, DWARF_R12, DWARF_R13, DWARF_R14, DWARF_R15,
	};

	return reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15 ? numbers[reg - ZYDIS_REGISTER_RAX]
								       : EXIT_NO_REG;
}

/* `add %reg,%target` with 64-bit registers. */
static bool adds_to(struct scanner *s, ZydisRegister target)
{
	ZydisDecodedOperand operands[2];

	return s->has_previous && s->previous.mnemonic == ZYDIS_MNEMONIC_ADD &&
	       decode_operands(&s->previous, &s->previous_context, operands, 2) &&
	       operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER && operands[0].reg.value == target &&
	       operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
}

static int scan_memory_jump(struct scanner *s, uint64_t addr, const ZydisDecodedInstruction *insn,
			    const ZydisDecodedOperandMem *mem)
{
	struct exit_point exit = {
		.addr = addr, .kind = EXIT_INDIRECT, .in_memory = true,
		.base = dwarf_number(mem->base), .index = dwarf_number(mem->index), .scale = mem->scale,
		.segment = mem->segment == ZYDIS_REGISTER_FS ? 'f' : mem->segment == ZYDIS_REGISTER_GS ? 'g' : 0,
		.disp = mem->disp.value,
	};

	if (mem->base == ZYDIS_REGISTER_RIP)
		exit.disp += (int64_t)(addr + insn->length);
	else if (insn->address_width != 64)
		return err_set(-ENOTSUP, "a jump through a 32-bit address at %#lx", (unsigned long)addr);
	return add_exit(s, &exit);
}

static int scan_indirect(struct scanner *s, uint64_t addr, const ZydisDecodedInstruction *insn,
			 const ZydisDecoderContext *context)
{
	ZydisDecodedOperand operand;

	if (insn->attributes & ZYDIS_ATTRIB_HAS_NOTRACK)
		return 0;
	if (insn->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ||
	    !decode_operands(insn, context, &operand, 1))
		return err_set(-ENOTSUP, "a far jump at %#lx", (unsigned long)addr);
	if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY)
		return scan_memory_jump(s, addr, insn, &operand.mem);
	if (adds_to(s, operand.reg.value))
		return 0;
	return add_exit(s, &(struct exit_point){ .addr = addr, .kind = EXIT_INDIRECT,
						 .base = dwarf_number(operand.reg.value),
						 .index = EXIT_NO_REG });
}

static int scan_insn(struct scanner *s, uint64_t addr, const ZydisDecodedInstruction *insn,
		     const ZydisDecoderContext *context)
{
	if (decode_is_relative(insn))
		return scan_direct(s, addr, insn);
	if (insn->meta.category == ZYDIS_CATEGORY_RET)
		return add_exit(s, &(struct exit_point){ .addr = addr, .kind = EXIT_RET });
	if (insn->mnemonic == ZYDIS_MNEMONIC_JMP)
		return scan_indirect(s, addr, insn, context);
	return 0;
}

static int scan_piece(struct scanner *s, struct piece *piece)
{
	ZydisDecodedInstruction insn;
	ZydisDecoderContext context;

	s->has_previous = false;
	for (uint64_t addr = piece->lo; addr < piece->hi; addr += insn.length) {
		size_t at = addr - piece->lo;

		if (!decode_insn(piece->code + at, piece->hi - addr, &insn, &context))
			return err_set(-ENOTSUP, "its code cannot be disassembled at %#lx", (unsigned long)addr);
		piece->starts[at] = 1;
		int r = scan_insn(s, addr, &insn, &context);

		if (r < 0)
			return r;
		s->previous = insn;
		s->previous_context = context;
		s->has_previous = true;
	}
	return 0;
}

/* Or nothing at all, or what is there for code that must not be reached: who comes to it ends. */
static bool is_padding(struct scanner *s, uint64_t addr)
{
	uint8_t code[INSN_MAX];
	size_t n = sizeof(code);
	ZydisDecodedInstruction insn;

	while (n && s->read(s->ctx, addr, code, n) < 0)
		n--;
	return !n || !decode_insn(code, n, &insn, NULL) || insn.mnemonic == ZYDIS_MNEMONIC_NOP ||
	       insn.mnemonic == ZYDIS_MNEMONIC_INT3 || insn.mnemonic == ZYDIS_MNEMONIC_UD2;
}

static void check_behind_entry(struct scanner *s)
{
	const struct piece *piece = piece_at(s, s->scan.entry);
	const uint8_t *code = piece->code + (s->scan.entry - piece->lo);
	const struct jump *jump;

	if (insn_hides_next_byte(code, piece->hi - s->scan.entry))
		return;
	if (!insn_shows_run(*code))
		s->scan.ambiguous = s->scan.entry;
	array_foreach(&s->inside, jump)
		if (jump->target == s->scan.entry + 1)
			s->scan.ambiguous = s->scan.entry;
}

static void check_behind_exits(struct scanner *s)
{
	const struct exit_point *exit;

	array_foreach(&s->exits, exit) {
		const struct piece *piece = piece_at(s, exit->addr);

		if (!insn_hides_next_byte(piece->code + (exit->addr - piece->lo), piece->hi - exit->addr) &&
		    !is_padding(s, exit->addr + 1))
			s->scan.ambiguous = exit->addr;
	}
}

static int check_jumps(struct scanner *s)
{
	const struct jump *jump;

	array_foreach(&s->inside, jump) {
		const struct piece *piece = piece_at(s, jump->target);
		size_t at = jump->target - piece->lo;
		bool over_lock = at > 0 && piece->starts[at - 1] && piece->code[at - 1] == 0xf0;

		if (!piece->starts[at] && !over_lock)
			return err_set(-ENOTSUP, "its code cannot be disassembled reliably: %#lx jumps into an instruction",
				       (unsigned long)jump->from);
	}
	return 0;
}

static int load_pieces(struct scanner *s, const struct range *ranges, size_t n)
{
	uint64_t total = 0;

	s->pieces = calloc(n, sizeof(*s->pieces));
	if (!s->pieces)
		return out_of_memory();
	for (size_t i = 0; i < n; i++) {
		struct piece *piece = &s->pieces[s->n++];
		size_t len = ranges[i].hi - ranges[i].lo;

		total += len;
		if (ranges[i].hi <= ranges[i].lo || total > FUNCTION_BYTES_MAX)
			return err_set(-ENOTSUP, "its size is not known or not sensible");
		*piece = (struct piece){ ranges[i].lo, ranges[i].hi, malloc(len), calloc(1, len) };
		if (!piece->code || !piece->starts)
			return out_of_memory();
		if (s->read(s->ctx, piece->lo, piece->code, len) < 0)
			return err_set(-ENOTSUP, "its code is not in the file at %#lx", (unsigned long)piece->lo);
	}
	return 0;
}

static int find_entry(struct scanner *s, uint64_t entry)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const struct piece *piece = piece_at(s, entry);

	if (!piece)
		return err_set(-ENOTSUP, "its entry lies outside its code");
	size_t at = entry - piece->lo;
	bool has_endbr = piece->hi - entry > sizeof(endbr64) &&
			 !memcmp(piece->code + at, endbr64, sizeof(endbr64));

	s->function_entry = entry;
	s->scan.entry = entry + (has_endbr ? sizeof(endbr64) : 0);
	return 0;
}

static int by_addr(const void *a, const void *b)
{
	const struct exit_point *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

static int scan_all(struct scanner *s, uint64_t entry, const struct range *ranges, size_t n)
{
	int r = load_pieces(s, ranges, n);

	if (r == 0)
		r = find_entry(s, entry);
	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = scan_piece(s, &s->pieces[i]);
	if (r == 0)
		r = check_jumps(s);
	const struct piece *piece = r == 0 ? piece_at(s, s->scan.entry) : NULL;

	if (piece && !piece->starts[s->scan.entry - piece->lo])
		r = err_set(-ENOTSUP, "its entry is in the middle of an instruction");
	if (r == 0) {
		check_behind_entry(s);
		check_behind_exits(s);
	}
	return r;
}

int scan_function(uint64_t entry, const struct range *ranges, size_t n_ranges, read_code_fn read, void *ctx,
		  struct scan *ret)
{
	struct scanner s = { .read = read, .ctx = ctx };
	int r = n_ranges ? scan_all(&s, entry, ranges, n_ranges)
			 : err_set(-ENOTSUP, "its size is not known");

	for (size_t i = 0; i < s.n; i++) {
		free(s.pieces[i].code);
		free(s.pieces[i].starts);
	}
	free(s.pieces);
	array_free(&s.inside);
	if (r < 0) {
		array_free(&s.exits);
		return r;
	}
	if (s.exits.n)
		qsort(s.exits.items, s.exits.n, sizeof(*s.exits.items), by_addr);
	*ret = s.scan;
	ret->exits = s.exits.items;
	ret->n_exits = s.exits.n;
	return 0;
}

void scan_free(struct scan *scan)
{
	free(scan->exits);
	memset(scan, 0, sizeof(*scan));
}

enum { FLAG_CF = 1, FLAG_PF = 4, FLAG_ZF = 0x40, FLAG_SF = 0x80, FLAG_OF = 0x800 };

/* Intel SDM volume 1, appendix B: conditions come in pairs, the odd one is the opposite. */
static bool flags_meet(unsigned condition, uint64_t flags)
{
	bool less = !(flags & FLAG_SF) != !(flags & FLAG_OF), met = false;

	switch (condition >> 1) {
	case 0:
		met = flags & FLAG_OF;
		break;
	case 1:
		met = flags & FLAG_CF;
		break;
	case 2:
		met = flags & FLAG_ZF;
		break;
	case 3:
		met = flags & (FLAG_CF | FLAG_ZF);
		break;
	case 4:
		met = flags & FLAG_SF;
		break;
	case 5:
		met = flags & FLAG_PF;
		break;
	case 6:
		met = less;
		break;
	case 7:
		met = less || (flags & FLAG_ZF);
		break;
	}
	return met != (condition & 1);
}

bool exit_is_taken(const struct exit_point *exit, const struct user_regs_struct *regs)
{
	switch (exit->condition) {
	case EXIT_ALWAYS:
		return true;
	case EXIT_RCX_ZERO:
		return regs->rcx == 0;
	case EXIT_ECX_ZERO:
		return (uint32_t)regs->rcx == 0;
	case EXIT_LOOP:
		return regs->rcx != 1;
	case EXIT_LOOPE:
		return regs->rcx != 1 && (regs->eflags & FLAG_ZF);
	case EXIT_LOOPNE:
		return regs->rcx != 1 && !(regs->eflags & FLAG_ZF);
	default:
		return flags_meet(exit->condition, regs->eflags);
	}
}

bool exit_target(const struct exit_point *exit, const struct user_regs_struct *regs,
		 size_t (*read_mem)(void *ctx, uint64_t addr, void *buf, size_t len), void *ctx, uint64_t *ret)
{
	uint64_t base = exit->base == EXIT_NO_REG ? 0 : regs_get(regs, exit->base);

	if (!exit->in_memory) {
		*ret = base;
		return true;
	}
	uint64_t index = exit->index == EXIT_NO_REG ? 0 : regs_get(regs, exit->index);
	uint64_t segment = exit->segment == 'f' ? regs->fs_base : exit->segment == 'g' ? regs->gs_base : 0;
	uint64_t addr = segment + base + index * exit->scale + (uint64_t)exit->disp;

	return read_mem(ctx, addr, ret, sizeof(*ret)) == sizeof(*ret);
}
