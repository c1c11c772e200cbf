/*
 * Sites: states and invariants
 *
 *	IDLE --hold--> ARMED --last release--> IDLE        any --module unmapped--> GONE
 *	               ARMED --instruction changed--> IDLE, for good
 *
 *	IDLE    memory holds the original byte; the slot is complete, so a late hit can still be sent there
 *	ARMED   memory holds int3; exactly when holds > 0 (or restoring it has failed, until that is done)
 *	GONE    what is at the address now is not ours; never written again, found no more.  When the same module is mapped at the
 *	        same place again, it becomes IDLE again (site_prepare())
 *
 * Only one byte is ever written, by one pwrite() or one word by PTRACE_POKETEXT: other processors
 * see the old or the new instruction, never a mixture (Intel SDM volume 3, 8.1.3, and what the
 * kernel's own int3 patching relies on).  The undo information, slot->orig, is in the process
 * itself and in the journal before the int3 is.
 *
 * A program may map something else where its code was.  While it is traced a byte is restored where the whole instruction is
 * as expected, as that is done at hits, too; else, when leaving, and in forked children, place.c decides.
 */
#include "tracer/probe/site.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/probe/inside.h"
#include "tracer/probe/journal.h"
#include "tracer/probe/place.h"
#include "tracer/probe/repair.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/buildid.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

static const uint8_t int3 = 0xcc;
enum { STOCK = 8, LOOK_AGAIN_NS = 1000 * 1000 * 1000 };

struct site_table {
	struct proc *proc;
	struct slots *slots;
	struct journal *journal;
	struct site *sites;
	struct site *gone; /* whose module was unmapped; by address, too */
	size_t n_armed, n_undone, n_moved;
	struct site *stock[STOCK]; /* for sites to come */
	size_t n_stock;
	uint8_t page[PLACE_PAGE + INSN_MAX]; /* around the site that is made */
};

int site_table_new(struct proc *proc, struct slots *slots, struct journal *journal, struct site_table **ret)
{
	struct site_table *table = calloc(1, sizeof(*table));

	if (!table)
		return err_set(-ENOMEM, "out of memory");
	table->proc = proc;
	table->slots = slots;
	table->journal = journal;
	*ret = table;
	return 0;
}

static void site_free(struct site *site)
{
	array_free(&site->roles);
	free(site);
}

void site_table_free(struct site_table *table)
{
	struct site *site, *next;

	if (!table)
		return;
	HASH_ITER(hh, table->sites, site, next) {
		HASH_DEL(table->sites, site);
		site_free(site);
	}
	HASH_ITER(hh, table->gone, site, next) {
		HASH_DEL(table->gone, site);
		site_free(site);
	}
	while (table->n_stock)
		free(table->stock[--table->n_stock]);
	free(table);
}

/* What one stop needs is nothing near the stock: it is enough to look at one kind of it. */
void site_table_refill(struct site_table *table)
{
	if (table->n_stock == STOCK)
		return;
	slots_refill(table->slots);
	hash_make_room(table->sites);
	while (table->n_stock < STOCK && (table->stock[table->n_stock] = calloc(1, sizeof(struct site))))
		table->n_stock++;
}

struct site *site_find(struct site_table *table, uint64_t addr)
{
	struct site *site = NULL;

	HASH_FIND(hh, table->sites, &addr, sizeof(addr), site);
	return site;
}

static int check_bytes(uint64_t addr, const uint8_t *there, const struct slot *slot)
{
	if (!memcmp(there, slot->orig, slot->insn_len))
		return 0;
	if (there[0] == int3)
		return err_set(-ENOTSUP, "there is a breakpoint of somebody else (a debugger, a uprobe) at %#lx",
			       (unsigned long)addr);
	return err_set(-ENOTSUP, "the code at %#lx was changed in memory: it is not what the file has",
		       (unsigned long)addr);
}

/* Where its code comes from, for the slot (inside.h). */
static uint32_t origin_of(const struct site_table *table, unsigned module)
{
	const struct journal_module *from = module == JOURNAL_NO_MODULE ? NULL : &table->journal->file->modules[module];

	return from ? slot_origin(from->dev, from->inode, from->lo - from->offset) : 0;
}

