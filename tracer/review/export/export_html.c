/**
 * One HTML file that shows the calls in a browser: no network, nothing to install.
 *
 * It is the page (html/), with the trace's data (html_data.h) in the middle. Browsers have limits:
 * the data ends with the first call past CALLS_MAX or DATA_MAX; what the calls add up to is of all
 * of them, and the page says what it does not hold.  Where values were before is said of trees that
 * are there as a whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/html_data.h"
#include "tracer/review/export/html_page.h"
#include "tracer/review/export/html_stream.h"
#include "tracer/review/export/html_ways.h"
#include "tracer/review/export/json.h"
#include "tracer/review/stats.h"
#include "tracer/review/trace_info.h"
#include "tracer/trace/reader.h"

enum {
	CALLS_MAX = 100000,
	DATA_MAX = 256 << 20, /* bytes of text, before they are deflated */
};

struct html {
	FILE *out; /* the data */
	struct html_data *data;
	struct html_ways *ways;
	struct stats *stats;
	uint64_t n_calls, n_written;
	unsigned level; /* of the call that is written now */
	int error;
};

/* What is known before the first call; info.json is anybody's, the page parses it with care. */
static void put_head(const struct export *export, FILE *out)
{
	struct json json = { .out = out };

	json_object(&json);
	json_key(&json, "head");
	json_object(&json);
	json_key(&json, "version");
	json_string(&json, VERSION);
	json_key(&json, "name");
	json_string(&json, export->title);
	json_key(&json, "info");
	json_string(&json, trace_info_text(export->info));
	json_end(&json);
	json_end(&json);
	putc('\n', out);
}

static void html_free(struct html *html)
{
	html_data_free(html->data);
	html_ways_free(html->ways);
	stats_free(html->stats);
	free(html);
}

static int html_begin(struct export *export)
{
	struct html *html = calloc(1, sizeof(*html));

	if (!html)
		return err_set(-ENOMEM, "out of memory");
	fputs(html_page_head, export->out);
	html->out = html_stream_open(export->out);
	html->stats = stats_new(export->n_trace_probes);
	if (html->out) {
		html->data = html_data_new(html->out, export->code, export->wall_offset_ns);
		html->ways = html_ways_new(html->out, export->wall_offset_ns);
	}
	if (!html->data || !html->ways || !html->stats) {
		if (html->out)
			fclose(html->out);
		html_free(html);
		return err_set(-ENOMEM, "out of memory");
	}
	put_head(export, html->out);
	export->state = html;
	return 0;
}

static bool is_full(const struct html *html)
{
	return html->n_written < html->n_calls || html->n_calls >= CALLS_MAX ||
	       html_data_size(html->data) >= DATA_MAX;
}

static bool enter_call(void *ctx, const struct call *call)
{
	struct html *html = ctx;
	int r = stats_add(html->stats, call, html->level ? call->up : NULL);

	if (r == 0 && !is_full(html)) {
		r = html_data_call(html->data, call, html->level);
		html->n_written++;
	}
	html->n_calls++;
	html->level++;
	html->error = r;
	return r == 0;
}

static void leave_call(void *ctx, const struct call *call)
{
	struct html *html = ctx;

	(void)call;
	html->level--;
}

static int html_tree(struct export *export, const struct call *root)
{
	struct html *html = export->state;

	html->level = 0;
	call_walk(root, &(struct call_visitor){ enter_call, leave_call }, html);
	if (html->error || html->n_written < html->n_calls)
		return html->error;
	return html_ways_put(html->ways, root, export->n_trees);
}

static void put_count(struct json *json, const char *key, uint64_t value)
{
	json_key(json, key);
	json_uint(json, value);
}

static void put_function(struct json *json, const struct function_stats *f)
{
	json_object(json);
	json_key(json, "function");
	json_string(json, f->probe->function);
	json_key(json, "module");
	json_string(json, f->probe->module);
	put_count(json, "level", f->level);
	put_count(json, "calls", f->calls);
	put_count(json, "errors", f->errors);
	put_count(json, "timed", f->timed);
	put_count(json, "total_ns", f->total_ns);
	put_count(json, "p50_ns", f->p50_ns);
	put_count(json, "p99_ns", f->p99_ns);
	put_count(json, "max_ns", f->max_ns);
	put_count(json, "slowest", f->slowest[0].id);
	put_count(json, "failed", f->failed[0]);
	json_end(json);
}

static void put_functions(struct json *json, struct stats *stats)
{
	const struct function_stats *functions;
	size_t n = stats_finish(stats, &functions);

	json_key(json, "functions");
	json_array(json);
	for (size_t i = 0; i < n; i++)
		put_function(json, &functions[i]);
	json_end(json);
}

static void put_lost(struct json *json, const struct calls *calls)
{
	const struct lost_note *lost;
	size_t n = calls_lost(calls, &lost);

	json_key(json, "lost");
	json_array(json);
	for (size_t i = 0; i < n; i++) {
		json_array(json);
		json_string(json, lost[i].probe);
		json_uint(json, lost[i].count);
		json_string(json, lost[i].reason);
		json_end(json);
	}
	json_end(json);
}

/* What is known behind the last call. */
static void put_end(const struct export *export, struct html *html)
{
	const struct calls_summary *summary = calls_summary(export->calls);
	struct json json = { .out = html->out, .for_doubles = true };

	json_object(&json);
	json_key(&json, "end");
	json_object(&json);
	json_key(&json, "note");
	json_string(&json, export->note);
	put_count(&json, "calls", html->n_calls);
	put_count(&json, "calls_of_trace", summary->calls);
	put_count(&json, "open", summary->open);
	put_count(&json, "unwound", summary->unwound);
	put_count(&json, "exited", summary->exited);
	put_count(&json, "orphans", summary->orphans);
	put_count(&json, "lost_events", summary->lost);
	put_lost(&json, export->calls);
	put_functions(&json, html->stats);
	json_end(&json);
	json_end(&json);
	putc('\n', html->out);
}

static int html_end(struct export *export)
{
	struct html *html = export->state;
	int r = 0;

	put_end(export, html);
	if (fclose(html->out) != 0)
		r = err_set(-EIO, "cannot write: %s", strerror(errno));
	fputs(html_page_tail, export->out);
	html_free(html);
	return r;
}

const struct exporter export_html = {
	.name = "html",
	.summary = "one HTML file to look at in a browser, without network",
	.is_binary = true,
	.needs_code = true,
	.begin = html_begin,
	.tree = html_tree,
	.end = html_end,
};
