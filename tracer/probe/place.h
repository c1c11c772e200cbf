/**
 * What is at the address of a site now, and whether it may be written to.
 */
#ifndef PROBE_PLACE_H
#define PROBE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/probe/insn.h"

struct journal_file;
struct journal_module;
struct journal_site;
struct mapping;
struct maps;

enum { PLACE_PAGE = 4096 };

enum place {
	PLACE_OTHER,  /**< nothing, or not what we changed: left alone */
	PLACE_CLEAN,  /**< the code that was there before */
	PLACE_OURS,   /**< that code with our int3 over its first byte: to be restored */
	PLACE_REWRITTEN, /**< an int3, in the mapping that was there before, but the rest of the instruction is another */
	PLACE_UNSURE, /**< it looks so, in code that was moved or made anew: left alone, but it may be ours */
};

/** The memory that is looked at, and the page of it that was read last. */
struct place_view {
	const struct journal_file *file;
	const struct maps *maps;
	int mem_fd; /**< an open /proc/PID/mem */
	uint64_t page;
	size_t n;   /**< bytes of it and of the next one; 0: none was read yet */
	uint32_t sum; /**< of that page without our int3s; 0: was not needed yet */
	uint8_t bytes[PLACE_PAGE + INSN_MAX];
};

/** Allocates nothing. */
enum place place_look(struct place_view *view, const struct journal_site *site);
/** The int3 at a place that is OURS has been replaced. */
void place_restored(struct place_view *view, const struct journal_site *site);

/** Whether the file that a site was in is mapped at its address as it was. */
bool place_is_in_file(const struct journal_file *file, const struct journal_site *site, const struct mapping *m);
/** Whether any part of that file is mapped where it was. */
bool place_has_module(const struct journal_file *file, const struct journal_site *site, const struct maps *maps);

/** A checksum of a page, never 0. */
uint32_t place_sum(const uint8_t page[PLACE_PAGE]);

#endif