/* `there`: `n` bytes that are at `addr`. */
static int find_slot(struct site_table *table, uint64_t addr, const uint8_t *there, size_t n, const uint8_t *expect, size_t len,
		     uint32_t origin, const struct slot **ret)
{
	/*
	 * An int3 that a killed virtrace left: then its slot is still there and says what belongs
	 * under it.
	 */
	const struct slot *left = there[0] == int3 ? slots_recall(table->slots, addr, there + 1, n - 1) : NULL;

	if (left && (!expect || (len >= left->insn_len && !memcmp(expect, left->orig, left->insn_len)))) {
		*ret = left;
		return 0;
	}
	if (!expect && there[0] == int3)
		return err_set(-ENOTSUP, "there is a breakpoint of somebody else at %#lx", (unsigned long)addr);
	int r = slots_get(table->slots, addr, expect ? expect : there, expect ? len : n, origin, ret);

	return r < 0 || !expect ? r : check_bytes(addr, there, *ret);
}

struct id_source {
	struct proc *proc;
	const struct maps *maps;
};

static size_t read_build_id(void *ctx, const struct mapping *m, uint8_t *id)
{
	const struct id_source *source = ctx;

	return build_id_read(source->proc, source->maps, m, id, JOURNAL_ID_MAX);
}

static unsigned module_at(struct site_table *table, uint64_t addr, const struct maps *maps)
{
	const struct mapping *m = maps ? maps_find(maps, addr) : NULL;
	struct id_source source = { table->proc, maps };

	if (!maps)
		return journal_find_module(table->journal, addr);
	return m && m->inode ? journal_module(table->journal, m, read_build_id, &source) : JOURNAL_NO_MODULE;
}

void site_know_module(struct site_table *table, const struct maps *maps, const struct mapping *m)
{
	module_at(table, m->lo, maps);
}

/* Of the page in hand, with what belongs under our int3s. */
static uint32_t sum_page(struct site_table *table, const struct site *site)
{
	uint64_t start = site->addr & ~(uint64_t)(PLACE_PAGE - 1);

	table->page[site->addr - start] = site->slot->orig[0];
	for (uint8_t *at = table->page; (at = memchr(at, int3, (size_t)(table->page + PLACE_PAGE - at))); at++) {
		const struct site *other = site_find(table, start + (uint64_t)(at - table->page));

		if (other && other->armed)
			*at = other->slot->orig[0];
	}
	return place_sum(table->page);
}

static int remember(struct site_table *table, struct site *site, unsigned module, bool has_page)
{
	int r = journal_add(table->journal, site->addr, site->slot->orig, site->slot->insn_len, module,
			    has_page ? sum_page(table, site) : 0);

	site->journal_index = r;
	KILL_POINT("site-noted");
	return r < 0 ? r : 0;
}

static bool is_writable(const struct maps *maps, uint64_t addr)
{
	const struct mapping *m = maps ? maps_find(maps, addr) : NULL;

	return m && m->writable;
}

static const struct journal_site *noted(const struct site_table *table, const struct site *site)
{
	return &table->journal->file->sites[site->journal_index];
}

/* The site that was there before its module was unmapped, if that is what is mapped there now, with the same code. */
static struct site *take_gone(struct site_table *table, uint64_t addr, const struct slot *slot, unsigned module)
{
	struct site *site = NULL;

	HASH_FIND(hh, table->gone, &addr, sizeof(addr), site);
	if (!site || module == JOURNAL_NO_MODULE || site->slot != slot || noted(table, site)->module != module)
		return NULL;
	HASH_DEL(table->gone, site);
	site->gone = false;
	journal_add_again(table->journal, site->journal_index, slot->insn_len);
	return site;
}

static int add(struct site_table *table, struct site *site)
{
	HASH_ADD(hh, table->sites, addr, sizeof(site->addr), site);
	hash_keep_buckets(table->sites);
	return hash_added(site) ? 0 : err_set(-ENOMEM, "out of memory");
}

int site_prepare(struct site_table *table, uint64_t addr, const uint8_t *expect, size_t len,
		 const struct maps *maps, struct site **ret)
{
	struct site *site = site_find(table, addr);
	size_t at = addr & (PLACE_PAGE - 1);
	const struct slot *slot;

	if (site) {
		*ret = site;
		return 0;
	}
	size_t n = rmem_read(table->proc, addr - at, table->page, sizeof(table->page));

	if (n <= at)
		return err_set(-ENOENT, "there is no code mapped at %#lx any more", (unsigned long)addr);
	unsigned module = module_at(table, addr, maps);
	int r = find_slot(table, addr, table->page + at, n - at < INSN_MAX ? n - at : INSN_MAX, expect, len,
			  origin_of(table, module), &slot);

	if (r < 0)
		return r;
	site = take_gone(table, addr, slot, module);
	if (!site) {
		site = table->n_stock ? table->stock[--table->n_stock] : calloc(1, sizeof(*site));
		if (!site)
			return err_set(-ENOMEM, "out of memory");
		site->addr = addr;
		site->slot = slot;
		site->hides_next_byte = insn_hides_next_byte(slot->orig, slot->insn_len);
		r = remember(table, site, module, n >= PLACE_PAGE);
	}
	site->writable = is_writable(maps, addr);
	site->sequence_checks = SITE_SEQUENCE_CHECKS;
	if (r == 0)
		r = add(table, site);
	if (r < 0) {
		site_free(site);
		return r;
	}
	*ret = site;
	return 0;
}

