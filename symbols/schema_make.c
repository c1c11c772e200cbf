/**
 * The walk over a type that makes its schema.
 *
 * All limits are applied here, so that what is read at a hit is known beforehand: an object gets a
 * `room` of limits.object bytes, of which each part that lies in it has the rest behind its offset;
 * what does not fit is left out and the struct marked as cut.  Elements of nested arrays share
 * limits.array.  Padding has no schema, so it is never copied.
 *
 * The walk is bounded by the room of objects, the levels of pointers, and NODES_MAX: types may be
 * recursive, and wide.
 */
#include "symbols/schema_make.h"

#include "symbols/decoder.h"
#include "symbols/expr_node.h"
#include "symbols/plan.h"
#include "symbols/type.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <string.h>

enum { NODES_MAX = 20000, NESTING_MAX = 64 };

struct walk {
	const char *text; /* the expression */
	const struct limits *limits;
	const struct decoders *decoders;
	struct arena *arena;
	unsigned nodes, nesting;
	int error;
};

/* What a part of an object may use. */
struct share {
	uint64_t room;   /* bytes of the object from here on */
	uint32_t items;  /* elements, for arrays in arrays */
	uint32_t levels; /* of pointers still to be followed */
	bool is_passed;  /* it is a copy that was passed: nothing of it lies behind its end */
};

static struct schema *walk_type(struct walk *walk, const struct type *type, struct share share);

static void *no_memory(struct walk *walk)
{
	if (!walk->error)
		walk->error = err_set(-ENOMEM, "out of memory");
	return NULL;
}

static struct schema *schema_new(struct walk *walk, enum schema_kind kind, const struct type *type)
{
	if (++walk->nodes > NODES_MAX && !walk->error) {
		walk->error =
			err_set(-E2BIG, "'%s' leads to more than %d values", walk->text, NODES_MAX);
		err_hint(walk->error, "lower --depth or --struct-limit");
	}
	struct schema *schema = walk->error ? NULL : arena_alloc(walk->arena, sizeof(*schema));

	if (!schema)
		return no_memory(walk);
	schema->kind = kind;
	schema->ctype = type_spell(type, NULL, walk->arena);
	schema->size = (uint32_t)type_strip(type)->size;
	schema->is_signed = type_strip(type)->is_signed;
	return schema->ctype ? schema : no_memory(walk);
}

static struct schema *walk_integer(struct walk *walk, const struct type *type,
				   enum schema_kind kind)
{
	switch (type_strip(type)->size) {
	case 1:
	case 2:
	case 4:
	case 8:
		return schema_new(walk, kind, type);
	default:
		return schema_new(walk, SCHEMA_BYTES, type);
	}
}

static struct schema *walk_float(struct walk *walk, const struct type *type)
{
	const struct type *bare = type_strip(type);
	bool is_plain = bare->size == 4 || bare->size == 8;
	struct schema *schema = schema_new(walk, is_plain ? SCHEMA_FLOAT : SCHEMA_BYTES, type);

	if (!schema)
		return NULL;
	schema->is_signed = false;
	schema->is_float = !is_plain && type_is_real(bare);
	schema->is_hex = !is_plain && !schema->is_float;
	return schema;
}

static struct schema *walk_complex_part(struct walk *walk, const struct type *type, unsigned i)
{
	const struct type *bare = type_strip(type);
	struct schema *part =
		schema_new(walk, bare->size <= 16 ? SCHEMA_FLOAT : SCHEMA_BYTES, type);

	if (!part)
		return NULL;
	part->is_signed = false;
	part->size /= 2;
	part->offset = i * part->size;
	part->is_hex = part->kind == SCHEMA_BYTES && bare->name && strstr(bare->name, "128");
	part->is_float = part->kind == SCHEMA_BYTES && !part->is_hex;
	part->name = i ? "imag" : "real";
	part->ctype = part->size == 4 ? "float" : part->size == 8 ? "double" : "long double";
	return part;
}

/* A complex number is shown as a struct of its parts. */
static struct schema *walk_complex(struct walk *walk, const struct type *type)
{
	struct schema *schema = schema_new(walk, SCHEMA_STRUCT, type);
	const struct schema **parts = schema ? arena_alloc(walk->arena, 2 * sizeof(*parts)) : NULL;

	if (!parts)
		return schema ? no_memory(walk) : NULL;
	schema->is_signed = false;
	schema->is_complex = true;
	parts[0] = walk_complex_part(walk, type, 0);
	parts[1] = walk_complex_part(walk, type, 1);
	schema->members = parts;
	schema->n_members = 2;
	return parts[0] && parts[1] ? schema : NULL;
}

/* As gdb has it: each enumerator is one bit, or 0; two may be the same. */
static bool is_flags(const struct schema *schema)
{
	for (uint32_t i = 0; i < schema->n_enumerators; i++) {
		int64_t value = schema->enumerators[i].value;

		if (value < 0 || value & (value - 1))
			return false;
	}
	return schema->n_enumerators;
}

