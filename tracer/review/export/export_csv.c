/**
 * CSV (RFC 4180): a row for each call, a column for each value
 *
 * Columns are made from the probes' schemas, before the first call.  Values are named as C names
 * them, behind the side of the call they were captured at: `entry.path`, `return.$ret`,
 * `return.info->allocation`.  Functions that captured the same share the column.  An array, and what
 * a probe captured if all its columns would be more than COLUMNS_MAX, is one cell of JSON.
 *
 * A row walks the schema as the header did, so the next leaf is the next column.  A cell is empty if
 * the call has no such value, `<null>`, `<unreadable>`, `<optimized out>` or `<redacted>` if there is
 * none, and ends with `…` if a limit cut it.  A text that a spreadsheet would take for a formula gets a `'`
 * before it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/review/calls.h"
#include "tracer/review/export/export.h"
#include "tracer/review/export/json.h"
#include "tracer/review/export/json_value.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

enum { COLUMNS_MAX = 4000, TIME_MAX = 64 };

struct column {
	const char *name;
	size_t index;
	UT_hash_handle hh;
};

/* The columns of what a probe captures at one end of a call, in the order of its leaves. */
struct side {
	const char *prefix;
	ARRAY(size_t) columns;
	bool is_whole; /* one cell of JSON */
};

struct csv {
	FILE *out;
	struct arena arena;     /* columns */
	struct arena row_arena; /* cells */
	struct column *by_name;
	ARRAY(struct column *) columns;
	struct side (*sides)[2]; /* entry and return, by the probe's index */
	size_t n_sides;
	const char **cells; /* of the row; NULL: empty */

	struct side *side; /* that is being walked */
	size_t leaf;       /* of it */
	FILE *text_out;    /* a text being made */
	char *text;
	size_t text_len;
	int error;
};

/* Making the columns */

static size_t count_leaves(const struct schema *s)
{
	size_t n = 0;

	switch (s->kind) {
	case SCHEMA_CAPTURE:
		return count_leaves(s->target);
	case SCHEMA_PTR:
		return 1 + (s->target ? count_leaves(s->target) : 0);
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		for (uint32_t i = 0; i < s->n_members; i++)
			n += count_leaves(s->members[i]);
		return n;
	default:
		return 1;
	}
}

static void add_column(struct csv *csv, const char *name)
{
	size_t *slot = array_push(&csv->side->columns);
	struct column *column = NULL, **place;

	if (!name || !slot) {
		csv->error = -ENOMEM;
		return;
	}
	HASH_FIND_STR(csv->by_name, name, column);
	if (!column) {
		column = arena_alloc(&csv->arena, sizeof(*column));
		place = column ? array_push(&csv->columns) : NULL;
		if (!place) {
			csv->error = -ENOMEM;
			return;
		}
		*place = column;
		column->name = name;
		column->index = csv->columns.n - 1;
		HASH_ADD_KEYPTR(hh, csv->by_name, name, strlen(name), column);
		if (!hash_added(column))
			csv->error = -ENOMEM;
	}
	*slot = column->index;
}

/* How a member of `path` is called: `info->x` of `*info`, `(*p)->x` of `**p`, `s.x` of `s`. */
static const char *member_of(struct csv *csv, const char *prefix, const char *path,
			     const char *member)
{
	bool is_target = *path == '*';
	bool is_simple = !is_target || path[1] != '*';

	return arena_printf(&csv->arena, is_simple ? "%s%s%s%s" : "%s(%s)%s%s", prefix,
			    path + is_target, is_target ? "->" : ".", member);
}

static void add_columns(struct csv *csv, const struct schema *s, const char *path);

static void add_members(struct csv *csv, const struct schema *s, const char *path)
{
	for (uint32_t i = 0; i < s->n_members && !csv->error; i++) {
		const char *name = s->members[i]->name;

		add_columns(csv, s->members[i],
			    name && *name ? member_of(csv, "", path, name) : path);
	}
}

static void add_columns(struct csv *csv, const struct schema *s, const char *path)
{
	if (csv->error || !path) {
		csv->error = -ENOMEM;
		return;
	}
	switch (s->kind) {
	case SCHEMA_CAPTURE:
		add_columns(csv, s->target, path);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		add_members(csv, s, path);
		break;
	case SCHEMA_PTR:
		add_column(csv, arena_printf(&csv->arena, "%s.%s", csv->side->prefix, path));
		if (s->target)
			add_columns(csv, s->target, arena_printf(&csv->arena, "*%s", path));
		break;
	default:
		add_column(csv, arena_printf(&csv->arena, "%s.%s", csv->side->prefix, path));
	}
}

