/**
 * The head of a report: what was recorded, when and of what, and what the calls of each function
 * add up to.
 */
#ifndef REVIEW_REPORT_H
#define REVIEW_REPORT_H

#include <stddef.h>
#include <stdint.h>

struct calls_summary;
struct function_stats;
struct json_object;
struct lost_note;
struct show;

struct report {
	const char *path;
	const char *note; /**< what is wrong with the trace, or NULL */
	struct json_object *info; /**< info.json: any part may be missing or of another type */
	const struct calls_summary *summary;
	const struct lost_note *lost;
	size_t n_lost;
	const struct function_stats *functions;
	size_t n_functions;
	const uint64_t *n_selected; /**< calls; NULL: all */
};

/** Lines headed "#". */
void report_head(struct show *show, const struct report *report);

/** The short form, behind `mark`: the trace's name, how many calls, what is wrong. */
void report_counts(struct show *show, const char *mark, const struct report *report);

/**
 * One line for each function, below a line of titles; then calls worth a look: those that failed,
 * the slowest ones.
 */
void report_table(struct show *show, const struct report *report);

#endif
