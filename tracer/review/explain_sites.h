/**
 * The places of a tree of calls, found by the value they have: shared by the explain_*.c files.
 *
 * A site is a leaf of what a call captured, or one of a QMP reply that a call of the tree waited for. What everything
 * has (0, 1, -1, an empty text) has no site.
 */
#ifndef REVIEW_EXPLAIN_SITES_H
#define REVIEW_EXPLAIN_SITES_H

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/review/explain.h"
#include "tracer/review/leaf.h"

struct json_object;
struct qmp_reply;

/** An object in an array of a reply, or all of it. */
struct element {
	struct json_object *object;
	struct element *up; /**< what it is a part of; NULL: it is all of the reply */
	const struct call *call;
	unsigned order;     /**< of the first leaf that is directly in it and says something of the result; 0: none is */
	/* How many members of a struct it has: valid in this round of explain_company.c. */
	unsigned round, member, company;
};

struct site {
	const struct call *call;
	enum explain_kind kind;
	const char *name;    /**< of the leaf */
	const char *owner;   /**< C type of the struct it is a member of; NULL if it is in none */
	const char *path;    /**< NULL: not made yet, see sites_path() */
	struct worth worth;
	const struct value_node *value;   /**< NULL: it is in a reply */
	const struct value_node *members; /**< that struct; NULL */
	struct element *element;          /**< REPLY */
	struct site *next;   /**< for sites_find() */
	unsigned n_same;     /**< of the first with the value: how many have it; 0: not counted yet */
	struct way *way;     /**< explain.c: where its value was before; NULL: not looked for yet */
};

struct sites {
	struct arena arena;
	ARRAY(struct site *) all;
	struct site **buckets;
	size_t n_buckets; /* a power of two */
	ARRAY(struct qmp_reply *) replies;
	unsigned calls, unread; /* replies that are cut, no JSON, or too many */
	uint64_t parts;         /* trees of calls that are not looked at (calls.h) */
	bool is_full;           /* there are more sites than are kept */
	uint64_t work;          /* places looked at since then, by all who do */
	/* For explain_company.c */
	unsigned round;
	ARRAY(struct element *) counted;
};

/** Fill it from a tree, which must live longer. 0 or -ENOMEM; sites_fini() in any case. */
int sites_init(struct sites *sites, const struct call *root);
void sites_fini(struct sites *sites);

/** 0, 1, -1 and the empty text are everywhere. */
bool says_something(const struct worth *worth);

/** The first site with the value, and the next one: calls in the order of a walk over the tree, then replies. */
struct site *sites_find(const struct sites *sites, const struct worth *worth);
struct site *sites_next(const struct site *site);
/** How many have the value. */
size_t sites_count(const struct sites *sites, const struct worth *worth);

/** What is known of a leaf, but for its call and its path. */
void site_describe(struct site *site, const struct leaf *leaf);
/** When the value was there. */
uint64_t site_time(const struct site *site);
/** Its path, made the first time; NULL without memory. */
const char *sites_path(struct sites *sites, struct site *site);

#endif
