#include "tracer/review/leaf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/value_copy.h"
#include "tracer/trace/value.h"

enum { LEAVES_MAX = 100000 }; /* values looked at of one side of a call */

bool worth_of(const struct value_node *value, struct worth *ret)
{
	switch (value->schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_BOOL:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
		*ret = (struct worth){
			.number = value->schema->is_signed ? (__int128)(int64_t)value->u : (__int128)value->u,
		};
		return value->status == STATUS_OK;
	case SCHEMA_STRING:
	case SCHEMA_TEXT:
		*ret = (struct worth){ .is_text = true, .text = value->bytes, .len = value->len };
		return value->status == STATUS_OK;
	default:
		return false;
	}
}

bool worth_equal(const struct worth *a, const struct worth *b)
{
	if (a->is_text != b->is_text)
		return false;
	if (!a->is_text)
		return a->number == b->number;
	return a->len == b->len && (!a->len || !memcmp(a->text, b->text, a->len));
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* "src->physical" is about `physical`, "*info" about `info`. */
static const char *last_name(const char *text)
{
	const char *s = text + strlen(text);

	while (s > text && is_name(s[-1]))
		s--;
	return s;
}

const char *leaf_name(const struct leaf *leaf)
{
	while (leaf->up && (!leaf->text || !*leaf->text))
		leaf = leaf->up;
	return leaf->up ? leaf->text : last_name(leaf->text);
}

static bool is_object(const struct value_node *value)
{
	return value->schema->kind == SCHEMA_STRUCT || value->schema->kind == SCHEMA_UNION;
}

const struct value_node *leaf_owner(const struct leaf *leaf)
{
	for (leaf = leaf->up; leaf; leaf = leaf->up)
		if (is_object(leaf->value))
			return leaf->value;
	return NULL;
}

/* Whether a member or an index may be written behind it without parentheses. */
static bool is_postfix(const char *text)
{
	for (; *text; text++)
		if (!is_name(*text) && !strchr(".[]", *text) && strncmp(text, "->", 2) != 0 &&
		    !(*text == '>' && text[-1] == '-'))
			return false;
	return true;
}

static void print_below(FILE *out, const char *base, const struct leaf *leaf)
{
	bool is_member = is_object(leaf->up->value), is_pointed = *base == '*' && is_member;
	bool is_target = leaf->up->value->schema->kind == SCHEMA_PTR;

	base += is_pointed;
	bool is_plain = is_target || is_postfix(base);

	fprintf(out, is_target ? "*%s" : is_plain ? "%s" : "(%s)", base);
	if (is_member)
		fprintf(out, "%s%s", is_pointed ? "->" : ".", leaf->text);
	else if (!is_target)
		fprintf(out, "[%zu]", leaf->index);
}

char *leaf_path(const struct leaf *leaf)
{
	bool is_unnamed = leaf->up && is_object(leaf->up->value) && (!leaf->text || !*leaf->text);
	char *base = leaf->up ? leaf_path(leaf->up) : strdup(leaf->text), *text = NULL;
	size_t len;

	if (!base || !leaf->up || is_unnamed)
		return base;
	FILE *out = open_memstream(&text, &len);

	if (out)
		print_below(out, base, leaf);
	free(base);
	if (!out || fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

struct walk {
	leaf_visit_fn *visit;
	void *ctx;
	unsigned left;
};

static void walk(struct walk *state, const struct leaf *leaf, unsigned depth)
{
	const struct value_node *value = leaf->value;

	if (!state->left || depth > VALUE_NESTING_MAX)
		return;
	state->left--;
	if (!value->n)
		state->visit(state->ctx, leaf);
	for (size_t i = 0; i < value->n; i++) {
		struct leaf below = { .value = &value->items[i], .up = leaf, .index = i };

		if (is_object(value))
			below.text = value->schema->members[i]->name;
		walk(state, &below, depth + 1);
	}
}

void leaf_visit(const struct value_node *captures, leaf_visit_fn *visit, void *ctx)
{
	struct walk state = { visit, ctx, LEAVES_MAX };

	for (size_t i = 0; captures && i < captures->n; i++) {
		const char *name = captures->schema->members[i]->name;
		struct leaf leaf = { .value = &captures->items[i], .text = name ? name : "", .index = i };

		walk(&state, &leaf, 0);
	}
}
