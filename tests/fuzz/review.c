/*
 * Review of a trace by someone else: calls, reports, exports and conditions over events and values of any shape that
 * the reader lets through (trace/schema_check.h).  Fast, as no file is decoded.
 *
 * Input: texts up to a NUL each (condition, info.json, three names), then schemas, values and events.
 */
#include "tests/fuzz/fuzz.h"

#include <json-c/json.h>

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/export/export.h"
#include "tracer/review/filter.h"
#include "tracer/review/report.h"
#include "tracer/review/show.h"
#include "tracer/review/stats.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"
#include "tracer/trace/writer.h"

enum { N_NAMES = 3, N_PROBES = 2, NESTING = 6, MEMBERS_MAX = 5, EVENTS_MAX = 200 };

struct story {
	struct input input;
	struct arena arena;
	char *names[N_NAMES];
	struct trace_probe probes[N_PROBES];
	const struct trace_probe *list[N_PROBES];
	uint64_t now;
	unsigned n_events;
};

static void *alloc(struct story *story, size_t n, size_t size)
{
	void *memory = arena_alloc(&story->arena, n * size + 1);

	assert(memory);
	return memory;
}

static const char *name(struct story *story)
{
	uint8_t i = input_byte(&story->input);

	return i % 8 < N_NAMES ? story->names[i % 8] : i % 8 == N_NAMES ? "" : i % 8 == 4 ? "$ret" : NULL;
}

static uint64_t number(struct story *story)
{
	uint8_t byte = input_byte(&story->input);
	uint64_t value = byte & 0x7f;

	while (byte & 0x80) {
		byte = input_byte(&story->input);
		value = value << 7 | (byte & 0x7f);
	}
	return value;
}

/* Schemas, as schema_json_parse() makes them and schema_check_probe() accepts them. */

static const struct schema *new_schema(struct story *story, unsigned depth, bool is_member);

static void add_members(struct story *story, struct schema *schema, unsigned depth)
{
	schema->n_members = depth < NESTING ? input_byte(&story->input) % MEMBERS_MAX : 0;
	schema->members = alloc(story, schema->n_members, sizeof(*schema->members));
	for (uint32_t i = 0; i < schema->n_members; i++)
		schema->members[i] = new_schema(story, depth + 1, true);
}

static void add_enumerators(struct story *story, struct schema *schema)
{
	schema->n_enumerators = input_byte(&story->input) % MEMBERS_MAX;
	struct schema_enumerator *list = alloc(story, schema->n_enumerators, sizeof(*list));

	for (uint32_t i = 0; i < schema->n_enumerators; i++) {
		const char *label = name(story);

		list[i] = (struct schema_enumerator){ label ? label : "", (int64_t)number(story) };
	}
	schema->enumerators = list;
}

static bool is_number(enum schema_kind kind)
{
	return kind == SCHEMA_INT || kind == SCHEMA_CHAR || kind == SCHEMA_ENUM || kind == SCHEMA_BOOL;
}

