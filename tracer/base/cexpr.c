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
#include "tracer/base/cexpr.h"

#include "tracer/base/arena.h"
#include "tracer/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SOURCE = 4096, MAX_NODES = 256, MAX_DEPTH = 64 };

struct parser {
	const char *source, *at;
	struct arena *arena;
	unsigned nodes, depth;
	int error; /**< once set nothing more is parsed */
};

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
	return isalpha((unsigned char)c) || c == '_' || c == '$';
}

static bool is_name_char(char c)
{
	return is_name_start(c) || isdigit((unsigned char)c);
}

static unsigned column_of(const struct parser *parser, const char *at)
{
	return (unsigned)(at - parser->source);
}

static void *fail(struct parser *parser, const char *at, const char *what)
{
	if (!parser->error)
		parser->error = cexpr_error(-EINVAL, parser->source, column_of(parser, at), "%s", what);
	return NULL;
}

static void *fail_memory(struct parser *parser)
{
	if (!parser->error)
		parser->error = err_set(-ENOMEM, "out of memory");
	return NULL;
}

static struct cexpr *node_new(struct parser *parser, enum cexpr_kind kind, const char *at)
{
	if (parser->error)
		return NULL;
	if (++parser->nodes > MAX_NODES)
		return fail(parser, at, "the expression is too long");
	struct cexpr *node = arena_alloc(parser->arena, sizeof(*node));

	if (!node)
		return fail_memory(parser);
	node->kind = kind;
	node->column = column_of(parser, at);
	return node;
}

static const char *text_dup(struct parser *parser, const char *s, size_t len)
{
	const char *copy = arena_strndup(parser->arena, s, len);

	return copy ? copy : fail_memory(parser);
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
		while (is_name_char(at[len]))
			len++;
	return len;
}

/* The length of FILE in FILE::NAME; 0 if there is no such thing here. */
static size_t scope_len(const char *at)
{
	size_t len = 0;

	while (is_name_char(at[len]) || (len && strchr(".-+", at[len]) && at[len]))
		len++;
	return len && at[len] == ':' && at[len + 1] == ':' ? len : 0;
}

static struct cexpr *parse_name(struct parser *parser)
{
	const char *start = parser->at;
	size_t scope = scope_len(start);
	struct cexpr *node = node_new(parser, scope ? CEXPR_SCOPED : CEXPR_NAME, start);

	if (!node)
		return NULL;
	if (scope) {
		node->scope = text_dup(parser, start, scope);
		parser->at += scope + 2;
	}
	size_t len = name_len(parser->at);

	if (!len)
		return fail(parser, parser->at, "a name is missing after '::'");
	node->text = text_dup(parser, parser->at, len);
	parser->at += len;
	return node;
}

