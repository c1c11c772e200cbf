/**
 * Looking for where a value was before
 *
 * From the place where the value is now all earlier places of the tree that have it are found: what calls captured at
 * their entries and returns, and what is in QMP replies. They fall into stages: one side of one call, or all replies
 * together. The next step is the best place of one stage, its rivals are the others of that stage. Which stage: the
 * latest whose best place has STRONG points, since a value that goes through many hands is to be followed through all of
 * them; where none is strong, the one with most. For the same reason a call that returned the value comes before the
 * reply that was received meanwhile. Then the same from there. Each step goes back in time, so there is an end: a
 * reply, where nothing fits, or EXPLAIN_STEPS for traces that are made up.
 *
 * Where a value was before depends on the place where it is alone, so each place is asked once, and the ways of all
 * values of a tree are as many steps as there are places.
 */
#include "tracer/review/explain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/review/calls.h"
#include "tracer/review/explain_company.h"
#include "tracer/review/explain_score.h"
#include "tracer/review/explain_sites.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/review/text.h"

enum {
	STRONG = 6,
	CANDIDATES_MAX = 10000, /* places of a step */
};

/* Where the value of a site was before. */
struct way {
	const struct explain_step *step; /* NULL: nowhere */
	struct site *before;
};

/* An earlier place that has the value. */
struct candidate {
	struct site *site;
	struct explain_match match;
	bool is_taken; /* as the step or one of its rivals */
};

struct explainer {
	struct sites sites;
	struct arena arena;
	const char *nowhere; /* why a way ends where no place fits */
	ARRAY(const struct explain_step *) steps;
	/* Of the step that is looked for: */
	ARRAY(struct candidate) found;
	struct arena scratch;
};

static int out_of_memory(void)
{
	return err_set(-ENOMEM, "out of memory");
}

/* Candidates. */

static bool is_above(const struct call *call, const struct call *below)
{
	return call->entered_ns <= below->entered_ns && call->depth < below->depth && call->tid == below->tid &&
	       (!call->ended_ns || call->ended_ns >= below->ended_ns);
}

/* Whether a place was left when the value was where it is now. */
static bool is_earlier(const struct site *site, const struct site *now)
{
	uint64_t time = site_time(site), now_ns = site_time(now);

	if (site->kind == EXPLAIN_RETURN && (site->call == now->call || is_above(site->call, now->call)))
		return false;
	if (site->kind == EXPLAIN_ENTRY && now->kind == EXPLAIN_ENTRY)
		return site->call != now->call && (time < now_ns || is_above(site->call, now->call));
	return time <= now_ns;
}

static int add_candidate(struct explainer *explainer, struct site *site, const struct site *now)
{
	struct candidate *candidate = array_push(&explainer->found);

	if (!candidate)
		return -ENOMEM;
	candidate->site = site;
	candidate->match.place.time_ns = site_time(site);
	explain_judge(now, site, &candidate->match, &explainer->scratch);
	return 0;
}

static int judge_elements(struct explainer *explainer, const struct site *now)
{
	struct company company;
	int r = company_count(&explainer->sites, now, site_time(now), &company);
	struct candidate *candidate;

	if (r < 0)
		return r;
	array_foreach(&explainer->found, candidate)
		if (candidate->site->kind == EXPLAIN_REPLY)
			company_judge(&explainer->sites, &company, candidate->site, &candidate->match, &explainer->scratch);
	return 0;
}

static int find_candidates(struct explainer *explainer, const struct site *now)
{
	bool has_replies = false;
	int r = 0;

	explainer->found.n = 0;
	arena_reset(&explainer->scratch);
	for (struct site *site = sites_find(&explainer->sites, &now->worth);
	     site && explainer->found.n < CANDIDATES_MAX && !r; site = sites_next(site)) {
		explainer->sites.work++;
		if (!is_earlier(site, now))
			continue;
		has_replies |= site->kind == EXPLAIN_REPLY;
		r = add_candidate(explainer, site, now);
	}
	return r || !has_replies ? r : judge_elements(explainer, now);
}

/* The best of them. */

