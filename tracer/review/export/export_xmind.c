/**
 * The call tree as a mind map for Xmind (2020 and later): a topic for each way through the
 * functions, with its sums below the name, and the values of its slowest call in the notes.
 *
 * The file is a zip archive of content.json (an array of sheets), metadata.json and manifest.json,
 * as Xmind's own SDK writes it (xmind-sdk-js; the JSON schemas are in its xmind-model).
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tracer/base/err.h"
#include "tracer/review/call_tree.h"
#include "tracer/review/calls.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/export_tree.h"
#include "tracer/review/export/json.h"
#include "tracer/review/print_c.h"
#include "tracer/review/show.h"
#include "tracer/review/trace_info.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

enum {
	TOPICS_MAX = 1000, /* more than a map can be of use with */
	VALUE_ELEMENTS = 200,
	VALUES_MAX = 8000, /* bytes of one call's values */
};

_Static_assert(JSON_DEPTH_MAX > 3 * CALL_TREE_DEPTH_MAX + 16, "a topic in a topic takes three levels");

/* Values */

static void put_values(FILE *out, const char *title, const struct value_node *values)
{
	const struct print_options options = {
		.elements = VALUE_ELEMENTS, .repeats = 10, .is_brief = true, .utf8 = true,
	};

	if (!values || !values->n)
		return;
	fprintf(out, "\n%s\n", title);
	for (size_t i = 0; i < values->n; i++) {
		fprintf(out, "  %s = ", call_capture_name(values, i));
		print_c(out, &values->items[i], &options);
		putc('\n', out);
	}
}

static void keep_values(void *ctx, struct call_node *node, const struct call *call)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)ctx;
	if (!out)
		return;
	put_values(out, "at entry", call->entry);
	put_values(out, "at return", call->ret);
	fclose(out);
	if (text && len > VALUES_MAX)
		strcpy(text + VALUES_MAX - sizeof("…"), "…");
	free(node->data);
	node->data = text;
}

/* Topics */

static void put_string(struct json *json, const char *key, const char *text)
{
	json_key(json, key);
	json_string(json, text);
}

static void put_details(FILE *out, const struct call_node *node)
{
	uint64_t ended = node->calls - node->open;
	char average[SHOW_DURATION_MAX], self[SHOW_DURATION_MAX], longest[SHOW_DURATION_MAX];

	fprintf(out, "%s %s\n", node->probe->module, node->probe->source ? node->probe->source : "");
	if (!ended)
		return;
	fprintf(out, "itself %s, average %s, longest %s\n", show_duration(self, node->self_ns),
		show_duration(average, node->total_ns / ended),
		show_duration(longest, node->max_ns));
	fprintf(out, "\nthe call that took longest: #%" PRIu64 "\n%s", node->slowest,
		node->data ? (const char *)node->data : "");
}

static void put_notes(struct json *json, const char *text)
{
	json_key(json, "notes");
	json_object(json);
	json_key(json, "plain");
	json_object(json);
	put_string(json, "content", text);
	json_end(json);
	json_end(json);
}

static void put_flag(struct json *json)
{
	json_key(json, "markers");
	json_array(json);
	json_object(json);
	put_string(json, "markerId", "flag-red");
	json_end(json);
	json_end(json);
}

/* Two lines of foreign text; for free(), NULL without memory. */
static char *title_of(const char *first, const char *second)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	export_text(out, first, EXPORT_NAME_MAX, NULL);
	putc('\n', out);
	export_text(out, second, EXPORT_NAME_MAX, NULL);
	fclose(out);
	return text;
}

/* What a topic begins with; its children may follow. */
static void begin_topic(struct json *json, size_t number, const char *title, const char *figures)
{
	char *text = title_of(title, figures);

	json_object(json);
	json_key(json, "id");
	json_printf(json, "topic-%zu", number);
	put_string(json, "class", "topic");
	put_string(json, "title", text ? text : title);
	free(text);
}

static void put_topic(struct json *json, size_t number, const struct call_node *node)
{
	char *figures = export_figures(node->calls, node->total_ns, node->errors, node->open);
	char *details = NULL;
	size_t len;
	FILE *out = open_memstream(&details, &len);

	begin_topic(json, number, node->probe->function, figures ? figures : "");
	if (node->errors)
		put_flag(json);
	if (out) {
		put_details(out, node);
		fclose(out);
		put_notes(json, details);
	}
	free(details);
	free(figures);
}

