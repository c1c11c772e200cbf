/**
 * Where a recorded value was before: its way back through the calls of one tree, to the QMP reply it may have come in.
 *
 * Nothing here is proof. A step says that the same number (exactly, whatever the types) or the same text was at a place
 * earlier, how likely it came from there, and why; other places that would do are its rivals. Numbers that everything
 * has, 0, 1 and -1, lead nowhere. Only places of the same tree of calls are looked at, and replies that one of its calls
 * waited for: another guest's reply is never among them.
 */
#ifndef REVIEW_EXPLAIN_H
#define REVIEW_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct call;
struct explanation;
struct value_node;

enum explain_kind {
	EXPLAIN_ENTRY,  /**< captured at the entry of `call` */
	EXPLAIN_RETURN, /**< captured at its return */
	EXPLAIN_REPLY,  /**< in the QMP reply that `call` waited for: call->qmp */
};

/** How sure a step is; there is no "certain". */
enum explain_trust { TRUST_WEAK, TRUST_POSSIBLE, TRUST_LIKELY, TRUST_VERY_LIKELY };
const char *explain_trust_name(enum explain_trust trust);

enum { EXPLAIN_REASONS = 10, EXPLAIN_RIVALS = 8 };

struct explain_place {
	enum explain_kind kind;
	const struct call *call;
	const char *path; /**< an expression of C, or a path in JSON */
	uint64_t time_ns;
	pid_t tid;        /**< that had it there */
};

struct explain_match {
	struct explain_place place;
	int points;
	enum explain_trust trust;
	const char *reasons[EXPLAIN_REASONS];
	size_t n_reasons;
};

struct explain_step {
	struct explain_match match;
	struct explain_match rivals[EXPLAIN_RIVALS]; /**< the nearest first */
	size_t n_rivals, n_more;                     /**< `n_more`: not kept */
};

/**
 * Follow a value of a call back. `root`: the tree that has `call`; `value`: a leaf of call->entry or call->ret. All of
 * them must live longer. -EINVAL with a message if it is none; -ENOMEM.
 */
int explain(const struct call *root, const struct call *call, const struct value_node *value, struct explanation **ret);
void explain_free(struct explanation *explanation);

const struct explain_place *explain_start(const struct explanation *explanation);
/** The value: a text, or all digits of a number. */
const char *explain_value(const struct explanation *explanation, bool *is_text);
/** The steps, newest first. */
size_t explain_steps(const struct explanation *explanation, const struct explain_step **ret);
/** Why there are no more: a sentence. */
const char *explain_end(const struct explanation *explanation);

#endif
