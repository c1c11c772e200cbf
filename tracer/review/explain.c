/**
 * Looking for where a value was before
 *
 * From the place where the value is now all earlier places of the tree that have it are found: what calls captured at
 * their entries and returns, and what is in QMP replies. They fall into stages: one side of one call, or all replies
 * together. The next step is the best place of one stage, its rivals are the others of that stage. Which stage: the
 * latest whose best place has STRONG points, since a value that goes through many hands is to be followed through all of
 * them; where none is strong, the one with most. For the same reason a call that returned the value comes before the
 * reply that was received meanwhile. Then the same from there. Each step goes back in time, so there is an end: a
 * reply, where nothing fits, or STEPS_MAX for traces that are made up.
 *
 * Of the replies the elements matter: several disks, or the layers of one, look alike. Other members of the same struct
 * tell: the element that has most of their numbers is the one the struct was filled from (company), and another element
 * that has the same name as that one, as "node-name", is of the same thing (identity). Where two things have as much
 * company, as idle disks do, there is no identity.
 */
#include "tracer/review/explain.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/explain_score.h"
#include "tracer/review/leaf.h"
#include "tracer/review/qmp.h"
#include "tracer/review/qmp_reply.h"
#include "tracer/review/text.h"
#include "tracer/trace/value.h"

enum {
	STRONG = 6,
	STEPS_MAX = 32,
	CANDIDATES_MAX = 10000, /* places of a step */
	REPLIES_MAX = 1000,     /* of a tree */
	BUDGET = 20000000,      /* values of replies looked at for company, in a step */
	MEMBERS_MAX = 64,       /* of a struct, looked for in replies */
};

struct explanation {
	struct arena arena;
	struct explain_place start;
	const char *value, *end;
	bool is_text;
	ARRAY(struct explain_step) steps;
};

/* An earlier place that has the value. */
struct candidate {
	struct site_facts facts;
	struct explain_match match;
	bool is_taken; /* as the step or one of its rivals */
};

struct read_reply {
	const struct call *call;
	struct qmp_reply *json;
};

struct search {
	struct explanation *result;
	const struct call *root;
	const struct value_node *value; /* while the start is looked for */
	struct worth worth;
	struct site_facts now;
	uint64_t now_ns;
	unsigned calls, unread;
	uint64_t parts;
	ARRAY(struct read_reply) replies;
	ARRAY(struct candidate) found;
	/* While one side of a call, or one reply, is looked at. */
	const struct call *call;
	enum explain_kind kind;
	/* Of the replies: */
	struct worth members[MEMBERS_MAX];
	size_t n_members;
	unsigned budget;
	struct json_object *seen_element, *home; /* home: with most of the members */
	size_t seen_company, home_company;
	const struct call *home_call;
	const char *home_path;
	bool has_twin; /* another thing than that at home has as many */
	bool failed; /* without memory */
};

static uint64_t time_of(const struct call *call, enum explain_kind kind)
{
	switch (kind) {
	case EXPLAIN_ENTRY:
		return call->entered_ns;
	case EXPLAIN_RETURN:
		return call->ended_ns;
	case EXPLAIN_REPLY:
		break;
	}
	return call->qmp->reply.time_ns;
}

/* Facts about a leaf of the side that is looked at. */
static bool describe(struct search *search, const struct leaf *leaf, struct site_facts *ret)
{
	const struct value_node *owner = leaf_owner(leaf);
	char *path = leaf_path(leaf);

	*ret = (struct site_facts){
		.call = search->call,
		.kind = search->kind,
		.name = leaf_name(leaf),
		.owner = owner ? owner->schema->ctype : NULL,
		.members = owner,
		.path = path ? arena_strdup(&search->result->arena, path) : NULL,
	};
	search->failed |= !ret->path;
	free(path);
	return ret->path;
}

static struct explain_place place_of(const struct site_facts *facts)
{
	return (struct explain_place){
		.kind = facts->kind,
		.call = facts->call,
		.path = facts->path,
		.time_ns = time_of(facts->call, facts->kind),
		.tid = facts->kind == EXPLAIN_REPLY ? facts->call->qmp->reply.tid : facts->call->tid,
	};
}

static void add_candidate(struct search *search, const struct site_facts *facts)
{
	struct candidate *candidate = search->found.n < CANDIDATES_MAX ? array_push(&search->found) : NULL;

	if (!candidate) {
		search->failed |= search->found.n < CANDIDATES_MAX;
		return;
	}
	candidate->facts = *facts;
	candidate->match.place = place_of(facts);
	explain_judge(&search->now, facts, &candidate->match, &search->result->arena);
}

/* Calls. */

