/**
 * Values with a line for each member.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/show.h"
#include "tracer/review/value_copy.h"
#include "tracer/trace/value.h"

enum { LEVELS_INDENTED = 20, INLINED_MAX = 64 };

/* One line or a block: `name`, or element `index` of an array up to `last`. */
struct field {
	const char *name; /* NULL: an element or an anonymous member */
	bool is_element;
	size_t index, last;
	const struct value_node *value, *old;
	unsigned indent, level;
};

static void show_field(struct show *show, const struct field *field);

static bool is_changed(const struct field *field)
{
	return field->old && !value_equal(field->old, field->value);
}

/* What was at this place before, if it is of the same kind. */
static const struct value_node *old_item(const struct field *field, size_t i)
{
	const struct value_node *old = field->old;

	if (!old || old->schema->kind != field->value->schema->kind || i >= old->n)
		return NULL;
	const char *name = print_c_member_name(field->value, i),
		   *old_name = print_c_member_name(old, i);

	return (name && old_name ? !strcmp(name, old_name) : name == old_name) ? &old->items[i]
									       : NULL;
}

static void begin_line(struct show *show, const struct field *field)
{
	struct page *page = &show->page;

	page_pad(page, field->indent - 2);
	page_put(page, COLOUR_CHANGED, is_changed(field) ? "~ " : "  ");
	page->hang = field->indent + 4;
	if (field->is_element) {
		page_putf(page, COLOUR_NONE, "[%zu", field->index);
		if (field->last > field->index)
			page_putf(page, COLOUR_NONE, " ... %zu", field->last);
		page_put(page, COLOUR_NONE, "] = ");
	} else if (field->name) {
		page_put_name(page, COLOUR_NAME, "", field->name, show->print.utf8);
		page_put(page, COLOUR_NONE, " = ");
	}
}

static void put_value(struct show *show, enum page_colour colour, const struct value_node *value)
{
	char *text = show_value_text(show, value);

	page_put(&show->page, colour, text ? text : "<out of memory>");
	free(text);
}

static void show_line(struct show *show, const struct field *field)
{
	bool changed = is_changed(field);

	begin_line(show, field);
	put_value(show, changed ? COLOUR_CHANGED : COLOUR_NONE, field->value);
	if (changed) {
		page_put(&show->page, COLOUR_NONE, "   (was ");
		put_value(show, COLOUR_NONE, field->old);
		page_put(&show->page, COLOUR_NONE, ")");
	}
	page_newline(&show->page);
}

static struct field below(const struct field *field, size_t i)
{
	return (struct field){
		.value = &field->value->items[i],
		.old = old_item(field, i),
		.indent = field->indent + (field->level < LEVELS_INDENTED ? 2 : 0),
		.level = field->level + 1,
	};
}

static void show_members(struct show *show, const struct field *field)
{
	for (size_t i = 0; i < field->value->n; i++) {
		struct field member = below(field, i);

		member.name = print_c_member_name(field->value, i);
		show_field(show, &member);
	}
}

static void show_elements(struct show *show, const struct field *field)
{
	const struct value_node *v = field->value;
	size_t run;

	for (size_t i = 0; i < v->n; i += run) {
		struct field element = below(field, i);

		for (run = 1; i + run < v->n && value_equal(&v->items[i], &v->items[i + run]);
		     run++)
			if (old_item(field, i + run))
				break;
		element.is_element = true;
		element.index = i;
		element.last = i + run - 1;
		show_field(show, &element);
	}
}

static void show_block(struct show *show, const struct field *field, bool is_array)
{
	struct page *page = &show->page;

	begin_line(show, field);
	if (field->value->schema->view)
		page_put_name(page, COLOUR_NONE, "", field->value->schema->view, show->print.utf8);
	page_put(page, COLOUR_NONE, "{");
	page_newline(page);
	if (is_array)
		show_elements(show, field);
	else
		show_members(show, field);
	page_pad(page, field->indent);
	bool cut = field->value->schema->is_cut || field->value->status == STATUS_CUT;

	page_put(page, COLOUR_NONE, cut ? "...}" : "}");
	page_newline(page);
}