static struct schema *walk_enum(struct walk *walk, const struct type *type)
{
	struct schema *schema = walk_integer(walk, type, SCHEMA_ENUM);
	const struct enumerator *enumerators;
	size_t n = type_enumerators(type_strip(type), &enumerators);
	struct schema_enumerator *copy =
		schema ? arena_alloc(walk->arena, n * sizeof(*copy)) : NULL;

	if (!copy)
		return schema ? no_memory(walk) : NULL;
	for (size_t i = 0; i < n; i++)
		copy[i] = (struct schema_enumerator){ enumerators[i].name, enumerators[i].value };
	schema->enumerators = copy;
	schema->n_enumerators = (uint32_t)n;
	schema->is_flags = is_flags(schema);
	return schema;
}

/* A pointer to what a decoder is for; NULL if there is none. */
static struct schema *walk_decoded(struct walk *walk, const struct type *type)
{
	struct decoder *decoder = decoder_find(walk->decoders, type_target(type_strip(type)));
	struct schema *schema = NULL;
	int r = decoder ? decoder_schema(walk->decoders, decoder, type, walk->limits, walk->arena,
					 &schema)
			: 0;

	if (r < 0 && r != -ENOENT && !walk->error)
		walk->error = r;
	return schema;
}

static struct schema *walk_pointer(struct walk *walk, const struct type *type, struct share share)
{
	const struct type *pointee = type_target(type_strip(type)), *bare = type_strip(pointee);

	if (bare->kind == TYPE_FUNC)
		return schema_new(walk, SCHEMA_FUNC, type);
	if (bare->kind == TYPE_CHAR && bare->size == 1)
		return schema_new(walk, SCHEMA_STRING, type);
	struct schema *schema = walk_decoded(walk, type);

	if (schema)
		return schema;
	schema = schema_new(walk, SCHEMA_PTR, type);
	if (schema && share.levels && bare->kind != TYPE_VOID && bare->size) {
		struct share rest = { walk->limits->object, walk->limits->array, share.levels - 1, false };

		schema->target = walk_type(walk, pointee, rest);
	}
	return schema;
}

/* Whether a part that is no array or struct fits; those are cut to fit. */
static bool has_room(const struct type *bare, uint64_t size, uint64_t room)
{
	if (!size)
		return bare->kind == TYPE_STRUCT ||
		       bare->kind == TYPE_UNION; /* {}, an extension of GNU C */
	switch (bare->kind) {
	case TYPE_STRUCT:
	case TYPE_UNION:
	case TYPE_ARRAY:
		return room > 0;
	default:
		return size <= room;
	}
}

static struct schema *walk_member(struct walk *walk, const struct member *member,
				  struct share share)
{
	const struct type *bare = type_strip(member->type);
	uint64_t size =
		member->bit_size ? (member->bit_offset + member->bit_size + 7u) / 8 : bare->size;
	struct share rest = share;

	rest.room = member->offset < share.room ? share.room - member->offset : 0;
	rest.items = walk->limits->array;
	if (!has_room(bare, size, rest.room))
		return NULL;
	struct schema *schema = walk_type(walk, member->type, rest);

	if (!schema)
		return NULL;
	schema->name = member->name ? member->name : "";
	schema->offset = member->offset;
	schema->bit_offset = (uint16_t)member->bit_offset;
	schema->bit_size = (uint16_t)member->bit_size;
	return schema;
}

/*
 * An array of no stated length (or of none): what it holds nobody knows, but where it is; of
 * characters, the text up to the NUL, as gdb has it.
 */
static struct schema *walk_endless(struct walk *walk, const struct member *member)
{
	const struct type *element = type_strip(type_target(type_strip(member->type)));
	bool is_text = element->kind == TYPE_CHAR && element->size == 1;
	struct schema *schema =
		schema_new(walk, is_text ? SCHEMA_STRING : SCHEMA_PTR, member->type);

	if (!schema)
		return NULL;
	schema->size = sizeof(uint64_t);
	schema->is_place = true;
	schema->name = member->name ? member->name : "";
	schema->offset = member->offset;
	return schema;
}

static struct schema *walk_struct(struct walk *walk, const struct type *type, struct share share)
{
	const struct type *bare = type_strip(type);
	struct schema *schema =
		schema_new(walk, bare->kind == TYPE_UNION ? SCHEMA_UNION : SCHEMA_STRUCT, type);
	const struct member *members;
	size_t n = type_members(bare, &members);
	const struct schema **list = schema ? arena_alloc(walk->arena, n * sizeof(*list)) : NULL;

