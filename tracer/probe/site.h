/**
 * A site is one patched instruction in the traced process.
 *
 * Several probes may share a site; it is planted while anyone holds it.  The record and its slot
 * stay for ever: a thread may have trapped just before the byte was restored.
 */
#ifndef PROBE_SITE_H
#define PROBE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/base/array.h"
#include "tracer/base/hash.h"

struct journal;
struct mapping;
struct maps;
struct probe;
struct proc;
struct site_table;
struct slot;
struct slots;

enum { ROLE_ENTRY = -1, SITE_SEQUENCE_CHECKS = 16 };

/** What a site means to a probe. */
struct role {
	struct probe *probe;
	int exit; /**< index of the exit in the probe's scan, or ROLE_ENTRY */
};

struct site {
	uint64_t addr;
	const struct slot *slot; /**< holds the original bytes */
	unsigned holds;
	bool armed; /**< int3 is there */
	bool gone;  /**< its module was unmapped: never written to again */
	bool changed; /**< by the process, and let go: it has another instruction now */
	bool writable; /**< the process may write there */
	bool hides_next_byte; /**< insn_hides_next_byte() */
	uint64_t looked_ns; /**< for changes */
	uint8_t sequence_checks; /**< hits yet to be looked at by sequences.c */
	int journal_index;
	ARRAY(struct role) roles;
	UT_hash_handle hh;
};

/** Each site is noted in the journal before it can be armed. */
int site_table_new(struct proc *proc, struct slots *slots, struct journal *journal, struct site_table **ret);
/** Frees the records; disarms nothing. */
void site_table_free(struct site_table *table);

/**
 * The site at an address, armed or not; NULL if there never was one, or its module was unmapped.
 */
struct site *site_find(struct site_table *table, uint64_t addr);

/**
 * Find or prepare the site at `addr`: everything but the int3.  slots_reserve() must have made
 * room.
 *
 * `expect`, `len`: the bytes that belong there, from the file, at least the whole instruction; NULL
 * if they are not known. `maps`: to know the mapping by; NULL: it is one of those that are known already, or none. -ENOTSUP with a reason: somebody else has patched it, or it cannot run out of line.  -ENOENT: nothing is mapped there.
 */
int site_prepare(struct site_table *table, uint64_t addr, const uint8_t *expect, size_t len,
		 const struct maps *maps, struct site **ret);

/** Note the module that `m` is a mapping of, for sites to come that are prepared without `maps`. */
void site_know_module(struct site_table *table, const struct maps *maps, const struct mapping *m);

/** Have in stock what the next few sites need: to prepare them without `maps` allocates nothing then. */
void site_table_refill(struct site_table *table);

int site_add_role(struct site *site, struct probe *probe, int exit);

/** Arm unless it is armed already; to be undone by site_release().  -ENOENT: no code is there any more; -ESTALE: other code is. */
int site_hold(struct site_table *table, struct site *site);
/** The last one restores the original byte. */
void site_release(struct site_table *table, struct site *site);

/**
 * Whether the process has changed the instruction, as far as it can be seen: then what is displaced is not what it wants to run.
 * Where it may write that is looked at each time, elsewhere now and then.
 */
bool site_has_changed(struct site_table *table, struct site *site, uint64_t now_ns);
/** Restore the byte of an instruction that was changed, whoever holds it; it is never armed again. */
void site_let_go(struct site_table *table, struct site *site);

/** Restore the original bytes of all that are ours (place.h); returns the first error, having done what can be done. */
int site_disarm_all(struct site_table *table, const struct maps *maps);

/** Forget, without writing, the sites whose code is not there any more; returns how many. */
size_t site_drop_unmapped(struct site_table *table, const struct maps *maps);
/** Restore the original bytes in the memory of a forked child that stands in its first stop. */
int site_clean_child(struct site_table *table, pid_t child);

/** How many had been restored by somebody else when they were to be: hits were missed there, nobody knows since when. */
size_t site_count_undone(const struct site_table *table);
size_t site_count_armed(const struct site_table *table);
/** How many were forgotten with their int3s, though their file is still mapped: the program has moved or replaced its code. */
size_t site_count_moved(const struct site_table *table);

#endif
