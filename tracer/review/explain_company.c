/**
 * Company and identity
 *
 * Several disks, or the layers of one, look alike. Other members of the same struct tell: the element that has most of
 * their numbers, in it or in what it holds, is the one the struct was filled from (company), and another element that
 * has the same name as that one, as "node-name", is of the same thing (identity). Where two things have as much company,
 * as idle disks do, there is no identity.
 *
 * Elements that have a member are found by the index of sites, so this costs as much as there are such places.
 */
#include "tracer/review/explain_sites.h"

#include "tracer/review/explain_company.h"

#include <errno.h>

#include "tracer/review/explain_score.h"
#include "tracer/review/libvirt/qmp_reply.h"
#include "tracer/trace/value.h"

enum {
	MEMBERS_MAX = 64,  /* of a struct */
	BUDGET = 1000000,  /* elements looked at */
};

/* A member is in the element, and so in all that this is a part of. */
static int count_in(struct sites *sites, struct element *element, unsigned member, unsigned *budget)
{
	for (; element && *budget; element = element->up, --*budget) {
		if (element->round != sites->round) {
			struct element **slot = array_push(&sites->counted);

			if (!slot)
				return -ENOMEM;
			*slot = element;
			element->round = sites->round;
			element->company = element->member = 0;
		}
		if (element->member != member)
			element->company++;
		element->member = member;
	}
	return 0;
}

static int count_member(struct sites *sites, const struct worth *worth, uint64_t time_ns, unsigned member, unsigned *budget)
{
	int r = 0;

	for (struct site *site = sites_find(sites, worth); site && *budget && !r; site = sites_next(site), --*budget)
		if (site->kind == EXPLAIN_REPLY && site_time(site) <= time_ns)
			r = count_in(sites, site->element, member, budget);
	return r;
}

/* Whether an element is a part of the other. */
static bool are_around(const struct element *a, const struct element *b)
{
	const struct element *up = a;

	while (up && up != b)
		up = up->up;
	while (b && b != a)
		b = b->up;
	return up || b;
}

static bool is_more(const struct element *a, const struct element *b)
{
	return !b || a->company > b->company || (a->company == b->company && a->order < b->order);
}

static void find_home(const struct sites *sites, struct company *company)
{
	struct element **it;
	const char *value;

	array_foreach(&sites->counted, it)
		if ((*it)->order && is_more(*it, company->home))
			company->home = *it;
	array_foreach(&sites->counted, it)
		if ((*it)->order && (*it)->company == company->home->company && !are_around(*it, company->home) &&
		    !qmp_element_shared(company->home->object, (*it)->object, &value))
			company->has_twin = true;
}

int company_count(struct sites *sites, const struct site *now, uint64_t time_ns, struct company *ret)
{
	const struct value_node *members = now->members;
	unsigned budget = BUDGET;
	struct worth worth;
	int r = 0;

	*ret = (struct company){ 0 };
	sites->round++;
	sites->counted.n = 0;
	for (size_t i = 0; members && i < members->n && ret->members < MEMBERS_MAX && !r; i++)
		if (worth_of(&members->items[i], &worth) && says_something(&worth) && !worth.is_text &&
		    !worth_equal(&worth, &now->worth))
			r = count_member(sites, &worth, time_ns, ++ret->members, &budget);
	sites->work += BUDGET - budget;
	if (!r)
		find_home(sites, ret);
	return r;
}

void company_judge(const struct sites *sites, const struct company *company, const struct site *from,
		   struct explain_match *match, struct arena *arena)
{
	struct element *element = from->element, *home = company->home;
	unsigned n = element->round == sites->round ? element->company : 0, total = company->members;
	const char *value, *key;

	if (n)
		explain_add(match, (int)((3 * n + total / 2) / total),
			    arena_printf(arena, "%u of %u other members of the struct are beside it", n, total));
	if (!home || home->company < 2 || company->has_twin)
		return;
	key = qmp_element_shared(home->object, element->object, &value);
	if (key && element == home)
		explain_add(match, 2, NULL);
	else if (key)
		explain_add(match, 2, arena_printf(arena, "its \"%s\" is \"%s\", as where most of these are", key, value));
}
