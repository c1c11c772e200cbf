/** Between plugin.c and the library it loads. */
#ifndef TARGETS_PLUGIN_H
#define TARGETS_PLUGIN_H

enum kind { KIND_A = 1, KIND_B };
struct info { const char *text; double weight; };
struct subject { enum kind kind; struct info *info; };
typedef int exported_fn(struct subject *s, int (*back)(int));

#endif