static bool is_aggregate_array(const struct value_node *v)
{
	bool is_array = v->schema->kind == SCHEMA_ARRAY || v->schema->kind == SCHEMA_SEQUENCE;

	return is_array && v->n && print_c_members(&v->items[0]);
}

/* A struct behind a pointer: the pointer's line, then the struct's block. */
static void show_followed(struct show *show, const struct field *field)
{
	struct field target = below(field, 0);

	begin_line(show, field);
	page_putf(&show->page, COLOUR_NONE, "0x%" PRIx64 " ->", field->value->addr);
	page_newline(&show->page);
	show_field(show, &target);
}

static void show_field(struct show *show, const struct field *field)
{
	const struct value_node *v = field->value;
	bool is_followed = v->schema->kind == SCHEMA_PTR && v->n && print_c_members(v->items);
	bool is_array = is_aggregate_array(v);

	if (field->level >= VALUE_NESTING_MAX || (!print_c_members(v) && !is_array && !is_followed))
		show_line(show, field);
	else if (is_followed)
		show_followed(show, field);
	else
		show_block(show, field, is_array);
}

void show_fields(struct show *show, const struct value_node *values, const struct value_node *old,
		 const struct value_node *but, unsigned indent)
{
	for (size_t i = 0; i < values->n; i++) {
		const char *name = call_capture_name(values, i);
		struct field field = {
			.name = name,
			.value = &values->items[i],
			.old = call_capture(old, name),
			.indent = indent,
		};

		if (field.value != but)
			show_field(show, &field);
	}
}

static void put_place(struct show *show, const struct code_place *place)
{
	struct page *page = &show->page;
	bool utf8 = show->print.utf8;

	page_put_name(page, COLOUR_NONE, "at ", place->function ? place->function : "??", utf8);
	if (place->source) {
		page_put_name(page, COLOUR_NONE, " (", place->source, utf8);
		page_put(page, COLOUR_NONE, ")");
	}
	if (place->module)
		page_put_name(page, COLOUR_FAINT, " ", place->module, utf8);
	if (place->inlined)
		page_put(page, COLOUR_NONE, " [inlined]");
}

/*
 * How many frames of a call are not the callers of the call that made it, too. A backtrace may end
 * before it comes to the outermost function, and sooner for an inner call.
 */
static size_t own_frames(const struct call *call)
{
	const struct call *up = call->up;

	for (size_t i = 1; up && up->n_stack > 1 && i < call->n_stack; i++) {
		size_t n = 0;

		while (i + n < call->n_stack && 1 + n < up->n_stack &&
		       call->stack[i + n] == up->stack[1 + n])
			n++;
		if (n && (i + n == call->n_stack || 1 + n == up->n_stack))
			return i;
	}
	return call->n_stack;
}

void show_backtrace(struct show *show, const struct call *call, unsigned indent)
{
	struct page *page = &show->page;
	size_t shown = show->level ? own_frames(call) : call->n_stack;

	for (size_t i = 0; i < shown; i++) {
		const struct code_place *place = code_map_find(show->print.code, call->stack[i], 0);

		for (unsigned n = 0; n == 0 || (place && n < INLINED_MAX); n++) {
			page_pad(page, indent);
			page->hang = indent + 4;
			if (place)
				put_place(show, place);
			else
				page_putf(page, COLOUR_NONE, "at 0x%" PRIx64, call->stack[i]);
			page_newline(page);
			place = code_map_find(show->print.code, call->stack[i], n + 1);
		}
	}
	if (shown == call->n_stack)
		return;
	page_pad(page, indent);
	page_putf(page, COLOUR_NONE, "... as #%" PRIu64, call->up->id);
	page_newline(page);
}
