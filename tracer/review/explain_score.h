/**
 * How well a place fits as the one where a value was before: shared by explain.c, which finds places, and
 * explain_score.c, which judges them.
 */
#ifndef REVIEW_EXPLAIN_SCORE_H
#define REVIEW_EXPLAIN_SCORE_H

#include "tracer/review/explain.h"
#include "tracer/review/leaf.h"

struct arena;
struct site;

/** Judge that the value went from `from` (earlier) to `to`: points and reasons. Texts are made in `arena`. */
void explain_judge(const struct site *to, const struct site *from, struct explain_match *match,
		   struct arena *arena);

/** Add a reason, and points for it. */
void explain_add(struct explain_match *match, int points, const char *reason);

/** Whether the value is made where `site` says, so that no earlier place is its origin; the reason, or NULL. */
const char *explain_origin(const struct site *site);

/** Points for the value itself: how unlikely it is that something else has it, too. */
int explain_distinct(const struct worth *worth, const char **reason);

/** How sure: of the points of the best match, those of the next, and those for the value. */
enum explain_trust explain_trust(int points, int next, int distinct);

#endif
