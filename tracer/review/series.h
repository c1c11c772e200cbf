/**
 * Series: the numbers an expression was worth, call after call; one for each key (by.h).
 *
 * All sums are exact.  For percentiles and histograms the numbers themselves are kept: up to
 * SERIES_KEPT_MAX of all series together, then the longest series is thinned to every second one.
 */
#ifndef REVIEW_SERIES_H
#define REVIEW_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct by;
struct call;
struct filter;
struct series_list;

enum {
	SERIES_KEPT_MAX = 8 << 20,
	SERIES_SLOTS = 32, /**< parts of time */
};

/** Why a call has no number. */
enum series_gap {
	GAP_NULL,
	GAP_UNREADABLE,
	GAP_OPTIMIZED_OUT,
	GAP_NO_RETURN,
	GAP_NO_NUMBER, /**< a text or an object */
	GAP_OTHER,
	GAP_COUNT,
};

const char *series_gap_name(enum series_gap gap);

/** What was so in a part of time. */
struct series_slot {
	long double sum;
	uint64_t n;
};

struct series {
	const char *key; /**< as text; NULL: no call around it has one */
	uint64_t n;      /**< numbers; if 0, all below is 0 */
	/** `first` and `last` are those of the calls that were entered first and last. */
	long double min, max, avg, first, last;
	uint64_t min_id, max_id; /**< calls with the least and the greatest number, the first ones */
	uint64_t first_ns, last_ns;
	const long double *kept; /**< in ascending order */
	size_t n_kept;
	struct series_slot slots[SERIES_SLOTS];
};

/** Of calls' `value`, told apart by `by`; both are borrowed.  NULL without memory. */
struct series_list *series_new(struct filter *value, struct by *by);
void series_free(struct series_list *list);

/** Take a call; those of functions that do not have the expression's names count nothing. 0, -ENOMEM. */
int series_add(struct series_list *list, const struct call *call);

/** No more calls.  The series in the order of their keys' first calls; valid until series_free(). */
size_t series_finish(struct series_list *list, const struct series **ret);

/** Calls without a number, by reason. */
const uint64_t *series_gaps(const struct series_list *list);
/** After series_finish(): slots in use; all series have the same. */
unsigned series_slots(const struct series_list *list);
/** Whether some series is thinned. */
bool series_is_thinned(const struct series_list *list);

/** Nearest rank: the least number that so many percent of those kept do not exceed. */
long double series_percentile(const struct series *series, unsigned percent);

#endif
