/**
 * The way of a value, for people and for programs.
 */
#include "tracer/review/explain_show.h"

#include <inttypes.h>

#include "tracer/review/calls.h"
#include "tracer/review/export/json.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/review/show.h"
#include "tracer/trace/reader.h"

enum { INDENT = 4 };

/* For people. */

static void put_name(struct show *show, enum page_colour colour, const char *before, const char *name)
{
	page_put_name(&show->page, colour, before, name, show->print.utf8);
}

/* "info->capacity at the return of #1 virDomainGetBlockInfo". */
static void put_place(struct show *show, const struct explain_place *place)
{
	struct page *page = &show->page;

	put_name(show, COLOUR_CHANGED, "", place->path);
	if (place->kind == EXPLAIN_REPLY) {
		const struct qmp_exchange *qmp = place->call->qmp;

		put_name(show, COLOUR_NAME, " of the reply to QMP ", qmp->name);
		if (qmp->id[0])
			put_name(show, COLOUR_NONE, ", id ", qmp->id);
		return;
	}
	page_putf(page, COLOUR_NONE, " at the %s of #%" PRIu64, explain_kind_name(place->kind), place->call->id);
	put_name(show, COLOUR_NAME, " ", place->call->probe->function);
}

static void put_when(struct show *show, const struct explain_place *place)
{
	char time[SHOW_TIME_MAX];
	const struct call *call = place->call;
	struct page *page = &show->page;

	page_pad(page, INDENT);
	if (place->kind == EXPLAIN_REPLY)
		page_putf(page, COLOUR_FAINT, "%s received by thread %d in #%" PRIu64 ", waited for by thread %d in #%" PRIu64,
			  show_time(show, time, place->time_ns), (int)place->tid, call->qmp->reply.call,
			  (int)call->tid, call->id);
	else
		page_putf(page, COLOUR_FAINT, "%s thread %d ", show_time(show, time, place->time_ns), (int)place->tid);
	if (place->kind != EXPLAIN_REPLY && call->thread)
		put_name(show, COLOUR_FAINT, "", call->thread);
	page_newline(page);
}

static void put_trust(struct show *show, const struct explain_match *match)
{
	struct page *page = &show->page;

	page_putf(page, match->trust < TRUST_LIKELY ? COLOUR_BAD : COLOUR_NONE, "%s: same value",
		  explain_trust_name(match->trust));
	for (size_t i = 0; i < match->n_reasons; i++)
		put_name(show, COLOUR_NONE, ", ", match->reasons[i]);
	page_newline(page);
}

static void put_rivals(struct show *show, const struct explain_step *step)
{
	struct page *page = &show->page;

	for (size_t i = 0; i < step->n_rivals; i++) {
		page_pad(page, INDENT);
		page->hang = INDENT + 4;
		page_put(page, COLOUR_FAINT, "or ");
		put_place(show, &step->rivals[i].place);
		page_put(page, COLOUR_NONE, "; ");
		put_trust(show, &step->rivals[i]);
	}
	if (!step->n_more)
		return;
	page_pad(page, INDENT);
	page_putf(page, COLOUR_FAINT, "or %zu more", step->n_more);
	page_newline(page);
}

static void put_step(struct show *show, const struct explain_step *step)
{
	struct page *page = &show->page;

	page_put(page, COLOUR_NONE, "<-");
	page_pad(page, INDENT);
	page->hang = INDENT + 4;
	put_place(show, &step->match.place);
	page_newline(page);
	put_when(show, &step->match.place);
	page_pad(page, INDENT);
	page->hang = INDENT + 4;
	put_trust(show, &step->match);
	put_rivals(show, step);
}

void explain_show(struct show *show, const struct explanation *explanation)
{
	size_t n = explanation->n_steps;
	struct page *page = &show->page;

	put_place(show, &explanation->start);
	put_name(show, COLOUR_CHANGED, explanation->is_text ? " = \"" : " = ", explanation->value);
	page_put(page, COLOUR_CHANGED, explanation->is_text ? "\"" : "");
	page_newline(page);
	put_when(show, &explanation->start);
	for (size_t i = 0; i < n; i++)
		put_step(show, explanation->steps[i]);
	put_name(show, COLOUR_NONE, n ? "End: " : "Nothing: ", explanation->end);
	page_put(page, COLOUR_NONE, ".");
	page_newline(page);
	if (n)
		page_put(page, COLOUR_FAINT, "These are matches of values, not proof.");
	if (n)
		page_newline(page);
}

/* For programs. */

static void json_place(struct json *json, const struct explain_place *place, uint64_t wall_offset_ns)
{
	const struct qmp_exchange *qmp = place->kind == EXPLAIN_REPLY ? place->call->qmp : NULL;

	json_key(json, "at");
	json_string(json, explain_kind_name(place->kind));
	json_key(json, "path");
	json_string(json, place->path);
	json_key(json, "call");
	json_uint(json, place->call->id);
	json_key(json, "function");
	json_string(json, place->call->probe->function);
	if (qmp) {
		json_key(json, "command");
		json_string(json, qmp->name);
		json_key(json, "id");
		json_string(json, qmp->id);
		json_key(json, "received_by");
		json_uint(json, qmp->reply.call);
	}
	json_key(json, "time_ns");
	json_uint(json, place->time_ns + wall_offset_ns);
	json_key(json, "tid");
	json_int(json, place->tid);
}

static void json_match(struct json *json, const struct explain_match *match, uint64_t wall_offset_ns)
{
	json_place(json, &match->place, wall_offset_ns);
	json_key(json, "trust");
	json_string(json, explain_trust_name(match->trust));
	json_key(json, "reasons");
	json_array(json);
	json_string(json, "same value");
	for (size_t i = 0; i < match->n_reasons; i++)
		json_string(json, match->reasons[i]);
	json_end(json);
}

static void json_step(struct json *json, const struct explain_step *step, uint64_t wall_offset_ns)
{
	json_object(json);
	json_match(json, &step->match, wall_offset_ns);
	json_key(json, "rivals");
	json_array(json);
	for (size_t i = 0; i < step->n_rivals; i++) {
		json_object(json);
		json_match(json, &step->rivals[i], wall_offset_ns);
		json_end(json);
	}
	json_end(json);
	json_key(json, "more_rivals");
	json_uint(json, step->n_more);
	json_end(json);
}

void explain_json(struct json *json, const struct explanation *explanation, uint64_t wall_offset_ns)
{
	json_object(json);
	json_key(json, "value");
	json_string(json, explanation->value);
	json_place(json, &explanation->start, wall_offset_ns);
	json_key(json, "steps");
	json_array(json);
	for (size_t i = 0; i < explanation->n_steps; i++)
		json_step(json, explanation->steps[i], wall_offset_ns);
	json_end(json);
	json_key(json, "end");
	json_string(json, explanation->end);
	json_key(json, "note");
	json_string(json, "matches of values, not proof");
	json_end(json);
}
