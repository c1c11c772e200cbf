#include "symbols/decoder.h"

#include "symbols/expr.h"
#include "symbols/hash_table.h"
#include "symbols/json_text.h"
#include "symbols/json_tree.h"
#include "symbols/plan.h"
#include "symbols/schema_make.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <string.h>

static bool is_called(const struct type *type, const char *name)
{
	const char *own = type->kind == TYPE_QUAL || !type->name ? "" : type->name;

	return !strcmp(own + strspn(own, "_"), name);
}

/* By the name of any typedef on the way, or by the tag. */
static bool fits(const struct decoder *decoder, const struct type *type)
{
	while (type->kind == TYPE_TYPEDEF || type->kind == TYPE_QUAL) {
		if (is_called(type, decoder->type))
			return true;
		type = type_target(type);
	}
	return (type->kind == TYPE_STRUCT || type->kind == TYPE_UNION) &&
	       is_called(type, decoder->type);
}

struct decoder *decoder_find(const struct decoders *decoders, const struct type *type)
{
	for (size_t i = 0; decoders && i < decoders->n; i++)
		if (fits(&decoders->items[i], type))
			return &decoders->items[i];
	return NULL;
}

static int give_up(struct decoder *decoder, struct arena *arena, const char *why)
{
	decoder->problem = arena_strndup(arena, why, strcspn(why, "\n"));
	return decoder->problem ? err_set(-ENOENT, "%s", decoder->problem)
				: err_set(-ENOMEM, "out of memory");
}

/* Libraries keep types to themselves: a module may know of them but that they exist. */
static const struct type *definition(const struct decoders *decoders, const struct decoder *decoder,
				     const struct type *type)
{
	const struct type *bare = type_strip(type);

	if (bare->is_declaration && bare->name && decoder->module && decoders->define)
		bare = decoders->define(decoders->ctx, decoder->module, bare->name);
	return bare && !bare->is_declaration && bare->size ? bare : NULL;
}

/* The first of the alternatives from item `*i` on that means something; `*i` goes behind the last of them. */
static int bind_label(const struct decoder *decoder, size_t *i, const struct type *object,
		      struct arena *arena, struct expr **ret)
{
	const char *label = decoder->items[*i].label;
	int r = -ENOENT;

	for (; *i < decoder->n && !strcmp(decoder->items[*i].label, label); ++*i)
		if (r == -ENOENT)
			r = expr_bind_object(decoder->items[*i].source, object, arena, ret);
	return r;
}

static int add_member(struct schema *view, const char *label, const struct expr *expr,
		      const struct limits *limits, struct arena *arena)
{
	const struct schema *capture;
	int r = schema_make_capture(label, expr_type(expr), false, limits, NULL, arena, &capture);
	struct schema *member = r < 0 ? NULL : arena_memdup(arena, capture, sizeof(*capture));

	if (!member)
		return r < 0 ? r : err_set(-ENOMEM, "out of memory");
	member->expr = expr;
	view->members[view->n_members++] = member;
	return 0;
}

static int add_members(struct schema *view, const struct decoder *decoder,
		       const struct type *object, const struct limits *limits, struct arena *arena)
{
	/* what a label stands for is a value, and no further object */
	struct limits shallow = *limits;

	shallow.depth = 1;
	view->members = arena_alloc(arena, decoder->n * sizeof(*view->members));
	if (!view->members)
		return err_set(-ENOMEM, "out of memory");
	for (size_t i = 0; i < decoder->n;) {
		const char *label = decoder->items[i].label;
		struct expr *expr;
		int r = bind_label(decoder, &i, object, arena, &expr);

		if (r == 0)
			r = add_member(view, label, expr, &shallow, arena);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_view(struct schema *schema, const struct decoder *decoder,
		     const struct type *object, const struct limits *limits, struct arena *arena)
{
	struct schema *view = arena_alloc(arena, sizeof(*view));

	if (!view)
		return err_set(-ENOMEM, "out of memory");
	*view = (struct schema){
		.kind = SCHEMA_STRUCT,
		.view = arena_strdup(arena, decoder->type),
		.ctype = type_spell(object, NULL, arena),
		.size = (uint32_t)object->size,
	};
	schema->kind = SCHEMA_PTR;
	schema->target = view;
	return view->view && view->ctype ? add_members(view, decoder, object, limits, arena)
					 : err_set(-ENOMEM, "out of memory");
}

static int make_json(struct schema *schema, const struct decoders *decoders,
		     const struct decoder *decoder, const struct type *object,
		     const struct limits *limits, struct arena *arena)
{
	uint64_t str_equal = 0;

	schema->kind = SCHEMA_STRING;
	schema->is_json = true;
	schema->stored = limits->string > JSON_TEXT ? limits->string : JSON_TEXT;
	if (schema->stored > JSON_TEXT_MAX)
		schema->stored = JSON_TEXT_MAX;
	if (decoder->form == DECODER_JSON)
		return json_tree_new(object, arena, &schema->json);
	if (decoder->module && decoders->address)
		str_equal = decoders->address(decoders->ctx, decoder->module, "g_str_equal");
	return hash_table_new(object, str_equal, arena, &schema->json);
}

int decoder_schema(const struct decoders *decoders, struct decoder *decoder,
		   const struct type *pointer, const struct limits *limits, struct arena *arena,
		   struct schema **ret)
{
	const struct type *object = definition(decoders, decoder, type_target(type_strip(pointer)));
	struct schema *schema = arena_alloc(arena, sizeof(*schema));

	if (!schema)
		return err_set(-ENOMEM, "out of memory");
	if (!object)
		return give_up(decoder, arena, "what it holds is not known: there is no debug info that defines it");
	if (decoder->form == DECODER_VIEW && !decoder->n)
		return give_up(decoder, arena, "the decoder has no labels");
	schema->ctype = type_spell(pointer, NULL, arena);
	schema->size = (uint32_t)type_strip(pointer)->size;
	int r = !schema->ctype ? err_set(-ENOMEM, "out of memory")
		: decoder->form == DECODER_VIEW
			? make_view(schema, decoder, object, limits, arena)
			: make_json(schema, decoders, decoder, object, limits, arena);

	if (r == -ENOENT)
		return give_up(decoder, arena, err_text());
	if (r < 0)
		return r;
	decoder->problem = NULL;
	*ret = schema;
	return 0;
}
