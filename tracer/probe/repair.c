#include "tracer/probe/repair.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tracer/probe/journal.h"
#include "tracer/remote/buildid.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"

static void repair_site(const struct journal_site *site, int mem_fd, struct repair_result *ret)
{
	uint8_t there[INSN_MAX];
	bool mapped = pread(mem_fd, there, site->len, (off_t)site->addr) == site->len;

	if (mapped && !memcmp(there, site->orig, site->len))
		ret->clean++;
	else if (!mapped || there[0] != 0xcc || memcmp(there + 1, site->orig + 1, site->len - 1u) != 0)
		ret->changed++;
	else if (pwrite(mem_fd, site->orig, 1, (off_t)site->addr) == 1)
		ret->restored++;
	else
		ret->failed++;
}

void repair_sites(const struct journal_file *file, int mem_fd, bool (*is_same)(void *ctx, unsigned module), void *ctx,
		  struct repair_result *ret)
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
			repair_site(site, mem_fd, ret);
	}
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

int repair_process(struct proc *proc, const struct journal_file *file, struct repair_result *ret)
{
	struct check check = { .proc = proc, .file = file };
	int r = proc_maps(proc, &check.maps);

	if (r < 0)
		return r;
	repair_sites(file, proc->mem_fd, is_same, &check, ret);
	maps_free(&check.maps);
	return 0;
}
