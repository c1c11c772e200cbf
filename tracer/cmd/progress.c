#include "tracer/cmd/progress.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/base/log.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"

enum {
	EVENTS_BETWEEN = 1024, /* looks at the clock */
	PATIENCE_MS = 1000,    /* before anything is shown */
	INTERVAL_MS = 250,
};

struct progress {
	struct reader *reader;
	const char *path;
	bool shows;
	unsigned events;
	uint64_t next_ms; /* when to show it again */
};

static bool line_shown;

static void wipe_line(void)
{
	if (line_shown)
		fputs("\r\033[K", stderr);
	line_shown = false;
}

static uint64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

struct progress *progress_new(struct reader *reader, const char *path)
{
	struct progress *progress = calloc(1, sizeof(*progress));

	if (!progress)
		return NULL;
	progress->reader = reader;
	progress->path = path;
	progress->next_ms = now_ms() + PATIENCE_MS;
	progress_show(progress, !isatty(STDOUT_FILENO));
	return progress;
}

void progress_free(struct progress *progress)
{
	wipe_line();
	free(progress);
}

void progress_show(struct progress *progress, bool shows)
{
	progress->shows = shows && isatty(STDERR_FILENO);
	if (!shows)
		wipe_line();
}

static void show_line(struct progress *progress)
{
	const char *slash = strrchr(progress->path, '/');
	uint64_t now = now_ms();
	char name[64];

	if (now < progress->next_ms)
		return;
	log_set_hook(wipe_line);
	text_harmless(name, sizeof(name), slash && slash[1] ? slash + 1 : progress->path);
	fprintf(stderr, "\r\033[K  reading %s: %u %%", name, reader_percent(progress->reader));
	fflush(stderr);
	line_shown = true;
	progress->next_ms = now + INTERVAL_MS;
}

int progress_next(void *ctx, struct trace_event *ret)
{
	struct progress *progress = ctx;
	int r = reader_next(progress->reader, ret);

	if (progress->shows && r > 0 && ++progress->events % EVENTS_BETWEEN == 0)
		show_line(progress);
	if (r <= 0)
		wipe_line();
	return r;
}
