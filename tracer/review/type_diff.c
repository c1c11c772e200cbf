#include "tracer/review/type_diff.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "symbols/schema.h"
#include "tracer/trace/reader.h"

/* Types that were compared already: in many places they are the same. */
struct pair {
	const struct schema *a, *b;
};

struct diff {
	type_diff_fn *visit;
	void *ctx;
	struct pair seen[TYPE_DIFF_TYPES];
	size_t n;
};

static const char *type_of(const struct schema *schema)
{
	return schema->ctype && *schema->ctype ? schema->ctype : "?";
}

static const char *type_name(const struct schema *schema)
{
	return schema->ctype && *schema->ctype ? schema->ctype : "unnamed type";
}

static bool is_seen(struct diff *diff, const struct schema *a, const struct schema *b)
{
	for (size_t i = 0; i < diff->n; i++)
		if (diff->seen[i].a == a && diff->seen[i].b == b)
			return true;
	if (diff->n == TYPE_DIFF_TYPES)
		return true;
	diff->seen[diff->n++] = (struct pair){ a, b };
	return false;
}

static const struct schema *find_member(const struct schema *schema, const char *name,
					unsigned level)
{
	for (uint32_t i = 0; i < schema->n_members && level < TYPE_DIFF_NESTING; i++) {
		const struct schema *member = schema->members[i], *found;
		bool is_anonymous = !member->name || !*member->name;

		found = is_anonymous			     ? find_member(member, name, level + 1)
			: !strcmp(member->name, name) ? member
							     : NULL;
		if (found)
			return found;
	}
	return NULL;
}

static void compare(struct diff *diff, const struct schema *a, const struct schema *b,
		    unsigned level);

/* Members of `part`, which is `a` or an anonymous member of it; `is_new`: only those `b` has not. */
static void compare_members(struct diff *diff, const char *type, const struct schema *part,
			    const struct schema *b, bool is_new, unsigned level)
{
	for (uint32_t i = 0; i < part->n_members && level < TYPE_DIFF_NESTING; i++) {
		const struct schema *member = part->members[i], *other;

		if (!member->name || !*member->name) {
			compare_members(diff, type, member, b, is_new, level + 1);
			continue;
		}
		other = find_member(b, member->name, 0);
		if (!other && b->is_cut)
			continue; /* it may be among those a limit left out */
		if (!other)
			diff->visit(diff->ctx, type, member->name, is_new ? NULL : type_of(member),
				    is_new ? type_of(member) : NULL);
		else if (!is_new && strcmp(type_of(member), type_of(other)) != 0)
			diff->visit(diff->ctx, type, member->name, type_of(member), type_of(other));
		if (other && !is_new)
			compare(diff, member, other, level + 1);
	}
}

static const struct schema_enumerator *find_enumerator(const struct schema *schema, const char *name)
{
	for (uint32_t i = 0; i < schema->n_enumerators; i++)
		if (!strcmp(schema->enumerators[i].name, name))
			return &schema->enumerators[i];
	return NULL;
}

static void tell_enumerator(struct diff *diff, const char *type, const char *name,
			    const struct schema_enumerator *a, const struct schema_enumerator *b)
{
	char old[32], new[32];

	snprintf(old, sizeof(old), "%" PRId64, a ? a->value : 0);
	snprintf(new, sizeof(new), "%" PRId64, b ? b->value : 0);
	diff->visit(diff->ctx, type, name, a ? old : NULL, b ? new : NULL);
}

static void compare_enumerators(struct diff *diff, const struct schema *a, const struct schema *b)
{
	for (uint32_t i = 0; i < a->n_enumerators; i++) {
		const struct schema_enumerator *old = &a->enumerators[i];
		const struct schema_enumerator *new = find_enumerator(b, old->name);

		if (!new || new->value != old->value)
			tell_enumerator(diff, type_name(a), old->name, old, new);
	}
	for (uint32_t i = 0; i < b->n_enumerators; i++)
		if (!find_enumerator(a, b->enumerators[i].name))
			tell_enumerator(diff, type_name(a), b->enumerators[i].name, NULL,
					&b->enumerators[i]);
}

static bool has_members(const struct schema *schema)
{
	return schema->kind == SCHEMA_STRUCT || schema->kind == SCHEMA_UNION;
}

/* What is in two types; whether they are called the same their owner has told. */
static void compare(struct diff *diff, const struct schema *a, const struct schema *b,
		    unsigned level)
{
	if (level >= TYPE_DIFF_NESTING)
		return;
	if (a->kind == SCHEMA_ENUM && b->kind == SCHEMA_ENUM && !is_seen(diff, a, b)) {
		compare_enumerators(diff, a, b);
	} else if (has_members(a) && has_members(b) && !is_seen(diff, a, b)) {
		compare_members(diff, type_name(a), a, b, false, level);
		compare_members(diff, type_name(a), b, a, true, level);
	} else if (a->target && b->target) {
		compare(diff, a->target, b->target, level + 1);
	}
}

static const struct schema *content(const struct schema *capture)
{
	return capture->kind == SCHEMA_CAPTURE && capture->target ? capture->target : capture;
}

static void compare_captures(struct diff *diff, const char *function, const struct schema *a,
			     const struct schema *b, bool is_new)
{
	for (uint32_t i = 0; i < a->n_members; i++) {
		const char *name = a->members[i]->name;
		const struct schema *type = content(a->members[i]);
		const struct schema *other = name ? find_member(b, name, 0) : NULL;

		if (!name)
			continue;
		if (!other) {
			diff->visit(diff->ctx, function, name, is_new ? NULL : type_of(type),
				    is_new ? type_of(type) : NULL);
			continue;
		}
		other = content(other);
		if (is_new)
			continue;
		if (strcmp(type_of(type), type_of(other)) != 0)
			diff->visit(diff->ctx, function, name, type_of(type), type_of(other));
		compare(diff, type, other, 0);
	}
}

void type_diff(const struct trace_probe *a, const struct trace_probe *b, type_diff_fn *visit,
	       void *ctx)
{
	struct diff diff = { .visit = visit, .ctx = ctx };
	const struct schema *const sides[][2] = { { a->entry, b->entry }, { a->ret, b->ret } };

	for (size_t i = 0; i < 2; i++) {
		if (!sides[i][0] || !sides[i][1])
			continue;
		compare_captures(&diff, a->function, sides[i][0], sides[i][1], false);
		compare_captures(&diff, a->function, sides[i][1], sides[i][0], true);
	}
}
