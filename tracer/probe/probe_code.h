/**
 * The code of a function as its file has it: where it is entered and left, and the instructions that stand there.
 *
 * Reading it takes as long as a disk does: that is for a thread which may wait, before engine_add_probe().
 */
#ifndef PROBE_PROBE_CODE_H
#define PROBE_PROBE_CODE_H

#include "tracer/probe/insn.h"

struct function;

/** Bytes from a place of the function on, at least one whole instruction. */
struct code_bytes {
	uint8_t len;
	uint8_t bytes[INSN_MAX];
};

struct probe_code {
	struct scan scan;
	struct code_bytes entry;  /**< at scan.entry */
	struct code_bytes *exits; /**< by index in scan.exits */
	uint64_t sequences, sequences_len; /**< where its module tells of restartable sequences: sequences.c */
};

/** -ENOTSUP with the reason if the function cannot be traced. */
int probe_code_read(const struct function *function, struct probe_code **ret);
void probe_code_free(struct probe_code *code);

#endif
