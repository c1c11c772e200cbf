/**
 * The rules, and what each is worth. All of them but the last hold for any program.
 *
 *	points  what speaks for it
 *	3       the call itself made this call, which returned the value; or was made by it, which was passed the value
 *	2       deeper below, or passed in to the same call; a reply that a call below waited for
 *	1       some call that had returned before, or one above that it was passed in to
 *	-2      passed in to another call: that is where a value goes to, not where it comes from
 *	3       the same name of member or variable      1  similar: they share a word of four letters or more
 *	1       the same type of struct
 *	5       known: libvirt's source reads or sets it there (libvirt/known.c)
 *
 * explain_company.c adds what it takes to compare several JSON elements: 0 to 3 for company, that other members of the struct
 * are in the same element; 2 for identity, that the element is named as the one that has most of them.
 *
 * A value counts too: a number of several digits is nearly a name, a small or a round one is not.
 */
#include "tracer/review/explain_score.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/review/calls.h"
#include "tracer/review/explain_sites.h"
#include "tracer/review/libvirt/known.h"
#include "tracer/review/libvirt/qmp.h"
#include "tracer/trace/reader.h"

void explain_add(struct explain_match *match, int points, const char *reason)
{
	match->points += points;
	if (match->n_reasons < EXPLAIN_REASONS && reason)
		match->reasons[match->n_reasons++] = reason;
}

/* Names. */

enum { WORD_MIN = 4, WORD_MAX = 32 };

/* The next word of a name: "wr_highest-offset" and "wrHighestOffset" have three. Lower case; its length. */
static size_t next_word(const char **name, char word[static WORD_MAX])
{
	const char *s = *name;
	size_t n = 0;

	while (*s && !isalnum((unsigned char)*s))
		s++;
	for (; isalnum((unsigned char)*s); s++) {
		if (n && isupper((unsigned char)*s) && islower((unsigned char)s[-1]))
			break;
		if (n < WORD_MAX - 1)
			word[n++] = (char)tolower((unsigned char)*s);
	}
	word[n] = '\0';
	*name = s;
	return n;
}

static bool share_word(const char *a, const char *b)
{
	char x[WORD_MAX], y[WORD_MAX];

	while (next_word(&a, x)) {
		if (strlen(x) < WORD_MIN)
			continue;
		for (const char *rest = b; next_word(&rest, y);)
			if (!strcmp(x, y))
				return true;
	}
	return false;
}

/* "virtual-size" and "virtual_size" are the same name. */
static bool same_name(const char *a, const char *b)
{
	char x[WORD_MAX], y[WORD_MAX];
	size_t n, m;

	do {
		n = next_word(&a, x);
		m = next_word(&b, y);
		if (n != m || strcmp(x, y) != 0)
			return false;
	} while (n);
	return true;
}

static void judge_names(const struct site *to, const struct site *from, struct explain_match *match)
{
	if (*to->name && same_name(to->name, from->name))
		explain_add(match, 3, "same name");
	else if (share_word(to->name, from->name))
		explain_add(match, 1, "similar name");
	if (to->owner && from->owner && !strcmp(to->owner, from->owner))
		explain_add(match, 1, "same type of struct");
}

/* Nesting. */

enum { LEVELS_MAX = 1000 }; /* of calls in calls */

/* How far `call` is below `top`: 1, it called it; 0: not below, or the same. */
static unsigned levels_below(const struct call *call, const struct call *top)
{
	for (unsigned n = 0; call && n <= LEVELS_MAX; call = call->up, n++)
		if (call == top)
			return n;
	return 0;
}

static const char *about_call(struct arena *arena, const char *fmt, const struct call *call)
{
	return arena_printf(arena, fmt, call->id);
}

static void judge_call(const struct site *to, const struct site *from, struct explain_match *match,
		       struct arena *arena)
{
	unsigned below = levels_below(from->call, to->call), above = levels_below(to->call, from->call);

	if (from->call == to->call)
		explain_add(match, 2, "passed in to the same call");
	else if (from->kind == EXPLAIN_RETURN && to->kind == EXPLAIN_RETURN && below)
		explain_add(match, below == 1 ? 3 : 2,
			    about_call(arena, below == 1 ? "returned to #%" PRIu64 : "returned within #%" PRIu64,
				       to->call));
	else if (from->kind == EXPLAIN_ENTRY && to->kind == EXPLAIN_ENTRY && above)
		explain_add(match, above == 1 ? 3 : 2,
			    about_call(arena, above == 1 ? "passed on by #%" PRIu64 : "passed in to #%" PRIu64 " above",
				       from->call));
	else if (from->kind == EXPLAIN_RETURN)
		explain_add(match, 1, "returned before");
	else if (above)
		explain_add(match, 1, about_call(arena, "passed in to #%" PRIu64 " above", from->call));
	else
		explain_add(match, -2, "passed in to another call");
}

static void judge_reply(const struct site *to, const struct site *from, struct explain_match *match,
			struct arena *arena)
{
	if (to->call == from->call || levels_below(from->call, to->call))
		explain_add(match, 2, about_call(arena, "a call within #%" PRIu64 " waited for this reply", to->call));
	else
		explain_add(match, 1, "received before, for another call of the same tree");
}

void explain_judge(const struct site *to, const struct site *from, struct explain_match *match,
		   struct arena *arena)
{
	if (from->kind == EXPLAIN_REPLY)
		judge_reply(to, from, match, arena);
	else
		judge_call(to, from, match, arena);
	judge_names(to, from, match);
	if (from->kind == EXPLAIN_REPLY ? known_read(to->owner, to->name, from->call->qmp->name, from->path)
					: to->call == from->call &&
						  known_set(to->call->probe->function, to->name, from->name))
		explain_add(match, 5, "libvirt's source takes it from there");
}

const char *explain_origin(const struct site *site)
{
	if (site->kind == EXPLAIN_ENTRY && !strncmp(site->name, "st_", 3))
		return "a member of struct stat: the kernel's answer to stat(2) of the file, not QEMU's";
	return NULL;
}

/* The value, and how sure. */

static bool is_round(unsigned __int128 n)
{
	return !(n & (n - 1)) || n % (1 << 20) == 0 || n % 1000000 == 0;
}

int explain_distinct(const struct worth *worth, const char **reason)
{
	unsigned __int128 n = worth->number < 0 ? -(unsigned __int128)worth->number : (unsigned __int128)worth->number;

	*reason = NULL;
	if (worth->is_text)
		return worth->len >= 8 ? 2 : worth->len >= 4 ? 0 : -2;
	if (n < 256)
		*reason = "but a small number: many things have it";
	else if (is_round(n))
		*reason = "but a round number, which other things may have";
	return n < 256 ? -3 : is_round(n) ? 0 : n < 65536 ? 1 : 2;
}

enum explain_trust explain_trust(int points, int next, int distinct)
{
	int sum = points + distinct, lead = points - next;

	if (sum >= 7 && lead >= 2)
		return TRUST_VERY_LIKELY;
	if (sum >= 4 && lead >= 1)
		return TRUST_LIKELY;
	return sum >= 2 ? TRUST_POSSIBLE : TRUST_WEAK;
}

const char *explain_trust_name(enum explain_trust trust)
{
	static const char *const names[] = {
		[TRUST_WEAK] = "weak",
		[TRUST_POSSIBLE] = "possible",
		[TRUST_LIKELY] = "likely",
		[TRUST_VERY_LIKELY] = "very likely",
	};

	return names[trust];
}