	if (!list)
		return schema ? no_memory(walk) : NULL;
	for (size_t i = 0; i < n && !walk->error; i++) {
		const struct type *part = type_strip(members[i].type);
		bool is_endless = part->kind == TYPE_ARRAY && !part->size &&
				  type_strip(type_target(part))->size;

		if (is_endless && share.is_passed)
			continue;
		const struct schema *member = is_endless ? walk_endless(walk, &members[i])
							  : walk_member(walk, &members[i], share);

		if (member)
			list[schema->n_members++] = member;
		schema->is_cut |= !member;
	}
	schema->members = list;
	return schema;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct schema *walk_text(struct walk *walk, const struct type *type, struct share share)
{
	struct schema *schema = schema_new(walk, SCHEMA_TEXT, type);

	if (!schema)
		return NULL;
	schema->is_signed = false;
	schema->count = (uint32_t)least(type_strip(type)->count, UINT32_MAX);
	schema->stored = (uint32_t)least(least(schema->count, share.room), OBJECT_LIMIT_MAX - 1);
	return schema;
}

/* How many innermost elements of nested arrays an element holds. */
static uint64_t items_in(const struct schema *element)
{
	uint64_t n = 1;

	for (; element->kind == SCHEMA_ARRAY; element = element->target)
		n *= element->stored ? element->stored : 1;
	return n;
}

static struct schema *walk_array(struct walk *walk, const struct type *type, struct share share)
{
	const struct type *bare = type_strip(type), *element = type_target(bare);
	uint64_t stride = type_strip(element)->size;

	if (type_strip(element)->kind == TYPE_CHAR && stride == 1)
		return walk_text(walk, type, share);
	/* of an element too large for the room its first part is kept */
	if (!stride || (stride > share.room && !has_room(type_strip(element), stride, share.room)))
		return NULL;
	struct schema *schema = schema_new(walk, SCHEMA_ARRAY, type);
	struct schema *item = schema ? walk_type(walk, element, share) : NULL;

	if (!item)
		return NULL;
	uint64_t fits = least(bare->count, share.room / stride),
		 items = share.items / items_in(item);

	schema->target = item;
	schema->is_signed = false;
	schema->stride = (uint32_t)stride;
	schema->count = (uint32_t)least(bare->count, UINT32_MAX);
	schema->stored = (uint32_t)least(fits ? fits : 1, items ? items : 1);
	schema->is_cut = schema->stored < schema->count;
	return schema;
}

static struct schema *walk_unknown(struct walk *walk, const struct type *type)
{
	struct schema *schema = schema_new(walk, SCHEMA_BYTES, type);

	if (schema)
		schema->is_hex = true;
	return schema;
}

static struct schema *walk_bare(struct walk *walk, const struct type *type, struct share share)
{
	const struct type *bare = type_strip(type);

	switch (bare->kind) {
	case TYPE_INT:
		return walk_integer(walk, type, SCHEMA_INT);
	case TYPE_CHAR:
		return walk_integer(walk, type, bare->size == 1 ? SCHEMA_CHAR : SCHEMA_INT);
	case TYPE_BOOL:
		return walk_integer(walk, type, SCHEMA_BOOL);
	case TYPE_ENUM:
		return walk_enum(walk, type);
	case TYPE_FLOAT:
		return walk_float(walk, type);
	case TYPE_COMPLEX:
		return walk_complex(walk, type);
	case TYPE_PTR:
		return walk_pointer(walk, type, share);
	case TYPE_STRUCT:
	case TYPE_UNION:
		return walk_struct(walk, type, share);
	case TYPE_ARRAY:
		return walk_array(walk, type, share);
	case TYPE_FUNC:
		return schema_new(walk, SCHEMA_FUNC, type);
	default:
		return bare->size && bare->size <= share.room ? walk_unknown(walk, type) : NULL;
	}
}

static struct schema *walk_type(struct walk *walk, const struct type *type, struct share share)
{
	struct schema *schema = NULL;

	if (walk->error)
		return NULL;
	if (walk->nesting++ < NESTING_MAX)
		schema = walk_bare(walk, type, share);
	walk->nesting--;
	return schema;
}

int schema_make_capture(const char *text, const struct type *type, bool is_passed,
			const struct limits *limits, const struct decoders *decoders, struct arena *arena,
			const struct schema **ret)
{
	struct walk walk = {
		.text = text, .limits = limits, .decoders = decoders, .arena = arena
	};
	/* the expression itself has followed the first pointer */
	struct share share = { limits->object, limits->array,
			       limits->depth ? limits->depth - 1 : 0, is_passed };
	const struct type *bare = type_strip(type);

	if (bare->kind == TYPE_VOID)
		return err_set(-ENOENT, "'%s' is void: there is nothing to capture", text);
	if (bare->is_declaration || (!bare->size && bare->kind != TYPE_FUNC))
		return err_set(-ENOENT, "'%s': the contents of '%s' are not known", text,
			       type_spell(type, NULL, arena));
	struct schema *capture = arena_alloc(arena, sizeof(*capture));
	struct schema *target = walk_type(&walk, type, share);

	if (!capture)
		no_memory(&walk);
	if (walk.error)
		return walk.error;
	if (!target)
		return err_set(-ENOENT, "'%s': the contents of '%s' cannot be captured", text,
			       type_spell(type, NULL, arena));
	*capture = (struct schema){
		.kind = SCHEMA_CAPTURE,
		.name = text,
		.ctype = target->ctype,
		.size = target->size,
		.target = target,
	};
	*ret = capture;
	return 0;
}