int site_add_role(struct site *site, struct probe *probe, int exit)
{
	struct role *role = array_push(&site->roles);

	if (!role)
		return err_set(-ENOMEM, "out of memory");
	*role = (struct role){ probe, exit };
	return 0;
}

/*
 * The code is still what the slot has.  Between preparing a site and arming it its library may have been unloaded, and another
 * be there.
 */
static int check_unchanged(struct site_table *table, const struct site *site)
{
	const struct slot *slot = site->slot;
	uint8_t there[INSN_MAX];

	if (site->gone || rmem_read_text(table->proc, site->addr, there, slot->insn_len) != slot->insn_len)
		return err_set(-ENOENT, "the code at %#lx is not there any more", (unsigned long)site->addr);
	if ((there[0] == slot->orig[0] || there[0] == int3) && !memcmp(there + 1, slot->orig + 1, slot->insn_len - 1u))
		return 0;
	return err_set(-ESTALE, "the code at %#lx was changed in memory", (unsigned long)site->addr);
}

int site_hold(struct site_table *table, struct site *site)
{
	int unchanged = site->armed && !site->gone ? 0 : check_unchanged(table, site);

	if (unchanged < 0)
		return unchanged;
	if (!site->armed) {
		int r = rmem_write(table->proc, site->addr, &int3, 1);

		if (r < 0)
			return err_set(r, "cannot write to the text at %#lx: %s", (unsigned long)site->addr,
				       strerror(-r));
		KILL_POINT("site-armed");
		site->armed = true;
		table->n_armed++;
	}
	site->holds++;
	return 0;
}

struct search {
	uint64_t addr;
	struct mapping found;
};

static bool holds(void *ctx, const struct mapping *m)
{
	struct search *search = ctx;

	search->found = *m;
	return search->addr >= m->lo && search->addr < m->hi;
}

/* Of an armed one.  The mapping is looked for only where the bytes do not tell: this may be asked at a hit. */
static enum place look_now(struct site_table *table, const struct site *site)
{
	const struct slot *slot = site->slot;
	struct search search = { .addr = site->addr };
	uint8_t there[INSN_MAX];

	if (rmem_read_text(table->proc, site->addr, there, slot->insn_len) != slot->insn_len)
		return PLACE_OTHER;
	if (!memcmp(there + 1, slot->orig + 1, slot->insn_len - 1u))
		return there[0] == int3 ? PLACE_OURS : there[0] == slot->orig[0] ? PLACE_CLEAN : PLACE_OTHER;
	if (!maps_walk(table->proc->maps_fd, holds, &search))
		return PLACE_OTHER;
	struct maps maps = { .items = &search.found, .n = 1 };
	struct place_view view = { .file = table->journal->file, .maps = &maps, .mem_fd = table->proc->mem_fd };

	return place_look(&view, noted(table, site));
}

/*
 * We have planted it, and nobody was seen to take it away: so it is ours also where the process has changed the rest of the
 * instruction since, or what is around it in memory of no file.
 */
static bool is_ours(const struct journal_site *noted, enum place place)
{
	return place == PLACE_OURS || place == PLACE_REWRITTEN || (place == PLACE_UNSURE && noted->module == JOURNAL_NO_MODULE);
}

static int disarm(struct site_table *table, struct site *site, enum place place)
{
	bool ours = is_ours(noted(table, site), place);
	int r = 0;

	if (place == PLACE_UNSURE && !ours)
		return -EBUSY;
	if (ours) {
		r = rmem_write(table->proc, site->addr, site->slot->orig, 1);
		KILL_POINT("site-restored");
	}
	if (r < 0)
		return r;
	/* A uprobe that was removed, for one, leaves what the file has (kernel/events/uprobes.c, set_orig_insn). */
	table->n_undone += place == PLACE_CLEAN;
	site->armed = false;
	table->n_armed--;
	return 0;
}

