#include "tracer/trace/class.h"

#include "symbols/schema.h"
#include "tracer/base/arena.h"

#include <assert.h>
#include <string.h>

#define MEMBER(k, n, ...)                                                   \
	&(const struct schema)                                              \
	{                                                                   \
		.kind = SCHEMA_##k, .name = (n), .ctype = "", ##__VA_ARGS__ \
	}
#define STRUCT_OF(...)                                                                                      \
	{                                                                                                   \
		.kind = SCHEMA_STRUCT, .ctype = "", .members = (const struct schema *[]){ __VA_ARGS__ },    \
		.n_members = sizeof((const struct schema *[]){ __VA_ARGS__ }) / sizeof(struct schema *)     \
	}

static const struct schema_enumerator ends[] = {
	{ "unwound", CLOSED_UNWOUND },
	{ "open", CLOSED_OPEN },
	{ "exited", CLOSED_EXITED },
	{ "lost", CLOSED_LOST },
};

static const struct {
	const char *name;
	struct schema schema;
} builtins[CLASS_BUILTIN_COUNT] = {
	[CLASS_THREAD] = { "virtrace:thread", STRUCT_OF(MEMBER(TEXT, "comm")) },
	[CLASS_FRAME] = { "virtrace:frame",
			  STRUCT_OF(MEMBER(INT, "addr", .size = 8, .is_hex = true),
				    MEMBER(INT, "index", .size = 2),
				    MEMBER(BOOL, "inlined", .size = 1), MEMBER(TEXT, "function"),
				    MEMBER(TEXT, "module"), MEMBER(TEXT, "source")) },
	[CLASS_CLOSED] = { "virtrace:closed",
			   STRUCT_OF(MEMBER(ENUM, "end", .size = 1, .enumerators = ends,
					    .n_enumerators = 4)) },
	[CLASS_LOST] = { "virtrace:lost",
			 STRUCT_OF(MEMBER(TEXT, "probe"), MEMBER(INT, "count", .size = 8),
				   MEMBER(TEXT, "reason")) },
};

static const struct schema context =
	STRUCT_OF(MEMBER(INT, "tid", .size = 4), MEMBER(INT, "call", .size = 8),
		  MEMBER(INT, "parent", .size = 8), MEMBER(INT, "depth", .size = 2));

const char *class_builtin_name(enum trace_class class)
{
	assert(class < CLASS_BUILTIN_COUNT);
	return builtins[class].name;
}

const struct schema *class_builtin_schema(enum trace_class class)
{
	assert(class < CLASS_BUILTIN_COUNT);
	return &builtins[class].schema;
}

const struct schema *class_context_schema(void)
{
	return &context;
}

/** A STRUCT with room for `n` members. */
static struct schema *struct_new(struct arena *arena, size_t n)
{
	struct schema *s = arena_alloc(arena, sizeof(*s));

	if (!s)
		return NULL;
	s->kind = SCHEMA_STRUCT;
	s->ctype = "";
	s->members = arena_alloc(arena, n * sizeof(*s->members));
	return s->members ? s : NULL;
}

static void append(struct schema *s, const struct schema *member)
{
	s->members[s->n_members++] = member;
}

static void append_all(struct schema *s, const struct schema *captures)
{
	assert(captures->kind == SCHEMA_STRUCT);
	for (uint32_t i = 0; i < captures->n_members; i++)
		append(s, captures->members[i]);
}

const struct schema *class_entry_schema(struct arena *arena, const struct schema *captures,
					bool has_stack, bool deferred)
{
	static const struct schema code = {
		.kind = SCHEMA_INT, .ctype = "", .size = 8, .is_hex = true
	};
	static const struct schema stack = {
		.kind = SCHEMA_SEQUENCE, .name = "stack", .ctype = "", .target = &code
	};
	static const struct schema entered = {
		.kind = SCHEMA_INT, .name = "entered", .ctype = "", .size = 8
	};
	struct schema *s = struct_new(arena, (size_t)captures->n_members + 2);

	if (!s)
		return NULL;
	append_all(s, captures);
	if (has_stack)
		append(s, &stack);
	if (deferred)
		append(s, &entered);
	return s;
}

const struct schema *class_return_schema(struct arena *arena, const struct schema *captures,
					 const char *const *sites, size_t n_sites)
{
	struct schema *s = struct_new(arena, (size_t)captures->n_members + 1);
	struct schema *site = arena_alloc(arena, sizeof(*site));
	struct schema_enumerator *labels = arena_alloc(arena, n_sites * sizeof(*labels));

	if (!s || !site || !labels)
		return NULL;
	for (size_t i = 0; i < n_sites; i++)
		labels[i] = (struct schema_enumerator){ sites[i], (int64_t)i };
	*site = (struct schema){ .kind = SCHEMA_ENUM, .name = "return_site", .ctype = "", .size = 2,
				 .enumerators = labels, .n_enumerators = (uint32_t)n_sites };
	append(s, site);
	append_all(s, captures);
	return s;
}
