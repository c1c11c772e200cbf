/*
 * Areas
 *
 *	+0   struct area_header   magic, version, size, used: bytes taken so far
 *	+64  struct slot_header, code, padding to 16; and so on up to `used`
 *
 * An area is anonymous memory, r-x for the process and never anything else; we write it through
 * /proc/PID/mem.  A slot is written before `used` is raised, and `used` is raised before the site's
 * int3 is planted: whatever moment we die at, what the header says is complete, and together with
 * the original bytes in each slot's header it tells how to undo every site.
 *
 * What is found in an area at the next attach is not believed: a slot is reused only if the code we
 * would write now is there.
 */
#include "tracer/probe/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/base/log.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/rmem.h"

enum {
	AREA_SIZE = 256 << 10,  /* address space; pages are taken as they are written */
	AREA_FIRST = 64,        /* offset of the first slot */
	SLOT_ALIGN = 16,
	SLOT_MAX = 96,          /* the largest slot with its header */
	AREA_VERSION = 1,
	MAP_TRIES = 4,
	PAGE = 4096,
	GAP_GUARD = 16 * PAGE,  /* left free on both sides: the heap and stacks may grow a little */
};
/*
 * A 32-bit distance, less what lies between a slot's start and the instruction in it that has the
 * distance.
 */
static const uint64_t reach = 0x7fff0000;
static const uint64_t lowest_address = 0x10000; /* vm.mmap_min_addr is at most that */
static const uint64_t address_end = 0x7ffffffff000;

static const char area_magic[16] = "virtrace slots\n";

struct area_header {
	char magic[16];
	uint32_t version, size, used, reserved;
};

struct slot_header {
	uint64_t site;
	uint8_t orig[INSN_MAX + 1];
	uint8_t insn_len, code_len;
	uint16_t size; /* with header and padding: where the next one starts */
	uint32_t reserved;
};
_Static_assert(sizeof(struct slot_header) + SLOT_CODE_MAX <= SLOT_MAX, "a slot is larger than its limit");

struct area {
	uint64_t lo;
	uint32_t size, used;
};

/*
 * A slot we know, and the next one of the same site: code at an address may change (dlclose,
 * dlopen).
 */
struct known {
	struct slot slot;
	uint64_t site; /* key */
	struct known *older;
	UT_hash_handle hh;
};

struct slots {
	struct proc *proc;
	ARRAY(struct area) areas;
	struct known *by_site; /* newest of each site */
	ARRAY(struct known *) by_addr; /* sorted */
};

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static bool in_reach(uint64_t addr, uint64_t len, uint64_t lo, uint64_t hi)
{
	return distance(addr, hi) < reach && distance(addr + len, lo) < reach && distance(addr, lo) < reach &&
	       distance(addr + len, hi) < reach;
}

/* Keep by_addr sorted: slots of one area come in rising order, so this is nearly always the end. */
static int remember(struct slots *slots, const struct slot *slot)
{
	struct known *known = calloc(1, sizeof(*known)), *older = NULL;
	struct known **place = known ? array_push(&slots->by_addr) : NULL;

	if (!place) {
		free(known);
		return err_set(-ENOMEM, "out of memory");
	}
	known->slot = *slot;
	known->site = slot->site;
	for (; place > slots->by_addr.items && place[-1]->slot.addr > slot->addr; place--)
		*place = place[-1];
	*place = known;
	HASH_FIND(hh, slots->by_site, &known->site, sizeof(known->site), older);
	if (older)
		HASH_DEL(slots->by_site, older);
	known->older = older;
	HASH_ADD(hh, slots->by_site, site, sizeof(known->site), known);
	return hash_added(known) ? 0 : err_set(-ENOMEM, "out of memory");
}

static bool is_sane(const struct slot_header *header, uint32_t room)
{
	return header->size % SLOT_ALIGN == 0 && header->size <= room && header->size <= SLOT_MAX &&
	       header->code_len <= SLOT_CODE_MAX && header->insn_len <= INSN_MAX && header->insn_len > 0 &&
	       header->size >= sizeof(*header) + header->code_len;
}

/* What is in the process, taken over if it is what we would write. */
static int adopt_slot(struct slots *slots, uint64_t addr, const struct slot_header *header, const uint8_t *code)
{
	struct displaced displaced;
	struct slot slot = { .addr = addr + sizeof(*header), .site = header->site,
			     .insn_len = header->insn_len, .code_len = header->code_len };

	if (insn_displace(header->orig, header->insn_len, header->site, slot.addr, &displaced) < 0 ||
	    displaced.len != header->code_len || memcmp(displaced.code, code, displaced.len) != 0)
		return 0;
	memcpy(slot.orig, header->orig, sizeof(slot.orig));
	slot.n_points = displaced.n_points;
	memcpy(slot.points, displaced.points, sizeof(slot.points));
	return remember(slots, &slot);
}

