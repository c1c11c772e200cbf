/**
 * From which element of a QMP reply a struct was filled: the one that has most of its members.
 */
#ifndef REVIEW_EXPLAIN_COMPANY_H
#define REVIEW_EXPLAIN_COMPANY_H

#include <stdbool.h>

struct arena;
struct element;
struct explain_match;
struct site;
struct sites;

struct company {
	unsigned members;     /**< of the struct that say something, beside the value itself */
	struct element *home; /**< with most of them; NULL: none has any */
	bool has_twin;        /**< another thing has as many */
};

/** Count members of the struct that `now` is in, in replies up to `time_ns`. 0 or -ENOMEM. */
int company_count(struct sites *sites, const struct site *now, uint64_t time_ns, struct company *ret);

/** Add what it says about a site in a reply; reasons are made in `arena`. Until the next company_count(). */
void company_judge(const struct sites *sites, const struct company *company, const struct site *from,
		   struct explain_match *match, struct arena *arena);

#endif
