/**
 * Time
 *
 * How long a trace lasts is known when it has ended. So each series divides its time, counted from the
 * first call of all, into SERIES_SLOTS slots of 1 << shift nanoseconds, and where that is too short
 * joins each two slots and doubles them. In the end all get the longest slots that any has.
 */
#include "tracer/review/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/review/by.h"
#include "tracer/review/calls.h"
#include "tracer/review/filter.h"
#include "tracer/trace/value.h"

/* Sums of whole numbers are kept as such. */
struct tally {
	struct series series;
	__int128 whole_sum;
	long double other_sum;
	ARRAY(long double) kept;
	uint64_t stride; /* every `stride`th number is kept */
	unsigned shift;
	bool is_used;
};

struct series_list {
	struct filter *value;
	struct by *by;
	ARRAY(struct tally) tallies; /* the first is that of calls without a key */
	size_t n_kept;
	bool has_origin;
	uint64_t origin_ns;
	uint64_t gaps[GAP_COUNT];
	bool is_thinned;
	unsigned n_slots;
	struct series *finished;
};

const char *series_gap_name(enum series_gap gap)
{
	static const char *const names[] = {
		[GAP_NULL] = "behind a NULL pointer",
		[GAP_UNREADABLE] = "unreadable",
		[GAP_OPTIMIZED_OUT] = "optimized out",
		[GAP_NO_RETURN] = "of calls without a return",
		[GAP_NO_NUMBER] = "not a number",
		[GAP_OTHER] = "not recorded",
	};

	return names[gap];
}

struct series_list *series_new(struct filter *value, struct by *by)
{
	struct series_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->value = value;
	list->by = by;
	return list;
}

void series_free(struct series_list *list)
{
	struct tally *tally;

	if (!list)
		return;
	array_foreach(&list->tallies, tally)
		array_free(&tally->kept);
	array_free(&list->tallies);
	free(list->finished);
	free(list);
}

static struct tally *find_tally(struct series_list *list, const struct by_key *key)
{
	size_t i = key ? key->index + 1 : 0;

	while (list->tallies.n <= i) {
		struct tally *tally = array_push(&list->tallies);

		if (!tally)
			return NULL;
		tally->stride = 1;
	}
	struct tally *tally = &list->tallies.items[i];

	tally->is_used = true;
	tally->series.key = key ? key->text : NULL;
	return tally;
}

static enum series_gap gap_of(const struct operand *operand, const struct call *call)
{
	if (operand->kind != OPERAND_MISSING)
		return GAP_NO_NUMBER;
	switch (operand->value ? operand->value->status : STATUS_OK) {
	case STATUS_NULL:
		return GAP_NULL;
	case STATUS_UNREADABLE:
		return GAP_UNREADABLE;
	case STATUS_OPTIMIZED_OUT:
		return GAP_OPTIMIZED_OUT;
	default:
		return call->outcome == OUTCOME_RETURNED ? GAP_OTHER : GAP_NO_RETURN;
	}
}

static void join_slots(struct series *series)
{
	for (unsigned i = 0; i < SERIES_SLOTS / 2; i++) {
		const struct series_slot *a = &series->slots[2 * i], *b = a + 1;

		series->slots[i] = (struct series_slot){ a->sum + b->sum, a->n + b->n };
	}
	memset(&series->slots[SERIES_SLOTS / 2], 0, sizeof(series->slots) / 2);
}

static void add_to_slot(struct series_list *list, struct tally *tally, uint64_t time_ns,
			long double value)
{
	if (!list->has_origin) {
		list->has_origin = true;
		list->origin_ns = time_ns;
	}
	uint64_t since = time_ns > list->origin_ns ? time_ns - list->origin_ns : 0;

	for (; since >> tally->shift >= SERIES_SLOTS; tally->shift++)
		join_slots(&tally->series);
	struct series_slot *slot = &tally->series.slots[since >> tally->shift];

	slot->sum += value;
	slot->n++;
}

/* Of the numbers kept, every second one is. */
static void thin(struct series_list *list, struct tally *tally)
{
	size_t n = tally->kept.n;

	tally->kept.n = (n + 1) / 2;
	for (size_t i = 0; i < tally->kept.n; i++)
		tally->kept.items[i] = tally->kept.items[2 * i];
	tally->stride *= 2;
	list->n_kept -= n - tally->kept.n;
	list->is_thinned = true;
}

static void thin_longest(struct series_list *list)
{
	struct tally *tally, *longest = list->tallies.items;

	array_foreach(&list->tallies, tally)
		if (tally->kept.n > longest->kept.n)
			longest = tally;
	thin(list, longest);
}

