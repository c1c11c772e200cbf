/**
 * The one Zydis decoder, and questions several files ask about a decoded instruction.
 */
#ifndef PROBE_DECODE_H
#define PROBE_DECODE_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Decode one instruction; false if there is none in these bytes. */
bool decode_insn(const uint8_t *bytes, size_t n, ZydisDecodedInstruction *ret, ZydisDecoderContext *context);

/** Its first `n` operands; false if it has fewer. */
bool decode_operands(const ZydisDecodedInstruction *insn, const ZydisDecoderContext *context,
		     ZydisDecodedOperand *operands, size_t n);

/**
 * A near branch whose target is in the instruction; xbegin, which only looks like one, excepted.
 */
bool decode_is_relative(const ZydisDecodedInstruction *insn);

/** Where such a branch at `addr` goes. */
uint64_t decode_target(const ZydisDecodedInstruction *insn, uint64_t addr);

/** loop, loope, loopne, jrcxz, jecxz: opcodes e0-e3. */
bool decode_is_loop(const ZydisDecodedInstruction *insn);

#endif
