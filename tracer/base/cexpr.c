/**
 * A parser by precedence climbing, straight from the text: no token list.
 *
 * What is ambiguous in C without knowing the types is decided by spelling alone:
 *
 *	(T)x     a cast if T has a keyword of C's types or a `*` behind it, or if x starts with what can only
 *	         start an operand: a name, a literal, `(`, `!`, `~`
 *	f.c::x   the longest run of file name characters before `::`, so that `virsh-domain.c::x` works
 *
 * A tree has at most MAX_NODES nodes and the text at most MAX_DEPTH open brackets or prefix
 * operators, so whoever walks the tree by recursion is bounded too.
 */
#include "tracer/base/cexpr_parser.h"

#include "tracer/base/arena.h"
#include "tracer/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCE = 4096, MAX_NODES = 256, MAX_DEPTH = 64 };

static struct cexpr *parse_binary(struct parser *parser, int min_precedence);
static struct cexpr *parse_unary(struct parser *parser);

/*
 * Caret line: as wide as the source before it, where tabs stay tabs and UTF-8 sequences are one
 * column.
 */
static size_t caret_pad(const char *source, unsigned column, char *pad, size_t cap)
{
	size_t n = 0;

	for (unsigned i = 0; i < column && source[i] && n + 1 < cap; i++)
		if (((unsigned char)source[i] & 0xc0) != 0x80)
			pad[n++] = source[i] == '\t' ? '\t' : ' ';
	pad[n] = '\0';
	return n;
}

