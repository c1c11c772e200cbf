/**
 * The parser of expressions, shared by cexpr.c and cexpr_literal.c.  Private to these.
 */
#ifndef BASE_CEXPR_PARSER_H
#define BASE_CEXPR_PARSER_H

#include "tracer/base/cexpr.h"

struct parser {
	const char *source, *at;
	struct arena *arena;
	unsigned nodes, depth;
	int error; /**< once set nothing more is parsed */
};

/** Fail at a place of the source, unless it has failed already; NULL. */
void *parser_fail(struct parser *parser, const char *at, const char *what);
void *parser_fail_memory(struct parser *parser);
struct cexpr *parser_node(struct parser *parser, enum cexpr_kind kind, const char *at);
bool parser_is_name_char(char c);

/** The parser stands at the literal's first character, a digit, a dot or a quote. */
struct cexpr *parser_number(struct parser *parser);
struct cexpr *parser_string(struct parser *parser);
struct cexpr *parser_char(struct parser *parser);

#endif
