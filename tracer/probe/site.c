/*
 * Sites: states and invariants
 *
 *	IDLE --hold--> ARMED --last release--> IDLE        any --module unmapped--> GONE
 *	               ARMED --instruction changed--> IDLE, for good
 *
 *	IDLE    memory holds the original byte; the slot is complete, so a late hit can still be sent there
 *	ARMED   memory holds int3; exactly when holds > 0 (or restoring it has failed, until that is done)
 *	GONE    what is at the address now is not ours; never written again, found no more
 *
 * Only one byte is ever written, by one pwrite() or one word by PTRACE_POKETEXT: other processors
 * see the old or the new instruction, never a mixture (Intel SDM volume 3, 8.1.3, and what the
 * kernel's own int3 patching relies on).  The undo information, slot->orig, is in the process
 * itself and in the journal before the int3 is.
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
#include "tracer/probe/journal.h"
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
	ARRAY(struct site *) gone;
	size_t n_armed, n_undone;
	struct site *stock[STOCK]; /* for sites to come */
	size_t n_stock;
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
	for (size_t i = 0; i < table->gone.n; i++)
		site_free(table->gone.items[i]);
	array_free(&table->gone);
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

static int find_slot(struct site_table *table, uint64_t addr, const uint8_t *expect, size_t len,
		     const struct slot **ret)
{
	uint8_t there[INSN_MAX];
	size_t n = rmem_read(table->proc, addr, there, sizeof(there));

	if (!n)
		return err_set(-ENOENT, "there is no code mapped at %#lx any more", (unsigned long)addr);
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
	int r = slots_get(table->slots, addr, expect ? expect : there, expect ? len : n, ret);

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

static int remember(struct site_table *table, struct site *site, const struct maps *maps)
{
	const struct mapping *m = maps ? maps_find(maps, site->addr) : NULL;
	struct id_source source = { table->proc, maps };
	unsigned module = JOURNAL_NO_MODULE;

	if (m) {
		site->dev = m->dev;
		site->inode = m->inode;
		site->writable = m->writable;
		site->text_base = m->lo - m->offset;
		module = journal_module(table->journal, m, read_build_id, &source);
	}
	int r = journal_add(table->journal, site->addr, site->slot->orig, site->slot->insn_len, module);

	site->journal_index = r;
	KILL_POINT("site-noted");
	return r < 0 ? r : 0;
}

int site_prepare(struct site_table *table, uint64_t addr, const uint8_t *expect, size_t len,
		 const struct maps *maps, struct site **ret)
{
	struct site *site = site_find(table, addr);
	const struct slot *slot;

	if (site) {
		*ret = site;
		return 0;
	}
	int r = find_slot(table, addr, expect, len, &slot);

	if (r < 0)
		return r;
	site = table->n_stock ? table->stock[--table->n_stock] : calloc(1, sizeof(*site));
	if (!site)
		return err_set(-ENOMEM, "out of memory");
	site->addr = addr;
	site->slot = slot;
	r = remember(table, site, maps);
	if (r == 0) {
		HASH_ADD(hh, table->sites, addr, sizeof(site->addr), site);
		hash_keep_buckets(table->sites);
		r = hash_added(site) ? 0 : err_set(-ENOMEM, "out of memory");
	}
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

/* Somebody may have mapped something else there without our noticing: only an int3 is replaced. */
static int disarm(struct site_table *table, struct site *site)
{
	uint8_t there = 0;

	if (!site->armed)
		return 0;
	bool readable = rmem_read_text(table->proc, site->addr, &there, 1) == 1;

	/* A uprobe that was removed, for one, leaves what the file has (kernel/events/uprobes.c, set_orig_insn). */
	table->n_undone += readable && there == site->slot->orig[0];
	if (readable && there == int3) {
		int r = rmem_write(table->proc, site->addr, site->slot->orig, 1);

		KILL_POINT("site-restored");
		if (r < 0)
			return r;
	}
	site->armed = false;
	table->n_armed--;
	return 0;
}

void site_release(struct site_table *table, struct site *site)
{
	assert(site->holds > 0);
	if (--site->holds > 0 || site->gone)
		return;
	int r = disarm(table, site);

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
	int r = disarm(table, site);

	site->changed = true;
	if (r < 0)
		log_debug("site", "cannot restore %#lx: %s", (unsigned long)site->addr, strerror(-r));
}

int site_disarm_all(struct site_table *table)
{
	struct site *site, *next;
	int first = 0;

	HASH_ITER(hh, table->sites, site, next) {
		int r = disarm(table, site);

		if (r < 0 && r != -ESRCH && first == 0)
			first = err_set(r, "cannot restore the text at %#lx: %s", (unsigned long)site->addr,
					strerror(-r));
	}
	return first;
}

static void drop(struct site_table *table, struct site *site)
{
	struct site **place = array_push(&table->gone);

	if (site->armed)
		table->n_armed--;
	site->armed = false;
	site->gone = true;
	journal_drop(table->journal, site->journal_index);
	HASH_DEL(table->sites, site);
	if (place)
		*place = site; /* probes and calls may still point at it */
}

static bool is_still_mapped(const struct site *site, const struct maps *maps)
{
	const struct mapping *m = maps_find(maps, site->addr);

	return !site->inode || (m && m->dev == site->dev && m->inode == site->inode &&
				m->lo - m->offset == site->text_base);
}

size_t site_drop_unmapped(struct site_table *table, const struct maps *maps)
{
	struct site *site, *next;
	size_t n = 0;

	HASH_ITER(hh, table->sites, site, next) {
		if (is_still_mapped(site, maps))
			continue;
		drop(table, site);
		n++;
	}
	return n;
}

static int clean(int fd, pid_t child, struct site *const *sites, const uint8_t *there, size_t n)
{
	int first = 0;

	for (size_t i = 0; i < n; i++) {
		if (there[i] != int3)
			continue;
		int r = rmem_write_child(fd, child, sites[i]->addr, sites[i]->slot->orig, 1);

		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int site_clean_child(struct site_table *table, pid_t child)
{
	enum { BATCH = 64 };
	struct site *batch[BATCH], *site, *next;
	uint64_t addrs[BATCH];
	uint8_t there[BATCH];
	size_t n = 0;
	int first = 0, fd = rmem_open_child(child);

	/* What is armed now need not be what was armed when it forked: look at all. */
	HASH_ITER(hh, table->sites, site, next) {
		batch[n] = site;
		addrs[n++] = site->addr;
		if (n < BATCH && next)
			continue;
		rmem_read_bytes(child, addrs, there, n);
		int r = clean(fd, child, batch, there, n);

		first = first ? first : r;
		n = 0;
	}
	if (fd >= 0)
		close(fd);
	return first;
}

size_t site_count_undone(const struct site_table *table)
{
	return table->n_undone;
}

size_t site_count_armed(const struct site_table *table)
{
	return table->n_armed;
}
