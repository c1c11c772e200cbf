/**
 * "did you mean …": the names of several modules that resemble a misspelt one most, as hints of an error.
 */
#ifndef RECORD_NEAR_H
#define RECORD_NEAR_H

#include <stddef.h>

struct module;

/** How a module offers its own nearest names: function_similar(), type_similar(). */
typedef size_t near_source(struct module *module, const char *name, const char **ret, size_t max);

/** Add an err_hint() line for each of the nearest names in `modules` (NULL entries are skipped); returns how many. */
size_t near_hints(int code, const char *name, struct module *const *modules, size_t n, near_source *source);

#endif
