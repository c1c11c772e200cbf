/**
 * The leaves of what a call captured: numbers and texts, each with the expression that names it.
 */
#ifndef REVIEW_LEAF_H
#define REVIEW_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct value_node;

/** What a leaf is worth, to be compared exactly: an integer of any C type, or a text. */
struct worth {
	bool is_text;
	__int128 number;
	const uint8_t *text;
	size_t len;
};

/** False: it is no number or text, is not there, or was cut. */
bool worth_of(const struct value_node *value, struct worth *ret);
bool worth_equal(const struct worth *a, const struct worth *b);

/** Valid while leaf_visit() runs. */
struct leaf {
	const struct value_node *value;
	const char *text;     /**< a member's name, a capture's expression; NULL: an element, or what a pointer points at */
	const struct leaf *up; /**< what it is a part of; NULL: it is a capture */
	size_t index;
};

typedef void leaf_visit_fn(void *ctx, const struct leaf *leaf);
/** Visit the leaves of a STRUCT of captures; NULL has none. Depth and number are bounded. */
void leaf_visit(const struct value_node *captures, leaf_visit_fn *visit, void *ctx);

/** The name that says what it is: of the member, or the last one in the expression; "" if there is none. */
const char *leaf_name(const struct leaf *leaf);
/** The struct or union that it is a member of; NULL if it is in none. */
const struct value_node *leaf_owner(const struct leaf *leaf);
/** "info->capacity", "(*retstats)->rd_req", "disks[2].name": as one writes it in C. For free(); NULL without memory. */
char *leaf_path(const struct leaf *leaf);

#endif
