/**
 * What a trace is, without its calls: where it comes from and what was recorded.
 */
#ifndef REVIEW_DESCRIBE_H
#define REVIEW_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct calls_summary;
struct json_object;
struct show;
struct trace_probe;

struct description {
	const char *path;
	const char *note;         /**< what is wrong with the trace, or NULL */
	uint64_t bytes, files;    /**< on disk */
	struct json_object *info; /**< info.json: any part may be missing or of another type */
	/** Counted; NULL: info.json is to tell, which it does of a trace that was finished. */
	const struct calls_summary *summary;
	const struct trace_probe *const *probes;
	size_t n_probes;
};

/** One fact a line, headed by its name. */
void describe(struct show *show, const struct description *description);

/** Whether info.json tells how many calls there are. */
bool describe_has_counts(struct json_object *info);

#endif
