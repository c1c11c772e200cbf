#include "tracer/review/value_path.h"

#include <stdio.h>
#include <string.h>

/* `*a` needs no parentheses in front of an operator if it is written as `a->`. */
static const char *without_star(const char *object)
{
	return *object == '*' && !strpbrk(object, ".>[") ? object + 1 : NULL;
}

static bool needs_parentheses(const char *object)
{
	return *object == '*' || *object == '&';
}

void value_path_member(char buf[static VALUE_PATH_MAX], const char *object, bool is_pointer,
		       const char *member)
{
	const char *pointer = is_pointer ? object : without_star(object);
	const char *base = pointer ? pointer : object;
	bool parentheses = needs_parentheses(base);

	snprintf(buf, VALUE_PATH_MAX, "%s%.*s%s%s%s", parentheses ? "(" : "", VALUE_PATH_MAX / 2,
		 base, parentheses ? ")" : "", pointer ? "->" : ".", member);
}

void value_path_element(char buf[static VALUE_PATH_MAX], const char *array, size_t index)
{
	bool parentheses = needs_parentheses(array);

	snprintf(buf, VALUE_PATH_MAX, "%s%.*s%s[%zu]", parentheses ? "(" : "", VALUE_PATH_MAX - 30,
		 array, parentheses ? ")" : "", index);
}

void value_path_target(char buf[static VALUE_PATH_MAX], const char *pointer)
{
	snprintf(buf, VALUE_PATH_MAX, "*%s", pointer);
}
