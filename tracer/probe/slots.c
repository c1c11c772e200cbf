/*
 * Slots
 *
 * A slot is the displaced code (insn.c) and nothing else: it makes no system call, which a seccomp filter of its thread could answer
 * by killing the process, and leaves stack and registers alone.
 *
 * It lies in an area (areas.c) that its site's module can reach.  It is written before its site's int3 is planted, and
 * together with the original bytes in its header it tells how to undo the site.
 *
 * What is found in an area at the next attach is not believed: a slot is reused only if the code we
 * would write now is there.
 */
#include "tracer/probe/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/base/log.h"
#include "tracer/probe/areas.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

enum {
	SLOT_MAX = 80, /* the largest slot with its header */
	MAP_TRIES = 4,
	STOCK = 8,
};
_Static_assert(sizeof(struct slot_header) + SLOT_CODE_MAX <= SLOT_MAX, "a slot is larger than its limit");

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
	struct areas areas;
	struct known *by_site; /* newest of each site */
	ARRAY(struct known *) by_addr; /* sorted */
	struct known *stock[STOCK]; /* for slots to come */
	size_t n_stock;
};

void slots_refill(struct slots *slots)
{
	hash_make_room(slots->by_site);
	array_reserve(&slots->by_addr, STOCK);
	while (slots->n_stock < STOCK && (slots->stock[slots->n_stock] = calloc(1, sizeof(struct known))))
		slots->n_stock++;
}

/* Keep by_addr sorted: slots of one area come in rising order, so this is nearly always the end. */
static int remember(struct slots *slots, const struct slot *slot)
{
	struct known *known = slots->n_stock ? slots->stock[--slots->n_stock] : calloc(1, sizeof(*known)), *older = NULL;
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
	hash_keep_buckets(slots->by_site);
	return hash_added(known) ? 0 : err_set(-ENOMEM, "out of memory");
}

static bool is_sane(const struct slot_header *header, uint32_t room)
{
	return header->size % SLOT_ALIGN == 0 && header->size <= room && header->size <= SLOT_MAX &&
	       header->code_len <= SLOT_CODE_MAX && header->insn_len <= INSN_MAX && header->insn_len > 0 &&
	       header->size >= sizeof(*header) + header->code_len;
}

/* All of a slot's code, and what is known of it: slot->addr, site and the first bytes of orig are given. */
static int compose(const uint8_t *bytes, size_t len, struct slot *slot, uint8_t *code)
{
	struct displaced displaced;
	int r = insn_displace(bytes, len, slot->site, slot->addr, &displaced);

	if (r < 0)
		return r;
	memcpy(code, displaced.code, displaced.len);
	memcpy(slot->orig, bytes, displaced.insn_len);
	slot->insn_len = displaced.insn_len;
	slot->code_len = displaced.len;
	slot->n_points = displaced.n_points;
	memcpy(slot->points, displaced.points, sizeof(slot->points));
	return 0;
}

/* What is in the process, taken over if it is what we would write. */
static int adopt_slot(struct slots *slots, uint64_t addr, const struct slot_header *header, const uint8_t *code)
{
	uint8_t ours[SLOT_CODE_MAX];
	struct slot slot = { .addr = addr + sizeof(*header), .site = header->site, .origin = header->origin };

	if (compose(header->orig, header->insn_len, &slot, ours) < 0 || slot.code_len != header->code_len ||
	    memcmp(ours, code, slot.code_len) != 0)
		return 0;
	return remember(slots, &slot);
}

static int adopt_content(struct slots *slots, const struct area *area, const uint8_t *content)
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

static int adopt_slots(struct slots *slots, const struct area *area)
{
	uint8_t *content = malloc(area->used);
	int r = content ? 0 : err_set(-ENOMEM, "out of memory");

	if (r == 0 && rmem_read(slots->proc, area->lo, content, area->used) == area->used)
		r = adopt_content(slots, area, content);
	free(content);
	return r;
}

