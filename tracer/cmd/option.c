/*
 * What getopt_long() leaves behind when an option is wrong (getopt(3), glibc's manual): for a long one that it does not
 * know, or of which several begin so, optopt is 0; for a short one optopt is its letter; for a long one with a value too
 * many optopt is its `val`.  The word of a long option is always the one before optind; that of a short one may be a
 * bundle that is not read to its end.
 */
#include "tracer/cmd/option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tracer/base/err.h"
#include "tracer/base/similar.h"

enum { NAME_MAX_LEN = 64 };

/* "--colr=x": the name is what stands between. */
static void name_of(const char *word, char name[NAME_MAX_LEN])
{
	word += strspn(word, "-");
	snprintf(name, NAME_MAX_LEN, "%.*s", (int)strcspn(word, "="), word);
}

/* How many long options begin so; their names go to `ret`, for whoever typed too little of one. */
static unsigned beginning_so(const struct option *longs, const char *name, char *ret, size_t size)
{
	unsigned n = 0;
	size_t used = 0;

	for (; longs->name; longs++) {
		if (strncmp(longs->name, name, strlen(name)) != 0)
			continue;
		if (used < size)
			used += (size_t)snprintf(ret + used, size - used, "%s'--%s'", n ? ", " : "", longs->name);
		n++;
	}
	return n;
}

static void unknown_long(const char *command, const char *word, const struct option *longs)
{
	char name[NAME_MAX_LEN], several[4 * NAME_MAX_LEN];
	struct similar similar = { .wanted = name };

	name_of(word, name);
	if (beginning_so(longs, name, several, sizeof(several))) {
		err_set(-EINVAL, "'--%s' may mean %s", name, several);
		return;
	}
	err_set(-EINVAL, "there is no option '--%s'", name);
	for (; longs->name; longs++)
		similar_offer(&similar, longs->name);
	if (similar.n)
		err_hint(-EINVAL, "did you mean '--%s'?", similar.names[0]);
	else
		err_hint(-EINVAL, "'virtrace %s --help' lists them", command);
}

/* The option of a word like "--raw=3" that takes no value. */
static const struct option *with_value_too_many(const char *word, const struct option *longs)
{
	char name[NAME_MAX_LEN];

	if (strncmp(word, "--", 2) != 0 || !strchr(word, '='))
		return NULL;
	name_of(word, name);
	for (; longs->name; longs++)
		if (longs->val == optopt && !strncmp(longs->name, name, strlen(name)))
			return longs;
	return NULL;
}

static void explain_unknown(char **argv, const struct option *longs)
{
	const struct option *found = with_value_too_many(argv[optind - 1], longs);

	if (!optopt) {
		unknown_long(argv[0], argv[optind - 1], longs);
	} else if (found) {
		err_set(-EINVAL, "option '--%s' takes no value", found->name);
	} else {
		err_set(-EINVAL, "there is no option '-%c'", optopt);
		err_hint(-EINVAL, "'virtrace %s --help' lists them", argv[0]);
	}
}

static void explain_missing_value(char **argv)
{
	const char *word = argv[optind - 1];

	if (!strncmp(word, "--", 2))
		err_set(-EINVAL, "option '%s' needs a value", word);
	else
		err_set(-EINVAL, "option '-%c' needs a value", optopt);
	err_hint(-EINVAL, "'virtrace %s --help' tells which", argv[0]);
}

int option_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
	int opt;

	opterr = 0;
	opt = getopt_long(argc, argv, shorts, longs, NULL);
	if (opt == ':')
		explain_missing_value(argv);
	else if (opt == '?')
		explain_unknown(argv, longs);
	return opt == ':' ? OPTION_WRONG : opt;
}
