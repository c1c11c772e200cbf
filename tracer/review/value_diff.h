/**
 * Where two recorded values of the same expression differ, though their types may come from
 * different versions of a program.
 *
 * Members are matched by name, numbers compared whatever their size and sign, enumerators by name.
 * What only one type has is no difference of values.  Addresses differ from run to run: of pointers
 * only NULL or not counts, and what was recorded behind them. Of a text that was cut only the
 * beginning is known: it differs if that does.
 */
#ifndef REVIEW_VALUE_DIFF_H
#define REVIEW_VALUE_DIFF_H

#include <stdbool.h>
#include <stddef.h>

struct value_node;

/** A place where they differ; NULL: an element that is not there.  False: that was enough. */
typedef bool value_diff_fn(void *ctx, const char *path, const struct value_node *a,
			   const struct value_node *b);

/** `name`: of both.  Whether they differ at all; `visit` may be NULL. */
bool value_diff(const char *name, const struct value_node *a, const struct value_node *b,
		value_diff_fn *visit, void *ctx);

#endif