int slots_open(struct proc *proc, struct slots **ret)
{
	struct slots *slots = calloc(1, sizeof(*slots));

	if (!slots)
		return err_set(-ENOMEM, "out of memory");
	slots->proc = proc;
	int r = areas_open(proc, &slots->areas);

	for (size_t i = 0; r == 0 && i < slots->areas.list.n; i++)
		r = adopt_slots(slots, &slots->areas.list.items[i]);
	if (r < 0) {
		slots_free(slots);
		return r;
	}
	log_debug("slots", "%zu areas with %zu slots found", slots->areas.list.n, slots->by_addr.n);
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
	while (slots->n_stock)
		free(slots->stock[--slots->n_stock]);
	areas_fini(&slots->areas);
	free(slots);
}

struct areas *slots_areas(struct slots *slots)
{
	return &slots->areas;
}

uint64_t slots_bytes(const struct slots *slots)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < slots->areas.list.n; i++)
		bytes += slots->areas.list.items[i].size;
	return bytes;
}

int slots_reserve(struct slots *slots, const struct rcall *call, uint64_t lo, uint64_t hi, size_t n)
{
	size_t most = (slots->areas.common.size - AREA_FIRST) / SLOT_MAX;
	int r = -EEXIST;

	if (n > most)
		n = most; /* the rest is reserved when it is needed */
	if (areas_find(&slots->areas, lo, hi, n * SLOT_MAX))
		return 0;
	for (int i = 0; i < MAP_TRIES && r == -EEXIST; i++)
		r = areas_map(&slots->areas, call, lo, hi);
	if (r == -EACCES)
		r = -ENOTSUP;
	return r == -EEXIST ? err_set(-EAGAIN, "the address space near %#lx changes too fast", (unsigned long)lo) : r;
}

bool slots_are_low(struct slots *slots, uint64_t addr)
{
	return !areas_find(&slots->areas, addr, addr, SLOTS_LOW * SLOT_MAX);
}

static const struct slot *find_known(struct slots *slots, uint64_t site, const uint8_t *bytes, size_t len, uint32_t origin)
{
	struct known *known = NULL;

	HASH_FIND(hh, slots->by_site, &site, sizeof(site), known);
	for (; known; known = known->older)
		if (known->slot.origin == origin && known->slot.insn_len <= len &&
		    !memcmp(known->slot.orig, bytes, known->slot.insn_len))
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

static int make_slot(struct slots *slots, struct area *area, uint64_t site, const uint8_t *bytes, size_t len,
		     uint32_t origin, const struct slot **ret)
{
	uint8_t content[SLOT_MAX] = { 0 };
	struct slot_header header = { .site = site, .origin = origin };
	struct slot slot = { .addr = area->lo + area->used + sizeof(header), .site = site, .origin = origin };
	int r = compose(bytes, len, &slot, content + sizeof(header));

	if (r < 0)
		return r;
	header.insn_len = slot.insn_len;
	header.code_len = slot.code_len;
	header.size = (uint16_t)((sizeof(header) + slot.code_len + SLOT_ALIGN - 1) & ~(SLOT_ALIGN - 1u));
	memcpy(header.orig, slot.orig, sizeof(header.orig));
	memcpy(content, &header, sizeof(header));
	r = areas_append(&slots->areas, area, content, header.size);
	if (r < 0)
		return err_set(r, "cannot write a slot: %s", strerror(-r));
	r = remember(slots, &slot);
	if (r == 0)
		*ret = find_known(slots, site, bytes, len, origin);
	return r;
}

int slots_get(struct slots *slots, uint64_t site, const uint8_t *bytes, size_t len, uint32_t origin, const struct slot **ret)
{
	const struct slot *known = find_known(slots, site, bytes, len, origin);
	int r = err_set(-ENOSPC, "no room for a slot near %#lx", (unsigned long)site);

	if (known) {
		*ret = known;
		return 0;
	}
	for (size_t i = 0; i < slots->areas.list.n; i++) {
		struct area *area = &slots->areas.list.items[i];

		if (!areas_in_reach(area->lo, area->size, site, site) || area->size - area->used < SLOT_MAX)
			continue;
		r = make_slot(slots, area, site, bytes, len, origin, ret);
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
