/**
 * "Did you mean …": the names nearest to a misspelt one.
 */
#ifndef BASE_SIMILAR_H
#define BASE_SIMILAR_H

#include <stddef.h>

enum { SIMILAR_MAX = 8 };

/** Zero all but `wanted`; offer names; then `names` has the best, nearest first. */
struct similar {
	const char *wanted;
	const char *names[SIMILAR_MAX]; /**< as offered: the caller's */
	unsigned scores[SIMILAR_MAX];
	size_t n;
};

void similar_offer(struct similar *similar, const char *name);

#endif
