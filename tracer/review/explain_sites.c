/**
 * The index
 *
 * Most values are at few places, so a site is found by the hash of its value; sites of one bucket keep the order in
 * which they were added. A site is small, as there may be many: the path of a captured value is made when it is shown.
 */
#include "tracer/review/explain_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/calls.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/review/libvirt/qmp_reply.h"
#include "tracer/trace/value.h"

enum {
	SITES_MAX = 500000,        /* of a tree: some 100 MB */
	REPLIES_MAX = 1000,        /* of a tree */
	REPLY_TEXT_MAX = 16 << 20, /* bytes of them: JSON that was read takes ten times that */
};

/* While a tree is looked at. */
struct filling {
	struct sites *sites;
	const struct call *call;
	enum explain_kind kind;
	unsigned leaves; /* of replies */
	size_t reply_text;
	bool failed;
};

bool says_something(const struct worth *worth)
{
	return worth->is_text ? worth->len > 0 : worth->number > 1 || worth->number < -1;
}

uint64_t site_time(const struct site *site)
{
	switch (site->kind) {
	case EXPLAIN_ENTRY:
		return site->call->entered_ns;
	case EXPLAIN_RETURN:
		return site->call->ended_ns;
	case EXPLAIN_REPLY:
		break;
	}
	return site->call->qmp->reply.time_ns;
}

/* Finding. */

/* FNV-1a */
static size_t hash_of(const struct worth *worth)
{
	const uint8_t *bytes = worth->is_text ? worth->text : (const uint8_t *)&worth->number;
	size_t len = worth->is_text ? worth->len : sizeof(worth->number);
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3;
	return (size_t)(hash ^ hash >> 32);
}

static struct site *first_equal(struct site *site, const struct worth *worth)
{
	while (site && !worth_equal(&site->worth, worth))
		site = site->next;
	return site;
}

struct site *sites_find(const struct sites *sites, const struct worth *worth)
{
	return first_equal(sites->buckets[hash_of(worth) & (sites->n_buckets - 1)], worth);
}

struct site *sites_next(const struct site *site)
{
	return first_equal(site->next, &site->worth);
}

size_t sites_count(const struct sites *sites, const struct worth *worth)
{
	struct site *first = sites_find(sites, worth);

	if (first && !first->n_same)
		for (const struct site *site = first; site; site = sites_next(site))
			first->n_same++;
	return first ? first->n_same : 0;
}

static int make_buckets(struct sites *sites)
{
	for (sites->n_buckets = 1; sites->n_buckets < sites->all.n;)
		sites->n_buckets *= 2;
	sites->buckets = calloc(sites->n_buckets, sizeof(*sites->buckets));
	if (!sites->buckets)
		return -ENOMEM;
	for (size_t i = sites->all.n; i-- > 0;) {
		struct site *site = sites->all.items[i];
		struct site **bucket = &sites->buckets[hash_of(&site->worth) & (sites->n_buckets - 1)];

		site->next = *bucket;
		*bucket = site;
	}
	return 0;
}

static struct site *add_site(struct filling *filling, const struct worth *worth)
{
	struct sites *sites = filling->sites;

	if (sites->all.n == SITES_MAX) {
		sites->is_full = true;
		return NULL;
	}
	struct site *site = arena_alloc(&sites->arena, sizeof(*site)), **slot = site ? array_push(&sites->all) : NULL;

	filling->failed |= !slot;
	if (!slot)
		return NULL;
	sites->work++;
	*slot = site;
	site->call = filling->call;
	site->kind = filling->kind;
	site->worth = *worth;
	return site;
}

/* Calls. */

void site_describe(struct site *site, const struct leaf *leaf)
{
	site->value = leaf->value;
	site->name = leaf_name(leaf);
	site->members = leaf_owner(leaf);
	site->owner = site->members ? site->members->schema->ctype : NULL;
}

static void note_leaf(void *ctx, const struct leaf *leaf)
{
	struct worth worth;
	struct site *site = NULL;

	if (worth_of(leaf->value, &worth) && says_something(&worth))
		site = add_site(ctx, &worth);
	if (site)
		site_describe(site, leaf);
}