static void add_side(struct csv *csv, struct side *side, const struct schema *captures,
		     const char *prefix)
{
	side->prefix = prefix;
	csv->side = side;
	side->is_whole = csv->columns.n + count_leaves(captures) > COLUMNS_MAX;
	if (side->is_whole)
		add_column(csv, prefix);
	for (uint32_t i = 0; i < captures->n_members && !side->is_whole && !csv->error; i++) {
		const char *name = captures->members[i]->name;

		add_columns(csv, captures->members[i], name ? name : "");
	}
}

/* Cells */

/* The stream of a text, empty. */
static FILE *text_begin(struct csv *csv)
{
	rewind(csv->text_out);
	return csv->text_out;
}

/* What was written to it, which may have NULs in it. */
static size_t text_end(struct csv *csv)
{
	putc('\0', csv->text_out);
	fflush(csv->text_out);
	return (size_t)ftello(csv->text_out) - 1;
}

static void set_cell(struct csv *csv, const char *text)
{
	const char *copy = arena_strdup(&csv->row_arena, text);

	if (!copy)
		csv->error = -ENOMEM;
	csv->cells[csv->side->columns.items[csv->leaf]] = copy;
}

/* Foreign text: harmless for terminals and spreadsheets. */
static void set_text_cell(struct csv *csv, const char *text, bool is_cut)
{
	FILE *out = text_begin(csv);

	if (*text && strchr("=+-@", *text))
		putc('\'', out);
	text_print(out, text, true);
	if (is_cut)
		fputs("…", out);
	text_end(csv);
	set_cell(csv, csv->text);
}

static const char *missing_text(enum status status)
{
	switch (status) {
	case STATUS_NULL:
		return "<null>";
	case STATUS_UNREADABLE:
		return "<unreadable>";
	case STATUS_REDACTED:
		return "<redacted>";
	default:
		return "<optimized out>";
	}
}

static bool is_missing(enum status status)
{
	return status == STATUS_NULL || status == STATUS_UNREADABLE ||
	       status == STATUS_OPTIMIZED_OUT || status == STATUS_REDACTED;
}

/* As JSON, strings without their quotes; names of enumerators are foreign text. */
static void set_json_cell(struct csv *csv, const struct value_node *v)
{
	struct json json = { .out = text_begin(csv) };

	json_value(&json, v);
	size_t len = text_end(csv);

	if (*csv->text != '"' || memchr(csv->text, '\\', len)) {
		set_cell(csv, csv->text);
		return;
	}
	csv->text[len - 1] = '\0';
	if (v->schema->kind != SCHEMA_ENUM) {
		set_cell(csv, csv->text + 1);
		return;
	}
	const char *text = arena_strdup(&csv->row_arena, csv->text + 1);

	set_text_cell(csv, text ? text : "", false);
}

static void set_leaf(struct csv *csv, const struct value_node *v)
{
	bool is_text = v->schema->kind == SCHEMA_STRING || v->schema->kind == SCHEMA_TEXT;

	if (v->schema->kind == SCHEMA_CAPTURE || (is_text && is_missing(v->status)))
		set_cell(csv, missing_text(v->status));
	else if (is_text && v->len == strlen((const char *)v->bytes))
		set_text_cell(csv, (const char *)v->bytes,
			      v->status == STATUS_CUT || v->status == STATUS_BYTES_CUT);
	else
		set_json_cell(csv, v);
}

/* The cells of a value; `v` is NULL if one on the way to it is missing, for this reason. */
static void set_cells(struct csv *csv, const struct schema *s, const struct value_node *v,
		      enum status why);

static void set_pointer(struct csv *csv, const struct schema *s, const struct value_node *v,
			enum status why)
{
	char text[24];

	if (v)
		snprintf(text, sizeof(text), "0x%" PRIx64, v->addr);
	set_cell(csv, v ? text : missing_text(why));
	csv->leaf++;
	if (s->target)
		set_cells(csv, s->target, v && v->n ? v->items : NULL, v ? v->status : why);
}

static void set_cells(struct csv *csv, const struct schema *s, const struct value_node *v,
		      enum status why)
{
	if (s->kind == SCHEMA_CAPTURE)
		s = s->target;
	if (v && v->schema->kind == SCHEMA_CAPTURE) {
		why = v->status;
		v = NULL;
	}
	switch (s->kind) {
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		for (uint32_t i = 0; i < s->n_members; i++)
			set_cells(csv, s->members[i], v && i < v->n ? &v->items[i] : NULL, why);
		break;
	case SCHEMA_PTR:
		set_pointer(csv, s, v, why);
		break;
	default:
		if (v)
			set_leaf(csv, v);
		else
			set_cell(csv, missing_text(why));
		csv->leaf++;
	}
}

static void set_side(struct csv *csv, struct side *side, const struct value_node *values)
{
	if (!values)
		return;
	csv->side = side;
	csv->leaf = 0;
	if (side->is_whole) {
		struct json json = { .out = text_begin(csv) };

		json_object(&json);
		json_captures(&json, side->prefix, values);
		json_end(&json);
		text_end(csv);
		set_cell(csv, csv->text);
		return;
	}
	for (size_t i = 0; i < values->n && i < values->schema->n_members; i++)
		set_cells(csv, values->schema->members[i], &values->items[i], STATUS_OK);
}

