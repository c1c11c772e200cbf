/**
 * What lives in the traced process: the head of an area, and the code that is copied into it.
 *
 * The code runs in threads of the target, also when no tracer is left.  It knows nothing but the area it was copied into.
 */
#ifndef PROBE_INSIDE_H
#define PROBE_INSIDE_H

#include <stddef.h>
#include <stdint.h>

#include "tracer/probe/insn.h"

enum {
	AREA_VERSION = 4,
	INSIDE_AT = 256,  /**< offset of the code in its area */
	AREA_FIRST = 4096, /**< offset of the first slot */
	SLOT_ALIGN = 16,
};

/** As rt_sigaction(2) takes it: include/linux/signal_types.h, struct sigaction. */
struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};

struct area_header {
	char magic[16];
	uint32_t version, size;
	uint32_t used;       /**< bytes taken so far, complete up to there */
	uint32_t may_repair; /**< the handler may make system calls to restore the text */
	uint32_t repaired;   /**< it has done so */
	uint32_t may_compare; /**< it may ask whether it runs in the memory of `pid` */
	int32_t pid;         /**< of the traced process, as it knows itself */
	uint64_t next;       /**< another area, 0 for none: the handler looks through all from its own on */
	struct kernel_action ours, before; /**< for SIGTRAP; `before` is what the program has set, or SIG_DFL */
	char mem_path[16], maps_path[16]; /**< /proc/self/mem, maps */
	char status_path[24]; /**< /proc/PID/status, as the process itself sees it */
	char tracer_line[16]; /**< how its line of who traces begins */
	uint64_t answers;    /**< a page for what system calls answer: protect.c; 0: none yet */
};
_Static_assert(sizeof(struct area_header) <= INSIDE_AT, "the head of an area has no room");

struct slot_header {
	uint64_t site;
	uint8_t orig[INSN_MAX + 1];
	uint8_t insn_len, code_len;
	uint16_t size; /**< with header and padding: where the next one starts */
	uint32_t origin; /**< slot_origin() of the mapping its site is in; 0: of no file that is known */
};

/** The file that a mapping is of, and where it begins in memory (`base`: address minus file offset), as one number; never 0. */
static inline __attribute__((always_inline)) uint32_t slot_origin(uint64_t dev, uint64_t inode, uint64_t base)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t sum = ((dev * odd ^ inode) * odd ^ base) * odd;

	return (uint32_t)(sum >> 32) | 1;
}

/** Handler of SIGTRAP, and the code that returns from it (see inside.c). */
extern const char inside_handler[], inside_restorer[];
/** All of the code; these two are made by the linker. */
extern const char __start_virtrace_inside[], __stop_virtrace_inside[];

#endif
