/*
 * Where
 *
 * Below a stack pointer is not always a stack: coroutines and goroutines run on small pieces of larger objects, and what is below
 * belongs to somebody else.  So the process gets memory for it:
 *
 *	+0           room for a signal handler, should we be killed between setting registers and mask (rcall.c)
 *	+RING_AT     what threads restore themselves from, taken from the end downwards, round and round
 *	end          struct tail: how far it is taken
 *
 * It is mapped once, at a multiple of 2 GiB in the middle of a large gap, by which the next attach finds it again.  A piece is used
 * again only after many others: a thread that job control has stopped may still be about to use its own.
 *
 * For the call that maps it a place is needed, too, and nothing may be overwritten:
 *
 *	- A segment of a loaded file that is not written to ends somewhere in a page; the rest of that page belongs to nobody (the
 *	  ELF specification calls it padding).  Taken if it holds nothing but zeros, which it gets back afterwards.
 *	- Where no such rest is long enough: the stack that the thread was made with, if it runs on that: the kernel's own [stack], or
 *	  the mapping where its thread control block is.
 *	- A thread on a stack of another kind cannot make that call then.
 */
#include "tracer/remote/room.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/user.h>

#include "tracer/remote/maps.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

enum { PAGE = 4096, RED_ZONE = 128, ALIGN = 64, RING_AT = 32 << 10, PHDRS_MAX = 64, STACK_LEFT = 64 << 10 };
static const uint64_t raster = 2ull << 30, address_end = 0x7ffffffff000;

static const char room_magic[16] = "virtrace calls\n";
struct tail {
	char magic[16];
	uint64_t taken; /* bytes before the tail */
};
enum { RING = ROOM_SIZE - RING_AT - (int)sizeof(struct tail) };

static uint64_t tail_of(uint64_t room)
{
	return room + ROOM_SIZE - sizeof(struct tail);
}

static bool read_tail(struct proc *proc, uint64_t room, struct tail *tail)
{
	return rmem_read(proc, tail_of(room), tail, sizeof(*tail)) == sizeof(*tail) &&
	       !memcmp(tail->magic, room_magic, sizeof(room_magic));
}

static int write_tail(struct proc *proc, uint64_t room, uint64_t taken)
{
	struct tail tail = { .taken = taken };

	memcpy(tail.magic, room_magic, sizeof(room_magic));
	return rmem_write(proc, tail_of(room), &tail, sizeof(tail));
}

static bool is_room(struct proc *proc, const struct mapping *m)
{
	struct tail tail;

	return !m->inode && m->writable && !m->shared && !m->executable && m->lo % raster == 0 && m->hi - m->lo == ROOM_SIZE &&
	       read_tail(proc, m->lo, &tail);
}

bool room_find(struct proc *proc)
{
	struct maps maps;

	if (proc->room)
		return true;
	if (proc_maps(proc, &maps) < 0)
		return false;
	for (size_t i = 0; i < maps.n && !proc->room; i++)
		if (is_room(proc, &maps.items[i]))
			proc->room = maps.items[i].lo;
	maps_free(&maps);
	return proc->room != 0;
}

uint64_t room_choose(struct proc *proc)
{
	uint64_t before = 0, best = 0, largest = 0;
	struct maps maps;

	if (proc_maps(proc, &maps) < 0)
		return 0;
	for (size_t i = 0; i <= maps.n && before < address_end; i++) {
		uint64_t after = i < maps.n && maps.items[i].lo < address_end ? maps.items[i].lo : address_end;
		uint64_t addr = (before + (after - before) / 2) / raster * raster;

		if (after - before > largest && addr > before && addr + ROOM_SIZE < after) {
			largest = after - before;
			best = addr;
		}
		if (i < maps.n && maps.items[i].hi > before)
			before = maps.items[i].hi;
	}
	maps_free(&maps);
	return best;
}

int room_prepare(struct proc *proc, uint64_t addr)
{
	struct thread *paused = pause_for_writing(proc);
	int r = write_tail(proc, addr, 0);

	pause_end(proc, paused);
	if (r == 0)
		proc->room = addr;
	return r;
}

/* ---- the rest of a page */