static bool is_above(const struct call *call, const struct call *below)
{
	return call->entered_ns <= below->entered_ns && call->depth < below->depth && call->tid == below->tid &&
	       (!call->ended_ns || call->ended_ns >= below->ended_ns);
}

/* Whether this side of a call was over when the value was where it is now. */
static bool is_earlier(const struct search *search, const struct call *call, enum explain_kind kind)
{
	const struct call *now = search->now.call;
	uint64_t time = time_of(call, kind);

	if (kind == EXPLAIN_RETURN && (!call->ret || call == now || is_above(call, now)))
		return false;
	if (kind == EXPLAIN_ENTRY && search->now.kind == EXPLAIN_ENTRY)
		return call != now && (time < search->now_ns || is_above(call, now));
	return time <= search->now_ns;
}

static void try_leaf(void *ctx, const struct leaf *leaf)
{
	struct search *search = ctx;
	struct worth worth;
	struct site_facts facts;

	if (worth_of(leaf->value, &worth) && worth_equal(&worth, &search->worth) && describe(search, leaf, &facts))
		add_candidate(search, &facts);
}

static bool try_call(void *ctx, const struct call *call)
{
	struct search *search = ctx;

	search->calls++;
	search->parts += call->parts;
	search->call = call;
	for (search->kind = EXPLAIN_ENTRY; search->kind <= EXPLAIN_RETURN; search->kind++)
		if (is_earlier(search, call, search->kind))
			leaf_visit(search->kind == EXPLAIN_ENTRY ? call->entry : call->ret, try_leaf, search);
	return true;
}

/* Replies. */

static bool read_reply(void *ctx, const struct call *call)
{
	struct search *search = ctx;
	bool has_reply = call->qmp && qmp_is_sender(call->qmp, call) && call->qmp->reply.text;

	if (!has_reply || search->replies.n == REPLIES_MAX)
		return true;
	struct qmp_reply *json = qmp_reply_new(&call->qmp->reply);
	struct read_reply *reply = json ? array_push(&search->replies) : NULL;

	if (reply)
		*reply = (struct read_reply){ call, json };
	else
		qmp_reply_free(json);
	search->unread += !reply;
	return true;
}

/* 0, 1 and -1 are everywhere. */
static bool says_something(const struct worth *worth)
{
	return worth->is_text ? worth->len > 0 : worth->number > 1 || worth->number < -1;
}

static void note_members(struct search *search)
{
	const struct value_node *members = search->now.members;
	struct worth worth;

	search->n_members = 0;
	for (size_t i = 0; members && i < members->n && search->n_members < MEMBERS_MAX; i++)
		if (worth_of(&members->items[i], &worth) && says_something(&worth) && !worth.is_text &&
		    !worth_equal(&worth, &search->worth))
			search->members[search->n_members++] = worth;
}

/* How many of the other members are in an element. */
static size_t company(struct search *search, struct json_object *element)
{
	if (element == search->seen_element)
		return search->seen_company;
	search->seen_element = element;
	search->seen_company = 0;
	for (size_t i = 0; i < search->n_members; i++)
		search->seen_company += qmp_element_has(element, &search->members[i], &search->budget);
	return search->seen_company;
}

/* Whether an element is a part of the one at home, or the other way round. */
static bool is_around_home(const struct search *search, const struct reply_leaf *leaf)
{
	size_t home = strlen(search->home_path), len = home < leaf->element_len ? home : leaf->element_len;

	return search->call == search->home_call && !strncmp(search->home_path, leaf->path, len);
}

static void find_home(void *ctx, const struct reply_leaf *leaf)
{
	struct search *search = ctx;
	const char *value;

	/* what is beside the result says nothing */
	if (!leaf->element_len && strncmp(leaf->path, "return.", strlen("return.")) != 0)
		return;
	size_t n = company(search, leaf->element);

	if (n > search->home_company) {
		search->home = leaf->element;
		search->home_company = n;
		search->home_call = search->call;
		search->home_path = arena_strndup(&search->result->arena, leaf->path, leaf->element_len);
		search->failed |= !search->home_path;
		search->has_twin = false;
	} else if (n && n == search->home_company && search->home_path && !is_around_home(search, leaf)) {
		search->has_twin |= !qmp_element_shared(search->home, leaf->element, &value);
	}
}

static void judge_element(struct search *search, struct candidate *candidate)
{
	struct arena *arena = &search->result->arena;
	struct json_object *element = candidate->facts.element;
	size_t n = company(search, element), total = search->n_members;
	const char *value, *key;

	if (n)
		explain_add(&candidate->match, (int)((3 * n + total / 2) / total),
			    arena_printf(arena, "%zu of %zu other members of the struct are beside it", n, total));
	if (search->home_company < 2 || search->has_twin)
		return;
	key = qmp_element_shared(search->home, element, &value);
	if (key && element == search->home)
		explain_add(&candidate->match, 2, NULL);
	else if (key)
		explain_add(&candidate->match, 2, arena_printf(arena, "its \"%s\" is \"%s\", as where most of these are",
							       key, value));
}

