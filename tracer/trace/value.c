#include "tracer/trace/value.h"

#include <string.h>

const struct value_node *value_member(const struct value_node *node, const char *name)
{
	const struct schema *s = node->schema;

	if (!s || (s->kind != SCHEMA_STRUCT && s->kind != SCHEMA_UNION))
		return NULL;
	for (size_t i = 0; i < node->n; i++)
		if (s->members[i]->name && strcmp(s->members[i]->name, name) == 0)
			return &node->items[i];
	/* C lets members of unnamed structs and unions be named as if they were the outer one's. */
	for (size_t i = 0; i < node->n; i++) {
		const char *member = s->members[i]->name;
		const struct value_node *found =
			!member || !*member ? value_member(&node->items[i], name) : NULL;

		if (found)
			return found;
	}
	return NULL;
}

bool value_equal(const struct value_node *a, const struct value_node *b)
{
	if (a->schema->kind != b->schema->kind || a->status != b->status || a->addr != b->addr ||
	    a->u != b->u || a->len != b->len || a->n != b->n)
		return false;
	if (a->len && memcmp(a->bytes, b->bytes, a->len) != 0)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!value_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}

const char *value_enumerator(const struct value_node *node)
{
	const struct schema *s = node->schema;

	if (s->kind != SCHEMA_ENUM || s->size < 1 || s->size > 8)
		return NULL;
	unsigned unused = 64 - 8 * s->size;

	/* Compare in the enum's own size: debug info may say -1 or 4294967295 of the same value. */
	for (uint32_t i = 0; i < s->n_enumerators; i++)
		if ((uint64_t)s->enumerators[i].value << unused == node->u << unused)
			return s->enumerators[i].name;
	return NULL;
}
