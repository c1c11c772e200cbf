/**
 * Calls as text, a tree of nested calls at a time.
 *
 *	#388    09:14:07.221101    2131             > virDomainGetBlockInfo(disk="vdb", flags=0)
 *	#389    09:14:07.221432    2131    29.9 ms    = qemuDomainGetBlockInfo(path="vdb") = 0
 *	#388    09:14:07.252341    2131    31.2 ms  < virDomainGetBlockInfo = 0  *info={…}
 *
 * `>` a call that made others, `<` its return, `=` one that made none. With `verbose` each value
 * has a line of its own, and what changed between entry and return is marked `~`.
 */
#ifndef REVIEW_SHOW_H
#define REVIEW_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/review/page.h"
#include "tracer/review/print_c.h"

struct call;
struct change;
struct value_node;

struct show {
	struct page page;
	struct print_options print;
	uint64_t wall_offset_ns; /**< of the trace's clock */
	bool verbose;
	bool is_whole;  /**< all calls are shown: a call's line comes before those of its parts (calls.h) */
	bool exact;     /**< numbers as they are, for programs: not rounded, in ns and bytes */
	unsigned level; /**< of nesting below the call that was shown first */
	bool has_day;   /**< something was shown, of a day of the year */
	int day;
};

/** The line above all calls; none with `verbose`. */
void show_titles(struct show *show);

/** A call and those it made. */
void show_tree(struct show *show, const struct call *root);

/** A call and those it made with a value a line, nothing left out or wrapped: for programs. */
void show_plain(struct show *show, const struct call *root);

/** A call without those it made, and where `expr` is another than in a call before (changes.h). */
void show_change(struct show *show, const struct call *call, const char *expr,
		 const struct change *change);
/** The same for programs. */
void show_plain_change(struct show *show, const struct call *call, const char *expr,
		       const struct change *change);

/** "31.2 ms": three digits, for people. */
enum { SHOW_DURATION_MAX = 24 };
const char *show_duration(char buf[static SHOW_DURATION_MAX], uint64_t ns);

/** The same, or "31200000 ns" with `exact`. */
const char *show_span(const struct show *show, char buf[static SHOW_DURATION_MAX], uint64_t ns);
/** The columns that are right for most of them. */
int show_span_width(const struct show *show);

/* Parts of the above, for show_*.c. */

/** A call without those it made; the column where lines of its own begin. */
unsigned show_alone(struct show *show, const struct call *call);
void show_plain_alone(const struct show *show, const struct call *call);

/** A call's QMP message, on the current line: "QMP query-blockstats -> 3.1 KiB, 0.4 ms". */
void show_qmp(struct show *show, const struct call *call);
/** The same on a line of its own, and below it the messages, laid out. */
void show_qmp_whole(struct show *show, const struct call *call, unsigned indent);

/** The text of a value; for free(). NULL without memory. */
char *show_value_text(const struct show *show, const struct value_node *value);

/**
 * The captures of one side, one member a line from column `indent` on.
 * `old`: those of the other side, or NULL; `but`: one that is left out, or NULL.
 */
void show_fields(struct show *show, const struct value_node *values, const struct value_node *old,
		 const struct value_node *but, unsigned indent);

void show_backtrace(struct show *show, const struct call *call, unsigned indent);

/** "09:14:07.221101", local time. */
enum { SHOW_TIME_MAX = 64 };
const char *show_time(const struct show *show, char buf[static SHOW_TIME_MAX], uint64_t time_ns);

#endif
