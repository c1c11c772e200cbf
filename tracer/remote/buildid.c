#include "tracer/remote/buildid.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

enum { PHDRS_MAX = 64, NOTES_MAX = 4096, PAGE = 4096 };

/* Where the file begins in memory: its mapping of offset 0, at or below `m`; 0 if there is none. */
static uint64_t file_start(const struct maps *maps, const struct mapping *m)
{
	for (const struct mapping *first = m; first >= maps->items; first--)
		if (!first->offset && first->dev == m->dev && first->inode == m->inode)
			return first->lo;
	return 0;
}

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static size_t find_in_notes(const uint8_t *notes, size_t len, uint8_t *id, size_t max)
{
	Elf64_Nhdr note;

	for (size_t at = 0; at + sizeof(note) <= len;) {
		memcpy(&note, notes + at, sizeof(note));
		size_t name = at + sizeof(note), desc = name + align4(note.n_namesz), end = desc + align4(note.n_descsz);

		if (note.n_namesz > len || note.n_descsz > len || desc + note.n_descsz > len)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(notes + name, "GNU", 4)) {
			size_t n = note.n_descsz < max ? note.n_descsz : max;

			memcpy(id, notes + desc, n);
			return n;
		}
		at = end;
	}
	return 0;
}

size_t build_id_read(struct proc *proc, const struct maps *maps, const struct mapping *m, uint8_t *id, size_t max)
{
	uint64_t start = file_start(maps, m), bias = start;
	Elf64_Phdr phdrs[PHDRS_MAX];
	uint8_t notes[NOTES_MAX];
	Elf64_Ehdr header;
	size_t found = 0;

	if (!start || rmem_read(proc, start, &header, sizeof(header)) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(phdrs[0]))
		return 0;
	size_t n = header.e_phnum < PHDRS_MAX ? header.e_phnum : PHDRS_MAX;

	n = rmem_read(proc, start + header.e_phoff, phdrs, n * sizeof(phdrs[0])) / sizeof(phdrs[0]);
	for (size_t i = n; i-- > 0;)
		if (phdrs[i].p_type == PT_LOAD && phdrs[i].p_offset < PAGE)
			bias = start - (phdrs[i].p_vaddr & ~(uint64_t)(PAGE - 1));
	for (size_t i = 0; i < n && !found; i++) {
		size_t len = phdrs[i].p_memsz < NOTES_MAX ? phdrs[i].p_memsz : NOTES_MAX;

		if (phdrs[i].p_type == PT_NOTE)
			found = find_in_notes(notes, rmem_read(proc, bias + phdrs[i].p_vaddr, notes, len), id, max);
	}
	return found;
}
