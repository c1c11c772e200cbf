#include "tracer/review/changes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/review/by.h"
#include "tracer/review/calls.h"
#include "tracer/review/filter.h"
#include "tracer/review/print_c.h"
#include "tracer/review/value_copy.h"
#include "tracer/trace/value.h"

struct place {
	const struct trace_probe *probe;
	const struct by_key *key;
};

/* A value of one call. */
struct seen {
	uint64_t id;
	char *text;
	struct value_node *value; /* NULL: computed */
	size_t size;              /* bytes of both */
};

/* The call before of one place. */
struct last {
	struct place place;
	struct seen seen;
	UT_hash_handle hh;
};

struct changes {
	const char *source;
	struct filter *filter;
	struct by *by;
	struct last *lasts;
	size_t n, bytes;
	struct seen previous; /* of the change told last */
	uint64_t left_out;
};

int changes_bind(struct changes *changes, const struct trace_probe *const *probes, size_t n_probes)
{
	struct filter *filter;
	int r = filter_new(changes->source, probes, n_probes, &filter);

	if (r < 0)
		return err_context(r, "--changed");
	filter_free(changes->filter);
	changes->filter = filter;
	return 0;
}

int changes_new(const char *source, const struct trace_probe *const *probes, size_t n_probes,
		struct by *by, struct changes **ret)
{
	struct changes *changes = calloc(1, sizeof(*changes));

	if (!changes)
		return err_set(-ENOMEM, "out of memory");
	changes->source = source;
	changes->by = by;
	int r = changes_bind(changes, probes, n_probes);

	if (r < 0) {
		changes_free(changes);
		return r;
	}
	*ret = changes;
	return 0;
}

static void drop_seen(struct seen *seen)
{
	free(seen->text);
	free(seen->value);
	*seen = (struct seen){ 0 };
}

void changes_free(struct changes *changes)
{
	struct last *last, *next;

	if (!changes)
		return;
	HASH_ITER(hh, changes->lasts, last, next) {
		HASH_DEL(changes->lasts, last);
		drop_seen(&last->seen);
		free(last);
	}
	drop_seen(&changes->previous);
	filter_free(changes->filter);
	free(changes);
}

/* NULL without memory, or if there may be no more (`*is_full`). */
static struct last *find_last(struct changes *changes, const struct call *call,
			      const struct by_key *key, bool *is_full)
{
	struct place place = { call->probe, key };
	struct last *last;

	HASH_FIND(hh, changes->lasts, &place, sizeof(place), last);
	*is_full = !last && changes->n >= CHANGES_MAX;
	if (last || *is_full || !(last = calloc(1, sizeof(*last))))
		return last;
	last->place = place;
	HASH_ADD(hh, changes->lasts, place, sizeof(last->place), last);
	if (!hash_added(last)) {
		free(last);
		return NULL;
	}
	changes->n++;
	return last;
}

static bool is_there(const struct operand *operand)
{
	return operand->kind != OPERAND_MISSING ||
	       (operand->value && operand->value->status == STATUS_NULL);
}

/* 0 or -ENOMEM. */
static int see(const struct call *call, const struct operand *operand, struct seen *ret)
{
	const struct print_options print = { .is_brief = true };

	*ret = (struct seen){ .id = call->id, .text = operand_text(operand, &print) };
	if (operand->value)
		ret->value = value_copy(operand->value, &ret->size);
	if (!ret->text || (operand->value && !ret->value)) {
		drop_seen(ret);
		return err_set(-ENOMEM, "out of memory");
	}
	ret->size += strlen(ret->text);
	return 0;
}

/* Put `now` in the place of what was seen before; that stays in `changes->previous`. */
static void replace(struct changes *changes, struct last *last, const struct seen *now)
{
	changes->bytes += now->size - last->seen.size;
	drop_seen(&changes->previous);
	changes->previous = last->seen;
	last->seen = *now;
}

static int compare(struct changes *changes, struct last *last, struct seen *now,
		   struct change *ret)
{
	bool is_first = !last->seen.text;
	bool is_same = !is_first && !strcmp(last->seen.text, now->text);

	if (changes->bytes + now->size - last->seen.size > CHANGES_BYTES_MAX) {
		changes->left_out++;
		drop_seen(now);
		return 0;
	}
	replace(changes, last, now);
	*ret = (struct change){
		.before_id = changes->previous.id,
		.before = changes->previous.text,
		.after = last->seen.text,
		.old = changes->previous.value,
		.new = last->seen.value,
		.key = by_source(changes->by) && last->place.key ? last->place.key->text : NULL,
	};
	return !is_first && !is_same;
}

int changes_look(struct changes *changes, const struct call *call, struct change *ret)
{
	const struct by_key *key;
	struct seen now;
	bool is_full;

	if (!filter_applies(changes->filter, call))
		return 0;
	struct operand operand = filter_value(changes->filter, call);

	if (!is_there(&operand))
		return 0;
	int r = by_find(changes->by, call, &key);
	struct last *last = r < 0 ? NULL : find_last(changes, call, key, &is_full);

	if (!last && r == 0 && is_full) {
		changes->left_out++;
		return 0;
	}
	if (!last || see(call, &operand, &now) < 0)
		return err_set(-ENOMEM, "out of memory");
	return compare(changes, last, &now, ret);
}

uint64_t changes_left_out(const struct changes *changes)
{
	return changes->left_out;
}