int cexpr_error(int code, const char *source, unsigned column, const char *fmt, ...)
{
	char what[1024], pad[MAX_SOURCE + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	caret_pad(source, column, pad, sizeof(pad));
	return err_set(code, "%s\n  %s\n  %s^", what, source, pad);
}

static const struct {
	const char *text;
	int op, precedence;
} binary_ops[] = {
	/* an operator that is the start of another comes behind it */
	{ "||", OP_OR, 1 },  { "&&", OP_AND, 2 }, { "==", OP_EQ, 6 }, { "!=", OP_NE, 6 },
	{ "<<", OP_SHL, 8 }, { ">>", OP_SHR, 8 }, { "<=", OP_LE, 7 }, { ">=", OP_GE, 7 },
	{ "<", '<', 7 },     { ">", '>', 7 },     { "|", '|', 3 },    { "^", '^', 4 },
	{ "&", '&', 5 },     { "+", '+', 9 },     { "-", '-', 9 },    { "*", '*', 10 },
	{ "/", '/', 10 },    { "%", '%', 10 },
};
enum { N_BINARY_OPS = sizeof(binary_ops) / sizeof(binary_ops[0]) };

const char *cexpr_op_text(int op)
{
	for (size_t i = 0; i < N_BINARY_OPS; i++)
		if (binary_ops[i].op == op)
			return binary_ops[i].text;
	return op == '!' ? "!" : op == '~' ? "~" : "?";
}

static bool is_name_start(char c)
{
	/* letters of other scripts are UTF-8, all of whose bytes are from 0x80 on */
	return isalpha((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

bool parser_is_name_char(char c)
{
	return is_name_start(c) || isdigit((unsigned char)c);
}

static unsigned column_of(const struct parser *parser, const char *at)
{
	return (unsigned)(at - parser->source);
}

void *parser_fail(struct parser *parser, const char *at, const char *what)
{
	if (!parser->error)
		parser->error =
			cexpr_error(-EINVAL, parser->source, column_of(parser, at), "%s", what);
	return NULL;
}

void *parser_fail_memory(struct parser *parser)
{
	if (!parser->error)
		parser->error = err_set(-ENOMEM, "out of memory");
	return NULL;
}

struct cexpr *parser_node(struct parser *parser, enum cexpr_kind kind, const char *at)
{
	if (parser->error)
		return NULL;
	if (++parser->nodes > MAX_NODES)
		return parser_fail(parser, at, "the expression is too long");
	struct cexpr *node = arena_alloc(parser->arena, sizeof(*node));

	if (!node)
		return parser_fail_memory(parser);
	node->kind = kind;
	node->column = column_of(parser, at);
	return node;
}

static const char *text_dup(struct parser *parser, const char *s, size_t len)
{
	const char *copy = arena_strndup(parser->arena, s, len);

	return copy ? copy : parser_fail_memory(parser);
}

static void skip_space(struct parser *parser)
{
	while (isspace((unsigned char)*parser->at))
		parser->at++;
}

static bool accept(struct parser *parser, const char *text)
{
	skip_space(parser);
	if (strncmp(parser->at, text, strlen(text)) != 0)
		return false;
	parser->at += strlen(text);
	return true;
}

static size_t name_len(const char *at)
{
	size_t len = 0;

	if (is_name_start(*at))
		while (parser_is_name_char(at[len]))
			len++;
	return len;
}

/* The length of FILE in FILE::NAME; 0 if there is no such thing here. */
static size_t scope_len(const char *at)
{
	size_t len = 0;

	while (parser_is_name_char(at[len]) || (len && strchr(".-+", at[len]) && at[len]))
		len++;
	return len && at[len] == ':' && at[len + 1] == ':' ? len : 0;
}

static struct cexpr *parse_name(struct parser *parser)
{
	const char *start = parser->at;
	size_t scope = scope_len(start);
	struct cexpr *node = parser_node(parser, scope ? CEXPR_SCOPED : CEXPR_NAME, start);

	if (!node)
		return NULL;
	if (scope) {
		node->scope = text_dup(parser, start, scope);
		parser->at += scope + 2;
	}
	size_t len = name_len(parser->at);

	if (!len)
		return parser_fail(parser, parser->at, "a name is missing after '::'");
	node->text = text_dup(parser, parser->at, len);
	parser->at += len;
	return node;
}

static bool is_type_word(const char *at, size_t len)
{
	static const char *const words[] = {
		"_Bool",  "_Complex", "_Float128", "__int128", "bool",	   "char",  "const",
		"double", "enum",     "float",	   "int",      "long",	   "short", "signed",
		"struct", "union",    "unsigned",  "void",     "volatile",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && !memcmp(words[i], at, len))
			return true;
	return false;
}

/* What can only start an operand, never go on after one. */
static bool starts_operand(const char *at)
{
	return parser_is_name_char(*at) || (*at && strchr("\"'(~", *at)) ||
	       (*at == '!' && at[1] != '=');
}

/**
 * A type name in brackets.  Returns its text, with single spaces and the `*`s together at the end,
 * and leaves the parser behind the `)`; or NULL, the parser where it was.  `*sure` unless it may be
 * a variable.
 */
static const char *parse_type(struct parser *parser, bool *sure)
{
	const char *start = parser->at;
	char text[256];
	size_t len = 0, n;
	unsigned words = 0, stars = 0;

	*sure = false;
	if (!accept(parser, "("))
		return NULL;
	for (skip_space(parser); (n = name_len(parser->at)) && *parser->at != '$';
	     skip_space(parser)) {
		if (is_type_word(parser->at, n))
			*sure = true;
		else if (words && !*sure)
			break;
		if (len + n + 2 > sizeof(text))
			break;
		len += (size_t)sprintf(text + len, words ? " %.*s" : "%.*s", (int)n, parser->at);
		words++;
		parser->at += n;
	}
	while (words && stars < 8 && accept(parser, "*"))
		stars++;
	if (!words || !accept(parser, ")") || len + stars + 2 > sizeof(text)) {
		parser->at = start;
		return NULL;
	}
	if (stars) {
		text[len++] = ' ';
		memset(text + len, '*', stars);
		len += stars;
		*sure = true;
	}
	return text_dup(parser, text, len);
}

static struct cexpr *parse_sizeof(struct parser *parser)
{
	struct cexpr *node = parser_node(parser, CEXPR_SIZEOF, parser->at);
	bool sure;

	if (!node)
		return NULL;
	parser->at += strlen("sizeof");
	skip_space(parser);
	const char *operand = parser->at;

	node->text = parse_type(parser, &sure);
	if (node->text && sure)
		return node;
	parser->at = operand;
	node->a = parse_unary(parser);
	if (node->a && node->a->kind != CEXPR_NAME)
		node->text = NULL; /* sizeof (a)->b */
	return node;
}

static struct cexpr *parse_brackets(struct parser *parser)
{
	const char *start = parser->at++;
	struct cexpr *node = parse_binary(parser, 1);

	if (node && !accept(parser, ")"))
		return parser_fail(parser, start, "this '(' is not closed");
	return node;
}

static struct cexpr *parse_primary(struct parser *parser)
{
	char c = *parser->at;

	if (scope_len(parser->at) || is_name_start(c))
		return parse_name(parser);
	if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)parser->at[1])))
		return parser_number(parser);
	if (c == '"')
		return parser_string(parser);
	if (c == '\'')
		return parser_char(parser);
	if (c == '(')
		return parse_brackets(parser);
	return parser_fail(parser, parser->at,
			   c ? "a value is expected here" : "the expression ends too early");
}

static struct cexpr *parse_member(struct parser *parser, enum cexpr_kind kind,
				  const struct cexpr *object, const char *at)
{
	struct cexpr *node = parser_node(parser, kind, at);

	if (!node)
		return NULL;
	skip_space(parser);
	size_t len = name_len(parser->at);

	if (!len)
		return parser_fail(parser, parser->at, "the name of a member is expected here");
	node->column = column_of(parser, parser->at);
	node->a = object;
	node->text = text_dup(parser, parser->at, len);
	parser->at += len;
	return node;
}