static void try_reply_leaf(void *ctx, const struct reply_leaf *leaf)
{
	struct search *search = ctx;

	if (!worth_equal(&leaf->worth, &search->worth))
		return;
	struct site_facts facts = {
		.call = search->call,
		.kind = EXPLAIN_REPLY,
		.name = arena_strdup(&search->result->arena, leaf->name),
		.path = arena_strdup(&search->result->arena, leaf->path),
		.element = leaf->element,
	};

	if (!facts.name || !facts.path)
		search->failed = true;
	else
		add_candidate(search, &facts);
}

static void try_replies(struct search *search)
{
	size_t first = search->found.n;
	const struct read_reply *reply;

	note_members(search);
	search->seen_element = search->home = NULL;
	search->home_path = NULL;
	search->home_company = 0;
	search->has_twin = false;
	search->budget = BUDGET;
	array_foreach(&search->replies, reply) {
		if (time_of(reply->call, EXPLAIN_REPLY) > search->now_ns)
			continue;
		search->call = reply->call;
		qmp_reply_visit(reply->json, find_home, search);
		qmp_reply_visit(reply->json, try_reply_leaf, search);
	}
	for (size_t i = first; i < search->found.n; i++)
		judge_element(search, &search->found.items[i]);
}

/* Steps. */

static bool same_stage(const struct candidate *a, const struct candidate *b)
{
	if (a->facts.kind != b->facts.kind)
		return false;
	return a->facts.kind == EXPLAIN_REPLY || a->facts.call == b->facts.call;
}

/* Whether `a` makes the better step, by the rule above. */
static bool is_better(const struct candidate *a, const struct candidate *b)
{
	bool strong_a = a->match.points >= STRONG, strong_b = b->match.points >= STRONG;
	uint64_t time_a = a->match.place.time_ns, time_b = b->match.place.time_ns;

	if (same_stage(a, b))
		return a->match.points > b->match.points;
	if (strong_a != strong_b)
		return strong_a;
	if (!strong_a && a->match.points != b->match.points)
		return a->match.points > b->match.points;
	return time_a > time_b;
}

/* Of the calls' places or of the replies' the best that is left; of one stage, if that is not NULL. */
static struct candidate *best(struct search *search, bool of_replies, const struct candidate *stage)
{
	struct candidate *found = NULL, *candidate;

	array_foreach(&search->found, candidate)
		if (!candidate->is_taken && (candidate->facts.kind == EXPLAIN_REPLY) == of_replies &&
		    (!stage || same_stage(candidate, stage)) && (!found || is_better(candidate, found)))
			found = candidate;
	return found;
}

/* Whether the call that returned the value was running when the reply came. */
static bool went_through(const struct candidate *reply, const struct candidate *returned)
{
	uint64_t time = reply->match.place.time_ns;
	const struct call *call = returned->facts.call;

	return returned->facts.kind == EXPLAIN_RETURN && time >= call->entered_ns && time <= call->ended_ns;
}

static struct candidate *choose(struct search *search)
{
	struct candidate *call = best(search, false, NULL), *reply = best(search, true, NULL);

	if (!call || !reply)
		return call ? call : reply;
	return went_through(reply, call) || is_better(call, reply) ? call : reply;
}

static void take(struct explain_match *match, const struct candidate *candidate, int next, int distinct)
{
	*match = candidate->match;
	match->trust = explain_trust(match->points, next, distinct);
}

static int add_step(struct search *search, struct candidate *chosen)
{
	struct explain_step *step = array_push(&search->result->steps);
	struct candidate *rival;
	const char *reason;
	int distinct = explain_distinct(&search->worth, &reason), next = INT32_MIN / 2;

	if (!step)
		return -ENOMEM;
	chosen->is_taken = true;
	while (step->n_rivals < EXPLAIN_RIVALS &&
	       (rival = best(search, chosen->facts.kind == EXPLAIN_REPLY, chosen))) {
		rival->is_taken = true;
		take(&step->rivals[step->n_rivals++], rival, chosen->match.points, distinct);
	}
	array_foreach(&search->found, rival)
		step->n_more += !rival->is_taken && same_stage(rival, chosen);
	if (step->n_rivals)
		next = step->rivals[0].points;
	take(&step->match, chosen, next, distinct);
	explain_add(&step->match, 0, reason);
	return 0;
}

static void go_to(struct search *search, const struct site_facts *facts)
{
	search->now = *facts;
	search->now_ns = time_of(facts->call, facts->kind);
}

