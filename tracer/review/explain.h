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
struct explainer;
struct leaf;
struct value_node;

enum explain_kind {
	EXPLAIN_ENTRY,  /**< captured at the entry of `call` */
	EXPLAIN_RETURN, /**< captured at its return */
	EXPLAIN_REPLY,  /**< in the QMP reply that `call` waited for: call->qmp */
};

/** How sure a step is; there is no "certain". */
enum explain_trust { TRUST_WEAK, TRUST_POSSIBLE, TRUST_LIKELY, TRUST_VERY_LIKELY };
const char *explain_trust_name(enum explain_trust trust);

enum { EXPLAIN_REASONS = 10, EXPLAIN_RIVALS = 8, EXPLAIN_STEPS = 32 };

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

/** From one place to the one before; ways of several values may share it. */
struct explain_step {
	unsigned index; /**< see explainer_steps() */
	struct explain_match match;
	struct explain_match rivals[EXPLAIN_RIVALS]; /**< the nearest first */
	size_t n_rivals, n_more;                     /**< `n_more`: not kept */
};

struct explanation {
	struct explain_place start;
	const char *value; /**< a text, or all digits of a number */
	bool is_text;
	const struct explain_step *steps[EXPLAIN_STEPS]; /**< newest first */
	size_t n_steps;
	const char *end; /**< why there are no more: a sentence */
};

/**
 * What is looked up once for all values of a tree, which must live longer. -ENOMEM with a message. `root`: as
 * calls_next() gives it: of a part of the tree less would be said.
 */
int explainer_new(const struct call *root, struct explainer **ret);
void explainer_free(struct explainer *explainer);

/**
 * Follow a value of a call of the tree back. `value`: a leaf of call->entry or call->ret. What it points at lives as
 * long as the explainer. -EINVAL with a message if it is none; -ENOMEM.
 */
int explain(struct explainer *explainer, const struct call *call, const struct value_node *value,
	    struct explanation *ret);
/** The same of a leaf that is visited now, of that side of the call. */
int explain_leaf(struct explainer *explainer, const struct call *call, enum explain_kind side, const struct leaf *leaf,
		 struct explanation *ret);

/** How many places of the tree have the same value, and so have to be compared. 0: it is not searched for at all. */
size_t explain_places(const struct explainer *explainer, const struct value_node *value);
/** How many places were looked at so far. */
uint64_t explainer_work(const struct explainer *explainer);

/** All steps that were found so far: step `i` has the index `i`. */
size_t explainer_steps(const struct explainer *explainer, const struct explain_step *const **ret);

const char *explain_kind_name(enum explain_kind kind);

#endif
