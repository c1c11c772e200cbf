/**
 * Event classes: the schema of a whole event's payload, what the captures are and what the trace
 * puts around them.
 *
 * Both sides use this, so that what the writer puts around the captures is what the reader takes
 * off.
 */
#ifndef TRACE_CLASS_H
#define TRACE_CLASS_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/trace/writer.h"

struct arena;
struct schema;

/** Name and payload of a class every trace has. */
const char *class_builtin_name(enum trace_class class);
const struct schema *class_builtin_schema(enum trace_class class);

/**
 * Payload of an entry: the members of STRUCT `captures`, then `stack`, then `entered`.  NULL
 * without memory.
 */
const struct schema *class_entry_schema(struct arena *arena, const struct schema *captures,
					bool has_stack, bool deferred);

/** Payload of a return: `return_site`, then the members of `captures`. */
const struct schema *class_return_schema(struct arena *arena, const struct schema *captures,
					 const char *const *sites, size_t n_sites);

/** Payload of all events' context: tid, call, parent, depth. */
const struct schema *class_context_schema(void);

#endif