static int keep(struct series_list *list, struct tally *tally, long double value)
{
	if (list->n_kept >= SERIES_KEPT_MAX)
		thin_longest(list);
	if (tally->series.n % tally->stride)
		return 0;
	long double *slot = array_push(&tally->kept);

	if (!slot)
		return err_set(-ENOMEM, "out of memory");
	*slot = value;
	list->n_kept++;
	return 0;
}

static void note_extremes(struct series *series, const struct call *call, long double value)
{
	if (!series->n || value < series->min) {
		series->min = value;
		series->min_id = call->id;
	}
	if (!series->n || value > series->max) {
		series->max = value;
		series->max_id = call->id;
	}
	if (!series->n || call->entered_ns < series->first_ns) {
		series->first = value;
		series->first_ns = call->entered_ns;
	}
	if (!series->n || call->entered_ns >= series->last_ns) {
		series->last = value;
		series->last_ns = call->entered_ns;
	}
}

/* Whole numbers of 64 bits are exact in it. */
static long double number(const struct operand *operand)
{
	static const struct number_type real = { .size = 16, .is_signed = true, .is_real = true };
	struct number number = operand->number;

	number_convert(&number, operand->type, real);
	return number.real;
}

static int add_number(struct series_list *list, struct tally *tally, const struct call *call,
		      const struct operand *operand)
{
	bool is_whole = operand->kind == OPERAND_INT && operand->type.size <= sizeof(uint64_t);
	long double value = number(operand);
	int r = keep(list, tally, value);

	if (r < 0)
		return r;
	if (is_whole)
		tally->whole_sum += (__int128)operand->number.bits;
	else
		tally->other_sum += value;
	note_extremes(&tally->series, call, value);
	add_to_slot(list, tally, call->entered_ns, value);
	tally->series.n++;
	return 0;
}

static bool is_number(const struct operand *operand)
{
	return operand->kind == OPERAND_INT ||
	       (operand->kind == OPERAND_REAL && operand->number.real == operand->number.real);
}

int series_add(struct series_list *list, const struct call *call)
{
	const struct by_key *key;

	if (!filter_applies(list->value, call))
		return 0;
	struct operand operand = filter_value(list->value, call);

	if (!is_number(&operand)) {
		list->gaps[gap_of(&operand, call)]++;
		return 0;
	}
	int r = by_find(list->by, call, &key);
	struct tally *tally = r < 0 ? NULL : find_tally(list, key);

	return tally ? add_number(list, tally, call, &operand) : err_set(-ENOMEM, "out of memory");
}

static int compare(const void *a, const void *b)
{
	long double x = *(const long double *)a, y = *(const long double *)b;

	return (x > y) - (x < y);
}

static void finish(struct series_list *list, struct tally *tally, unsigned shift)
{
	struct series *series = &tally->series;
	long double sum = (long double)tally->whole_sum + tally->other_sum;

	for (; tally->shift < shift; tally->shift++)
		join_slots(series);
	for (unsigned i = 0; i < SERIES_SLOTS; i++)
		if (series->slots[i].n && i >= list->n_slots)
			list->n_slots = i + 1;
	if (tally->kept.n)
		qsort(tally->kept.items, tally->kept.n, sizeof(*tally->kept.items), compare);
	series->kept = tally->kept.items;
	series->n_kept = tally->kept.n;
	series->avg = series->n ? sum / (long double)series->n : 0;
}

size_t series_finish(struct series_list *list, const struct series **ret)
{
	struct tally *tally;
	unsigned shift = 0;
	size_t n = 0;

	array_foreach(&list->tallies, tally)
		shift = tally->shift > shift ? tally->shift : shift;
	if (!list->finished)
		list->finished = calloc(list->tallies.n + 1, sizeof(*list->finished));
	*ret = list->finished;
	if (!list->finished)
		return 0;
	array_foreach(&list->tallies, tally) {
		if (!tally->is_used)
			continue;
		finish(list, tally, shift);
		list->finished[n++] = tally->series;
	}
	return n;
}

const uint64_t *series_gaps(const struct series_list *list)
{
	return list->gaps;
}

unsigned series_slots(const struct series_list *list)
{
	return list->n_slots;
}

bool series_is_thinned(const struct series_list *list)
{
	return list->is_thinned;
}

long double series_percentile(const struct series *series, unsigned percent)
{
	size_t rank = (series->n_kept * percent + 99) / 100;

	return series->n_kept ? series->kept[rank ? rank - 1 : 0] : 0;
}