/* 1: a step was found; 0: none is; -ENOMEM. */
static int next_step(struct search *search)
{
	search->found.n = 0;
	search->calls = 0;
	search->parts = 0;
	call_walk(search->root, &(struct call_visitor){ try_call, NULL }, search);
	try_replies(search);
	struct candidate *chosen = choose(search);

	if (search->failed)
		return -ENOMEM;
	if (!chosen)
		return 0;
	struct site_facts facts = chosen->facts;
	int r = add_step(search, chosen);

	go_to(search, &facts);
	return r < 0 ? r : 1;
}

static const char *nowhere(const struct search *search)
{
	char unread[100] = "", parts[100] = "";

	if (search->unread)
		snprintf(unread, sizeof(unread), "; %u more could not be read, being cut or no JSON", search->unread);
	if (search->parts)
		snprintf(parts, sizeof(parts), "; it made more calls, too many to look at");
	return arena_printf(&search->result->arena,
			    "no earlier place has it, of those in %u call%s and %zu QMP repl%s of this tree%s%s",
			    search->calls, search->calls == 1 ? "" : "s", search->replies.n,
			    search->replies.n == 1 ? "y" : "ies", unread, parts);
}

static int follow(struct search *search)
{
	struct explanation *result = search->result;
	int r = 1;

	if (!says_something(&search->worth)) {
		result->end = search->worth.is_text ? "an empty text proves nothing: too many things have it"
						    : "0, 1 and -1 prove nothing: too many things have them";
		return 0;
	}
	while (!result->end && r > 0) {
		if (search->now.kind == EXPLAIN_REPLY)
			result->end = "it came from QEMU: there is nothing before a reply";
		else
			result->end = explain_origin(&search->now);
		if (!result->end && result->steps.n == STEPS_MAX)
			result->end = "there are more steps than are shown";
		if (!result->end)
			r = next_step(search);
		if (!r)
			result->end = nowhere(search);
	}
	return r < 0 || !result->end ? -ENOMEM : 0;
}

/* The start. */

static void find_start(void *ctx, const struct leaf *leaf)
{
	struct search *search = ctx;

	if (leaf->value == search->value && !search->now.call && describe(search, leaf, &search->now))
		search->now_ns = time_of(search->call, search->kind);
}

static const char *worth_text(struct arena *arena, const struct worth *worth)
{
	char digits[TEXT_INT128];

	if (worth->is_text)
		return arena_strndup(arena, (const char *)worth->text, worth->len);
	return arena_strdup(arena, text_int128(digits, (const uint8_t *)&worth->number, sizeof(worth->number), true));
}

static int start(struct search *search, const struct call *call)
{
	struct explanation *result = search->result;

	search->call = call;
	search->kind = EXPLAIN_ENTRY;
	leaf_visit(call->entry, find_start, search);
	search->kind = EXPLAIN_RETURN;
	leaf_visit(call->ret, find_start, search);
	if (search->failed)
		return -ENOMEM;
	if (!search->now.call || !worth_of(search->value, &search->worth))
		return err_set(-EINVAL, "only a whole number or a text that was recorded can be followed");
	result->start = place_of(&search->now);
	result->value = worth_text(&result->arena, &search->worth);
	result->is_text = search->worth.is_text;
	return result->value ? 0 : -ENOMEM;
}

int explain(const struct call *root, const struct call *call, const struct value_node *value, struct explanation **ret)
{
	struct search *search = calloc(1, sizeof(*search));
	struct read_reply *reply;
	int r = -ENOMEM;

	if (search)
		search->result = calloc(1, sizeof(*search->result));
	if (search && search->result) {
		search->root = root;
		search->value = value;
		r = start(search, call);
		if (r == 0)
			call_walk(root, &(struct call_visitor){ read_reply, NULL }, search);
		if (r == 0)
			r = follow(search);
		if (r == 0)
			*ret = search->result;
		else
			explain_free(search->result);
		array_foreach(&search->replies, reply)
			qmp_reply_free(reply->json);
		array_free(&search->replies);
		array_free(&search->found);
	}
	free(search);
	return r == -ENOMEM ? err_set(r, "out of memory") : r;
}

void explain_free(struct explanation *explanation)
{
	if (!explanation)
		return;
	array_free(&explanation->steps);
	arena_free(&explanation->arena);
	free(explanation);
}

const struct explain_place *explain_start(const struct explanation *explanation)
{
	return &explanation->start;
}

const char *explain_value(const struct explanation *explanation, bool *is_text)
{
	*is_text = explanation->is_text;
	return explanation->value;
}

size_t explain_steps(const struct explanation *explanation, const struct explain_step **ret)
{
	*ret = explanation->steps.items;
	return explanation->steps.n;
}

const char *explain_end(const struct explanation *explanation)
{
	return explanation->end;
}
