/**
 * Comparing two calls and the calls they made.
 *
 * Calls made are paired in order, by function; where the orders differ, the nearest pair is taken and
 * what lies before it is in one only. Values: value_diff.h. Times differ always: they are told, but
 * are no difference.
 */
#ifndef REVIEW_CALL_DIFF_H
#define REVIEW_CALL_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct value_node;

enum { CALL_DIFF_AHEAD = 100 }; /**< calls that are searched for the other one of a pair */

/** A value that two calls have both. */
struct call_value {
	const struct call *a_call, *b_call;
	const char *path;             /**< info->allocation */
	bool is_entry;                /**< recorded when it was entered, and at the return again */
	const struct value_node *a, *b; /**< NULL: an element that is not there */
};

struct call_diff_visitor {
	/** Two calls, before the values that differ and the calls they made. */
	void (*pair)(void *ctx, const struct call *a, const struct call *b, unsigned level);
	/** A call that only one side made: the other is NULL. */
	void (*only)(void *ctx, const struct call *a, const struct call *b, unsigned level);
	void (*value)(void *ctx, const struct call_value *value, unsigned level);
	/** How they ended: outcomes differ, or in one trace the places they returned from. */
	void (*end)(void *ctx, const struct call *a, const struct call *b, unsigned level);
};

/** Whether they differ. */
bool call_diff(const struct call *a, const struct call *b, const struct call_diff_visitor *visitor,
	       void *ctx);

/** Calls of a tree. */
uint64_t call_count(const struct call *root);

#endif