static struct cexpr *parse_index(struct parser *parser, const struct cexpr *array, const char *at)
{
	struct cexpr *node = parser_node(parser, CEXPR_INDEX, at);

	if (!node)
		return NULL;
	node->a = array;
	node->b = parse_binary(parser, 1);
	if (node->b && !accept(parser, "]"))
		return parser_fail(parser, at, "this '[' is not closed");
	return node;
}

static struct cexpr *parse_postfix(struct parser *parser)
{
	struct cexpr *node = parse_primary(parser);

	while (node && !parser->error) {
		skip_space(parser);
		const char *at = parser->at;

		if (accept(parser, "->"))
			node = parse_member(parser, CEXPR_ARROW, node, at);
		else if (accept(parser, "."))
			node = parse_member(parser, CEXPR_MEMBER, node, at);
		else if (accept(parser, "["))
			node = parse_index(parser, node, at);
		else
			break;
	}
	return node;
}

static struct cexpr *parse_cast(struct parser *parser)
{
	const char *start = parser->at;
	bool sure;
	const char *type = parse_type(parser, &sure);

	skip_space(parser);
	if (!type || (!sure && !starts_operand(parser->at))) {
		parser->at = start;
		return parse_postfix(parser);
	}
	struct cexpr *node = parser_node(parser, CEXPR_CAST, start);

	if (!node)
		return NULL;
	node->text = type;
	node->a = parse_unary(parser);
	return node;
}

static struct cexpr *parse_prefix(struct parser *parser)
{
	const char *start = parser->at;

	if (*start == '(')
		return parse_cast(parser);
	if (!strncmp(start, "sizeof", 6) && !parser_is_name_char(start[6]) && !scope_len(start))
		return parse_sizeof(parser);
	if (!*start || !strchr("*&-+!~", *start))
		return parse_postfix(parser);
	if ((*start == '+' || *start == '-') && start[1] == *start)
		return parser_fail(parser, start, "++ and -- would change the program");

	struct cexpr *node = parser_node(parser, CEXPR_UNARY, start);

	if (!node)
		return NULL;
	node->op = (unsigned char)*parser->at++;
	node->a = parse_unary(parser);
	return node;
}

static struct cexpr *parse_unary(struct parser *parser)
{
	skip_space(parser);
	if (++parser->depth > MAX_DEPTH)
		return parser_fail(parser, parser->at, "the expression is nested too deeply");
	struct cexpr *node = parse_prefix(parser);

	parser->depth--;
	return parser->error ? NULL : node;
}

static int next_operator(struct parser *parser)
{
	skip_space(parser);
	for (int i = 0; i < N_BINARY_OPS; i++)
		if (!strncmp(parser->at, binary_ops[i].text, strlen(binary_ops[i].text)))
			return i;
	return -1;
}

static struct cexpr *parse_binary(struct parser *parser, int min_precedence)
{
	struct cexpr *left = parse_unary(parser);
	int i;

	while (left && (i = next_operator(parser)) >= 0 &&
	       binary_ops[i].precedence >= min_precedence) {
		const char *at = parser->at;
		struct cexpr *node = parser_node(parser, CEXPR_BINARY, at);

		if (!node)
			return NULL;
		parser->at += strlen(binary_ops[i].text);
		if ((*at == '+' || *at == '-') && at[1] == *at)
			return parser_fail(parser, at, "++ and -- would change the program");
		if (*parser->at == '=' && binary_ops[i].precedence >= 3 &&
		    binary_ops[i].precedence != 6)
			return parser_fail(parser, at, "an assignment would change the program");
		node->op = binary_ops[i].op;
		node->a = left;
		node->b = parse_binary(parser, binary_ops[i].precedence + 1);
		left = node->b ? node : NULL;
	}
	return parser->error ? NULL : left;
}

static void fail_rest(struct parser *parser)
{
	const char *at = parser->at;

	if (*at == '=')
		parser_fail(parser, at,
			    "an assignment would change the program; to compare write ==");
	else if (*at == '(')
		parser_fail(parser, at, "functions cannot be called here");
	else if (*at == '?')
		parser_fail(parser, at, "?: is not supported");
	else
		parser_fail(parser, at, "this does not continue the expression");
}

int cexpr_parse(const char *source, struct arena *arena, const struct cexpr **ret)
{
	struct parser parser = { .source = source, .at = source, .arena = arena };

	if (strlen(source) > MAX_SOURCE)
		return err_set(-EINVAL, "the expression is longer than %d characters", MAX_SOURCE);
	const struct cexpr *root = parse_binary(&parser, 1);

	if (root && *parser.at)
		fail_rest(&parser);
	if (parser.error)
		return parser.error;
	*ret = root;
	return 0;
}
