/**
 * Members of a trace's info.json (its keys: trace/writer.h), which anyone may have written: what is
 * not there or of another type is NULL or 0.
 */
#ifndef REVIEW_TRACE_INFO_H
#define REVIEW_TRACE_INFO_H

#include <json-c/json.h>
#include <stdint.h>

/** `object` may be NULL, or no object. */
struct json_object *trace_info_get(struct json_object *object, const char *key,
				   enum json_type type);
struct json_object *trace_info_object(struct json_object *object, const char *key);
const char *trace_info_string(struct json_object *object, const char *key);
uint64_t trace_info_uint(struct json_object *object, const char *key);

#endif
