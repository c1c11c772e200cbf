#include "tracer/review/export/export_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "tracer/base/err.h"
#include "tracer/review/call_tree.h"
#include "tracer/review/export/export.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/review/trace_info.h"

int export_tree_begin(struct export *export)
{
	export->state = call_tree_new(NULL, NULL);
	return export->state ? 0 : err_set(-ENOMEM, "out of memory");
}

int export_tree_add(struct export *export, const struct call *root)
{
	return call_tree_add(export->state, root);
}

int export_tree_end(struct export *export)
{
	call_tree_free(export->state);
	return 0;
}

void export_text(FILE *out, const char *text, size_t max, const char *(*replace)(char ch))
{
	char *harmless = NULL;
	size_t len, n = 0;
	FILE *stream = open_memstream(&harmless, &len);

	if (stream) {
		text_print(stream, text, true);
		fclose(stream);
	}
	for (const char *p = harmless; p && *p; p++) {
		bool is_start = (*p & 0xc0) != 0x80;
		const char *instead = replace ? replace(*p) : NULL;

		if (is_start && max && n++ == max) {
			fputs("…", out);
			break;
		}
		if (instead)
			fputs(instead, out);
		else
			putc(*p, out);
	}
	free(harmless);
}

char *export_subtitle(const struct export *export)
{
	struct json_object *target = trace_info_object(export->info, "target");
	const char *comm = trace_info_string(target, "comm");
	const char *host = trace_info_string(trace_info_object(export->info, "host"), "name");
	uint64_t start_ns = trace_info_uint(export->info, "start_ns");
	const char *comma = "";
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (comm) {
		fprintf(out, "%s[%" PRIu64 "]", comm, trace_info_uint(target, "pid"));
		comma = ", ";
	}
	if (host) {
		fprintf(out, "%s%s", comm ? " on " : "", host);
		comma = ", ";
	}
	if (start_ns) {
		time_t seconds = (time_t)(start_ns / 1000000000);
		struct tm tm = { 0 };
		char when[64];

		localtime_r(&seconds, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
		fprintf(out, "%s%s", comma, when);
	}
	fclose(out);
	return text;
}

char *export_figures(uint64_t calls, uint64_t total_ns, uint64_t errors, uint64_t open)
{
	char duration[SHOW_DURATION_MAX];
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "%" PRIu64 " call%s", calls, calls == 1 ? "" : "s");
	if (calls > open)
		fprintf(out, ", %s", show_duration(duration, total_ns));
	if (errors)
		fprintf(out, ", %" PRIu64 " failed", errors);
	if (open)
		fprintf(out, ", %" PRIu64 " open", open);
	fclose(out);
	return text;
}

char *export_left_out(const struct call_tree *tree, size_t ways)
{
	uint64_t calls = call_tree_left_out(tree);
	char *text = NULL;
	int n = 0;

	if (ways && calls)
		n = asprintf(&text, "not shown: %zu ways that took less time, %" PRIu64
				   " calls too deep or of too many ways",
			     ways, calls);
	else if (ways)
		n = asprintf(&text, "not shown: %zu ways that took less time", ways);
	else if (calls)
		n = asprintf(&text, "not shown: %" PRIu64 " calls too deep or of too many ways", calls);
	return n < 0 ? NULL : text;
}

const char *export_heat(char buf[static EXPORT_COLOUR_MAX], uint64_t part_ns, uint64_t whole_ns)
{
	/* From nearly white to a warm orange. */
	static const unsigned cold[] = { 0xfb, 0xf9, 0xf4 }, hot[] = { 0xff, 0xb0, 0x66 };
	double part = whole_ns ? (double)part_ns / (double)whole_ns : 0;
	unsigned rgb[3];

	part = part > 1 ? 1 : part;
	for (size_t i = 0; i < 3; i++)
		rgb[i] = (unsigned)(cold[i] + part * ((double)hot[i] - cold[i]) + 0.5);
	snprintf(buf, EXPORT_COLOUR_MAX, "#%02x%02x%02x", rgb[0] & 0xff, rgb[1] & 0xff,
		 rgb[2] & 0xff);
	return buf;
}
