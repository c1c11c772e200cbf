/*
 * Areas
 *
 *	+0           struct area_header   magic, version, size, used, what the code needs to know
 *	+INSIDE_AT   the code of inside.c, the same in all
 *	+AREA_FIRST  struct slot_header, code, padding to 16; and so on up to `used`
 *
 * An area is anonymous memory, r-x for the process and never anything else; we write it through /proc/PID/mem.  So a process that
 * may not have memory that it can write and execute (PR_SET_MDWE, systemd's MemoryDenyWriteExecute=) is traced like any other.  One
 * that may not execute anonymous memory at all gets private pages of a file that it runs code of.
 *
 * What is appended is written before `used` is raised, and an area is complete before another links to it: whatever moment we die
 * at, what the handler finds is complete.
 *
 * A handler that a killed tracer left may be running while the next tracer attaches.  So links are only ever added, at the end.
 *
 * What is found at the next attach is not believed: an area is taken over only if its code is ours to the byte.
 */
#include "tracer/probe/areas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/rmem.h"

enum {
	AREA_SIZE = 256 << 10, /* address space; pages are taken as they are written */
	AREAS_MAX = 256,       /* as many as the handler looks through: inside.c */
	PAGE = 4096,
	GAP_GUARD = 16 * PAGE, /* left free on both sides: the heap and stacks may grow a little */
};
/* A 32-bit distance, less what lies between a slot's start and the instruction in it that has the distance. */
static const uint64_t reach = 0x7fff0000;
static const uint64_t lowest_address = 0x10000; /* vm.mmap_min_addr is at most that */
static const uint64_t address_end = 0x7ffffffff000;

static const char area_magic[16] = "virtrace slots\n";

static size_t inside_len(void)
{
	return (uintptr_t)__stop_virtrace_inside - (uintptr_t)__start_virtrace_inside;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

bool areas_in_reach(uint64_t addr, uint64_t len, uint64_t lo, uint64_t hi)
{
	return distance(addr, hi) < reach && distance(addr + len, lo) < reach && distance(addr, lo) < reach &&
	       distance(addr + len, hi) < reach;
}

uint64_t area_entry(const struct area *area, const char *entry)
{
	return area->lo + INSIDE_AT + ((uintptr_t)entry - (uintptr_t)__start_virtrace_inside);
}

/* ---- finding what is there */

static bool has_our_code(struct proc *proc, uint64_t lo)
{
	uint8_t there[AREA_FIRST - INSIDE_AT];
	size_t len = inside_len();

	return len <= sizeof(there) && rmem_read(proc, lo + INSIDE_AT, there, len) == len &&
	       !memcmp(there, __start_virtrace_inside, len);
}

/* 1 if there is one at `lo`. */
static int adopt(struct areas *areas, uint64_t lo, uint64_t hi)
{
	struct area_header header;

	if (hi - lo < AREA_SIZE || rmem_read(areas->proc, lo, &header, sizeof(header)) != sizeof(header) ||
	    memcmp(header.magic, area_magic, sizeof(area_magic)) != 0)
		return 0;
	if (header.version != AREA_VERSION || header.size != AREA_SIZE || header.used < AREA_FIRST ||
	    header.used > header.size || header.used % SLOT_ALIGN || !has_our_code(areas->proc, lo))
		return 0;
	struct area *area = areas->list.n < AREAS_MAX ? array_push(&areas->list) : NULL;

	if (!area)
		return err_set(-ENOMEM, "out of memory");
	*area = (struct area){ lo, header.size, header.used, header.next };
	areas->common.ours = header.ours;
	areas->common.before = header.before;
	areas->common.answers = header.answers ? header.answers : areas->common.answers;
	return 1;
}

/* The kernel joins neighbours, so one mapping may hold several areas. */
static int adopt_mapping(struct areas *areas, const struct mapping *m)
{
	int r = 1;

	if (!m->executable || !m->readable || m->writable || m->loaded)
		return 0;
	for (uint64_t lo = m->lo; r > 0 && lo < m->hi; lo += AREA_SIZE)
		r = adopt(areas, lo, m->hi);
	return r;
}

static size_t index_of(const struct areas *areas, uint64_t lo, size_t from)
{
	for (size_t i = from; i < areas->list.n; i++)
		if (areas->list.items[i].lo == lo)
			return i;
	return areas->list.n;
}

static int link_areas(struct areas *areas, struct area *from, uint64_t to)
{
	from->next = to;
	return rmem_write(areas->proc, from->lo + offsetof(struct area_header, next), &to, sizeof(to));
}

/*
 * In the order of the links, beginning with the one whose handler was the last to be installed; those that nothing links to are
 * linked behind.
 */
static int order(struct areas *areas)
{
	struct area *items = areas->list.items;
	size_t n = areas->list.n;
	uint64_t next = areas->common.ours.handler - (area_entry(&(struct area){ 0 }, inside_handler));
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = index_of(areas, next, i);

		if (at < n) {
			struct area moved = items[at];

			items[at] = items[i];
			items[i] = moved;
		} else if (i && r == 0) {
			r = link_areas(areas, &items[i - 1], items[i].lo);
		}
		next = items[i].next;
	}
	if (n && index_of(areas, next, 0) < n)
		r = link_areas(areas, &items[n - 1], 0);
	return r;
}

