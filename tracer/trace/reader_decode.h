/**
 * From babeltrace2's fields to values with a C meaning.
 */
#ifndef TRACE_READER_DECODE_H
#define TRACE_READER_DECODE_H

#include <babeltrace2/babeltrace.h>
#include <stdbool.h>

struct arena;
struct schema;
struct value_node;

/**
 * Whether fields of class `class` are what `schema` says.  To be asked once per event class;
 * decode_value() relies on it. If not, err_text() names the place.
 */
bool decode_check(const struct schema *schema, const bt_field_class *class);

/**
 * The value of a field.  What it points at lives in `arena`, or as long as the field.  -EBADMSG for
 * impossible values.
 */
int decode_value(const struct schema *schema, const bt_field *field, struct arena *arena,
		 struct value_node *ret);

#endif
