/**
 * A recorded value with its C meaning: what the reader makes of the fields of an event.
 */
#ifndef TRACE_VALUE_H
#define TRACE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/schema.h"

struct value_node {
	/**
	 * Says the kind.  A capture that is there is shown by its content alone: the schema is that
	 * of its target, the status the content's own; one that is not there keeps its schema of
	 * kind CAPTURE, with the status that says why.
	 */
	const struct schema *schema;
	/** Of captures, strings, followed pointers; OK for all others */
	enum status status;
	uint64_t addr;               /**< PTR, FUNC, STRING: the pointer; UNREADABLE: where */
	union {
		uint64_t u;          /**< INT, BOOL, CHAR, ENUM: sign-extended if signed */
		double real;         /**< FLOAT */
	};
	/** STRING, TEXT, BYTES: contents; a NUL follows that is not counted */
	const uint8_t *bytes;
	size_t len;
	/** STRUCT, UNION, ARRAY, SEQUENCE; PTR: the target if OK and followed */
	const struct value_node *items;
	size_t n;
};

/** Member of a struct or union by name, also in anonymous ones; NULL if there is none. */
const struct value_node *value_member(const struct value_node *node, const char *name);

/** Whether two values of the same expression are equal in all that was captured. */
bool value_equal(const struct value_node *a, const struct value_node *b);

/** Label of an ENUM's value; NULL if it has none. */
const char *value_enumerator(const struct value_node *node);

#endif
