/**
 * Members of a trace's info.json (its keys: trace/writer.h), which anyone may have written: what is
 * not there or of another type is NULL, 0 or false.
 */
#ifndef REVIEW_TRACE_INFO_H
#define REVIEW_TRACE_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/** `object` may be NULL, or no object; so in all of these. */
struct json_object *trace_info_object(struct json_object *object, const char *key);
struct json_object *trace_info_array(struct json_object *object, const char *key);
const char *trace_info_string(struct json_object *object, const char *key);
uint64_t trace_info_uint(struct json_object *object, const char *key);
bool trace_info_bool(struct json_object *object, const char *key);
/** All of it as JSON, valid as long as `object`; NULL if that is NULL. */
const char *trace_info_text(struct json_object *object);

#endif
