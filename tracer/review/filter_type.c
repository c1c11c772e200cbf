/*
 * What is known of a type is what its values were recorded with: a type is known if a recorded value is of it, or if C has it.
 */
#include "tracer/review/filter_type.h"

#include <string.h>

#include "symbols/schema.h"
#include "tracer/base/number.h"

struct operand filter_constant(__int128 value, struct number_type type)
{
	return (struct operand){ .kind = OPERAND_INT, .type = type, .number.bits = number_wrap((unsigned __int128)value, type) };
}

uint64_t filter_size(const struct schema *schema)
{
	switch (schema->kind) {
	case SCHEMA_TEXT:
		return schema->count;
	case SCHEMA_STRING:
		return schema->is_place ? 0 : sizeof(uint64_t);
	case SCHEMA_ARRAY:
		return schema->target ? schema->count * filter_size(schema->target) : 0;
	case SCHEMA_SEQUENCE:
	case SCHEMA_CAPTURE:
		return 0;
	default:
		return schema->size;
	}
}

/* A recorded value whose type is spelled so tells what is to be known of that type. */
static const struct schema *find_type(const struct schema *schema, const char *name, unsigned *budget)
{
	if (!schema || !*budget)
		return NULL;
	--*budget;
	if (schema->kind != SCHEMA_CAPTURE && !schema->is_place && schema->ctype && !strcmp(schema->ctype, name))
		return schema;
	for (uint32_t i = 0; i < schema->n_members; i++) {
		const struct schema *found = find_type(schema->members[i], name, budget);

		if (found)
			return found;
	}
	return find_type(schema->target, name, budget);
}

static const struct schema *type_in_trace(const struct filter_types *types, const char *name)
{
	unsigned budget = FILTER_TYPES_SEARCHED;
	const struct schema *found = find_type(types->in, name, &budget);

	return found ? found : find_type(types->out, name, &budget);
}

/* "T *": what it points at is known if T is. */
static bool pointer_named(const struct filter_types *types, const char *name, struct operand *ret)
{
	size_t len = strlen(name);
	struct number_type type;
	char target[128];

	if (len < 3 || len >= sizeof(target) || name[len - 1] != '*')
		return false;
	*ret = filter_constant(0, number_ulong);
	ret->is_pointer = true;
	memcpy(target, name, len - 1);
	len -= target[len - 2] == ' ' ? 2 : 1;
	target[len] = '\0';
	const struct schema *known = type_in_trace(types, target);

	ret->element_size = target[len - 1] == '*' ? sizeof(uint64_t) : !strcmp(target, "void") ? 1 :
			    number_type_named(target, &type) ? type.size : known ? filter_size(known) : 0;
	return true;
}

static bool is_scalar(const struct schema *schema)
{
	return schema->kind == SCHEMA_INT || schema->kind == SCHEMA_CHAR || schema->kind == SCHEMA_ENUM ||
	       schema->kind == SCHEMA_BOOL || schema->kind == SCHEMA_FLOAT;
}

bool filter_type(const struct filter_types *types, const char *name, struct operand *ret)
{
	struct number_type type;

	if (pointer_named(types, name, ret))
		return true;
	if (!number_type_named(name, &type)) {
		const struct schema *known = type_in_trace(types, name);

		if (!known || !is_scalar(known))
			return false;
		type = (struct number_type){ .size = (uint8_t)known->size, .is_signed = known->is_signed || known->kind == SCHEMA_FLOAT,
					     .is_real = known->kind == SCHEMA_FLOAT, .is_bool = known->kind == SCHEMA_BOOL };
	}
	*ret = filter_constant(0, type);
	return true;
}

uint64_t filter_size_of_type(const struct filter_types *types, const char *name)
{
	const struct schema *known = type_in_trace(types, name);
	struct operand type;

	return filter_type(types, name, &type) ? type.type.size : known ? filter_size(known) : 0;
}

uint64_t filter_element_size(const struct filter_types *types, const struct schema *pointer)
{
	struct operand type;

	if (pointer->kind == SCHEMA_STRING || pointer->kind == SCHEMA_FUNC)
		return 1;
	if (pointer->kind != SCHEMA_PTR)
		return 0;
	if (pointer->target && !pointer->is_place)
		return filter_size(pointer->target);
	return pointer->ctype && filter_type(types, pointer->ctype, &type) ? type.element_size : 0;
}
