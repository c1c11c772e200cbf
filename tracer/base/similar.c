/**
 * A name is near if few letters must be changed to get it (the edit distance), or if one contains
 * the other.
 */
#include "tracer/base/similar.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum { NAME_MAX_LEN = 128 }; /* longer names are not compared */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's, a difference of case counting nothing. */
static unsigned edit_distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned row[NAME_MAX_LEN + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned above = row[j];
			bool differ = tolower((unsigned char)a[i - 1]) !=
				      tolower((unsigned char)b[j - 1]);

			row[j] = min3(diagonal + differ, above + 1, row[j - 1] + 1);
			diagonal = above;
		}
	}
	return row[m];
}

/* UINT_MAX: not near.  Else the smaller the nearer. */
static unsigned score(const char *wanted, const char *name)
{
	size_t n = strlen(wanted), m = strlen(name);

	if (!n || !m || n > NAME_MAX_LEN || m > NAME_MAX_LEN)
		return UINT_MAX;
	size_t longer = n > m ? n : m, gap = n > m ? n - m : m - n;
	unsigned limit = (unsigned)(longer / 3 + 1);

	if (gap <= limit) {
		unsigned distance = edit_distance(wanted, n, name, m);

		if (distance <= limit)
			return distance;
	}
	if (n >= 4 && m >= 4 && (strcasestr(name, wanted) || strcasestr(wanted, name)))
		return limit + (unsigned)gap;
	return UINT_MAX;
}

static bool has_name(const struct similar *similar, const char *name)
{
	for (size_t i = 0; i < similar->n; i++) {
		if (!strcmp(similar->names[i], name))
			return true;
	}
	return false;
}

void similar_offer(struct similar *similar, const char *name)
{
	unsigned s = score(similar->wanted, name);
	size_t at = similar->n;

	if (s == UINT_MAX || (at == SIMILAR_MAX && s >= similar->scores[at - 1]) ||
	    has_name(similar, name))
		return;
	if (at == SIMILAR_MAX)
		at--;
	else
		similar->n++;
	for (; at && similar->scores[at - 1] > s; at--) {
		similar->names[at] = similar->names[at - 1];
		similar->scores[at] = similar->scores[at - 1];
	}
	similar->names[at] = name;
	similar->scores[at] = s;
}
