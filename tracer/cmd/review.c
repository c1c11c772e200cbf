#include "tracer/cmd/exit.h"
#include "tracer/cmd/review.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/follow.h"
#include "tracer/cmd/progress.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/filter.h"
#include "tracer/review/report.h"
#include "tracer/review/select.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"

int review_parse_count(const char *text, const char *what, long long max, long long *ret)
{
	char *end;

	errno = 0;
	long long n = strtoll(text, &end, 10);

	if (errno || end == text || *end || n < 1 || n > max)
		return err_set(-EINVAL, "%s must be a number from 1 to %lld, not '%s'", what, max,
			       text);
	*ret = n;
	return 0;
}

int review_select_option(struct selection *selection, int opt, const char *arg)
{
	long long n = 0;
	int r = 0;

	switch (opt) {
	case OPT_IF:
		selection->condition = arg;
		return 0;
	case OPT_FUNCTION:
		selection->function = arg;
		return 0;
	case OPT_TID:
		r = review_parse_count(arg, "--tid", INT32_MAX, &n);
		selection->tid = (long)n;
		return r;
	default:
		return 1;
	}
}

int review_operands(const char *command, char **argv, const char **path,
		    struct selection *selection)
{
	if (!*argv)
		return err_set(-EINVAL, "which trace? 'virtrace %s --help' tells more", command);
	*path = *argv++;
	for (; *argv; argv++) {
		int r = selection_add_id(selection, *argv);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Some trace that was opened is damaged: what is whole of it is shown, but a script must not take that for all. */
static bool is_damaged;

int review_open(const char *path, struct selection *selection, struct review *ret)
{
	struct review review = { 0 };
	const struct trace_probe *const *probes;
	int r = reader_open(path, &review.reader);

	if (r < 0)
		return r;
	size_t n = reader_probes(review.reader, &probes);

	r = selection_prepare(selection, probes, n);
	if (r < 0)
		goto fail;
	review.progress = progress_new(review.reader, path);
	if (review.progress)
		review.calls = calls_new(progress_next, review.progress,
					 reader_has_deferred(review.reader));
	if (!review.calls) {
		r = err_set(-ENOMEM, "out of memory");
		goto fail;
	}
	review.wall_offset_ns = reader_wall_ns(review.reader, 0);
	is_damaged |= reader_note(review.reader) != NULL;
	*ret = review;
	return 0;
fail:
	review_close(&review);
	return r;
}

void review_close(struct review *review)
{
	calls_free(review->calls);
	reader_close(review->reader);
	follow_free(review->follow);
	progress_free(review->progress);
	*review = (struct review){ 0 };
}

void review_end_selection(struct selection *selection)
{
	uint64_t n = selection->filter ? filter_undecided(selection->filter) : 0;

	if (n)
		log_info("%" PRIu64 " calls are left out: '%s' has no value for them, as something in it was not there", n,
			 selection->condition);
	selection_fini(selection);
}

/* One reading for the selected calls. */
struct visit {
	const struct selection *selection;
	review_visit_fn *visit;
	void *ctx;
	bool goes_below; /* also to what selected calls made */
	int result;      /* of the last visit */
};

static bool visit_call(void *ctx, const struct call *call)
{
	struct visit *visit = ctx;

	if (visit->result)
		return false;
	if (!selection_has(visit->selection, call))
		return true;
	visit->result = visit->visit(visit->ctx, call);
	return !visit->result && visit->goes_below;
}

static int read_calls(struct review *review, struct visit *visit)
{
	const struct call *root;
	int r = 1;

	while (!visit->result && (r = calls_next(review->calls, &root)) > 0)
		call_walk(root, &(struct call_visitor){ visit_call, NULL }, visit);
	return visit->result < 0 ? visit->result : r < 0 ? r : 0;
}

int review_calls(struct review *review, const struct selection *selection, review_visit_fn *visit,
		 void *ctx)
{
	return read_calls(review, &(struct visit){ selection, visit, ctx, true, 0 });
}

int review_trees(struct review *review, const struct selection *selection, review_visit_fn *visit,
		 void *ctx)
{
	return read_calls(review, &(struct visit){ selection, visit, ctx, false, 0 });
}

struct code_map *review_code(const char *path)
{
	struct code_map *code = code_map_new();
	struct trace_event event;
	struct reader *reader;

	if (!code || reader_open(path, &reader) < 0)
		return code;
	while (reader_next(reader, &event) > 0) {
		const struct code_place place = { event.text, event.module, event.source,
						  event.inlined };

		if (event.kind == TRACE_FRAME &&
		    code_map_add(code, event.addr, event.index, &place) < 0)
			break;
	}
	reader_close(reader);
	return code;
}

void review_facts(const struct review *review, const char *path, struct report *ret)
{
	*ret = (struct report){
		.path = path,
		.note = reader_note(review->reader),
		.info = reader_info(review->reader),
		.summary = calls_summary(review->calls),
	};
	ret->n_lost = calls_lost(review->calls, &ret->lost);
}

void review_warn(const struct review *review)
{
	const char *note = reader_note(review->reader);
	char text[512];

	if (note)
		log_warn("%s", text_harmless(text, sizeof(text), note));
}

int review_flush(FILE *out, int r)
{
	if (fflush(out) == 0 && !ferror(out))
		return r;
	return r < 0 || errno == EPIPE ? r : err_set(-EIO, "cannot write: %s", strerror(errno));
}

int review_exit_status(int r)
{
	if (r < 0)
		log_error("%s", err_text());
	if (r >= 0)
		return is_damaged ? EXIT_ERROR : EXIT_OK;
	return r == -EINVAL ? EXIT_USAGE : EXIT_ERROR;
}
