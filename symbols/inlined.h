/**
 * Inlined copies of functions.  Private to symbols/.
 */
#ifndef SYMBOLS_INLINED_H
#define SYMBOLS_INLINED_H

struct function_list;
struct inline_names;
struct module;
struct pattern;

/**
 * Append the places where functions that fit `pattern` were inlined, and count them in `n_inlined`
 * of those in the list, which must be there once.  0 or -ENOMEM.
 */
int inlined_find(struct module *module, const struct pattern *pattern, struct function_list *list);

void inline_names_free(struct inline_names *names);

#endif
