/**
 * Exporters: a trace in formats of other programs.
 */
#ifndef REVIEW_EXPORT_H
#define REVIEW_EXPORT_H

#include <stdint.h>
#include <stdio.h>

struct call;
struct code_map;

/** What exporters need besides the calls. */
struct export {
	FILE *out;
	uint64_t wall_offset_ns; /**< of the trace's clock */
	const struct code_map *code;
};

struct exporter {
	const char *name, *summary;
	/** Write one call; its caller comes before it. */
	void (*call)(const struct export *export, const struct call *call);
};

extern const struct exporter export_jsonl;

/** All of them; the list ends with NULL. */
const struct exporter *const *exporters(void);

/** By name; NULL if there is none. */
const struct exporter *exporter_find(const char *name);

#endif
