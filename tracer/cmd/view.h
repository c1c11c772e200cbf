/**
 * How the commands that print show what they found: pager, colour, numbers for people or exact ones,
 * as git does; and reading the options of such a command.
 */
#ifndef CMD_VIEW_H
#define CMD_VIEW_H

#include <getopt.h>
#include <stdbool.h>

#include "tracer/cmd/review.h"
#include "tracer/review/select.h"

struct show;
struct report;

enum colour_when { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

struct view {
	struct selection selection;
	enum colour_when colour;
	bool no_pager;
	bool raw; /**< exact numbers also on a terminal */
};

enum { OPT_COLOR = OPT_REVIEW_END, OPT_NO_PAGER, OPT_RAW, OPT_VIEW_END };

/** Long options of all such commands. */
#define VIEW_OPTIONS                                                                               \
	{ "color", required_argument, NULL, OPT_COLOR },                                           \
	{ "no-pager", no_argument, NULL, OPT_NO_PAGER },                                           \
	{ "raw", no_argument, NULL, OPT_RAW },                                                     \
	{ "help", no_argument, NULL, 'h' }

#define VIEW_HELP                                                                                  \
	"      --raw              exact numbers also on a terminal, not 1.2 MiB or 31 ms\n"        \
	"      --color WHEN       auto, always or never; NO_COLOR is respected\n"                  \
	"      --no-pager         do not use $PAGER on a terminal\n"                               \
	"  -h, --help\n"

/** A command's own option: 0, or a negative errno with a message. */
typedef int view_option_fn(void *ctx, int opt, const char *arg);

/**
 * Read the options: `shorts` (getopt's, without ":" in front and "h") and `longs` of the command,
 * which may have those of this file and review.h.  0: the rest of the arguments begins at optind;
 * 1: the help is wanted; negative: a mistake, with a message.
 */
int view_parse(struct view *view, int argc, char **argv, const char *shorts,
	       const struct option *longs, view_option_fn *own, void *ctx);

/** A page on stdout as the user and the terminal want it. */
void view_page(const struct view *view, struct show *ret);

/** From here on there is output: start the pager, unless the user does not want one. */
void view_start(const struct view *view);
/** There is no more output: flush, wait for the user, tell the error `r`, give the exit status. */
int view_finish(struct view *view, int r);

#endif