void site_release(struct site_table *table, struct site *site)
{
	assert(site->holds > 0);
	if (--site->holds > 0 || site->gone || !site->armed)
		return;
	int r = disarm(table, site, look_now(table, site));

	/*
	 * Harmless while we trace: hits of a site nobody holds go to its slot.  It is tried again
	 * when detaching.
	 */
	if (r < 0)
		log_debug("site", "cannot restore %#lx: %s", (unsigned long)site->addr, strerror(-r));
}

bool site_has_changed(struct site_table *table, struct site *site, uint64_t now_ns)
{
	uint8_t rest[INSN_MAX];
	size_t n = site->slot->insn_len - 1u;

	if (site->changed || !n || (!site->writable && now_ns - site->looked_ns < LOOK_AGAIN_NS))
		return site->changed;
	site->looked_ns = now_ns;
	return rmem_read(table->proc, site->addr + 1, rest, n) == n && memcmp(rest, site->slot->orig + 1, n) != 0;
}

void site_let_go(struct site_table *table, struct site *site)
{
	int r = site->armed ? disarm(table, site, look_now(table, site)) : 0;

	site->changed = true;
	if (r < 0)
		log_debug("site", "cannot restore %#lx: %s", (unsigned long)site->addr, strerror(-r));
}

static int fail_to_restore(const struct site *site, int r)
{
	if (r == -EBUSY)
		return err_set(r, "the code around %#lx was moved and changed while it was traced: a breakpoint may be left there",
			       (unsigned long)site->addr);
	return err_set(r, "cannot restore the text at %#lx: %s", (unsigned long)site->addr, strerror(-r));
}

int site_disarm_all(struct site_table *table, const struct maps *maps)
{
	struct place_view view = { .file = table->journal->file, .maps = maps, .mem_fd = table->proc->mem_fd };
	struct site *site, *next;
	int first = 0;

	HASH_ITER(hh, table->sites, site, next) {
		if (!site->armed)
			continue;
		enum place place = place_look(&view, noted(table, site));
		int r = disarm(table, site, place);

		if (r == 0 && is_ours(noted(table, site), place))
			place_restored(&view, noted(table, site));
		if (r < 0 && r != -ESRCH && first == 0)
			first = fail_to_restore(site, r);
	}
	return first;
}

/* While its file is there, the code may have been moved, and come back: then the journal still knows it. */
static void drop(struct site_table *table, struct site *site, bool has_module)
{
	table->n_armed -= site->armed;
	table->n_moved += site->armed && has_module;
	site->armed = false;
	site->gone = true;
	if (!has_module)
		journal_drop(table->journal, site->journal_index);
	HASH_DEL(table->sites, site);
	HASH_ADD(hh, table->gone, addr, sizeof(site->addr), site); /* probes and calls may still point at it */
}

size_t site_drop_unmapped(struct site_table *table, const struct maps *maps)
{
	struct place_view view = { .file = table->journal->file, .maps = maps, .mem_fd = table->proc->mem_fd };
	struct site *site, *next;
	size_t n = 0;

	HASH_ITER(hh, table->sites, site, next) {
		const struct mapping *m = maps_find(maps, site->addr);

		if (m && (place_is_in_file(view.file, noted(table, site), m) ||
			  place_look(&view, noted(table, site)) != PLACE_OTHER))
			continue;
		drop(table, site, place_has_module(view.file, noted(table, site), maps));
		n++;
	}
	return n;
}

int site_clean_child(struct site_table *table, pid_t child)
{
	struct repair_target target = { .mem_fd = rmem_open_child(child), .maps_fd = maps_open(child), .child = child };
	struct repair_result result = { 0 };
	int r = target.mem_fd < 0 ? target.mem_fd : target.maps_fd < 0 ? target.maps_fd : 0;

	if (r == 0)
		repair_sites(table->journal->file, &target, &result);
	if (target.mem_fd >= 0)
		close(target.mem_fd);
	if (target.maps_fd >= 0)
		close(target.maps_fd);
	return r == 0 && !repair_is_complete(&result) ? -EIO : r;
}

size_t site_count_moved(const struct site_table *table)
{
	return table->n_moved;
}

size_t site_count_undone(const struct site_table *table)
{
	return table->n_undone;
}

size_t site_count_armed(const struct site_table *table)
{
	return table->n_armed;
}