static bool same_stage(const struct candidate *a, const struct candidate *b)
{
	if (a->site->kind != b->site->kind)
		return false;
	return a->site->kind == EXPLAIN_REPLY || a->site->call == b->site->call;
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
static struct candidate *best(struct explainer *explainer, bool of_replies, const struct candidate *stage)
{
	struct candidate *found = NULL, *candidate;

	array_foreach(&explainer->found, candidate)
		if (!candidate->is_taken && (candidate->site->kind == EXPLAIN_REPLY) == of_replies &&
		    (!stage || same_stage(candidate, stage)) && (!found || is_better(candidate, found)))
			found = candidate;
	return found;
}

/* Whether the call that returned the value was running when the reply came. */
static bool went_through(const struct candidate *reply, const struct candidate *returned)
{
	uint64_t time = reply->match.place.time_ns;
	const struct call *call = returned->site->call;

	return returned->site->kind == EXPLAIN_RETURN && time >= call->entered_ns && time <= call->ended_ns;
}

static struct candidate *choose(struct explainer *explainer)
{
	struct candidate *call = best(explainer, false, NULL), *reply = best(explainer, true, NULL);

	if (!call || !reply)
		return call ? call : reply;
	return went_through(reply, call) || is_better(call, reply) ? call : reply;
}

/* Steps. */

static bool describe_place(struct explainer *explainer, struct site *site, struct explain_place *ret)
{
	*ret = (struct explain_place){
		.kind = site->kind,
		.call = site->call,
		.path = sites_path(&explainer->sites, site),
		.time_ns = site_time(site),
		.tid = site->kind == EXPLAIN_REPLY ? site->call->qmp->reply.tid : site->call->tid,
	};
	return ret->path;
}

/* As a step or a rival, with its own copy of the reasons. */
static int take(struct explainer *explainer, struct candidate *candidate, int next, int distinct, struct explain_match *ret)
{
	*ret = candidate->match;
	ret->trust = explain_trust(ret->points, next, distinct);
	for (size_t i = 0; i < ret->n_reasons; i++) {
		ret->reasons[i] = arena_strdup(&explainer->arena, ret->reasons[i]);
		if (!ret->reasons[i])
			return -ENOMEM;
	}
	candidate->is_taken = true;
	return describe_place(explainer, candidate->site, &ret->place) ? 0 : -ENOMEM;
}

static int fill_step(struct explainer *explainer, struct candidate *chosen, struct explain_step *step)
{
	const char *reason;
	int distinct = explain_distinct(&chosen->site->worth, &reason), next = INT32_MIN / 2, r = 0;
	struct candidate *rival;

	chosen->is_taken = true;
	while (step->n_rivals < EXPLAIN_RIVALS && !r &&
	       (rival = best(explainer, chosen->site->kind == EXPLAIN_REPLY, chosen)))
		r = take(explainer, rival, chosen->match.points, distinct, &step->rivals[step->n_rivals++]);
	array_foreach(&explainer->found, rival)
		step->n_more += !rival->is_taken && same_stage(rival, chosen);
	if (step->n_rivals)
		next = step->rivals[0].points;
	if (!r)
		r = take(explainer, chosen, next, distinct, &step->match);
	explain_add(&step->match, 0, reason);
	return r;
}

static int find_way(struct explainer *explainer, const struct site *now, struct way *way)
{
	int r = find_candidates(explainer, now);
	struct candidate *chosen = r < 0 ? NULL : choose(explainer);

	if (!chosen)
		return r;
	const struct explain_step **slot = array_push(&explainer->steps);
	struct explain_step *step = slot ? arena_alloc(&explainer->arena, sizeof(*step)) : NULL;

	if (!step)
		return -ENOMEM;
	*slot = step;
	step->index = (unsigned)explainer->steps.n - 1;
	way->step = step;
	way->before = chosen->site;
	return fill_step(explainer, chosen, step);
}

/* Found out the first time. */
static int way_of(struct explainer *explainer, struct site *site)
{
	struct way *way = site->way ? NULL : arena_alloc(&explainer->arena, sizeof(*way));

	if (site->way)
		return 0;
	int r = way ? find_way(explainer, site, way) : -ENOMEM;

	if (!r)
		site->way = way;
	return r;
}

static const char *origin(const struct site *site)
{
	if (site->kind == EXPLAIN_REPLY)
		return "it came from QEMU: there is nothing before a reply";
	return explain_origin(site);
}

static int follow(struct explainer *explainer, struct site *site, struct explanation *ret)
{
	if (!says_something(&site->worth)) {
		ret->end = site->worth.is_text ? "an empty text proves nothing: too many things have it"
					       : "0, 1 and -1 prove nothing: too many things have them";
		return 0;
	}
	while (!(ret->end = origin(site))) {
		if (ret->n_steps == EXPLAIN_STEPS) {
			ret->end = "there are more steps than are shown";
			break;
		}
		int r = way_of(explainer, site);

		if (r < 0)
			return r;
		if (!site->way->step) {
			ret->end = explainer->nowhere;
			break;
		}
		ret->steps[ret->n_steps++] = site->way->step;
		site = site->way->before;
	}
	return 0;
}

static const char *worth_text(struct arena *arena, const struct worth *worth)
{
	char digits[TEXT_INT128];

	if (worth->is_text)
		return arena_strndup(arena, (const char *)worth->text, worth->len);
	return arena_strdup(arena, text_int128(digits, (const uint8_t *)&worth->number, sizeof(worth->number), true));
}

static int no_value(void)
{
	return err_set(-EINVAL, "only a whole number or a text that was recorded can be followed");
}

/* NULL: it says nothing, or the tree has more places than were kept. */
static struct site *find_site(const struct explainer *explainer, const struct worth *worth, const struct value_node *value)
{
	struct site *site = says_something(worth) ? sites_find(&explainer->sites, worth) : NULL;

	while (site && site->value != value)
		site = sites_next(site);
	return site;
}

static bool set_path(struct explainer *explainer, struct site *site, const struct leaf *leaf)
{
	char *path = site->path ? NULL : leaf_path(leaf);

	if (path)
		site->path = arena_strdup(&explainer->sites.arena, path);
	free(path);
	return site->path;
}

int explain_leaf(struct explainer *explainer, const struct call *call, enum explain_kind side, const struct leaf *leaf,
		 struct explanation *ret)
{
	struct site own = { .call = call, .kind = side }, *site;

	if (!worth_of(leaf->value, &own.worth))
		return no_value();
	site_describe(&own, leaf);
	site = find_site(explainer, &own.worth, leaf->value);
	if (!site)
		site = &own;
	*ret = (struct explanation){ .is_text = site->worth.is_text };
	ret->value = worth_text(&explainer->arena, &site->worth);
	if (!ret->value || !set_path(explainer, site, leaf) || !describe_place(explainer, site, &ret->start) ||
	    follow(explainer, site, ret) < 0)
		return out_of_memory();
	return 0;
}

/* A leaf that is looked for in a call. */
struct start {
	struct explainer *explainer;
	const struct call *call;
	enum explain_kind side;
	const struct value_node *value;
	struct explanation *ret;
	bool found;
	int r;
};

static void try_leaf(void *ctx, const struct leaf *leaf)
{
	struct start *start = ctx;

	if (leaf->value != start->value || start->found)
		return;
	start->found = true;
	start->r = explain_leaf(start->explainer, start->call, start->side, leaf, start->ret);
}

int explain(struct explainer *explainer, const struct call *call, const struct value_node *value, struct explanation *ret)
{
	struct start start = { explainer, call, EXPLAIN_ENTRY, value, ret, false, 0 };

	leaf_visit(call->entry, try_leaf, &start);
	start.side = EXPLAIN_RETURN;
	leaf_visit(call->ret, try_leaf, &start);
	return start.found ? start.r : no_value();
}

size_t explain_places(const struct explainer *explainer, const struct value_node *value)
{
	struct worth worth;

	return worth_of(value, &worth) && says_something(&worth) ? sites_count(&explainer->sites, &worth) : 0;
}

uint64_t explainer_work(const struct explainer *explainer)
{
	return explainer->sites.work;
}

size_t explainer_steps(const struct explainer *explainer, const struct explain_step *const **ret)
{
	*ret = explainer->steps.items;
	return explainer->steps.n;
}

/* The tree. */

static const char *nowhere(struct explainer *explainer)
{
	const struct sites *sites = &explainer->sites;
	size_t replies = sites->replies.n;
	char unread[100] = "";

	if (sites->unread)
		snprintf(unread, sizeof(unread), "; %u more could not be read, being cut, no JSON or too many", sites->unread);
	return arena_printf(&explainer->arena,
			    "no earlier place has it, of those in %u call%s and %zu QMP repl%s of this tree%s%s%s",
			    sites->calls, sites->calls == 1 ? "" : "s", replies, replies == 1 ? "y" : "ies", unread,
			    sites->parts ? "; it made more calls, too many to look at" : "",
			    sites->is_full ? "; it has more values, too many to look at" : "");
}

int explainer_new(const struct call *root, struct explainer **ret)
{
	struct explainer *explainer = calloc(1, sizeof(*explainer));
	int r = explainer ? sites_init(&explainer->sites, root) : -ENOMEM;

	if (!r)
		explainer->nowhere = nowhere(explainer);
	if (r < 0 || !explainer->nowhere) {
		explainer_free(explainer);
		return out_of_memory();
	}
	*ret = explainer;
	return 0;
}

void explainer_free(struct explainer *explainer)
{
	if (!explainer)
		return;
	sites_fini(&explainer->sites);
	array_free(&explainer->steps);
	array_free(&explainer->found);
	arena_free(&explainer->scratch);
	arena_free(&explainer->arena);
	free(explainer);
}

const char *explain_kind_name(enum explain_kind kind)
{
	static const char *const names[] = {
		[EXPLAIN_ENTRY] = "entry",
		[EXPLAIN_RETURN] = "return",
		[EXPLAIN_REPLY] = "reply",
	};

	return names[kind];
}
