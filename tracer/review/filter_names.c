#include "tracer/review/filter_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/err.h"
#include "tracer/base/similar.h"
#include "tracer/review/text.h"
#include "tracer/review/value_path.h"
#include "tracer/trace/reader.h"

enum { TYPES_SEARCHED = 20000, NAMES_SHOWN = 40 };

static const struct {
	const char *name;
	enum special special;
} specials[] = {
	{ "$depth", SPECIAL_DEPTH },	   { "$duration", SPECIAL_DURATION },
	{ "$function", SPECIAL_FUNCTION }, { "$id", SPECIAL_ID },
	{ "$module", SPECIAL_MODULE },	   { "$status", SPECIAL_STATUS },
	{ "$thread", SPECIAL_THREAD },	   { "$tid", SPECIAL_TID },
};

enum { N_SPECIALS = sizeof(specials) / sizeof(*specials) };

bool filter_special(const char *name, enum special *ret)
{
	for (size_t i = 0; i < N_SPECIALS; i++) {
		if (!strcmp(specials[i].name, name)) {
			*ret = specials[i].special;
			return true;
		}
	}
	return false;
}

static bool is_among(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* What was captured of one side, each name once in the whole list. */
static void list_side(FILE *out, const struct schema *side, const char **seen, size_t *n)
{
	for (uint32_t i = 0; side && i < side->n_members && *n < NAMES_SHOWN; i++) {
		const char *name = side->members[i]->name;

		if (!name || is_among(seen, *n, name))
			continue;
		fputs(*n ? ", " : "", out);
		text_print(out, name, false);
		seen[(*n)++] = name;
	}
}

static void hint_all(const struct trace_probe *const *probes, size_t n_probes)
{
	const char *seen[NAMES_SHOWN];
	size_t n = 0, len;
	char *list = NULL;
	FILE *out = open_memstream(&list, &len);

	if (!out)
		return;
	for (size_t i = 0; i < n_probes; i++) {
		list_side(out, probes[i]->entry, seen, &n);
		list_side(out, probes[i]->ret, seen, &n);
	}
	fprintf(out, "%s\nof every call: ", n == NAMES_SHOWN ? ", …" : "");
	for (size_t i = 0; i < N_SPECIALS; i++)
		fprintf(out, "%s%s", i ? ", " : "", specials[i].name);
	if (fclose(out) == 0)
		err_hint(0, "recorded here: %s", list);
	free(list);
}

/* Members of a type and of those in it. */
static void offer_members(struct similar *similar, const struct schema *schema, unsigned *budget)
{
	if (!schema || !*budget)
		return;
	--*budget;
	for (uint32_t i = 0; i < schema->n_members; i++) {
		if (schema->members[i]->name && schema->kind != SCHEMA_CAPTURE)
			similar_offer(similar, schema->members[i]->name);
		offer_members(similar, schema->members[i], budget);
	}
	offer_members(similar, schema->target, budget);
}

/* The names in a captured expression: `disk` of "(*disk)->src". */
static void offer_names(struct similar *similar, const struct cexpr *expr)
{
	for (; expr; expr = expr->a) {
		if (expr->kind == CEXPR_NAME)
			similar_offer(similar, expr->text);
		if (expr->b)
			offer_names(similar, expr->b);
	}
}

static void offer_side(struct similar *similar, const struct schema *side, bool is_member,
		       struct arena *arena, unsigned *budget)
{
	for (uint32_t i = 0; side && i < side->n_members; i++) {
		const struct cexpr *expr;

		if (is_member)
			offer_members(similar, side->members[i]->target, budget);
		else if (side->members[i]->name &&
			 cexpr_parse(side->members[i]->name, arena, &expr) == 0)
			offer_names(similar, expr);
	}
}

/* A name that is none may be a member of what was captured. */
static const char *find_member_path(const struct schema *side, const char *member,
				    struct arena *arena)
{
	char path[VALUE_PATH_MAX];

	for (uint32_t i = 0; side && i < side->n_members; i++) {
		const struct schema *capture = side->members[i], *type = capture->target;

		if (!type || !capture->name || strpbrk(capture->name, " +-&|<>=!"))
			continue;
		if (type->kind == SCHEMA_PTR && type->target)
			type = type->target;
		for (uint32_t k = 0; k < type->n_members; k++)
			if (type->members[k]->name && !strcmp(type->members[k]->name, member)) {
				value_path_member(path, capture->name,
						  capture->target->kind == SCHEMA_PTR, member);
				return arena_strdup(arena, path);
			}
	}
	return NULL;
}

/* The nearest name; offers are borrowed from `arena` and the probes. */
static const char *nearest(const struct cexpr *unknown, const struct trace_probe *const *probes,
			   size_t n_probes, struct arena *arena)
{
	struct similar similar = { .wanted = unknown->text };
	bool is_member = unknown->kind == CEXPR_MEMBER || unknown->kind == CEXPR_ARROW;
	unsigned budget = TYPES_SEARCHED;

	for (size_t i = 0; i < n_probes; i++) {
		offer_side(&similar, probes[i]->entry, is_member, arena, &budget);
		offer_side(&similar, probes[i]->ret, is_member, arena, &budget);
	}
	for (size_t i = 0; i < N_SPECIALS && !is_member; i++)
		similar_offer(&similar, specials[i].name);
	for (size_t i = 0; i < n_probes && !similar.n; i++) {
		const char *path = find_member_path(probes[i]->entry, unknown->text, arena);

		path = path ? path : find_member_path(probes[i]->ret, unknown->text, arena);
		if (path)
			return path;
	}
	return similar.n ? similar.names[0] : NULL;
}

void filter_hint_names(const struct cexpr *unknown, const struct trace_probe *const *probes,
		       size_t n_probes)
{
	struct arena arena = { 0 };
	char *message = strdup(err_text()); /* parsing the captures sets others */
	const char *name = unknown->text ? nearest(unknown, probes, n_probes, &arena) : NULL;
	char harmless[256];

	if (message)
		err_set(0, "%s", message);
	if (name)
		err_hint(0, "did you mean '%s'?", text_harmless(harmless, sizeof(harmless), name));
	hint_all(probes, n_probes);
	free(message);
	arena_free(&arena);
}
