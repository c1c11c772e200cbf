/**
 * Build-ids, as the loaded ELF files in the memory of a process have them (elf(5), PT_NOTE, NT_GNU_BUILD_ID).
 */
#ifndef REMOTE_BUILDID_H
#define REMOTE_BUILDID_H

#include <stddef.h>
#include <stdint.h>

struct mapping;
struct maps;
struct proc;

/** Of the file that `m` is a mapping of: its length, at most `max`; 0 if there is none, or it cannot be found. */
size_t build_id_read(struct proc *proc, const struct maps *maps, const struct mapping *m, uint8_t *id, size_t max);

#endif
