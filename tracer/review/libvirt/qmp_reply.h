/**
 * Replies of QEMU as JSON: their numbers and texts, each with its path.
 */
#ifndef REVIEW_LIBVIRT_QMP_REPLY_H
#define REVIEW_LIBVIRT_QMP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/review/leaf.h"

struct json_object;
struct qmp_message;
struct qmp_reply;

/** NULL without memory, or if it is no JSON, nested too deep, or was cut. */
struct qmp_reply *qmp_reply_new(const struct qmp_message *message);
void qmp_reply_free(struct qmp_reply *reply);

/** An object that is an element of an array, or the whole reply. Valid while qmp_reply_visit() is in it. */
struct reply_element {
	struct json_object *object; /**< lives with the reply */
	struct reply_element *up;   /**< the one that it is a part of; NULL: it is the whole reply */
	void *note;                 /**< the visitor's own; NULL at first */
};

/** Valid while qmp_reply_visit() runs. */
struct reply_leaf {
	struct worth worth;
	const char *path;              /**< "return[0].parent.stats.wr_highest_offset" */
	const char *name;              /**< the last member in it: "wr_highest_offset"; lives with the reply */
	struct reply_element *element; /**< the innermost that it is in */
};

typedef void reply_visit_fn(void *ctx, const struct reply_leaf *leaf);
/** Numbers that are not exact in JSON's reader (fractions, more than 64 bits) are no leaves. */
void qmp_reply_visit(const struct qmp_reply *reply, reply_visit_fn *visit, void *ctx);

/**
 * A member that both elements have with the same text, not empty: they speak of the same thing. NULL if there is none;
 * `*value` is the text.
 */
const char *qmp_element_shared(struct json_object *a, struct json_object *b, const char **value);

#endif
