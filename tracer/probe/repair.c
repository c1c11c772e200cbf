#include "tracer/probe/repair.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/probe/journal.h"
#include "tracer/probe/place.h"
#include "tracer/remote/buildid.h"
#include "tracer/remote/foothold.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

enum { KEPT_MAX = 4096 };

/* How a byte is written: through mem_fd, or, if that may not be, as a tracer does, with a stopped thread of one of these. */
struct writer {
	int mem_fd;
	struct proc *proc;
	pid_t child;
};

static bool restore(const struct writer *writer, const struct journal_site *site)
{
	if (writer->proc)
		return rmem_write(writer->proc, site->addr, site->orig, 1) == 0;
	if (writer->child)
		return rmem_write_child(writer->mem_fd, writer->child, site->addr, site->orig, 1) == 0;
	return pwrite(writer->mem_fd, site->orig, 1, (off_t)site->addr) == 1;
}

static void repair_site(struct place_view *view, const struct writer *writer, const struct journal_site *site,
			struct repair_result *ret)
{
	switch (place_look(view, site)) {
	case PLACE_OTHER:
		ret->changed++;
		return;
	case PLACE_CLEAN:
		ret->clean++;
		return;
	case PLACE_REWRITTEN: /* a child of ours has what was planted in its parent */
		if (writer->child)
			break;
		ret->unsure++;
		return;
	case PLACE_UNSURE:
		ret->unsure++;
		return;
	case PLACE_OURS:
		break;
	}
	if (!restore(writer, site)) {
		ret->failed++;
		return;
	}
	place_restored(view, site);
	ret->restored++;
}

/* `has_build` is asked for each module whether the file there has the build-id of the journal; NULL: not asked. */
static void repair_all(const struct journal_file *file, const struct maps *maps, const struct writer *writer,
		       bool (*has_build)(void *ctx, unsigned module), void *ctx, struct repair_result *ret)
{
	struct place_view view = { .file = file, .maps = maps, .mem_fd = writer->mem_fd };
	uint32_t n = __atomic_load_n(&file->n_sites, __ATOMIC_ACQUIRE);

	*ret = (struct repair_result){ 0 };
	for (uint32_t i = 0; i < n && i < JOURNAL_SITES_MAX; i++) {
		const struct journal_site *site = &file->sites[i];

		if (!site->len)
			continue;
		if (has_build && !has_build(ctx, site->module))
			ret->changed++;
		else
			repair_site(&view, writer, site, ret);
	}
}

/* Mappings that may hold a site. */
struct keeper {
	const struct journal_file *file;
	struct maps maps;
	bool full;
};

static bool may_hold_site(const struct journal_file *file, const struct mapping *m)
{
	bool may = m->executable;

	for (uint32_t i = 0; !may && i < file->n_modules && i < JOURNAL_MODULES_MAX; i++)
		may = m->lo < file->modules[i].hi && m->hi > file->modules[i].lo;
	return may;
}

static bool keep(void *ctx, const struct mapping *m)
{
	struct keeper *keeper = ctx;

	if (!may_hold_site(keeper->file, m))
		return false;
	keeper->full = keeper->maps.n == KEPT_MAX;
	if (!keeper->full)
		keeper->maps.items[keeper->maps.n++] = *m;
	return keeper->full;
}

void repair_sites(const struct journal_file *file, const struct repair_target *target, struct repair_result *ret)
{
	static struct mapping kept[KEPT_MAX];
	struct keeper keeper = { .file = file, .maps = { .items = kept, .cap = KEPT_MAX } };
	struct writer writer = { .mem_fd = target->mem_fd, .child = target->child };

	maps_walk(target->maps_fd, keep, &keeper);
	repair_all(file, &keeper.maps, &writer, NULL, NULL, ret);
	ret->unsure += keeper.full;
}

struct check {
	struct proc *proc;
	const struct journal_file *file;
	struct maps maps;
	unsigned asked; /* the module that was asked for last, and the answer */
	bool has_build;
};

/* One that is not known, or has no file any more, is judged by its bytes alone. */
static bool look_for_build(const struct check *check, unsigned index)
{
	uint8_t id[JOURNAL_ID_MAX];

	if (index >= JOURNAL_MODULES_MAX)
		return true;
	const struct journal_module *module = &check->file->modules[index];
	const struct mapping *m = maps_find(&check->maps, module->lo);

	if (!m || !m->inode)
		return true;
	size_t len = build_id_read(check->proc, &check->maps, m, id, sizeof(id));

	return len == module->build_id_len && !memcmp(id, module->build_id, len);
}

static bool has_build(void *ctx, unsigned index)
{
	struct check *check = ctx;

	if (index != check->asked)
		check->has_build = look_for_build(check, index);
	check->asked = index;
	return check->has_build;
}

/* What was restored before stays restored: it counts as clean now. */
static int repair_by_thread(struct check *check, struct repair_result *ret)
{
	struct writer writer = { .mem_fd = check->proc->mem_fd, .proc = check->proc };
	size_t restored = ret->restored;
	struct thread *thread;
	int r = foothold_take(check->proc, &thread);

	if (r < 0)
		return r;
	repair_all(check->file, &check->maps, &writer, has_build, check, ret);
	foothold_leave(check->proc, thread);
	ret->clean -= restored;
	ret->restored += restored;
	return 0;
}

int repair_process(struct proc *proc, const struct journal_file *file, struct repair_result *ret)
{
	struct check check = { .proc = proc, .file = file, .asked = UINT_MAX };
	struct writer writer = { .mem_fd = proc->mem_fd };
	int r = proc_maps(proc, &check.maps);

	if (r < 0)
		return r;
	/* It was open before this was asked: so it is the memory of that process, or of none. */
	if (process_start_time(file->pid) != file->start_time) {
		maps_free(&check.maps);
		return err_set(-ESRCH, "process %d has ended", (int)file->pid);
	}
	repair_all(file, &check.maps, &writer, has_build, &check, ret);
	if (ret->failed && repair_by_thread(&check, ret) < 0)
		log_debug("repair", "%s", err_text());
	maps_free(&check.maps);
	return 0;
}