static const struct schema *new_schema(struct story *story, unsigned depth, bool is_member)
{
	struct schema *schema = alloc(story, 1, sizeof(*schema));
	uint64_t flags;

	schema->kind = (enum schema_kind)(input_byte(&story->input) % (is_member ? SCHEMA_CAPTURE + 1 : SCHEMA_CAPTURE));
	schema->name = name(story);
	schema->ctype = name(story);
	flags = number(story);
	schema->is_signed = flags & 1;
	schema->is_hex = flags & 2;
	schema->is_float = flags & 4;
	schema->is_flags = flags & 8;
	schema->is_complex = flags & 16;
	schema->is_place = flags & 32;
	schema->is_cut = flags & 64;
	schema->is_json = schema->kind == SCHEMA_STRING && flags & 256;
	schema->view = schema->kind == SCHEMA_STRUCT && flags & 512 ? name(story) : NULL;
	schema->size = (uint32_t)number(story);
	schema->count = (uint32_t)number(story);
	schema->stored = (uint32_t)number(story);
	schema->stride = (uint32_t)number(story);
	if (is_number(schema->kind))
		schema->size = 1 + schema->size % 8;
	if (schema->kind == SCHEMA_BYTES)
		schema->size %= 64;
	if (schema->kind == SCHEMA_TEXT)
		schema->stored %= 512; /* up to there NULs are printed, of each value in each event */
	if (schema->kind == SCHEMA_ARRAY)
		schema->stored %= 8;
	bool has_target = schema->kind == SCHEMA_ARRAY || schema->kind == SCHEMA_SEQUENCE || schema->kind == SCHEMA_CAPTURE;

	if (depth >= NESTING && has_target)
		schema->kind = SCHEMA_FUNC;
	else if (has_target || (schema->kind == SCHEMA_PTR && depth < NESTING && flags & 128))
		schema->target = new_schema(story, depth + 1, false);
	if (schema->kind == SCHEMA_ENUM)
		add_enumerators(story, schema);
	if (schema->kind == SCHEMA_STRUCT || schema->kind == SCHEMA_UNION)
		add_members(story, schema, depth);
	return schema;
}

/* Values, as decode_value() makes them. */

static void new_value(struct story *story, const struct schema *schema, struct value_node *ret);

static void new_items(struct story *story, struct value_node *node, size_t n, const struct schema *target)
{
	struct value_node *items = alloc(story, n, sizeof(*items));

	for (size_t i = 0; i < n; i++)
		new_value(story, target ? target : node->schema->members[i], &items[i]);
	node->items = items;
	node->n = n;
}

static void new_bytes(struct story *story, struct value_node *node, size_t len)
{
	uint8_t *bytes = alloc(story, len + 1, 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = input_byte(&story->input);
	node->bytes = bytes;
	node->len = len;
}

static void new_text(struct story *story, struct value_node *node)
{
	node->status = (enum status)(input_byte(&story->input) % (STATUS_BYTES_CUT + 1));
	if (node->status == STATUS_NULL || node->status == STATUS_UNREADABLE || node->status == STATUS_OPTIMIZED_OUT)
		return;
	new_bytes(story, node, input_byte(&story->input) % 40);
	if (node->status <= STATUS_CUT)
		node->len = strlen((const char *)node->bytes);
	if (node->status <= STATUS_CUT && !utf8_valid(node->bytes, node->len))
		node->status = node->status == STATUS_CUT ? STATUS_BYTES_CUT : STATUS_BYTES;
}

static void new_option(struct story *story, const struct schema *target, struct value_node *ret)
{
	enum status status = (enum status)(input_byte(&story->input) % (STATUS_OPTIMIZED_OUT + 1));

	if (status > STATUS_CUT) {
		ret->status = status;
		ret->addr = status == STATUS_UNREADABLE ? number(story) : 0;
		return;
	}
	new_value(story, target, ret);
	if (status == STATUS_CUT && ret->status == STATUS_OK)
		ret->status = STATUS_CUT;
}

static void new_pointer(struct story *story, const struct schema *schema, struct value_node *ret)
{
	struct value_node *target = alloc(story, 1, sizeof(*target));

	ret->addr = number(story);
	if (!schema->target)
		return;
	new_option(story, schema->target, target);
	if (target->schema) {
		ret->items = target;
		ret->n = 1;
	} else {
		ret->status = target->status;
	}
}

static uint64_t fit(uint64_t value, const struct schema *schema)
{
	unsigned unused = 64 - 8 * schema->size;

	return schema->is_signed ? (uint64_t)((int64_t)(value << unused) >> unused) : value << unused >> unused;
}

static void new_value(struct story *story, const struct schema *schema, struct value_node *ret)
{
	uint64_t u;

	ret->schema = schema;
	switch (schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
	case SCHEMA_BOOL:
		ret->u = fit(number(story), schema);
		break;
	case SCHEMA_FLOAT:
		u = number(story);
		memcpy(&ret->real, &u, sizeof(u));
		break;
	case SCHEMA_FUNC:
		ret->addr = number(story);
		break;
	case SCHEMA_PTR:
		new_pointer(story, schema, ret);
		break;
	case SCHEMA_STRING:
		ret->addr = number(story);
		new_text(story, ret);
		break;
	case SCHEMA_TEXT:
		new_text(story, ret);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		new_items(story, ret, schema->n_members, NULL);
		break;
	case SCHEMA_ARRAY:
		new_items(story, ret, schema->stored, schema->target);
		break;
	case SCHEMA_SEQUENCE:
		new_items(story, ret, input_byte(&story->input) % 8, schema->target);
		break;
	case SCHEMA_BYTES:
		new_bytes(story, ret, schema->size);
		break;
	case SCHEMA_CAPTURE:
		new_option(story, schema->target, ret);
		break;
	}
}

/* Events. */

static void fill_builtin(struct story *story, struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_CLOSED:
		event->closed = input_byte(&story->input) % (CLOSED_LOST + 1);
		break;
	case TRACE_FRAME:
		event->addr = number(story);
		event->index = (unsigned)number(story);
		event->inlined = input_byte(&story->input) & 1;
		event->source = name(story);
		/* fallthrough */
	default:
		event->module = name(story);
		event->text = name(story);
		event->module = event->module ? event->module : "";
		event->text = event->text ? event->text : "";
		event->count = number(story);
	}
}

