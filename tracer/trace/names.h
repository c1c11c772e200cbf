/**
 * A set of names.
 */
#ifndef TRACE_NAMES_H
#define TRACE_NAMES_H

#include <stdbool.h>

struct name;

/** An empty set is NULL. */
bool name_set_has(const struct name *names, const char *text);
/** Add a copy; false without memory. */
bool name_set_add(struct name **names, const char *text);
void name_set_free(struct name **names);

#endif
