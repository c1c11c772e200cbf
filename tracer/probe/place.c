/*
 * When a byte may be written
 *
 * A process may map what it wants where its code was, and an int3 of ours in it looks like any byte 0xcc: behind an instruction of one
 * byte nothing else tells.  So before a byte is restored, be it by us, by the guardian or by `virtrace repair`, these have to hold:
 *
 *	the instruction   is what it was, but for its first byte, which is an int3
 *	its mapping       is private, and either of the same file at the same address, or executable with a page around that
 *	                  is what it was when the site was made, but for our int3s
 *
 * The second is for programs that move their own text (into huge pages, say): they copy our int3s with it.  The page is known by a
 * checksum in the journal, which was taken with the original bytes in place of those int3s.  A copy somewhere else is not looked for.
 *
 * Where the instruction fits and the mapping is executable, but neither of both, the int3 may be ours or not.  So it is where the mapping
 * fits and the rest of the instruction does not: the process may have changed a constant in it, or put an int3 of its own
 * there.  Nothing is written then, but by who knows that he has planted it and is still there (site.c); and nobody says that nothing is left.
 *
 * Between the look and the write the process may map something else; only stopped, it could not.  The file of /proc/PID/mem, opened
 * before the look, keeps an exec from being the one who does: it stays the file of the old memory (fs/proc/base.c, mem_open).
 */
#include "tracer/probe/place.h"

#include <string.h>
#include <unistd.h>

#include "tracer/probe/journal.h"
#include "tracer/remote/maps.h"

static const uint8_t int3 = 0xcc;

static const struct journal_module *module_of(const struct journal_file *file, const struct journal_site *site)
{
	return site->module < JOURNAL_MODULES_MAX ? &file->modules[site->module] : NULL;
}

static bool is_part_of(const struct journal_module *module, const struct mapping *m)
{
	return m->inode == module->inode && m->dev == module->dev && m->lo - m->offset == module->lo - module->offset;
}

bool place_is_in_file(const struct journal_file *file, const struct journal_site *site, const struct mapping *m)
{
	const struct journal_module *module = module_of(file, site);

	return module && !m->shared && is_part_of(module, m);
}

bool place_has_module(const struct journal_file *file, const struct journal_site *site, const struct maps *maps)
{
	const struct journal_module *module = module_of(file, site);

	for (size_t i = 0; module && i < maps->n; i++)
		if (is_part_of(module, &maps->items[i]))
			return true;
	return false;
}

/* As wide as the processor likes it: four sums side by side. */
uint32_t place_sum(const uint8_t page[PLACE_PAGE])
{
	static const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t sums[4] = { 1, 2, 3, 4 }, words[4];

	for (size_t at = 0; at < PLACE_PAGE; at += sizeof(words)) {
		memcpy(words, page + at, sizeof(words));
		for (size_t i = 0; i < 4; i++)
			sums[i] = (sums[i] ^ words[i] ^ sums[i] >> 32) * odd;
	}
	for (size_t i = 1; i < 4; i++)
		sums[0] = (sums[0] ^ sums[i] ^ sums[0] >> 32) * odd;
	uint32_t sum = (uint32_t)(sums[0] >> 32);

	return sum ? sum : 1;
}

static bool read_page(struct place_view *view, uint64_t addr)
{
	uint64_t page = addr & ~(uint64_t)(PLACE_PAGE - 1);

	if (view->n && view->page == page)
		return true;
	ssize_t n = pread(view->mem_fd, view->bytes, sizeof(view->bytes), (off_t)page);

	view->page = page;
	view->n = n > 0 ? (size_t)n : 0;
	view->sum = 0;
	return n > 0;
}

static uint32_t sum_without_ours(const struct place_view *view)
{
	const struct journal_file *file = view->file;
	uint32_t n = __atomic_load_n(&file->n_sites, __ATOMIC_ACQUIRE);
	uint8_t page[PLACE_PAGE];

	memcpy(page, view->bytes, sizeof(page));
	for (uint32_t i = 0; i < n && i < JOURNAL_SITES_MAX; i++) {
		uint64_t at = file->sites[i].addr - view->page;

		if (at < PLACE_PAGE && file->sites[i].len && page[at] == int3)
			page[at] = file->sites[i].orig[0];
	}
	return place_sum(page);
}

/* The page that was read is what it was when the site was made. */
static bool is_same_page(struct place_view *view, const struct journal_site *site)
{
	if (!site->page_sum || view->n < PLACE_PAGE)
		return false;
	if (!view->sum)
		view->sum = sum_without_ours(view);
	return view->sum == site->page_sum;
}

enum place place_look(struct place_view *view, const struct journal_site *site)
{
	const struct mapping *m = maps_find(view->maps, site->addr);
	size_t at = site->addr & (PLACE_PAGE - 1);

	if (!m || !site->len || !read_page(view, site->addr) || at + site->len > view->n)
		return PLACE_OTHER;
	const uint8_t *there = view->bytes + at;
	bool ours = there[0] == int3, in_file = place_is_in_file(view->file, site, m);

	if (memcmp(there + 1, site->orig + 1, site->len - 1u) != 0)
		return ours && in_file && m->executable ? PLACE_REWRITTEN : PLACE_OTHER;
	if (!ours && there[0] != site->orig[0])
		return PLACE_OTHER;
	if (in_file || (m->executable && !m->shared && is_same_page(view, site)))
		return ours ? PLACE_OURS : PLACE_CLEAN;
	return ours && m->executable && !m->shared ? PLACE_UNSURE : PLACE_OTHER;
}

void place_restored(struct place_view *view, const struct journal_site *site)
{
	if (view->n && site->addr - view->page < PLACE_PAGE)
		view->bytes[site->addr - view->page] = site->orig[0];
}