static void fill_call(struct story *story, struct trace_event *event)
{
	bool is_entry = event->kind == TRACE_ENTRY;
	uint8_t byte = input_byte(&story->input);
	struct value_node *values = alloc(story, 1, sizeof(*values));

	event->probe = story->list[byte % N_PROBES];
	new_value(story, is_entry ? event->probe->entry : event->probe->ret, values);
	event->values = values;
	event->return_source = is_entry ? NULL : name(story);
	if (!is_entry)
		return;
	event->n_stack = byte >> 1 & 3;
	uint64_t *stack = alloc(story, event->n_stack, sizeof(*stack));

	for (size_t i = 0; i < event->n_stack; i++)
		stack[i] = number(story);
	event->stack = stack;
}

static int next_event(void *ctx, struct trace_event *ret)
{
	struct story *story = ctx;

	if (!story->input.len || story->n_events++ >= EVENTS_MAX)
		return 0;
	*ret = (struct trace_event){
		.kind = (enum trace_event_kind)(input_byte(&story->input) % (TRACE_LOST + 1)),
		.tid = (pid_t)(input_byte(&story->input) % 4),
		.call = number(story),
		.parent = number(story),
		.depth = (unsigned)number(story),
	};
	story->now += number(story);
	ret->time_ns = story->now;
	if (ret->kind > TRACE_RETURN)
		fill_builtin(story, ret);
	else
		fill_call(story, ret);
	return 1;
}

/* What `report` and `export` do. */

struct review {
	struct stats *stats;
	struct show show;
	const struct exporter *exporter; /* or NULL */
	struct export export;
	struct filter *filter;
	uint64_t n;
};

static bool visit(void *ctx, const struct call *call)
{
	struct review *review = ctx;

	stats_add(review->stats, call, review->n ? call->up : NULL);
	review->n += !review->filter || filter_matches(review->filter, call);
	if (review->exporter && review->exporter->call)
		review->exporter->call(&review->export, call);
	return true;
}

static void read_calls(struct calls *calls, struct review *review)
{
	const struct call *root;

	review->show.print.code = review->export.code = calls_code(calls);
	while (calls_next(calls, &root) > 0) {
		review->export.n_trees++;
		review->n = 0;
		call_walk(root, &(struct call_visitor){ visit, NULL }, review);
		if (review->exporter && review->exporter->tree)
			review->exporter->tree(&review->export, root);
		if (review->exporter)
			continue;
		show_tree(&review->show, root);
		show_plain(&review->show, root);
	}
}