/* Lines */

static void put_cell(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void put_text(struct csv *csv, const char *text)
{
	FILE *out = text_begin(csv);

	putc(',', csv->out);
	if (!text)
		return;
	if (*text && strchr("=+-@", *text))
		putc('\'', out);
	text_print(out, text, true);
	text_end(csv);
	put_cell(csv->out, csv->text);
}

static const char *time_text(char buf[TIME_MAX], uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm = { 0 };

	gmtime_r(&seconds, &tm);
	size_t len = strftime(buf, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);

	snprintf(buf + len, TIME_MAX - len, ".%09uZ", (unsigned)(wall_ns % 1000000000));
	return buf;
}

static void put_facts(struct csv *csv, const struct export *export, const struct call *call)
{
	char time[TIME_MAX];

	fprintf(csv->out, "%" PRIu64 ",", call->id);
	if (call->parent)
		fprintf(csv->out, "%" PRIu64, call->parent);
	fprintf(csv->out, ",%u,%d", call->depth, (int)call->tid);
	put_text(csv, call->thread);
	fprintf(csv->out, ",%s,", time_text(time, call->entered_ns + export->wall_offset_ns));
	if (call->outcome != OUTCOME_OPEN)
		fprintf(csv->out, "%" PRIu64, call_duration(call));
	put_text(csv, call->probe->function);
	put_text(csv, call->probe->module);
	put_text(csv, call->probe->source);
	put_text(csv, call_outcome_name(call->outcome));
	put_text(csv, call->return_source);
}

static int csv_call(struct export *export, const struct call *call)
{
	struct csv *csv = export->state;

	memset(csv->cells, 0, csv->columns.n * sizeof(*csv->cells));
	arena_reset(&csv->row_arena);
	if (call->probe->index < csv->n_sides) {
		set_side(csv, &csv->sides[call->probe->index][0], call->entry);
		set_side(csv, &csv->sides[call->probe->index][1], call->ret);
	}
	put_facts(csv, export, call);
	for (size_t i = 0; i < csv->columns.n; i++) {
		putc(',', csv->out);
		if (csv->cells[i])
			put_cell(csv->out, csv->cells[i]);
	}
	putc('\n', csv->out);
	return csv->error ? err_set(csv->error, "out of memory") : 0;
}

static void put_header(struct csv *csv)
{
	fputs("id,parent,depth,tid,thread,time,duration_ns,function,module,source,status,"
	      "return_source",
	      csv->out);
	for (size_t i = 0; i < csv->columns.n; i++)
		put_text(csv, csv->columns.items[i]->name);
	putc('\n', csv->out);
}

static void csv_free(struct csv *csv)
{
	for (size_t i = 0; csv->sides && i < csv->n_sides; i++) {
		array_free(&csv->sides[i][0].columns);
		array_free(&csv->sides[i][1].columns);
	}
	HASH_CLEAR(hh, csv->by_name);
	array_free(&csv->columns);
	arena_free(&csv->arena);
	arena_free(&csv->row_arena);
	if (csv->text_out)
		fclose(csv->text_out);
	free(csv->text);
	free(csv->sides);
	free(csv->cells);
	free(csv);
}

static int csv_begin(struct export *export)
{
	struct csv *csv = calloc(1, sizeof(*csv));

	if (!csv)
		return err_set(-ENOMEM, "out of memory");
	csv->out = export->out;
	for (size_t i = 0; i < export->n_probes; i++)
		if (export->probes[i]->index >= csv->n_sides)
			csv->n_sides = export->probes[i]->index + 1;
	csv->sides = calloc(csv->n_sides + 1, sizeof(*csv->sides));
	csv->text_out = open_memstream(&csv->text, &csv->text_len);
	csv->error = csv->sides && csv->text_out ? 0 : -ENOMEM;
	for (size_t i = 0; i < export->n_probes && !csv->error; i++) {
		const struct trace_probe *probe = export->probes[i];

		add_side(csv, &csv->sides[probe->index][0], probe->entry, "entry");
		add_side(csv, &csv->sides[probe->index][1], probe->ret, "return");
	}
	csv->cells = calloc(csv->columns.n + 1, sizeof(*csv->cells));
	if (csv->error || !csv->cells) {
		csv_free(csv);
		return err_set(-ENOMEM, "out of memory");
	}
	put_header(csv);
	export->state = csv;
	return 0;
}

static int csv_end(struct export *export)
{
	csv_free(export->state);
	return 0;
}

const struct exporter export_csv = {
	.name = "csv",
	.summary = "a row for each call, a column for each value",
	.begin = csv_begin,
	.call = csv_call,
	.end = csv_end,
};