static void begin_children(struct json *json)
{
	json_key(json, "children");
	json_object(json);
	json_key(json, "attached");
	json_array(json);
}

static void end_children(struct json *json)
{
	json_end(json);
	json_end(json);
}

/* All topics below the root, depth first. */
static void put_topics(struct json *json, const struct call_node *root)
{
	const struct call_node *node = root;
	size_t number = 1;

	begin_children(json);
	while ((node = call_node_next(node))) {
		put_topic(json, number++, node);
		if (node->first) {
			begin_children(json);
			continue;
		}
		for (const struct call_node *it = node; it != root; it = it->up) {
			json_end(json);
			if (it->next)
				break;
			end_children(json);
		}
	}
	if (!root->first)
		end_children(json);
}

static void put_sheet(const struct export *export, FILE *out, const struct call_node *root,
		      size_t left_out)
{
	struct json json = { .out = out };
	char *subtitle = export_subtitle(export), *note = export_left_out(export->state, left_out);

	json_array(&json);
	json_object(&json);
	put_string(&json, "id", "sheet-1");
	put_string(&json, "class", "sheet");
	put_string(&json, "title", "calls");
	json_key(&json, "rootTopic");
	begin_topic(&json, 0, export->title, subtitle ? subtitle : "");
	put_string(&json, "structureClass", "org.xmind.ui.logic.right");
	if (note)
		put_notes(&json, note);
	put_topics(&json, root);
	json_end(&json);
	json_end(&json);
	json_end(&json);
	free(subtitle);
	free(note);
}

/* The archive */

static int put_file(struct archive *archive, const char *name, const char *text, size_t len,
		    time_t mtime)
{
	struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return -ENOMEM;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (la_int64_t)len);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, mtime, 0);
	int r = archive_write_header(archive, entry) == ARCHIVE_OK &&
				archive_write_data(archive, text, len) == (la_ssize_t)len
			? 0
			: -EIO;

	archive_entry_free(entry);
	return r;
}

static int put_archive(const struct export *export, const char *content, size_t len)
{
	static const char manifest[] =
		"{\"file-entries\":{\"content.json\":{},\"metadata.json\":{}}}";
	time_t mtime = (time_t)(trace_info_uint(export->info, "start_ns") / 1000000000);
	struct archive *archive = archive_write_new();
	int r = archive ? 0 : -ENOMEM;

	if (r == 0 && (archive_write_set_format_zip(archive) != ARCHIVE_OK ||
		       archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
		       archive_write_open_FILE(archive, export->out) != ARCHIVE_OK))
		r = -EIO;
	if (r == 0)
		r = put_file(archive, "content.json", content, len, mtime);
	if (r == 0)
		r = put_file(archive, "metadata.json", "{}", 2, mtime);
	if (r == 0)
		r = put_file(archive, "manifest.json", manifest, sizeof(manifest) - 1, mtime);
	if (r == 0 && archive_write_close(archive) != ARCHIVE_OK)
		r = -EIO;
	if (r < 0)
		err_set(r, "cannot write the mind map: %s",
			archive ? archive_error_string(archive) : "out of memory");
	archive_write_free(archive);
	return r;
}

static int xmind_begin(struct export *export)
{
	int r = export_tree_begin(export);

	if (r == 0)
		call_tree_watch(export->state, keep_values, NULL);
	return r;
}

static int xmind_end(struct export *export)
{
	char *content = NULL;
	size_t len = 0, left_out = 0;
	int r = call_tree_prune(export->state, TOPICS_MAX, &left_out);
	FILE *out = r == 0 ? open_memstream(&content, &len) : NULL;

	if (out) {
		put_sheet(export, out, call_tree_root(export->state), left_out);
		r = fclose(out) == 0 ? put_archive(export, content, len) : -ENOMEM;
	}
	free(content);
	export_tree_end(export);
	return out ? r : err_set(-ENOMEM, "out of memory for the mind map");
}

const struct exporter export_xmind = {
	.name = "xmind",
	.summary = "the call tree as a mind map, for Xmind",
	.is_binary = true,
	.begin = xmind_begin,
	.tree = export_tree_add,
	.end = xmind_end,
};
