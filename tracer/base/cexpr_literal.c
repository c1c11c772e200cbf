/**
 * Literals of the expressions: C17 6.4.4 and 6.4.5.
 */
#include "tracer/base/cexpr_parser.h"

#include "tracer/base/arena.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Suffixes of an integer: u, l, ll in any case and order.  Returns whether nothing else follows. */
static bool integer_suffix(const char **at, bool *is_unsigned, bool *is_long)
{
	for (;; (*at)++) {
		if (strchr("uU", **at) && **at && !*is_unsigned)
			*is_unsigned = true;
		else if (strchr("lL", **at) && **at && !*is_long)
			*is_long = true, *at += (*at)[1] == **at;
		else
			return !parser_is_name_char(**at) && **at != '.';
	}
}

/* C17 6.4.4.1: decimal numbers never become unsigned 32-bit, the others do. */
static void integer_type(struct cexpr *node, bool decimal)
{
	if (node->value > INT64_MAX)
		node->is_unsigned = true;
	if (node->value > UINT32_MAX || (node->value > INT32_MAX && decimal && !node->is_unsigned))
		node->is_long = true;
	if (node->value > INT32_MAX && !node->is_long)
		node->is_unsigned = true;
}

static struct cexpr *parse_integer(struct parser *parser)
{
	const char *start = parser->at, *digits = start;
	struct cexpr *node = parser_node(parser, CEXPR_INT, start);
	int base = 10;
	char *end;

	if (!node)
		return NULL;
	if (digits[0] == '0' && (digits[1] | 0x20) == 'x')
		base = 16, digits += 2;
	else if (digits[0] == '0' && (digits[1] | 0x20) == 'b')
		base = 2, digits += 2;
	else if (digits[0] == '0')
		base = 8;
	errno = 0;
	node->value = isxdigit((unsigned char)*digits) ? strtoull(digits, &end, base)
						       : (end = (char *)start, 0);
	if (errno == ERANGE)
		return parser_fail(parser, start, "the number is too large for 64 bits");
	parser->at = end;
	if (end == start || !integer_suffix(&parser->at, &node->is_unsigned, &node->is_long))
		return parser_fail(parser, start, "this is not a number");
	integer_type(node, base == 10);
	return node;
}

struct cexpr *parser_number(struct parser *parser)
{
	const char *start = parser->at, *p = start;

	if (p[0] == '0' && strchr("xXbB", p[1]) && p[1])
		return parse_integer(parser);
	while (isdigit((unsigned char)*p))
		p++;
	if (*p != '.' && (*p | 0x20) != 'e')
		return parse_integer(parser);

	struct cexpr *node = parser_node(parser, CEXPR_FLOAT, start);
	char *end;

	if (!node)
		return NULL;
	node->real = strtod(start, &end);
	if (*end && strchr("fFlL", *end)) {
		node->op = *end++ | 0x20;
		node->real = node->op == 'f' ? strtof(start, NULL) : strtold(start, NULL);
	}
	if (parser_is_name_char(*end) || *end == '.')
		return parser_fail(parser, start, "this is not a number");
	parser->at = end;
	return node;
}

/* One character of a literal, escapes resolved; -1 if it is not valid. */
static int literal_char(const char **at)
{
	static const char names[] = "abefnrtv\\'\"?", values[] = "\a\b\033\f\n\r\t\v\\'\"?";
	unsigned value = 0;
	int n = 0;

	if (**at != '\\')
		return (unsigned char)*(*at)++;
	(*at)++;
	if (**at == 'x') {
		for ((*at)++; n < 2 && isxdigit((unsigned char)**at); n++, (*at)++) {
			int c = tolower((unsigned char)**at);

			value = value * 16 + (unsigned)(isdigit(c) ? c - '0' : c - 'a' + 10);
		}
		return n ? (int)value : -1;
	}
	for (; n < 3 && **at >= '0' && **at <= '7'; n++, (*at)++)
		value = value * 8 + (unsigned)(**at - '0');
	if (n)
		return value <= 255 ? (int)value : -1;

	const char *known = **at ? strchr(names, **at) : NULL;

	if (!known)
		return -1;
	(*at)++;
	return (unsigned char)values[known - names];
}

struct cexpr *parser_string(struct parser *parser)
{
	struct cexpr *node = parser_node(parser, CEXPR_STRING, parser->at);
	char *text = arena_alloc(parser->arena, strlen(parser->at));
	const char *start = parser->at++;
	size_t len = 0;

	if (!node || !text)
		return node ? parser_fail_memory(parser) : NULL;
	while (*parser->at != '"') {
		const char *here = parser->at;
		int c = *here ? literal_char(&parser->at) : -1;

		if (!*here || !*parser->at)
			return parser_fail(parser, start, "the closing '\"' is missing");
		if (c <= 0)
			return parser_fail(parser, here,
					   c ? "unknown escape" : "text cannot hold a NUL");
		text[len++] = (char)c;
	}
	parser->at++;
	node->text = text;
	return node;
}

struct cexpr *parser_char(struct parser *parser)
{
	const char *start = parser->at++;
	struct cexpr *node = parser_node(parser, CEXPR_CHAR, start);

	if (!node)
		return NULL;
	int c = *parser->at && *parser->at != '\'' ? literal_char(&parser->at) : -1;

	if (c < 0 || *parser->at != '\'')
		return parser_fail(parser, start, "this is not one character in quotes");
	parser->at++;
	node->value = (uint64_t)(int64_t)(signed char)c;
	return node;
}