static void show_report(struct calls *calls, struct review *review, struct json_object *info)
{
	struct report report = {
		.path = "trace",
		.info = info,
		.summary = calls_summary(calls),
		.n_selected = review->n & 1 ? &review->n : NULL,
	};

	report.n_lost = calls_lost(calls, &report.lost);
	report.n_functions = stats_finish(review->stats, &report.functions);
	report_head(&review->show, &report);
	report_table(&review->show, &report);
}

static void read_all(struct calls *calls, struct review *review, struct json_object *info)
{
	const struct exporter *exporter = review->exporter;

	if (exporter && exporter->begin && exporter->begin(&review->export) < 0)
		return;
	read_calls(calls, review);
	if (exporter && exporter->end)
		exporter->end(&review->export);
	if (!exporter)
		show_report(calls, review, info);
}

static void run(const struct story *told, const char *condition, struct json_object *info, unsigned mode,
		const struct exporter *exporter)
{
	struct story story = *told;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct review review = {
		.stats = stats_new(N_PROBES),
		.show = {
			.page = { .out = out, .width = mode & 4 ? 80 : 0 },
			.print = {
				.elements = mode & 8 ? 0 : 20,
				.repeats = mode & 16 ? 0 : 10,
				.is_brief = mode % 4 == 0,
				.utf8 = mode & 32,
			},
			.verbose = mode % 4 == 1,
		},
		.exporter = exporter,
		.export = { .out = out, .title = told->names[0], .info = info, .probes = told->list, .n_probes = N_PROBES },
	};
	struct calls *calls = calls_new(next_event, &story, story.probes[0].deferred);

	story.arena = (struct arena){ 0 }; /* for the events of this run */
	assert(out && review.stats && calls);
	review.export.calls = calls;
	if (*condition && filter_new(condition, told->list, N_PROBES, &review.filter) < 0)
		review.filter = NULL;
	read_all(calls, &review, info);
	fclose(out);
	if (!exporter || !exporter->is_binary)
		check_shown(text, len);
	if (exporter == &export_jsonl)
		check_json_lines(text);
	free(text);
	filter_free(review.filter);
	stats_free(review.stats);
	calls_free(calls);
	arena_free(&story.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story story = { .input = { data, size } };
	char *condition = input_text(&story.input, '\0'), *info_text = input_text(&story.input, '\0');
	struct json_object *info = json_tokener_parse(info_text);

	for (unsigned i = 0; i < N_NAMES; i++)
		story.names[i] = input_text(&story.input, '\0');
	unsigned mode = input_byte(&story.input);

	for (unsigned i = 0; i < N_PROBES; i++) {
		struct schema *entry = alloc(&story, 1, sizeof(*entry)), *ret = alloc(&story, 1, sizeof(*ret));
		const char *function = name(&story), *module = name(&story);

		entry->kind = ret->kind = SCHEMA_STRUCT;
		add_members(&story, entry, 0);
		add_members(&story, ret, 0);
		story.probes[i] = (struct trace_probe){
			.function = function ? function : "f", .module = module ? module : "m",
			.source = name(&story), .prototype = name(&story),
			.entry = entry, .ret = ret, .index = i, .deferred = input_byte(&story.input) & 1,
		};
		story.list[i] = &story.probes[i];
	}
	for (unsigned i = 0; i < 3; i++)
		run(&story, condition, info, (mode & ~3u) | i, NULL);
	for (const struct exporter *const *it = exporters(); *it; it++)
		run(&story, "", info, mode, *it);
	for (unsigned i = 0; i < N_NAMES; i++)
		free(story.names[i]);
	free(condition);
	free(info_text);
	json_object_put(info);
	arena_free(&story.arena);
	return 0;
}
