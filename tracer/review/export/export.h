/**
 * Exporters: a trace in formats of other programs.
 */
#ifndef REVIEW_EXPORT_EXPORT_H
#define REVIEW_EXPORT_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct call;
struct calls;
struct code_map;
struct filter;
struct json_object;
struct trace_probe;

/** A number that is to be drawn over time. */
struct export_counter {
	const char *source; /**< the expression */
	struct filter *value;
};

/** What exporters need besides the calls. */
struct export {
	FILE *out;
	const char *title;           /**< the name of the trace, without directories */
	uint64_t wall_offset_ns;    /**< of the trace's clock */
	struct json_object *info;   /**< of the trace; keys: trace/writer.h */
	/** Those whose calls may be selected. */
	const struct trace_probe *const *probes;
	size_t n_probes;
	size_t n_trace_probes;       /**< all there are: their indexes are below it */
	const struct export_counter *counters; /**< for those with `has_counters` */
	size_t n_counters;
	const struct code_map *code; /**< for those with `needs_code` */
	const struct calls *calls;   /**< end(): sums and losses of the whole trace */
	const char *note;            /**< end(): what is wrong with the trace, or NULL */
	uint64_t n_trees;            /**< read so far; the last is the one that the call is of */
	void *state;                 /**< the exporter's own, from begin() to end() */
};

/** All of these return 0, or a negative errno with a message. */
struct exporter {
	const char *name, *summary;
	bool is_binary;  /**< nothing for a terminal */
	bool has_counters;
	bool needs_code; /**< what code addresses mean: costs another reading of the trace */

	/** Before the first call; may be NULL. */
	int (*begin)(struct export *export);
	/** One of these: a call that was selected, or one with all calls it made. */
	int (*call)(struct export *export, const struct call *call);
	int (*tree)(struct export *export, const struct call *call);
	/** After the last, also if something failed but begin(); may be NULL. */
	int (*end)(struct export *export);
};

extern const struct exporter export_chrome, export_csv, export_dot, export_folded, export_html,
	export_jsonl, export_mermaid, export_svg, export_xmind;

/** All of them; the list ends with NULL. */
const struct exporter *const *exporters(void);

/** By name; NULL if there is none. */
const struct exporter *exporter_find(const char *name);

#endif