static int adopt_slots(struct slots *slots, const struct area *area, const uint8_t *content)
{
	struct slot_header header;

	for (uint32_t at = AREA_FIRST; at + sizeof(header) <= area->used; at += header.size) {
		memcpy(&header, content + at, sizeof(header));
		if (!is_sane(&header, area->used - at))
			break;
		int r = adopt_slot(slots, area->lo + at, &header, content + at + sizeof(header));

		if (r < 0)
			return r;
	}
	return 0;
}

/* 1 if there is one at `lo`. */
static int adopt_area(struct slots *slots, uint64_t lo, uint64_t hi, uint32_t *ret_size)
{
	struct area_header header;

	if (hi - lo < PAGE || rmem_read(slots->proc, lo, &header, sizeof(header)) != sizeof(header) ||
	    memcmp(header.magic, area_magic, sizeof(area_magic)) != 0)
		return 0;
	if (header.version != AREA_VERSION || header.size != AREA_SIZE || header.size > hi - lo ||
	    header.used < AREA_FIRST || header.used > header.size || header.used % SLOT_ALIGN)
		return 0;
	struct area *area = array_push(&slots->areas);
	uint8_t *content = malloc(header.used);
	int r = !area || !content ? err_set(-ENOMEM, "out of memory") : 1;

	if (r > 0) {
		*area = (struct area){ lo, header.size, header.used };
		*ret_size = header.size;
		if (rmem_read(slots->proc, lo, content, header.used) == header.used)
			r = adopt_slots(slots, area, content) < 0 ? -ENOMEM : 1;
	}
	free(content);
	return r;
}

/* The kernel joins neighbours, so one mapping may hold several areas. */
static int adopt_mapping(struct slots *slots, const struct mapping *m)
{
	uint32_t size;

	if (!m->executable || !m->readable || m->writable || m->inode || m->path[0])
		return 0;
	for (uint64_t lo = m->lo; lo < m->hi; lo += size) {
		int r = adopt_area(slots, lo, m->hi, &size);

		if (r <= 0)
			return r;
	}
	return 0;
}

int slots_open(struct proc *proc, struct slots **ret)
{
	struct maps maps;
	struct slots *slots = calloc(1, sizeof(*slots));

	if (!slots)
		return err_set(-ENOMEM, "out of memory");
	slots->proc = proc;
	int r = proc_maps(proc, &maps);

	if (r < 0) {
		free(slots);
		return r;
	}
	for (size_t i = 0; r >= 0 && i < maps.n; i++)
		r = adopt_mapping(slots, &maps.items[i]);
	maps_free(&maps);
	if (r < 0) {
		slots_free(slots);
		return r;
	}
	log_debug("slots", "%zu areas with %zu slots found", slots->areas.n, slots->by_addr.n);
	*ret = slots;
	return 0;
}

void slots_free(struct slots *slots)
{
	if (!slots)
		return;
	HASH_CLEAR(hh, slots->by_site);
	for (size_t i = 0; i < slots->by_addr.n; i++)
		free(slots->by_addr.items[i]);
	array_free(&slots->by_addr);
	array_free(&slots->areas);
	free(slots);
}

uint64_t slots_bytes(const struct slots *slots)
{
	return slots->areas.n * (uint64_t)AREA_SIZE;
}

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

uint64_t slots_choose_address(const struct maps *maps, uint64_t lo, uint64_t hi, uint64_t len)
{
	uint64_t best = 0, before = lowest_address;

	for (size_t i = 0; i <= maps->n; i++) {
		const struct mapping *next = i < maps->n ? &maps->items[i] : NULL;
		bool below_stack = next && !strncmp(next->path, "[stack", 6);
		uint64_t addr = top_of_gap(before, next ? next->lo : address_end, below_stack, len);

		if (addr && in_reach(addr, len, lo, hi) && (!best || distance(addr, lo) < distance(best, lo)))
			best = addr;
		if (next && next->hi > before)
			before = next->hi;
	}
	return best & ~(uint64_t)(PAGE - 1);
}

static struct area *find_room(struct slots *slots, uint64_t lo, uint64_t hi, size_t n)
{
	for (size_t i = 0; i < slots->areas.n; i++) {
		struct area *area = &slots->areas.items[i];

		if (in_reach(area->lo, area->size, lo, hi) && area->size - area->used >= n * SLOT_MAX)
			return area;
	}
	return NULL;
}

static int write_header(struct slots *slots, const struct area *area)
{
	struct area_header header = { .version = AREA_VERSION, .size = area->size, .used = area->used };

	memcpy(header.magic, area_magic, sizeof(header.magic));
	return rmem_write(slots->proc, area->lo, &header, sizeof(header));
}

static int map_area(struct slots *slots, const struct rcall *call, uint64_t lo, uint64_t hi)
{
	struct maps maps;
	int r = proc_maps(slots->proc, &maps);

	if (r < 0)
		return r;
	uint64_t addr = slots_choose_address(&maps, lo, hi, AREA_SIZE);

	maps_free(&maps);
	if (!addr)
		return err_set(-ENOTSUP, "there is no free address space within 2 GiB of %#lx", (unsigned long)lo);
	struct area *area = array_push(&slots->areas);

	if (!area)
		return err_set(-ENOMEM, "out of memory");
	*area = (struct area){ addr, AREA_SIZE, AREA_FIRST };
	r = rcall_map(call, addr, AREA_SIZE);
	struct thread *paused = pause_for_writing(slots->proc);

	if (r == 0)
		r = write_header(slots, area);
	pause_end(slots->proc, paused);
	if (r < 0)
		slots->areas.n--;
	return r;
}