static bool note_call(void *ctx, const struct call *call)
{
	struct filling *filling = ctx;

	filling->sites->calls++;
	filling->sites->parts += call->parts;
	filling->call = call;
	filling->kind = EXPLAIN_ENTRY;
	leaf_visit(call->entry, note_leaf, filling);
	filling->kind = EXPLAIN_RETURN;
	leaf_visit(call->ret, note_leaf, filling);
	return true;
}

/* A leaf that is looked for. */
struct sought {
	const struct value_node *value;
	char *path;
	uint64_t n;
};

static void seek_leaf(void *ctx, const struct leaf *leaf)
{
	struct sought *sought = ctx;

	sought->n++;
	if (leaf->value == sought->value && !sought->path)
		sought->path = leaf_path(leaf);
}

const char *sites_path(struct sites *sites, struct site *site)
{
	struct sought sought = { .value = site->value };

	if (site->path)
		return site->path;
	leaf_visit(site->kind == EXPLAIN_ENTRY ? site->call->entry : site->call->ret, seek_leaf, &sought);
	sites->work += sought.n;
	if (sought.path)
		site->path = arena_strdup(&sites->arena, sought.path);
	free(sought.path);
	return site->path;
}

/* Replies. */

/* The element with those it is a part of, each made the first time. */
static struct element *element_of(struct filling *filling, struct reply_element *of)
{
	struct element *element = of ? of->note : NULL;

	if (element || !of)
		return element;
	element = arena_alloc(&filling->sites->arena, sizeof(*element));
	filling->failed |= !element;
	if (!element)
		return NULL;
	*element = (struct element){ .object = of->object, .up = element_of(filling, of->up), .call = filling->call };
	of->note = element;
	return element;
}

/* What is beside the result says nothing. */
static bool is_of_result(const struct reply_leaf *leaf)
{
	return leaf->element->up || !strncmp(leaf->path, "return.", strlen("return."));
}

static void note_reply_leaf(void *ctx, const struct reply_leaf *leaf)
{
	struct filling *filling = ctx;
	struct element *element = element_of(filling, leaf->element);
	struct site *site = NULL;

	filling->leaves++;
	if (element && !element->order && is_of_result(leaf))
		element->order = filling->leaves;
	if (element && says_something(&leaf->worth))
		site = add_site(filling, &leaf->worth);
	if (!site)
		return;
	site->element = element;
	site->name = leaf->name;
	site->path = arena_strdup(&filling->sites->arena, leaf->path);
	filling->failed |= !site->path;
}

static bool read_reply(void *ctx, const struct call *call)
{
	struct filling *filling = ctx;
	struct sites *sites = filling->sites;

	if (!call->qmp || !qmp_is_sender(call->qmp, call) || !call->qmp->reply.text)
		return true;
	struct qmp_reply *reply = NULL, **slot = NULL;

	filling->reply_text += call->qmp->reply.len;
	if (filling->reply_text <= REPLY_TEXT_MAX && sites->replies.n < REPLIES_MAX)
		reply = qmp_reply_new(&call->qmp->reply);
	if (reply)
		slot = array_push(&sites->replies);
	if (slot) {
		*slot = reply;
		filling->call = call;
		qmp_reply_visit(reply, note_reply_leaf, filling);
	} else {
		qmp_reply_free(reply);
	}
	sites->unread += !slot;
	return true;
}

int sites_init(struct sites *sites, const struct call *root)
{
	struct filling filling = { .sites = sites };

	*sites = (struct sites){ 0 };
	call_walk(root, &(struct call_visitor){ note_call, NULL }, &filling);
	filling.kind = EXPLAIN_REPLY;
	call_walk(root, &(struct call_visitor){ read_reply, NULL }, &filling);
	return filling.failed ? -ENOMEM : make_buckets(sites);
}

void sites_fini(struct sites *sites)
{
	struct qmp_reply **reply;

	array_foreach(&sites->replies, reply)
		qmp_reply_free(*reply);
	array_free(&sites->replies);
	array_free(&sites->counted);
	array_free(&sites->all);
	free(sites->buckets);
	arena_free(&sites->arena);
}
