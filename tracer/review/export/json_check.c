/**
 * A function for each rule of the grammar: from where it begins to behind its end, or NULL if it is not there.  The NUL
 * behind the text fits none.
 */
#include "tracer/review/export/json_check.h"

#include <ctype.h>
#include <string.h>

enum { DEPTH_MAX = 64, DOUBLE_DIGITS = 15 };

static const char *value(const char *s, unsigned depth);

static const char *digits(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n ? s + n : NULL;
}

static const char *number(const char *s)
{
	s += *s == '-';
	s = *s == '0' ? s + 1 : digits(s);
	if (s && *s == '.')
		s = digits(s + 1);
	if (s && (*s == 'e' || *s == 'E')) {
		s++;
		s = digits(s + (*s == '+' || *s == '-'));
	}
	return s;
}

static const char *escape(const char *s)
{
	if (*s != 'u')
		return *s && strchr("\"\\/bfnrt", *s) ? s + 1 : NULL;
	for (int i = 1; i <= 4; i++)
		if (!isxdigit((unsigned char)s[i]))
			return NULL;
	return s + 5;
}

static const char *string(const char *s)
{
	if (*s++ != '"')
		return NULL;
	while (s && *s != '"') {
		if ((unsigned char)*s < 0x20)
			return NULL;
		s = *s == '\\' ? escape(s + 1) : s + 1;
	}
	return s ? s + 1 : NULL;
}

static const char *member(const char *s, unsigned depth)
{
	s = string(s);
	return s && *s == ':' ? value(s + 1, depth) : NULL;
}

/* Of an object or an array, from behind its bracket. */
static const char *items(const char *s, char end, unsigned depth)
{
	if (*s == end)
		return s + 1;
	for (;; s++) {
		s = end == '}' ? member(s, depth) : value(s, depth);
		if (!s || *s != ',')
			return s && *s == end ? s + 1 : NULL;
	}
}

static const char *word(const char *s, const char *word)
{
	size_t len = strlen(word);

	return strncmp(s, word, len) == 0 ? s + len : NULL;
}

static const char *value(const char *s, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return NULL;
	switch (*s) {
	case '{':
		return items(s + 1, '}', depth + 1);
	case '[':
		return items(s + 1, ']', depth + 1);
	case '"':
		return string(s);
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	default:
		return number(s);
	}
}

bool json_check(const uint8_t *text, size_t len)
{
	const char *s = (const char *)text, *end = value(s, 0);

	return end && end == s + len;
}

bool json_fits_doubles(const uint8_t *text, size_t len)
{
	bool in_string = false;
	unsigned n_digits = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = text[i];

		if (in_string && c == '\\')
			i++;
		if (c == '"')
			in_string = !in_string;
		if (in_string)
			continue;
		bool has_exponent = n_digits && (c == 'e' || c == 'E');

		n_digits = isdigit(c) ? n_digits + 1 : c == '.' ? n_digits : 0;
		if (has_exponent || n_digits > DOUBLE_DIGITS)
			return false;
	}
	return true;
}
