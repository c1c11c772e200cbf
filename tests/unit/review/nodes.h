/*
 * Recorded values made by hand: from memory of the test itself, as a schema describes it.
 */
#ifndef TESTS_REVIEW_NODES_H
#define TESTS_REVIEW_NODES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/trace/value.h"

/* All of a test's schemas and values. */
static struct arena nodes;

#define SCHEMA(...) (arena_memdup(&nodes, &(struct schema){ __VA_ARGS__ }, sizeof(struct schema)))

static inline const struct schema *int_schema(unsigned size, bool is_signed)
{
	return SCHEMA(.kind = SCHEMA_INT, .size = size, .is_signed = is_signed);
}

static inline const struct schema *char_schema(bool is_signed)
{
	return SCHEMA(.kind = SCHEMA_CHAR, .size = 1, .is_signed = is_signed);
}

static inline const struct schema *plain_schema(enum schema_kind kind, unsigned size)
{
	return SCHEMA(.kind = kind, .size = size);
}

static inline const struct schema *bytes_schema(unsigned size, bool is_signed, bool is_float)
{
	return SCHEMA(.kind = SCHEMA_BYTES, .size = size, .is_signed = is_signed,
		      .is_float = is_float);
}

static inline const struct schema *text_schema(uint32_t count)
{
	return SCHEMA(.kind = SCHEMA_TEXT, .size = count, .count = count, .stored = count);
}

static inline const struct schema *enum_schema(bool is_signed, bool is_flags, uint32_t n,
					       const struct schema_enumerator *enumerators)
{
	return SCHEMA(.kind = SCHEMA_ENUM, .size = 4, .is_signed = is_signed, .is_flags = is_flags,
		      .n_enumerators = n,
		      .enumerators = arena_memdup(&nodes, enumerators, n * sizeof(*enumerators)));
}

static inline const struct schema *array_schema(const struct schema *target, uint32_t count,
						uint32_t stride)
{
	return SCHEMA(.kind = SCHEMA_ARRAY, .size = count * stride, .target = target,
		      .count = count, .stored = count, .stride = stride);
}

static inline const struct schema *pointer_schema(const struct schema *target)
{
	return SCHEMA(.kind = SCHEMA_PTR, .size = 8, .target = target);
}

static inline const struct schema *member(const char *name, uint64_t offset,
					  const struct schema *type)
{
	struct schema *copy = arena_memdup(&nodes, type, sizeof(*type));

	copy->name = name;
	copy->offset = offset;
	return copy;
}

static inline const struct schema *bits(const char *name, uint64_t offset, unsigned first,
					unsigned n, const struct schema *type)
{
	struct schema *copy = (struct schema *)member(name, offset, type);

	copy->bit_offset = (uint16_t)first;
	copy->bit_size = (uint16_t)n;
	return copy;
}

static inline const struct schema *capture(const char *name, const struct schema *type)
{
	return SCHEMA(.kind = SCHEMA_CAPTURE, .name = name, .target = type);
}

/* A struct, union or (of captures) payload; the list ends with NULL. */
static inline const struct schema *struct_schema(enum schema_kind kind, uint32_t size,
						 const struct schema *const *members)
{
	uint32_t n = 0;

	while (members[n])
		n++;
	return SCHEMA(.kind = kind, .size = size, .n_members = n,
		      .members = arena_memdup(&nodes, members, n * sizeof(*members)));
}

#define STRUCT(size, ...)                                                                          \
	struct_schema(SCHEMA_STRUCT, size, (const struct schema *const[]){ __VA_ARGS__, NULL })
/* A tree, of which the text is given. */
static inline const struct schema *json_schema(void)
{
	return SCHEMA(.kind = SCHEMA_STRING, .size = 8, .is_json = true);
}

