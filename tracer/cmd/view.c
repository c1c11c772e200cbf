#include "tracer/cmd/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/cmd/option.h"
#include "tracer/cmd/pager.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"

enum { COMPACT_ELEMENTS = 64, GDB_REPEATS = 10, NARROWEST_PAGE = 60 };

static int parse_colour(const char *text, enum colour_when *ret)
{
	if (!strcmp(text, "always"))
		*ret = COLOUR_ALWAYS;
	else if (!strcmp(text, "auto"))
		*ret = COLOUR_AUTO;
	else if (!strcmp(text, "never"))
		*ret = COLOUR_NEVER;
	else
		return err_set(-EINVAL, "--color takes auto, always or never, not '%s'", text);
	return 0;
}

static int parse_option(struct view *view, int opt, const char *arg, view_option_fn *own, void *ctx)
{
	switch (opt) {
	case OPT_COLOR:
		return parse_colour(arg, &view->colour);
	case OPT_NO_PAGER:
		view->no_pager = true;
		return 0;
	case OPT_RAW:
		view->raw = true;
		return 0;
	default: {
		int r = review_select_option(&view->selection, opt, arg);

		return r > 0 ? own(ctx, opt, arg) : r;
	}
	}
}

int view_parse(struct view *view, int argc, char **argv, const char *shorts,
	       const struct option *longs, view_option_fn *own, void *ctx)
{
	char all[32];
	int opt, r;

	snprintf(all, sizeof(all), ":h%s", shorts);
	optind = 1;
	while ((opt = option_next(argc, argv, all, longs)) != OPTION_END) {
		if (opt == 'h')
			return 1;
		if (opt == OPTION_WRONG)
			return -EINVAL;
		r = parse_option(view, opt, optarg, own, ctx);
		if (r < 0)
			return r;
	}
	return 0;
}

static unsigned page_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 0;
	return size.ws_col < NARROWEST_PAGE ? NARROWEST_PAGE : size.ws_col;
}

static bool wants_colour(const struct view *view)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (view->colour != COLOUR_AUTO)
		return view->colour == COLOUR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term &&
	       strcmp(term, "dumb") != 0;
}

void view_page(const struct view *view, struct show *ret)
{
	*ret = (struct show){
		.page = {
			.out = stdout,
			.width = page_width(),
			.has_colour = wants_colour(view),
		},
		.print = {
			.elements = COMPACT_ELEMENTS,
			.repeats = GDB_REPEATS,
			.is_brief = true,
			.utf8 = text_locale_is_utf8(),
		},
		.exact = view->raw || !isatty(STDOUT_FILENO),
	};
}

void view_start(const struct view *view)
{
	if (!view->no_pager)
		pager_start();
}

int view_finish(struct view *view, int r)
{
	r = review_flush(stdout, r);
	pager_finish();
	review_end_selection(&view->selection);
	return review_exit_status(r);
}
