#include "tracer/review/by.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/base/hash.h"
#include "tracer/review/calls.h"
#include "tracer/review/filter.h"
#include "tracer/review/print_c.h"

struct key {
	struct by_key key; /* first: a key is a pointer to it */
	UT_hash_handle hh;
	char text[];
};

struct by {
	const char *source;
	struct filter *filter;
	struct print_options print;
	struct arena arena;
	struct key *keys;
	size_t n, bytes;
	struct by_key others;
	bool is_full;
};

int by_bind(struct by *by, const struct trace_probe *const *probes, size_t n_probes)
{
	struct filter *filter = NULL;
	int r = by->source ? filter_new(by->source, probes, n_probes, &filter) : 0;

	if (r < 0)
		return err_context(r, "--by");
	filter_free(by->filter);
	by->filter = filter;
	return 0;
}

int by_new(const char *source, const struct trace_probe *const *probes, size_t n_probes, bool utf8,
	   struct by **ret)
{
	struct by *by = calloc(1, sizeof(*by));

	if (!by)
		return err_set(-ENOMEM, "out of memory");
	by->source = source;
	by->print = (struct print_options){ .is_brief = true, .utf8 = utf8 };
	by->others.text = "(others)";
	int r = by_bind(by, probes, n_probes);

	if (r < 0) {
		by_free(by);
		return r;
	}
	*ret = by;
	return 0;
}

void by_free(struct by *by)
{
	if (!by)
		return;
	HASH_CLEAR(hh, by->keys);
	arena_free(&by->arena);
	filter_free(by->filter);
	free(by);
}

static const struct by_key *add_key(struct by *by, const char *text, size_t len)
{
	if (by->n >= BY_MAX || by->bytes + len > BY_BYTES_MAX) {
		by->others.index = by->n;
		by->is_full = true;
		return &by->others;
	}
	struct key *key = arena_alloc(&by->arena, sizeof(*key) + len + 1);

	if (!key)
		return NULL;
	memcpy(key->text, text, len);
	HASH_ADD_KEYPTR(hh, by->keys, key->text, len, key);
	if (!hash_added(key))
		return NULL;
	key->key = (struct by_key){ .text = key->text, .index = by->n++ };
	by->bytes += len;
	return &key->key;
}

/* NULL without memory. */
static const struct by_key *find_key(struct by *by, const char *text)
{
	size_t len = strlen(text);
	struct key *found;

	HASH_FIND(hh, by->keys, text, len, found);
	if (found)
		return &found->key;
	return by->is_full ? &by->others : add_key(by, text, len);
}

int by_find_own(struct by *by, const struct call *call, const struct by_key **ret)
{
	*ret = NULL;
	if (by->filter && !filter_applies(by->filter, call))
		return 0;
	struct operand value = { 0 };

	if (by->filter)
		value = filter_value(by->filter, call);
	char *text = by->filter ? operand_text(&value, &by->print) : NULL;

	if (!by->filter || text)
		*ret = find_key(by, text ? text : "");
	free(text);
	return *ret ? 0 : err_set(-ENOMEM, "out of memory");
}

int by_find(struct by *by, const struct call *call, const struct by_key **ret)
{
	int r = 0;

	*ret = NULL;
	for (unsigned i = 0; i < BY_AROUND_MAX && r == 0 && call && !*ret; i++) {
		r = by_find_own(by, call, ret);
		call = call->up;
	}
	return r;
}

bool by_is_full(const struct by *by)
{
	return by->is_full;
}

const char *by_source(const struct by *by)
{
	return by->source;
}