/* A view of an object: its members are captures, of what lies at these offsets. */
#define VIEW(what, ...) view_schema(what, STRUCT(0, __VA_ARGS__))
static inline const struct schema *view_schema(const char *name, const struct schema *members)
{
	struct schema *view = arena_memdup(&nodes, members, sizeof(*members));

	view->view = name;
	for (uint32_t i = 0; i < view->n_members; i++) {
		struct schema *label = arena_memdup(&nodes, view->members[i], sizeof(*label));

		label->kind = SCHEMA_CAPTURE;
		label->target = view->members[i];
		view->members[i] = label;
	}
	return view;
}

#define UNION(size, ...)                                                                           \
	struct_schema(SCHEMA_UNION, size, (const struct schema *const[]){ __VA_ARGS__, NULL })

static inline uint64_t load_int(const struct schema *schema, const uint8_t *mem)
{
	uint64_t value = 0;
	unsigned n = schema->bit_size ? schema->bit_size : 8 * schema->size;

	memcpy(&value, mem, schema->size);
	value = value >> schema->bit_offset << (64 - n);
	return schema->is_signed ? (uint64_t)((int64_t)value >> (64 - n)) : value >> (64 - n);
}

static inline void fill_node(struct value_node *node, const struct schema *schema,
			     const void *memory);

static inline void fill_items(struct value_node *node, size_t n)
{
	node->n = n;
	node->items = arena_alloc(&nodes, n * sizeof(*node->items));
}

static inline void fill_text(struct value_node *node, const uint8_t *bytes, size_t len,
			     size_t limit)
{
	node->status = len > limit ? STATUS_CUT : STATUS_OK;
	node->len = len > limit ? limit : len;
	node->bytes = (uint8_t *)arena_strndup(&nodes, (const char *)bytes, node->len);
}

static size_t string_limit = 200; /* bytes kept of a string */

static inline void fill_node(struct value_node *node, const struct schema *schema,
			     const void *memory)
{
	const uint8_t *mem = memory;
	float single;

	node->schema = schema;
	switch (schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
	case SCHEMA_BOOL:
		node->u = load_int(schema, mem);
		break;
	case SCHEMA_FLOAT:
		if (schema->size == 8) {
			memcpy(&node->real, mem, 8);
			break;
		}
		memcpy(&single, mem, 4);
		node->real = (double)single;
		break;
	case SCHEMA_PTR:
	case SCHEMA_FUNC:
		memcpy(&node->addr, mem, 8);
		if (schema->target && node->addr) {
			fill_items(node, 1);
			fill_node((struct value_node *)node->items, schema->target,
				  (void *)node->addr);
		} else if (schema->target) {
			node->status = STATUS_NULL;
		}
		break;
	case SCHEMA_STRING:
		memcpy(&node->addr, mem, 8);
		if (node->addr)
			fill_text(node, (void *)node->addr, strlen((char *)node->addr),
				  string_limit);
		else
			node->status = STATUS_NULL;
		break;
	case SCHEMA_TEXT:
		node->len = schema->stored;
		while (node->len && !mem[node->len - 1])
			node->len--;
		fill_text(node, mem, node->len, node->len);
		break;
	case SCHEMA_BYTES:
		fill_text(node, mem, schema->size, schema->size);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		fill_items(node, schema->n_members);
		for (size_t i = 0; i < node->n; i++)
			fill_node((struct value_node *)&node->items[i], schema->members[i],
				  mem + schema->members[i]->offset);
		break;
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		fill_items(node, schema->stored);
		for (size_t i = 0; i < node->n; i++)
			fill_node((struct value_node *)&node->items[i], schema->target,
				  mem + i * schema->stride);
		break;
	case SCHEMA_CAPTURE:
		fill_node(node, schema->target, memory);
		break;
	}
}

/* The value of an object in memory. */
static inline struct value_node *node_of(const struct schema *schema, const void *memory)
{
	struct value_node *node = arena_alloc(&nodes, sizeof(*node));

	fill_node(node, schema, memory);
	return node;
}

/* A value that is not there. */
static inline struct value_node *missing_node(const struct schema *target, enum status status,
					      uint64_t addr)
{
	struct value_node *node = arena_alloc(&nodes, sizeof(*node));

	node->schema = capture("x", target);
	node->status = status;
	node->addr = addr;
	return node;
}

#endif
