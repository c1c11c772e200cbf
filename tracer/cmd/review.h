/**
 * What report and export have in common: a trace, read for the calls the user wants.
 */
#ifndef CMD_REVIEW_H
#define CMD_REVIEW_H

#include <stdint.h>
#include <stdio.h>

enum { OPT_IF = 256, OPT_FUNCTION, OPT_TID, OPT_REVIEW_END };

/** Long options (getopt.h) of all commands that show calls: which of them the user wants. */
#define REVIEW_SELECT_OPTIONS                                                                      \
	{ "if", required_argument, NULL, OPT_IF },                                                 \
	{ "function", required_argument, NULL, OPT_FUNCTION },                                     \
	{ "tid", required_argument, NULL, OPT_TID }

/** What --help says of them. */
#define REVIEW_SELECT_HELP                                                                         \
	"      --if EXPR          calls for which this is true, as '$ret < 0' or 'path == "        \
	"\"vda\"'\n"                                                                               \
	"                         names: what was recorded, and $duration (ns), $thread, $tid, "   \
	"$function,\n"                                                                             \
	"                         $module, $status, $depth, $id\n"                                 \
	"      --function GLOB    calls of these functions\n"                                      \
	"      --tid TID          calls of this thread\n"

struct call;
struct calls;
struct code_map;
struct follow;
struct progress;
struct reader;
struct report;
struct selection;

struct review {
	struct reader *reader;
	struct calls *calls;
	uint64_t wall_offset_ns; /**< add it to a time of the trace for ns since 1970 */
	struct progress *progress;
	struct follow *follow;   /**< NULL: the trace is read up to where it ends now */
};

/** Take one of REVIEW_SELECT_OPTIONS.  0; 1 if it is another option; -EINVAL with a message. */
int review_select_option(struct selection *selection, int opt, const char *arg);
/**
 * Take what is left of the command line: TRACE [#ID]...; `command` is for the message.  0, or
 * -EINVAL with a message.
 */
int review_operands(const char *command, char **argv, const char **path,
		    struct selection *selection);
/** A number from 1 to `max`; `what` is the option's name.  0, or -EINVAL with a message. */
int review_parse_count(const char *text, const char *what, long long max, long long *ret);

/** Open a trace and make the selection ready for it. 0, or a negative errno with a message. */
int review_open(const char *path, struct selection *selection, struct review *ret);
void review_close(struct review *review);
/** Say for how many calls the condition had no value, of those that were read last, and free what the selection has. */
void review_end_selection(struct selection *selection);

/**
 * Read a trace only for what its code addresses mean: that is written behind the calls they are in.
 * As much as can be read of a damaged trace. For code_map_free(); NULL without memory.
 */
struct code_map *review_code(const char *path);

/** What is done with a call: 0 go on, 1 that was enough, or a negative errno with a message. */
typedef int review_visit_fn(void *ctx, const struct call *call);

/**
 * Read the trace up to its end, and visit each selected call, callers first.  0, or a negative errno
 * with a message: after what could be read of a damaged trace.
 */
int review_calls(struct review *review, const struct selection *selection, review_visit_fn *visit,
		 void *ctx);
/** Those among them that no other selected one made, directly or not. */
int review_trees(struct review *review, const struct selection *selection, review_visit_fn *visit,
		 void *ctx);

/**
 * What a report says of the trace as a whole (review/report.h), once it is read to its end; the
 * functions and the number of selected calls are left to the caller.
 */
void review_facts(const struct review *review, const char *path, struct report *ret);

/** Warn of what is wrong with the trace, and was left out. */
void review_warn(const struct review *review);

/**
 * Flush, and turn a failure to write into an error, unless `r` is one or the reader has gone (a
 * pager).
 */
int review_flush(FILE *out, int r);

/** Tell the error, if `r` is one, and give the exit status: what the user got wrong is -EINVAL; a damaged trace is an error too. */
int review_exit_status(int r);

#endif
