#include "symbols/schema.h"

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* option(x): the status, then x or, if it is unreadable, an address. */
static uint64_t option_max(uint64_t content)
{
	return add(1, content > 8 ? content : 8);
}

static uint64_t text_max(uint64_t bytes)
{
	return option_max(4 + bytes);
}

static uint64_t members_max(const struct schema *schema, uint32_t string_limit)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < schema->n_members; i++)
		sum = add(sum, schema_max_size(schema->members[i], string_limit));
	return sum;
}

uint64_t schema_max_size(const struct schema *schema, uint32_t string_limit)
{
	switch (schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_BOOL:
	case SCHEMA_CHAR:
	case SCHEMA_FLOAT:
	case SCHEMA_ENUM:
	case SCHEMA_BYTES:
		return schema->size;
	case SCHEMA_PTR:
	case SCHEMA_FUNC:
		return add(8, schema->target
				      ? option_max(schema_max_size(schema->target, string_limit))
				      : 0);
	case SCHEMA_STRING:
		return 8 + text_max(schema->stored ? schema->stored : string_limit);
	case SCHEMA_TEXT:
		return text_max(schema->stored);
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		return members_max(schema, string_limit);
	case SCHEMA_ARRAY:
		return multiply(schema->stored, schema_max_size(schema->target, string_limit));
	case SCHEMA_SEQUENCE:
		return add(2,
			   multiply(schema->stored, schema_max_size(schema->target, string_limit)));
	case SCHEMA_CAPTURE:
		return option_max(schema_max_size(schema->target, string_limit));
	}
	return UINT64_MAX;
}

static bool members_fixed(const struct schema *schema, uint64_t *ret)
{
	uint64_t sum = 0, size;

	for (uint32_t i = 0; i < schema->n_members; i++) {
		if (!schema_fixed_size(schema->members[i], &size))
			return false;
		sum = add(sum, size);
	}
	*ret = sum;
	return true;
}

bool schema_fixed_size(const struct schema *schema, uint64_t *ret)
{
	uint64_t size;

	switch (schema->kind) {
	case SCHEMA_STRING:
	case SCHEMA_TEXT:
	case SCHEMA_SEQUENCE:
	case SCHEMA_CAPTURE:
		return false;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		return members_fixed(schema, ret);
	case SCHEMA_ARRAY:
		if (!schema_fixed_size(schema->target, &size))
			return false;
		*ret = multiply(schema->stored, size);
		return true;
	case SCHEMA_PTR:
	case SCHEMA_FUNC:
		if (schema->target)
			return false;
		break;
	default:
		break;
	}
	*ret = schema_max_size(schema, 0);
	return true;
}
