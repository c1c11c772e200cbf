#include "tracer/review/describe.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "symbols/schema.h"
#include "tracer/review/calls.h"
#include "tracer/review/figure.h"
#include "tracer/review/show.h"
#include "tracer/review/trace_info.h"
#include "tracer/trace/reader.h"

enum { LABEL_WIDTH = 11, WORDS_MAX = 64, MODULES_MAX = 1000 };

static void begin(struct show *show, const char *label)
{
	page_putf(&show->page, COLOUR_NAME, "%-*s", LABEL_WIDTH, label);
	show->page.hang = LABEL_WIDTH + 2;
}

static void end(struct show *show)
{
	page_newline(&show->page);
}

static void put(struct show *show, const char *text)
{
	page_put(&show->page, COLOUR_NONE, text);
}

/* `before`, and a name; nothing if there is no name. */
static void put_name(struct show *show, const char *before, const char *name)
{
	if (name)
		page_put_name(&show->page, COLOUR_NONE, before, name, show->print.utf8);
}

static void put_span(struct show *show, uint64_t ns)
{
	char buf[SHOW_DURATION_MAX];

	put(show, show_span(show, buf, ns));
}

static void put_count(struct show *show, uint64_t n, const char *what)
{
	page_putf(&show->page, COLOUR_NONE, "%" PRIu64 " %s", n, what);
}

static void describe_trace(struct show *show, const struct description *d)
{
	char bytes[FIGURE_MAX];

	begin(show, "trace");
	put_name(show, "", d->path);
	page_putf(&show->page, COLOUR_NONE, ", %s%s in %" PRIu64 " file%s",
		  figure(bytes, (long double)d->bytes, FIGURE_BYTES, show->exact),
		  show->exact ? " bytes" : "", d->files, d->files == 1 ? "" : "s");
	end(show);
	if (!d->note)
		return;
	begin(show, "damage");
	page_put_name(&show->page, COLOUR_BAD, "", d->note, show->print.utf8);
	end(show);
}

static void describe_time(struct show *show, struct json_object *info)
{
	uint64_t start_ns = trace_info_uint(info, "start_ns"), end_ns = trace_info_uint(info, "end_ns");
	time_t seconds = (time_t)(start_ns / 1000000000);
	const char *reason = trace_info_string(info, "end");
	struct tm tm = { 0 };
	char text[64];

	begin(show, "recorded");
	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	put(show, start_ns ? text : "at an unknown time");
	if (!end_ns) {
		put(show, ", not ended yet, or killed");
	} else {
		put(show, ", for ");
		put_span(show, end_ns > start_ns ? end_ns - start_ns : 0);
		put_name(show, ", ended: ", reason ? reason : "unknown");
	}
	end(show);
}

static void describe_command(struct show *show, struct json_object *info)
{
	struct json_object *command = trace_info_array(info, "command");
	const char *version = trace_info_string(info, "version");
	size_t n = command ? json_object_array_length(command) : 0;

	begin(show, "by");
	put_name(show, "virtrace ", version ? version : "of an unknown version");
	put(show, n ? ":" : "");
	for (size_t i = 0; i < n && i < WORDS_MAX; i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(command, i));

		if (i || (word && strcmp(word, "virtrace") != 0))
			put_name(show, " ", word);
	}
	put(show, n > WORDS_MAX ? " ..." : "");
	end(show);
}

static void describe_process(struct show *show, struct json_object *info)
{
	struct json_object *target = trace_info_object(info, "target");
	struct json_object *host = trace_info_object(info, "host");
	const char *comm = trace_info_string(target, "comm");
	uint64_t threads = trace_info_uint(target, "threads");

	begin(show, "process");
	put_name(show, "", comm ? comm : "unknown");
	if (trace_info_uint(target, "pid"))
		page_putf(&show->page, COLOUR_NONE, "[%" PRIu64 "]", trace_info_uint(target, "pid"));
	put_name(show, " ", trace_info_string(target, "exe"));
	if (threads)
		page_putf(&show->page, COLOUR_NONE, ", %" PRIu64 " threads", threads);
	end(show);
	begin(show, "host");
	put_name(show, "", trace_info_string(host, "name") ? trace_info_string(host, "name") : "unknown");
	put_name(show, ", Linux ", trace_info_string(host, "kernel"));
	end(show);
}

