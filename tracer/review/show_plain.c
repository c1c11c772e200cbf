/**
 * The form for programs: each line says of one call one thing.
 *
 *	#12 function = add
 *	#12 entry a = 5
 *	#12 return $ret = 7
 */
#include <inttypes.h>

#include "tracer/review/calls.h"
#include "tracer/review/code.h"
#include "tracer/review/show.h"
#include "tracer/review/text.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

enum { INLINED_MAX = 64 };

static void put_text(FILE *out, const struct call *call, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(out, "#%" PRIu64 " %s = ", call->id, key);
	text_print(out, text, false);
	putc('\n', out);
}

static void put_uint(FILE *out, const struct call *call, const char *key, uint64_t value)
{
	fprintf(out, "#%" PRIu64 " %s = %" PRIu64 "\n", call->id, key, value);
}

static void put_values(const struct show *show, const struct call *call, const char *side,
		       const struct value_node *values)
{
	FILE *out = show->page.out;

	for (size_t i = 0; values && i < values->n; i++) {
		fprintf(out, "#%" PRIu64 " %s ", call->id, side);
		text_print(out, call_capture_name(values, i), false);
		fputs(" = ", out);
		print_c(out, &values->items[i], &show->print);
		putc('\n', out);
	}
}

static void put_place(FILE *out, const struct call *call, uint64_t addr,
		      const struct code_place *place)
{
	fprintf(out, "#%" PRIu64 " backtrace = 0x%" PRIx64, call->id, addr);
	if (place) {
		putc(' ', out);
		text_print(out, place->function ? place->function : "??", false);
		fputs(" (", out);
		text_print(out, place->source ? place->source : "", false);
		fputs(") ", out);
		text_print(out, place->module ? place->module : "", false);
		fputs(place->inlined ? " [inlined]" : "", out);
	}
	putc('\n', out);
}

static void put_backtrace(const struct show *show, const struct call *call)
{
	for (size_t i = 0; i < call->n_stack; i++) {
		const struct code_place *place = code_map_find(show->print.code, call->stack[i], 0);

		for (unsigned n = 0; n == 0 || (place && n < INLINED_MAX); n++) {
			put_place(show->page.out, call, call->stack[i], place);
			place = code_map_find(show->print.code, call->stack[i], n + 1);
		}
	}
}

static bool put_call(void *ctx, const struct call *call)
{
	const struct show *show = ctx;
	FILE *out = show->page.out;

	put_text(out, call, "function", call->probe->function);
	put_text(out, call, "module", call->probe->module);
	put_text(out, call, "source", call->probe->source);
	if (call->parent)
		put_uint(out, call, "parent", call->parent);
	put_uint(out, call, "depth", call->depth);
	if (call->is_guess)
		put_text(out, call, "caller", "not proved");
	put_uint(out, call, "tid", (uint64_t)call->tid);
	put_text(out, call, "thread", call->thread);
	put_uint(out, call, "time_ns", call->entered_ns + show->wall_offset_ns);
	if (call->outcome != OUTCOME_OPEN)
		put_uint(out, call, "duration_ns", call_duration(call));
	put_text(out, call, "status", call_outcome_name(call->outcome));
	put_text(out, call, "return_source", call->return_source);
	put_values(show, call, "entry", call->entry);
	put_values(show, call, "return", call->ret);
	put_backtrace(show, call);
	return true;
}

void show_plain(struct show *show, const struct call *root)
{
	call_walk(root, &(struct call_visitor){ put_call, NULL }, show);
}

void show_plain_alone(const struct show *show, const struct call *call)
{
	put_call((void *)show, call);
}
