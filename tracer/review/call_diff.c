#include "tracer/review/call_diff.h"

#include <limits.h>
#include <string.h>

#include "tracer/review/calls.h"
#include "tracer/review/value_diff.h"
#include "tracer/trace/reader.h"
#include "tracer/trace/value.h"

struct diff {
	const struct call_diff_visitor *visitor;
	void *ctx;
	bool differs;
	unsigned level;
	struct call_value value; /* being compared */
};

/* value_diff_fn */
static bool on_value(void *ctx, const char *path, const struct value_node *a,
		     const struct value_node *b)
{
	struct diff *diff = ctx;

	diff->differs = true;
	diff->value.path = path;
	diff->value.a = a;
	diff->value.b = b;
	diff->visitor->value(diff->ctx, &diff->value, diff->level);
	return true;
}

/* What both have captured at one end. */
static void compare_side(struct diff *diff, const struct value_node *a, const struct value_node *b)
{
	for (size_t i = 0; a && b && i < a->n; i++) {
		const char *name = call_capture_name(a, i);
		const struct value_node *other = call_capture(b, name);

		if (!other)
			continue;
		diff->value.is_entry = a == diff->value.a_call->entry &&
				       call_capture(diff->value.a_call->ret, name);
		value_diff(name, &a->items[i], other, on_value, diff);
	}
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void compare_pair(struct diff *diff, const struct call *a, const struct call *b)
{
	diff->value = (struct call_value){ .a_call = a, .b_call = b };
	diff->visitor->pair(diff->ctx, a, b, diff->level);
	compare_side(diff, a->entry, b->entry);
	compare_side(diff, a->ret, b->ret);
	if (a->outcome == b->outcome &&
	    (a->probe != b->probe || same_text(a->return_source, b->return_source)))
		return;
	diff->differs = true;
	diff->visitor->end(diff->ctx, a, b, diff->level);
}

static bool is_pair(const struct call *a, const struct call *b)
{
	return a->probe == b->probe || !strcmp(a->probe->function, b->probe->function);
}

/* How many calls before one that pairs with `wanted`; UINT_MAX: there is none near. */
static unsigned distance(const struct call *from, const struct call *wanted)
{
	for (unsigned i = 0; from && i < CALL_DIFF_AHEAD; i++, from = from->next)
		if (is_pair(from, wanted))
			return i;
	return UINT_MAX;
}

static const struct call *skip(struct diff *diff, const struct call *call, bool is_a)
{
	diff->differs = true;
	diff->visitor->only(diff->ctx, is_a ? call : NULL, is_a ? NULL : call, diff->level);
	return call->next;
}

/* Go on to the next pair among siblings; false at their end. */
static bool find_pair(struct diff *diff, const struct call **a, const struct call **b)
{
	while (*a || *b) {
		unsigned in_a = *a && *b ? distance(*a, *b) : UINT_MAX;
		unsigned in_b = *a && *b ? distance(*b, *a) : UINT_MAX;

		if (!in_a)
			return true;
		if (*a && in_a <= in_b)
			*a = skip(diff, *a, true);
		else
			*b = skip(diff, *b, false);
	}
	return false;
}

bool call_diff(const struct call *a, const struct call *b, const struct call_diff_visitor *visitor,
	       void *ctx)
{
	struct diff diff = { .visitor = visitor, .ctx = ctx };

	/* Without recursion: the parents of a pair are a pair. */
	for (;;) {
		compare_pair(&diff, a, b);
		const struct call *up_a = a, *up_b = b;

		a = a->first;
		b = b->first;
		diff.level++;
		while (!find_pair(&diff, &a, &b)) {
			if (!--diff.level)
				return diff.differs;
			a = up_a->next;
			b = up_b->next;
			up_a = up_a->up;
			up_b = up_b->up;
		}
	}
}

static bool count(void *ctx, const struct call *call)
{
	(void)call;
	++*(uint64_t *)ctx;
	return true;
}

uint64_t call_count(const struct call *root)
{
	uint64_t n = 0;

	call_walk(root, &(struct call_visitor){ count, NULL }, &n);
	return n;
}
