#include "tracer/probe/decode.h"

static const ZydisDecoder *get_decoder(void)
{
	static ZydisDecoder decoder;
	static bool ready;

	if (!ready)
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ready = true;
	return &decoder;
}

bool decode_insn(const uint8_t *bytes, size_t n, ZydisDecodedInstruction *ret, ZydisDecoderContext *context)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(get_decoder(), context, bytes, n, ret));
}

bool decode_operands(const ZydisDecodedInstruction *insn, const ZydisDecoderContext *context,
		     ZydisDecodedOperand *operands, size_t n)
{
	return n <= insn->operand_count &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeOperands(get_decoder(), context, insn, operands, (ZyanU8)n));
}

bool decode_is_relative(const ZydisDecodedInstruction *insn)
{
	return insn->raw.imm[0].is_relative && insn->mnemonic != ZYDIS_MNEMONIC_XBEGIN;
}

uint64_t decode_target(const ZydisDecodedInstruction *insn, uint64_t addr)
{
	return addr + insn->length + (uint64_t)insn->raw.imm[0].value.s;
}

bool decode_is_loop(const ZydisDecodedInstruction *insn)
{
	return insn->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && insn->opcode >= 0xe0 && insn->opcode <= 0xe3;
}