/* Suffixes of an integer: u, l, ll in any case and order.  Returns whether nothing else follows. */
static bool integer_suffix(const char **at, bool *is_unsigned, bool *is_long)
{
	for (;; (*at)++) {
		if (strchr("uU", **at) && **at && !*is_unsigned)
			*is_unsigned = true;
		else if (strchr("lL", **at) && **at && !*is_long)
			*is_long = true, *at += (*at)[1] == **at;
		else
			return !is_name_char(**at) && **at != '.';
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
	struct cexpr *node = node_new(parser, CEXPR_INT, start);
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
	node->value = isxdigit((unsigned char)*digits) ? strtoull(digits, &end, base) : (end = (char *)start, 0);
	if (errno == ERANGE)
		return fail(parser, start, "the number is too large for 64 bits");
	parser->at = end;
	if (end == start || !integer_suffix(&parser->at, &node->is_unsigned, &node->is_long))
		return fail(parser, start, "this is not a number");
	integer_type(node, base == 10);
	return node;
}

static struct cexpr *parse_number(struct parser *parser)
{
	const char *start = parser->at, *p = start;

	if (p[0] == '0' && strchr("xXbB", p[1]) && p[1])
		return parse_integer(parser);
	while (isdigit((unsigned char)*p))
		p++;
	if (*p != '.' && (*p | 0x20) != 'e')
		return parse_integer(parser);

	struct cexpr *node = node_new(parser, CEXPR_FLOAT, start);
	char *end;

	if (!node)
		return NULL;
	node->real = strtod(start, &end);
	if (*end && strchr("fFlL", *end)) {
		node->op = *end++ | 0x20;
		node->real = node->op == 'f' ? strtof(start, NULL) : strtold(start, NULL);
	}
	if (is_name_char(*end) || *end == '.')
		return fail(parser, start, "this is not a number");
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

static struct cexpr *parse_string(struct parser *parser)
{
	struct cexpr *node = node_new(parser, CEXPR_STRING, parser->at);
	char *text = arena_alloc(parser->arena, strlen(parser->at));
	const char *start = parser->at++;
	size_t len = 0;

	if (!node || !text)
		return node ? fail_memory(parser) : NULL;
	while (*parser->at != '"') {
		const char *here = parser->at;
		int c = *here ? literal_char(&parser->at) : -1;

		if (!*here || !*parser->at)
			return fail(parser, start, "the closing '\"' is missing");
		if (c <= 0)
			return fail(parser, here, c ? "unknown escape" : "text cannot hold a NUL");
		text[len++] = (char)c;
	}
	parser->at++;
	node->text = text;
	return node;
}

static struct cexpr *parse_char(struct parser *parser)
{
	const char *start = parser->at++;
	struct cexpr *node = node_new(parser, CEXPR_CHAR, start);

	if (!node)
		return NULL;
	int c = *parser->at && *parser->at != '\'' ? literal_char(&parser->at) : -1;

	if (c < 0 || *parser->at != '\'')
		return fail(parser, start, "this is not one character in quotes");
	parser->at++;
	node->value = (uint64_t)(int64_t)(signed char)c;
	return node;
}

static bool is_type_word(const char *at, size_t len)
{
	static const char *const words[] = {
		"_Bool", "_Complex", "_Float128", "__int128", "bool", "char", "const", "double", "enum", "float",
		"int", "long", "short", "signed", "struct", "union", "unsigned", "void", "volatile",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && !memcmp(words[i], at, len))
			return true;
	return false;
}

/* What can only start an operand, never go on after one. */
static bool starts_operand(const char *at)
{
	return is_name_char(*at) || (*at && strchr("\"'(~", *at)) || (*at == '!' && at[1] != '=');
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
	for (skip_space(parser); (n = name_len(parser->at)) && *parser->at != '$'; skip_space(parser)) {
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
	struct cexpr *node = node_new(parser, CEXPR_SIZEOF, parser->at);
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
		return fail(parser, start, "this '(' is not closed");
	return node;
}

static struct cexpr *parse_primary(struct parser *parser)
{
	char c = *parser->at;

	if (scope_len(parser->at) || is_name_start(c))
		return parse_name(parser);
	if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)parser->at[1])))
		return parse_number(parser);
	if (c == '"')
		return parse_string(parser);
	if (c == '\'')
		return parse_char(parser);
	if (c == '(')
		return parse_brackets(parser);
	return fail(parser, parser->at, c ? "a value is expected here" : "the expression ends too early");
}

static struct cexpr *parse_member(struct parser *parser, enum cexpr_kind kind, const struct cexpr *object,
				  const char *at)
{
	struct cexpr *node = node_new(parser, kind, at);

	if (!node)
		return NULL;
	skip_space(parser);
	size_t len = name_len(parser->at);

	if (!len)
		return fail(parser, parser->at, "the name of a member is expected here");
	node->column = column_of(parser, parser->at);
	node->a = object;
	node->text = text_dup(parser, parser->at, len);
	parser->at += len;
	return node;
}

static struct cexpr *parse_index(struct parser *parser, const struct cexpr *array, const char *at)
{
	struct cexpr *node = node_new(parser, CEXPR_INDEX, at);

	if (!node)
		return NULL;
	node->a = array;
	node->b = parse_binary(parser, 1);
	if (node->b && !accept(parser, "]"))
		return fail(parser, at, "this '[' is not closed");
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
	struct cexpr *node = node_new(parser, CEXPR_CAST, start);

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
	if (!strncmp(start, "sizeof", 6) && !is_name_char(start[6]) && !scope_len(start))
		return parse_sizeof(parser);
	if (!*start || !strchr("*&-+!~", *start))
		return parse_postfix(parser);
	if ((*start == '+' || *start == '-') && start[1] == *start)
		return fail(parser, start, "++ and -- would change the program");

	struct cexpr *node = node_new(parser, CEXPR_UNARY, start);

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
		return fail(parser, parser->at, "the expression is nested too deeply");
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

	while (left && (i = next_operator(parser)) >= 0 && binary_ops[i].precedence >= min_precedence) {
		const char *at = parser->at;
		struct cexpr *node = node_new(parser, CEXPR_BINARY, at);

		if (!node)
			return NULL;
		parser->at += strlen(binary_ops[i].text);
		if ((*at == '+' || *at == '-') && at[1] == *at)
			return fail(parser, at, "++ and -- would change the program");
		if (*parser->at == '=' && binary_ops[i].precedence >= 3 && binary_ops[i].precedence != 6)
			return fail(parser, at, "an assignment would change the program");
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
		fail(parser, at, "an assignment would change the program; to compare write ==");
	else if (*at == '(')
		fail(parser, at, "functions cannot be called here");
	else if (*at == '?')
		fail(parser, at, "?: is not supported");
	else
		fail(parser, at, "this does not continue the expression");
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
