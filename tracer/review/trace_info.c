#include "tracer/review/trace_info.h"

#include <json-c/json.h>
#include <stddef.h>

static struct json_object *get(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!object || !json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

struct json_object *trace_info_object(struct json_object *object, const char *key)
{
	return get(object, key, json_type_object);
}

struct json_object *trace_info_array(struct json_object *object, const char *key)
{
	return get(object, key, json_type_array);
}

const char *trace_info_string(struct json_object *object, const char *key)
{
	struct json_object *value = get(object, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

uint64_t trace_info_uint(struct json_object *object, const char *key)
{
	struct json_object *value = get(object, key, json_type_int);

	return value ? json_object_get_uint64(value) : 0;
}

bool trace_info_bool(struct json_object *object, const char *key)
{
	struct json_object *value = get(object, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}

const char *trace_info_text(struct json_object *object)
{
	return object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : NULL;
}