bool describe_has_counts(struct json_object *info)
{
	return trace_info_uint(info, "end_ns") && trace_info_object(info, "summary");
}

static void describe_calls(struct show *show, const struct description *d)
{
	struct json_object *summary = trace_info_object(d->info, "summary");
	uint64_t hits = trace_info_uint(summary, "hits");

	begin(show, "calls");
	put_count(show, d->summary ? d->summary->calls : trace_info_uint(summary, "calls"), "recorded, ");
	put_count(show, d->summary ? d->summary->lost : trace_info_uint(summary, "lost"), "lost");
	if (d->summary && d->summary->open)
		page_putf(&show->page, COLOUR_NONE, ", %" PRIu64 " open at the end", d->summary->open);
	if (d->summary && d->summary->guesses)
		page_putf(&show->page, COLOUR_NONE, ", %" PRIu64 " with a caller that is not proved", d->summary->guesses);
	end(show);
	if (!hits)
		return;
	begin(show, "stops");
	put_count(show, hits, "hits, ");
	put_span(show, trace_info_uint(summary, "stopped_ns") / hits);
	put(show, " on average, the longest ");
	put_span(show, trace_info_uint(summary, "longest_stop_ns"));
	end(show);
}

static void describe_limits(struct show *show, struct json_object *info)
{
	struct json_object *limits = trace_info_object(info, "limits");

	if (!limits)
		return;
	begin(show, "limits");
	page_putf(&show->page, COLOUR_NONE,
		  "strings %" PRIu64 " bytes, arrays %" PRIu64 " elements, structs %" PRIu64
		  " bytes, %" PRIu64 " levels of pointers",
		  trace_info_uint(limits, "string"), trace_info_uint(limits, "array"),
		  trace_info_uint(limits, "struct"), trace_info_uint(limits, "depth"));
	end(show);
}

static void describe_modules(struct show *show, struct json_object *info)
{
	struct json_object *modules = trace_info_array(info, "modules");
	size_t n = modules ? json_object_array_length(modules) : 0;

	for (size_t i = 0; i < n && i < MODULES_MAX; i++) {
		struct json_object *module = json_object_array_get_idx(modules, i);
		const char *path = trace_info_string(module, "path");
		const char *build_id = trace_info_string(module, "build_id");

		begin(show, i ? "" : "modules");
		put_name(show, "", path ? path : "unknown");
		put_name(show, ", build-id ", build_id && *build_id ? build_id : "none");
		put_name(show, ", debug info: ", trace_info_string(module, "debug"));
		if (trace_info_bool(module, "deleted"))
			put(show, ", replaced on disk before the recording");
		end(show);
	}
}

static void put_captures(struct show *show, const char *label, const struct schema *side)
{
	if (!side || !side->n_members)
		return;
	page_pad(&show->page, LABEL_WIDTH + 2);
	show->page.hang = LABEL_WIDTH + 4;
	put(show, label);
	for (uint32_t i = 0; i < side->n_members; i++) {
		const struct schema *capture = side->members[i], *type = capture->target;

		put_name(show, i ? ", " : "", capture->name ? capture->name : "?");
		if (!type || !type->ctype || !*type->ctype)
			continue;
		put_name(show, " (", type->ctype);
		put(show, ")");
	}
	end(show);
}

static void describe_functions(struct show *show, const struct description *d)
{
	for (size_t i = 0; i < d->n_probes; i++) {
		const struct trace_probe *probe = d->probes[i];

		begin(show, i ? "" : "functions");
		put_name(show, "", probe->prototype && *probe->prototype ? probe->prototype
									 : probe->function);
		put_name(show, "  ", probe->source);
		put_name(show, "  ", probe->module);
		end(show);
		put_captures(show, "entry: ", probe->entry);
		put_captures(show, "return: ", probe->ret);
	}
}

void describe(struct show *show, const struct description *d)
{
	describe_trace(show, d);
	describe_time(show, d->info);
	describe_command(show, d->info);
	describe_process(show, d->info);
	describe_calls(show, d);
	describe_limits(show, d->info);
	describe_modules(show, d->info);
	describe_functions(show, d);
}
