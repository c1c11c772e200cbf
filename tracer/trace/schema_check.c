#include "tracer/trace/schema_check.h"

#include <errno.h>
#include <string.h>

#include "symbols/schema.h"
#include "tracer/base/err.h"
#include "tracer/trace/writer.h"

/**
 * The costs are measured: the memory that babeltrace2 2.0 takes for a field of each kind (x 2, as an
 * option has one for `ok` and one for `cut`), in units of what an integer takes.  A text is so dear
 * because each has its own copy of the enum of statuses and of eight options.
 *
 * The walk takes from the budget as it goes: schemas that are read may share parts, and a small text
 * can so describe a tree that no time suffices to walk.
 */
enum {
	DEPTH_MAX = 64,        /* of types in types, for our and the decoder's stack */
	TEXT_PER_CLASS = 512,  /* bytes of names that cost as much as an integer */
	TEXT_COST = 52,
	OPTION_COST = 5,
	SEQUENCE_COST = 6,
	VALUES_MAX = 1 << 20,  /* in one event: babeltrace2 makes an object of each */
	STORED_MAX = 64 << 10, /* bytes of a text in an object */
};

struct walk {
	struct schema_budget left;
	uint64_t values; /* in one event so far */
};

static uint64_t text_cost(const char *text)
{
	return text ? strlen(text) / TEXT_PER_CLASS : 0;
}

static uint64_t labels_cost(const struct schema_enumerator *labels, uint32_t n)
{
	uint64_t cost = n;

	for (uint32_t i = 0; i < n; i++)
		cost += text_cost(labels[i].name);
	return cost;
}

static uint64_t own_cost(const struct schema *s)
{
	switch (s->kind) {
	case SCHEMA_STRING:
	case SCHEMA_TEXT:
		return TEXT_COST;
	case SCHEMA_PTR:
		return s->target ? OPTION_COST : 2;
	case SCHEMA_CAPTURE:
		return OPTION_COST;
	case SCHEMA_SEQUENCE:
		return SEQUENCE_COST;
	case SCHEMA_ENUM:
		return 2 + labels_cost(s->enumerators, s->n_enumerators);
	case SCHEMA_BOOL:
		return 4;
	default:
		return 2;
	}
}

static bool is_possible(const struct schema *s)
{
	switch (s->kind) {
	case SCHEMA_INT:
	case SCHEMA_BOOL:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
		return s->size >= 1 && s->size <= 8;
	case SCHEMA_FLOAT:
		return s->size == 4 || s->size == 8;
	default:
		return true;
	}
}

static int too_large(void)
{
	return err_set(-E2BIG, "an event would have more than %d values", VALUES_MAX);
}

static int take(struct walk *walk, uint64_t cost)
{
	if (cost > walk->left.classes) {
		err_set(-E2BIG, "these are more values than one trace can hold");
		return err_hint(-E2BIG, "Record fewer functions, or fewer values of each.");
	}
	walk->left.classes -= cost;
	return 0;
}

static int check(const struct schema *s, unsigned depth, uint64_t times, struct walk *walk);

/** The parts of a value of which an event has `times`. */
static int check_parts(const struct schema *s, unsigned depth, uint64_t times, struct walk *walk)
{
	uint64_t size;
	int r = 0;

	if (s->kind == SCHEMA_ARRAY)
		times *= s->stored;
	if (s->target && s->kind != SCHEMA_FUNC)
		r = check(s->target, depth + 1, times, walk);
	for (uint32_t i = 0; i < s->n_members && r == 0; i++)
		r = check(s->members[i], depth + 1, times, walk);
	/* Of these two bytes of a stream could make any number. */
	if (r == 0 && s->kind == SCHEMA_SEQUENCE && schema_fixed_size(s->target, &size) && !size)
		r = err_set(-EINVAL, "a trace cannot hold an unknown number of empty values");
	return r;
}

/** A value of which an event has `times`, at most VALUES_MAX * UINT32_MAX. */
static int check(const struct schema *s, unsigned depth, uint64_t times, struct walk *walk)
{
	if (depth > DEPTH_MAX)
		return err_set(-E2BIG, "types are nested more than %d levels deep", DEPTH_MAX);
	if (!is_possible(s))
		return err_set(-EINVAL, "a trace cannot hold numbers of %u bytes", s->size);
	if (s->target && s->target->kind == SCHEMA_CAPTURE)
		return err_set(-EINVAL, "a trace cannot hold a capture that is no member");
	if (s->kind == SCHEMA_TEXT && s->stored > STORED_MAX)
		return err_set(-E2BIG, "a text of more than %d bytes", STORED_MAX);
	if (times > VALUES_MAX)
		return too_large();
	walk->values += times * (s->kind == SCHEMA_BYTES ? s->size : 1);
	if (walk->values > VALUES_MAX)
		return too_large();
	int r = take(walk, own_cost(s) + text_cost(s->name) + text_cost(s->ctype) + text_cost(s->view));

	return r < 0 ? r : check_parts(s, depth, times, walk);
}

static int check_payload(const struct schema *s, struct walk *walk)
{
	walk->values = 0;
	return check(s, 0, 1, walk);
}

int schema_check_probe(const struct trace_probe_desc *desc, struct schema_budget *budget)
{
	struct walk walk = { .left = *budget };
	int r = check_payload(desc->entry, &walk);

	if (r == 0)
		r = check_payload(desc->ret, &walk);
	for (size_t i = 0; i < desc->n_return_sites && r == 0; i++)
		r = take(&walk, 1 + text_cost(desc->return_sites[i]));
	if (r == 0)
		*budget = walk.left;
	return r;
}
