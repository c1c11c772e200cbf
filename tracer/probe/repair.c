#include "tracer/probe/repair.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/probe/journal.h"
#include "tracer/remote/buildid.h"
#include "tracer/remote/foothold.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

/* Where the places are: through its /proc/PID/mem, and, if that may not be written, a stopped thread of `proc`. */
struct where {
	int mem_fd;
	struct proc *proc;
};

static bool restore(const struct where *where, const struct journal_site *site)
{
	return where->proc ? rmem_write(where->proc, site->addr, site->orig, 1) == 0
			   : pwrite(where->mem_fd, site->orig, 1, (off_t)site->addr) == 1;
}

static void repair_site(const struct where *where, const struct journal_site *site, struct repair_result *ret)
{
	uint8_t there[INSN_MAX];
	bool mapped = pread(where->mem_fd, there, site->len, (off_t)site->addr) == site->len;

	if (mapped && !memcmp(there, site->orig, site->len))
		ret->clean++;
	else if (!mapped || there[0] != 0xcc || memcmp(there + 1, site->orig + 1, site->len - 1u) != 0)
		ret->changed++;
	else if (restore(where, site))
		ret->restored++;
	else
		ret->failed++;
}

static void repair_at(const struct where *where, const struct journal_file *file,
		      bool (*is_same)(void *ctx, unsigned module), void *ctx, struct repair_result *ret)
{
	uint32_t n = __atomic_load_n(&file->n_sites, __ATOMIC_ACQUIRE);

	*ret = (struct repair_result){ 0 };
	for (uint32_t i = 0; i < n && i < JOURNAL_SITES_MAX; i++) {
		const struct journal_site *site = &file->sites[i];

		if (!site->len)
			continue;
		if (is_same && !is_same(ctx, site->module))
			ret->changed++;
		else
			repair_site(where, site, ret);
	}
}

void repair_sites(const struct journal_file *file, int mem_fd, bool (*is_same)(void *ctx, unsigned module), void *ctx,
		  struct repair_result *ret)
{
	repair_at(&(struct where){ .mem_fd = mem_fd }, file, is_same, ctx, ret);
}

struct check {
	struct proc *proc;
	const struct journal_file *file;
	struct maps maps;
};

/* A place whose module is not known is judged by its bytes alone. */
static bool is_same(void *ctx, unsigned index)
{
	const struct check *check = ctx;
	uint8_t id[JOURNAL_ID_MAX];

	if (index >= JOURNAL_MODULES_MAX)
		return true;
	const struct journal_module *module = &check->file->modules[index];
	const struct mapping *m = maps_find(&check->maps, module->lo);

	if (!m || m->lo != module->lo || m->offset != module->offset)
		return false;
	size_t len = build_id_read(check->proc, &check->maps, m, id, sizeof(id));

	return len == module->build_id_len && !memcmp(id, module->build_id, len);
}

/* What was restored before stays restored: it counts as clean now. */
static int repair_by_thread(struct check *check, struct repair_result *ret)
{
	struct where where = { .mem_fd = check->proc->mem_fd, .proc = check->proc };
	size_t restored = ret->restored;
	struct thread *thread;
	int r = foothold_take(check->proc, &thread);

	if (r < 0)
		return r;
	repair_at(&where, check->file, is_same, check, ret);
	foothold_leave(check->proc, thread);
	ret->clean -= restored;
	ret->restored += restored;
	return 0;
}

int repair_process(struct proc *proc, const struct journal_file *file, struct repair_result *ret)
{
	struct check check = { .proc = proc, .file = file };
	int r = proc_maps(proc, &check.maps);

	if (r < 0)
		return r;
	repair_sites(file, proc->mem_fd, is_same, &check, ret);
	if (ret->failed && repair_by_thread(&check, ret) < 0)
		log_debug("repair", "%s", err_text());
	maps_free(&check.maps);
	return 0;
}