int slots_reserve(struct slots *slots, const struct rcall *call, uint64_t lo, uint64_t hi, size_t n)
{
	size_t most = (AREA_SIZE - AREA_FIRST) / SLOT_MAX;
	int r = -EEXIST;

	if (n > most)
		n = most; /* the rest is reserved when it is needed */
	if (find_room(slots, lo, hi, n))
		return 0;
	for (int i = 0; i < MAP_TRIES && r == -EEXIST; i++)
		r = map_area(slots, call, lo, hi);
	if (r == -EACCES)
		r = -ENOTSUP;
	return r == -EEXIST ? err_set(-EAGAIN, "the address space near %#lx changes too fast", (unsigned long)lo) : r;
}

static const struct slot *find_known(struct slots *slots, uint64_t site, const uint8_t *bytes, size_t len)
{
	struct known *known = NULL;

	HASH_FIND(hh, slots->by_site, &site, sizeof(site), known);
	for (; known; known = known->older)
		if (known->slot.insn_len <= len && !memcmp(known->slot.orig, bytes, known->slot.insn_len))
			return &known->slot;
	return NULL;
}

const struct slot *slots_recall(const struct slots *slots, uint64_t site, const uint8_t *rest, size_t len)
{
	struct known *known = NULL;

	HASH_FIND(hh, slots->by_site, &site, sizeof(site), known);
	for (; known; known = known->older)
		if (known->slot.insn_len <= len + 1 &&
		    !memcmp(known->slot.orig + 1, rest, known->slot.insn_len - 1u))
			return &known->slot;
	return NULL;
}

static int write_slot(struct slots *slots, struct area *area, const struct slot *slot, const uint8_t *code)
{
	uint8_t content[SLOT_MAX] = { 0 };
	struct slot_header header = {
		.site = slot->site, .insn_len = slot->insn_len, .code_len = slot->code_len,
		.size = (uint16_t)((sizeof(header) + slot->code_len + SLOT_ALIGN - 1) & ~(SLOT_ALIGN - 1u)),
	};

	memcpy(header.orig, slot->orig, sizeof(header.orig));
	memcpy(content, &header, sizeof(header));
	memcpy(content + sizeof(header), code, slot->code_len);
	int r = rmem_write(slots->proc, area->lo + area->used, content, header.size);

	if (r < 0)
		return err_set(r, "cannot write a slot: %s", strerror(-r));
	area->used += header.size;
	r = write_header(slots, area);
	return r < 0 ? err_set(r, "cannot write a slot: %s", strerror(-r)) : 0;
}

static int make_slot(struct slots *slots, struct area *area, uint64_t site, const uint8_t *bytes, size_t len,
		     const struct slot **ret)
{
	struct displaced displaced;
	struct slot slot = { .addr = area->lo + area->used + sizeof(struct slot_header), .site = site };
	int r = insn_displace(bytes, len, site, slot.addr, &displaced);

	if (r < 0)
		return r;
	slot.insn_len = displaced.insn_len;
	slot.code_len = displaced.len;
	slot.n_points = displaced.n_points;
	memcpy(slot.orig, bytes, displaced.insn_len);
	memcpy(slot.points, displaced.points, sizeof(slot.points));
	r = write_slot(slots, area, &slot, displaced.code);
	if (r == 0)
		r = remember(slots, &slot);
	if (r == 0)
		*ret = find_known(slots, site, bytes, len);
	return r;
}

int slots_get(struct slots *slots, uint64_t site, const uint8_t *bytes, size_t len, const struct slot **ret)
{
	const struct slot *known = find_known(slots, site, bytes, len);
	int r = err_set(-ENOSPC, "no room for a slot near %#lx", (unsigned long)site);

	if (known) {
		*ret = known;
		return 0;
	}
	for (size_t i = 0; i < slots->areas.n; i++) {
		struct area *area = &slots->areas.items[i];

		if (!in_reach(area->lo, area->size, site, site) || area->size - area->used < SLOT_MAX)
			continue;
		r = make_slot(slots, area, site, bytes, len, ret);
		if (r != -ERANGE)
			break;
	}
	return r == -ERANGE ? -ENOTSUP : r;
}

const struct slot *slots_find(const struct slots *slots, uint64_t rip)
{
	size_t lo = 0, hi = slots->by_addr.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct slot *slot = &slots->by_addr.items[mid]->slot;

		if (rip < slot->addr)
			hi = mid;
		else if (rip >= slot->addr + slot->code_len)
			lo = mid + 1;
		else
			return slot;
	}
	return NULL;
}

const struct slot_point *slot_point_at(const struct slot *slot, uint64_t rip)
{
	for (unsigned i = 0; i < slot->n_points; i++)
		if (slot->addr + slot->points[i].offset == rip)
			return &slot->points[i];
	return NULL;
}