int areas_open(struct proc *proc, struct areas *ret)
{
	struct maps maps;
	int r = proc_maps(proc, &maps);

	*ret = (struct areas){ .proc = proc };
	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < maps.n; i++)
		r = adopt_mapping(ret, &maps.items[i]);
	maps_free(&maps);
	memcpy(ret->common.magic, area_magic, sizeof(area_magic));
	strcpy(ret->common.mem_path, "/proc/self/mem");
	strcpy(ret->common.maps_path, "/proc/self/maps");
	ret->common.version = AREA_VERSION;
	ret->common.size = AREA_SIZE;
	struct thread *paused = pause_for_writing(proc);

	if (r >= 0)
		r = order(ret);
	pause_end(proc, paused);
	return r < 0 ? r : 0;
}

void areas_fini(struct areas *areas)
{
	array_free(&areas->list);
}

/* ---- making new ones */

/*
 * The highest place in a gap, just below a mapping: what grows (the heap, up) is not in its way.
 * But stacks grow down.
 */
static uint64_t top_of_gap(uint64_t before, uint64_t after, bool below_stack, uint64_t len)
{
	if (below_stack || after < before || after - before < len + 2 * GAP_GUARD)
		return 0;
	return after - GAP_GUARD - len;
}

uint64_t areas_choose_address(const struct maps *maps, uint64_t lo, uint64_t hi, uint64_t len)
{
	uint64_t best = 0, before = lowest_address;

	for (size_t i = 0; i <= maps->n; i++) {
		const struct mapping *next = i < maps->n ? &maps->items[i] : NULL;
		bool below_stack = next && !strncmp(next->path, "[stack", 6);
		uint64_t addr = top_of_gap(before, next ? next->lo : address_end, below_stack, len);

		if (addr && areas_in_reach(addr, len, lo, hi) && (!best || distance(addr, lo) < distance(best, lo)))
			best = addr;
		if (next && next->hi > before)
			before = next->hi;
	}
	return best & ~(uint64_t)(PAGE - 1);
}

struct area *areas_find(struct areas *areas, uint64_t lo, uint64_t hi, size_t len)
{
	for (size_t i = 0; i < areas->list.n; i++) {
		struct area *area = &areas->list.items[i];

		if (areas_in_reach(area->lo, area->size, lo, hi) && area->size - area->used >= len)
			return area;
	}
	return NULL;
}

/* Complete the last one: nothing refers to it before all is there. */
static int fill(struct areas *areas)
{
	struct area *area = &areas->list.items[areas->list.n - 1];
	struct area_header header = areas->common;

	header.used = area->used;
	int r = rmem_write(areas->proc, area->lo + INSIDE_AT, __start_virtrace_inside, inside_len());

	KILL_POINT("area-code");
	if (r == 0)
		r = rmem_write(areas->proc, area->lo, &header, sizeof(header));
	KILL_POINT("area-header");
	if (r == 0 && areas->list.n > 1)
		r = link_areas(areas, area - 1, area->lo);
	KILL_POINT("area-linked");
	return r < 0 ? err_set(r, "cannot write to memory of the process: %s", strerror(-r)) : 0;
}

static int map(const struct rcall *call, uint64_t addr)
{
	int r = rcall_map(call, addr, AREA_SIZE, PROT_READ | PROT_EXEC);

	if (r != -EACCES && r != -ENOTSUP)
		return r;
	log_debug("areas", "%s", err_text());
	return rcall_map_file(call, addr, AREA_SIZE);
}

/* As if nothing had been; why it failed is what is to be told. */
static void leave(const struct rcall *call)
{
	char *text = strdup(err_text());

	rcall_leave(call);
	err_set(-ENOTSUP, "%s", text ? text : "out of memory");
	free(text);
}

int areas_map(struct areas *areas, const struct rcall *call, uint64_t lo, uint64_t hi)
{
	struct maps maps;
	int r = proc_maps(areas->proc, &maps);

	if (r < 0)
		return r;
	uint64_t addr = areas_choose_address(&maps, lo, hi, AREA_SIZE);

	maps_free(&maps);
	if (!addr)
		return err_set(-ENOTSUP, "there is no free address space within 2 GiB of %#lx", (unsigned long)lo);
	struct area *area = areas->list.n < AREAS_MAX ? array_push(&areas->list) : NULL;

	if (!area)
		return err_set(-ENOMEM, "out of memory");
	*area = (struct area){ addr, AREA_SIZE, AREA_FIRST, 0 };
	r = map(call, addr);
	struct thread *paused = pause_for_writing(areas->proc);

	if (r == 0)
		r = fill(areas);
	pause_end(areas->proc, paused);
	if (r < 0)
		areas->list.n--;
	if (r < 0 && !areas->list.n)
		leave(call);
	return r;
}

int areas_append(struct areas *areas, struct area *area, const void *content, size_t len)
{
	uint32_t used = area->used + (uint32_t)len;
	int r = rmem_write(areas->proc, area->lo + area->used, content, len);

	KILL_POINT("slot-written");

	if (r == 0)
		r = rmem_write(areas->proc, area->lo + offsetof(struct area_header, used), &used, sizeof(used));
	if (r == 0)
		area->used = used;
	return r;
}

static int write_field(struct areas *areas, const struct area *area, size_t at, size_t len)
{
	return rmem_write(areas->proc, area->lo + at, (const char *)&areas->common + at, len);
}

int areas_update(struct areas *areas)
{
	const size_t actions = offsetof(struct area_header, ours), flags = offsetof(struct area_header, may_repair);
	const size_t end = sizeof(struct area_header), links = offsetof(struct area_header, next);
	int r = 0;

	for (size_t i = 0; r == 0 && i < areas->list.n; i++) {
		const struct area *area = &areas->list.items[i];

		r = write_field(areas, area, actions, end - actions);
		if (r == 0)
			r = write_field(areas, area, flags, links - flags);
	}
	return r;
}
