/**
 * What a function's code does with registers: which are parameters for it, and whether its callers
 * want its result.  Private to symbols/.
 */
#ifndef SYMBOLS_CODE_H
#define SYMBOLS_CODE_H

#include <stdbool.h>
#include <stdint.h>

struct function;
struct module;

enum { CODE_SLOTS = 64 };

/** What is read on some way through the code before anything is written there. */
struct code_reads {
	uint64_t regs;  /**< bit = DWARF number */
	uint64_t kept;  /**< not written on some way to a `ret`: these the code returns as they are */
	uint64_t slots; /**< bit i = the eightbyte at CFA + 8 * i, if the code starts at a function's entry */
};

/** What is found out of a function's code when first asked for. */
struct function_code {
	bool is_known;
	struct code_reads reads; /* at entry */
	bool knows_result;
	uint64_t result_reads;   /* callers.c */
};

/** From the function's first instruction on. */
struct code_reads code_reads_at_entry(const struct function *function);
/** From `addr`, where a call has returned to. */
struct code_reads code_reads_from(const struct module *module, uint64_t addr);

#endif
