/**
 * info: what a trace is, without its calls
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/cmd/command.h"
#include "tracer/cmd/progress.h"
#include "tracer/cmd/review.h"
#include "tracer/cmd/view.h"
#include "tracer/review/calls.h"
#include "tracer/review/describe.h"
#include "tracer/review/show.h"
#include "tracer/trace/reader.h"

static void print_help(FILE *out)
{
	fputs("usage: virtrace info [OPTIONS] TRACE\n"
	      "\n"
	      "Shows what a trace is: when, where and how it was recorded, of which modules, which "
	      "functions, and what of\n"
	      "them.  The calls of a trace that was not ended are counted, else what the recording said "
	      "is shown.\n"
	      "\n"
	      "      --count            count the calls in any case\n"
	      VIEW_HELP
	      "\n"
	      "Examples:\n"
	      "  virtrace info blk.trace\n"
	      "  virtrace info --count blk.trace\n"
	      "\n"
	      "Exit status: 0 done, 1 error or the trace is damaged, 2 usage.\n",
	      out);
}

enum { OPT_COUNT = OPT_VIEW_END };

static const struct option long_options[] = {
	{ "count", no_argument, NULL, OPT_COUNT },
	VIEW_OPTIONS,
	{ 0 },
};

struct options {
	struct view view;
	bool counts;
};

static int take_option(void *ctx, int opt, const char *arg)
{
	struct options *options = ctx;

	(void)arg;
	options->counts |= opt == OPT_COUNT;
	return 0;
}

/* Files of the trace itself, as many as there are; the side directory is small.  A packed trace is one file. */
static void measure(const char *path, struct description *ret)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!dir && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		ret->bytes = (uint64_t)st.st_size;
		ret->files = 1;
	}
	for (struct dirent *d; dir && (d = readdir(dir));) {
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		ret->bytes += (uint64_t)st.st_size;
		ret->files++;
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

static int skip_call(void *ctx, const struct call *call)
{
	(void)ctx;
	(void)call;
	return 0;
}

static int show_info(struct options *options, const char *path)
{
	struct description description = { .path = path };
	struct review review;
	struct show show;
	int r = review_open(path, &options->view.selection, &review);

	if (r < 0)
		return r;
	progress_show(review.progress, true);
	description.note = reader_note(review.reader);
	description.info = reader_info(review.reader);
	description.n_probes = reader_probes(review.reader, &description.probes);
	measure(path, &description);
	if (options->counts || !describe_has_counts(description.info)) {
		r = review_trees(&review, &options->view.selection, skip_call, NULL);
		description.summary = calls_summary(review.calls);
	}
	view_page(&options->view, &show);
	view_start(&options->view);
	describe(&show, &description);
	review_close(&review);
	return r;
}

int cmd_info(int argc, char **argv)
{
	struct options options = { 0 };
	int r = view_parse(&options.view, argc, argv, "", long_options, take_option, &options);

	if (r > 0)
		print_help(stdout);
	else if (r == 0 && optind + 1 != argc)
		r = err_set(-EINVAL, optind == argc ? "which trace? 'virtrace info --help' tells more"
						    : "one trace at a time");
	else if (r == 0)
		r = show_info(&options, argv[optind]);
	return view_finish(&options.view, r);
}
