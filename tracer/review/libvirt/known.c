#include "tracer/review/libvirt/known.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/**
 * Members that libvirt fills from QMP, in src/qemu/qemu_monitor_json.c: qemuMonitorJSONBlockStatsCollectData() and
 * qemuMonitorJSONBlockStatsUpdateCapacityData(), the latter from query-block before libvirt 5.10. `*` is any number.
 */
static const struct {
	const char *owner, *member, *command, *path;
} known_reads[] = {
	{ "qemuBlockStats", "rd_req", "query-blockstats", "return[*].stats.rd_operations" },
	{ "qemuBlockStats", "rd_bytes", "query-blockstats", "return[*].stats.rd_bytes" },
	{ "qemuBlockStats", "wr_req", "query-blockstats", "return[*].stats.wr_operations" },
	{ "qemuBlockStats", "wr_bytes", "query-blockstats", "return[*].stats.wr_bytes" },
	{ "qemuBlockStats", "rd_total_times", "query-blockstats", "return[*].stats.rd_total_time_ns" },
	{ "qemuBlockStats", "wr_total_times", "query-blockstats", "return[*].stats.wr_total_time_ns" },
	{ "qemuBlockStats", "flush_req", "query-blockstats", "return[*].stats.flush_operations" },
	{ "qemuBlockStats", "flush_total_times", "query-blockstats", "return[*].stats.flush_total_time_ns" },
	{ "qemuBlockStats", "wr_highest_offset", "query-blockstats", "return[*].parent.stats.wr_highest_offset" },
	{ "qemuBlockStats", "capacity", "query-named-block-nodes", "return[*].image.virtual-size" },
	{ "qemuBlockStats", "capacity", "query-block", "return[*].inserted.image.virtual-size" },
	{ "qemuBlockStats", "physical", "query-named-block-nodes", "return[*].image.actual-size" },
	{ "qemuBlockStats", "physical", "query-block", "return[*].inserted.image.actual-size" },
	{ "qemuBlockStats", "write_threshold", "query-named-block-nodes", "return[*].write_threshold" },
};

/** What functions of src/storage_file/storage_source.c assign from what. */
static const struct {
	const char *function, *to, *from;
} known_sets[] = {
	{ "virStorageSourceUpdatePhysicalSize", "physical", "st_size" },
	{ "virStorageSourceUpdateBackingSizes", "capacity", "st_size" },
	{ "virStorageSourceUpdateBackingSizes", "physical", "st_size" },
};

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

/* "struct _qemuBlockStats" and "qemuBlockStats" are one. */
static bool is_type(const char *type, const char *name)
{
	if (!type)
		return false;
	const char *space = strrchr(type, ' ');

	type = space ? space + 1 : type;
	return !strcmp(type + (*type == '_'), name);
}

static bool path_is(const char *path, const char *pattern)
{
	for (; *pattern; pattern++) {
		if (*pattern != '*') {
			if (*path++ != *pattern)
				return false;
			continue;
		}
		if (!isdigit((unsigned char)*path))
			return false;
		while (isdigit((unsigned char)*path))
			path++;
	}
	return !*path;
}

bool known_read(const char *owner, const char *member, const char *command, const char *path)
{
	for (size_t i = 0; i < COUNT_OF(known_reads); i++)
		if (is_type(owner, known_reads[i].owner) && !strcmp(member, known_reads[i].member) &&
		    !strcmp(command, known_reads[i].command) && path_is(path, known_reads[i].path))
			return true;
	return false;
}

bool known_set(const char *function, const char *to, const char *from)
{
	for (size_t i = 0; i < COUNT_OF(known_sets); i++)
		if (!strcmp(function, known_sets[i].function) && !strcmp(to, known_sets[i].to) && !strcmp(from, known_sets[i].from))
			return true;
	return false;
}

bool known_is_libvirt(const char *module)
{
	static const char *const names[] = { "libvirt", "virtqemud" };
	const char *slash = strrchr(module, '/'), *name = slash ? slash + 1 : module;

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}
