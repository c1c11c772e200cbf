/*
 * What arming takes
 *
 *	a page         for each page of text that gets an int3: the process has a copy of its own then
 *	the slots      one a site, in areas
 *	fixed          areas with their code and page tables, stacks that remote calls are made on, what the kernel notes
 *
 * A process that may not have that much is killed by the kernel in the middle of it (headroom.h): so it is asked before.
 */
#include "tracer/probe/need.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tracer/base/err.h"
#include "tracer/probe/probe_code.h"
#include "tracer/remote/headroom.h"

enum { PAGE = 4096, SLOT_BYTES = 112, FIXED_PAGES = 48 };

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t count_different(uint64_t *pages, size_t n)
{
	size_t count = 0;

	qsort(pages, n, sizeof(*pages), by_value);
	for (size_t i = 0; i < n; i++)
		count += !i || pages[i] != pages[i - 1];
	return count;
}

uint64_t need_of(const struct probe_code *const *codes, size_t n)
{
	size_t n_sites = 0, k = 0;

	for (size_t i = 0; i < n; i++)
		n_sites += codes[i] ? codes[i]->scan.n_exits + 1 : 0;
	uint64_t *pages = calloc(n_sites + 1, sizeof(*pages));

	for (size_t i = 0; pages && i < n; i++) {
		if (!codes[i])
			continue;
		pages[k++] = codes[i]->scan.entry / PAGE;
		for (size_t e = 0; e < codes[i]->scan.n_exits; e++)
			pages[k++] = codes[i]->scan.exits[e].addr / PAGE;
	}
	uint64_t text = pages ? count_different(pages, k) : n_sites, slots = (n_sites * SLOT_BYTES + PAGE - 1) / PAGE;

	free(pages);
	return (text + slots + FIXED_PAGES) * PAGE;
}

const char *need_text(uint64_t bytes, char text[32])
{
	if (bytes < 10 << 20)
		snprintf(text, 32, "%" PRIu64 " KiB", bytes >> 10);
	else
		snprintf(text, 32, "%" PRIu64 " MiB", bytes >> 20);
	return text;
}

int need_check(pid_t pid, const struct probe_code *const *codes, size_t n)
{
	uint64_t need = need_of(codes, n);
	struct headroom headroom;
	char a[32], b[32], c[32];

	headroom_read(pid, &headroom);
	if (need <= headroom.left)
		return 0;
	err_set(-ENOMEM, "tracing %zu function%s takes up to %s of the process' memory, and of the %s of %s%s only %s are left: it could be "
			 "killed for it", n, n == 1 ? "" : "s", need_text(need, a), need_text(headroom.limit, b),
		headroom.cgroup[0] ? "its cgroup " : "this machine", headroom.cgroup, need_text(headroom.left, c));
	return err_hint(-ENOMEM, "Trace fewer functions, or give it more (%s).",
			headroom.cgroup[0] ? "memory.max of the cgroup, MemoryMax= of a unit" : "memory");
}
