/**
 * C spelling of types, as gdb's `whatis` writes them.
 *
 * A C declaration reads from the name outwards, so the text grows around the declarator: a pointer
 * goes before it, an array's length or a function's parameters behind it, with parentheses where a
 * pointer meets one of these.
 */
#include <stdio.h>
#include <string.h>

#include "symbols/type_node.h"
#include "tracer/base/arena.h"

enum {
	PARTS_MAX = 512, /* types in one spelling; a longer one ends in an ellipsis */
	DEPTH_MAX = 64,
};

/* In the order gdb writes them. */
static const char *const qualifiers[] = { "const", "volatile", "restrict", "_Atomic" };

enum { N_QUALIFIERS = sizeof(qualifiers) / sizeof(qualifiers[0]) };

struct speller {
	struct arena arena; /* for what is in between */
	unsigned parts, depth;
	bool is_returned; /* the type is what a function returns */
};

static const char *spell(struct speller *sp, const struct type *type, const char *declarator,
			 unsigned quals);

/* Each with a space behind it. */
static const char *spell_qualifiers(struct speller *sp, unsigned quals)
{
	const char *text = "";

	for (unsigned i = 0; i < N_QUALIFIERS && text; i++) {
		if (quals & 1u << i)
			text = arena_printf(&sp->arena, "%s%s ", text, qualifiers[i]);
	}
	return text;
}

static unsigned qualifier_bit(const char *name)
{
	for (unsigned i = 0; i < N_QUALIFIERS; i++) {
		if (!strcmp(qualifiers[i], name))
			return 1u << i;
	}
	return 0;
}

static const char *spell_base(struct speller *sp, const struct type *type)
{
	const char *kind = type->kind == TYPE_STRUCT  ? "struct "
			   : type->kind == TYPE_UNION ? "union "
			   : type->kind == TYPE_ENUM  ? "enum "
						      : "";

	return arena_printf(&sp->arena, "%s%s", kind, type->name ? type->name : "{...}");
}

static const char *spell_pointer(struct speller *sp, const struct type *type,
				 const char *declarator, unsigned quals)
{
	const struct type *target = type_target(type);
	const char *text = spell_qualifiers(sp, quals);
	bool is_tight = !declarator[0] || declarator[0] == '[' || sp->is_returned;

	/* "* const p", "* const[3]", "* const(*)(void)", "*p" */
	if (text && text[0])
		text = arena_printf(&sp->arena, "* %.*s%s%s", (int)strlen(text) - 1, text,
				    is_tight ? "" : " ", declarator);
	else
		text = arena_printf(&sp->arena, "*%s", declarator);
	while (target->kind == TYPE_QUAL)
		target = type_target(target);
	sp->is_returned = false;
	if (text && (target->kind == TYPE_ARRAY || target->kind == TYPE_FUNC))
		text = arena_printf(&sp->arena, "(%s)", text);
	return text ? spell(sp, type_target(type), text, 0) : NULL;
}

static const char *spell_array(struct speller *sp, const struct type *type, const char *declarator,
			       unsigned quals)
{
	const char *text;

	if (type->is_vector)
		text = arena_printf(&sp->arena, "%s%s__attribute__ ((vector_size(%lu)))",
				    declarator, declarator[0] ? " " : "",
				    (unsigned long)type->count);
	else if (type->is_flexible)
		text = arena_printf(&sp->arena, "%s[]", declarator);
	else
		text = arena_printf(&sp->arena, "%s[%lu]", declarator, (unsigned long)type->count);
	return text ? spell(sp, type_target(type), text, quals) : NULL;
}

static const char *spell_function(struct speller *sp, const struct type *type,
				  const char *declarator)
{
	const struct type *const *params = NULL;
	bool variadic;
	size_t n = type_params(type, &params, &variadic);
	const char *text = arena_printf(&sp->arena, "%s(", declarator);

	for (size_t i = 0; i < n && text; i++) {
		const char *param = spell(sp, params[i], "", 0);

		text = param ? arena_printf(&sp->arena, "%s%s%s", text, i ? ", " : "", param)
			     : NULL;
	}
	const char *end = n && variadic				     ? ", ..."
			  : !n && type_node(type)->params.prototyped ? "void"
								     : "";

	text = text ? arena_printf(&sp->arena, "%s%s)", text, end) : NULL;
	sp->is_returned = true;
	text = text ? spell(sp, type_target(type), text, 0) : NULL;
	sp->is_returned = false;
	return text;
}

static const char *spell_kind(struct speller *sp, const struct type *type, const char *declarator,
			      unsigned quals)
{
	switch (type->kind) {
	case TYPE_QUAL:
		return spell(sp, type_target(type), declarator, quals | qualifier_bit(type->name));
	case TYPE_PTR:
		return spell_pointer(sp, type, declarator, quals);
	case TYPE_ARRAY:
		return spell_array(sp, type, declarator, quals);
	case TYPE_FUNC:
		return spell_function(sp, type, declarator);
	default:
		break;
	}
	const char *base = spell_base(sp, type), *prefix = spell_qualifiers(sp, quals);

	if (!base || !prefix)
		return NULL;
	return arena_printf(&sp->arena, "%s%s%s%s", prefix, base, declarator[0] ? " " : "",
			    declarator);
}

static const char *spell(struct speller *sp, const struct type *type, const char *declarator,
			 unsigned quals)
{
	if (sp->depth >= DEPTH_MAX || sp->parts++ >= PARTS_MAX)
		return "...";
	sp->depth++;
	const char *text = spell_kind(sp, type, declarator, quals);

	sp->depth--;
	return text;
}

const char *type_spell(const struct type *type, const char *name, struct arena *arena)
{
	struct speller sp = { 0 };
	const char *text = spell(&sp, type, name ? name : "", 0);

	text = text ? arena_strdup(arena, text) : NULL;
	arena_free(&sp.arena);
	return text ? text : "?";
}
