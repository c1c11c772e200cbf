#include "tracer/cmd/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/cmd/review.h"
#include "tracer/review/calls.h"
#include "tracer/review/select.h"
#include "tracer/trace/reader.h"

enum {
	INTERVAL_MS = 200,
	FAILURES_MAX = 5, /* in a row: a trace that is written may be read at a bad moment */
};

struct follow {
	struct reader *reader;
	struct selection *selection;
	size_t n_probes;
	bool is_finished, has_waited;
	unsigned failures;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* One that we were told to ignore stays so. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction stop = { .sa_handler = on_signal };
	struct sigaction old;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A library that is loaded later may bring the function; or it is misspelt. */
static void tell_of_function(const struct follow *follow)
{
	const struct trace_probe *const *probes;
	size_t n = reader_probes(follow->reader, &probes);

	if (!selection_finds_function(follow->selection, probes, n))
		log_info("there is no function '%s' yet; waiting for its calls", follow->selection->function);
}

/* Let the user see what there is, and the recording go on. */
static void wait_for_more(struct follow *follow)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	if (!follow->has_waited)
		tell_of_function(follow);
	follow->has_waited = true;
	fflush(stdout);
	poll(&out, 1, INTERVAL_MS);
	if (out.revents & (POLLERR | POLLNVAL))
		stopped = 1;
}

/* Functions that came since are selected by the same conditions. */
static int prepare_again(struct follow *follow)
{
	const struct trace_probe *const *probes;
	size_t n = reader_probes(follow->reader, &probes);

	if (n == follow->n_probes)
		return 0;
	follow->n_probes = n;
	return selection_prepare(follow->selection, probes, n);
}

/* No function comes any more. */
static int finish(struct follow *follow)
{
	const struct trace_probe *const *probes;
	size_t n = reader_probes(follow->reader, &probes);

	follow->selection->may_come = false;
	return selection_prepare(follow->selection, probes, n);
}

/* Until there is more: 1; 0: there will be none. */
static int grow(struct follow *follow)
{
	int r = 0;

	while (r == 0 && !stopped && !follow->is_finished) {
		r = reader_grow(follow->reader, &follow->is_finished);
		if (r == 0 && !follow->is_finished)
			wait_for_more(follow);
	}
	if (r == 0 && !stopped)
		return finish(follow);
	if (r <= 0)
		return r;
	r = prepare_again(follow);
	return r < 0 ? r : 1;
}

/* calls_source_fn */
static int next_event(void *ctx, struct trace_event *ret)
{
	struct follow *follow = ctx;
	int r, more = 1;

	while ((r = reader_next(follow->reader, ret)) <= 0 && more > 0) {
		if (r < 0 && (follow->is_finished || ++follow->failures >= FAILURES_MAX))
			return r;
		if (r < 0)
			wait_for_more(follow);
		more = grow(follow);
		if (more < 0)
			return more;
	}
	if (r > 0)
		follow->failures = 0;
	return stopped && r < 0 ? 0 : r;
}

int follow_open(const char *path, struct selection *selection, struct review *ret)
{
	const struct trace_probe *const *probes;

	selection->may_come = true;
	int r = review_open(path, selection, ret);

	if (r < 0)
		return r;
	ret->follow = calloc(1, sizeof(*ret->follow));
	if (!ret->follow)
		return err_set(-ENOMEM, "out of memory");
	*ret->follow = (struct follow){ .reader = ret->reader,
					.selection = selection,
					.n_probes = reader_probes(ret->reader, &probes) };
	calls_free(ret->calls);
	ret->calls = calls_new(next_event, ret->follow, reader_has_deferred(ret->reader));
	if (!ret->calls)
		return err_set(-ENOMEM, "out of memory");
	calls_set_eager(ret->calls);
	catch_signals();
	return 0;
}

void follow_free(struct follow *follow)
{
	free(follow);
}
