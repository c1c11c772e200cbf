/**
 * The text of a trace's info.json (its keys: trace/writer.h).
 */
#ifndef RECORD_INFO_H
#define RECORD_INFO_H

#include <stdint.h>
#include <sys/types.h>

#include "tracer/base/array.h"

struct binding_list;
struct limits;
struct module_set;
struct session_report;

/** A probe that was over its budget. */
struct info_disarmed {
	const char *function, *reason;
};

struct info {
	char *const *argv;
	pid_t pid; /**< 0: not known yet */
	const char *comm;
	uint64_t start_wall_ns, end_wall_ns; /**< end 0: still recording */
	const struct limits *limits;
	struct module_set *modules; /**< NULL: not known yet */
	const struct binding_list *bindings;
	ARRAY(struct info_disarmed) disarmed;
	const struct session_report *report; /**< NULL: still recording */
};

/** JSON text for the caller to free; NULL without memory. */
char *info_json(const struct info *info);

#endif