static bool holds_zeros(struct proc *proc, uint64_t addr, size_t len)
{
	uint8_t there[PAGE];

	if (rmem_read(proc, addr, there, len) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (there[i])
			return false;
	return true;
}

/* Behind a segment, in its last page, which is mapped as the loader does it and has not been made writable. */
static uint64_t rest_behind(struct proc *proc, const struct maps *maps, uint64_t end, size_t len)
{
	uint64_t addr = (end + ALIGN - 1) & ~(uint64_t)(ALIGN - 1), page_end = (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	const struct mapping *m = maps_find(maps, end - 1);

	if (!m || !m->loaded || m->writable || m->shared || page_end > m->hi || addr + len > page_end)
		return 0;
	return holds_zeros(proc, addr, page_end - addr) ? addr : 0;
}

/* `first` is the mapping of a file's beginning. */
static uint64_t rest_in_file(struct proc *proc, const struct maps *maps, const struct mapping *first, size_t len, bool in_code)
{
	uint64_t bias = first->lo, addr = 0;
	Elf64_Phdr phdrs[PHDRS_MAX];
	Elf64_Ehdr header;

	if (rmem_read(proc, first->lo, &header, sizeof(header)) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(phdrs[0]))
		return 0;
	size_t n = header.e_phnum < PHDRS_MAX ? header.e_phnum : PHDRS_MAX;

	n = rmem_read(proc, first->lo + header.e_phoff, phdrs, n * sizeof(phdrs[0])) / sizeof(phdrs[0]);
	for (size_t i = n; i-- > 0;)
		if (phdrs[i].p_type == PT_LOAD && phdrs[i].p_offset < PAGE)
			bias = first->lo - (phdrs[i].p_vaddr & ~(uint64_t)(PAGE - 1));
	for (size_t i = 0; i < n && !addr; i++)
		if (phdrs[i].p_type == PT_LOAD && (phdrs[i].p_flags & (PF_W | PF_X)) == (in_code ? PF_X : 0) &&
		    phdrs[i].p_memsz == phdrs[i].p_filesz)
			addr = rest_behind(proc, maps, bias + phdrs[i].p_vaddr + phdrs[i].p_memsz, len);
	return addr;
}

/* Rather not behind code: should we be killed before it is cleared, code stays what the file has. */
static uint64_t find_rest(struct proc *proc, const struct maps *maps, size_t len, bool in_code)
{
	uint64_t addr = 0;

	for (size_t i = 0; i < maps->n && !addr; i++)
		if (maps->items[i].loaded && !maps->items[i].offset && !maps->items[i].writable)
			addr = rest_in_file(proc, maps, &maps->items[i], len, in_code);
	return addr ? addr : in_code ? 0 : find_rest(proc, maps, len, true);
}

/* ---- the thread's own stack */

static bool holds(const struct mapping *m, uint64_t addr)
{
	return addr >= m->lo && addr < m->hi;
}

static uint64_t below_stack(const struct maps *maps, const struct user_regs_struct *regs, size_t len)
{
	const struct mapping *m = maps_find(maps, regs->rsp);
	bool own = m && (!strcmp(m->path, "[stack]") || (!m->inode && holds(m, regs->fs_base) && regs->fs_base > regs->rsp));

	if (!own || regs->rsp - m->lo < len + STACK_LEFT)
		return 0;
	return (regs->rsp - RED_ZONE - len) & ~(uint64_t)(ALIGN - 1);
}

/* ---- */

static int take_from_ring(struct proc *proc, size_t len, uint64_t *ret)
{
	struct tail tail;

	if (!read_tail(proc, proc->room, &tail))
		return -ENOSPC;
	uint64_t taken = tail.taken < RING ? tail.taken + len + ALIGN : RING + 1;

	if (taken > RING)
		taken = len + ALIGN;
	*ret = (tail_of(proc->room) - taken) & ~(uint64_t)(ALIGN - 1);
	return write_tail(proc, proc->room, taken);
}

int room_take(struct proc *proc, const struct user_regs_struct *regs, size_t len, uint64_t *ret, bool *borrowed)
{
	struct maps maps;

	*borrowed = false;
	if (len > RING / 2)
		return -ENOSPC;
	if (proc->room && take_from_ring(proc, len, ret) == 0)
		return 0;
	if (proc_maps(proc, &maps) < 0)
		return -ENOSPC;
	*ret = find_rest(proc, &maps, len, false);
	*borrowed = *ret != 0;
	if (!*ret)
		*ret = below_stack(&maps, regs, len);
	maps_free(&maps);
	return *ret ? 0 : -ENOSPC;
}

void room_give_back(struct proc *proc, uint64_t addr, size_t len)
{
	static const uint8_t zeros[PAGE];
	struct thread *paused = pause_for_writing(proc);

	rmem_write(proc, addr, zeros, len < PAGE ? len : PAGE);
	pause_end(proc, paused);
}
