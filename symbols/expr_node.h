/**
 * Bound expressions: the tree expr_bind.c makes and expr_eval.c runs.  Private to symbols/expr*.c.
 *
 * Every conversion that C does by itself is a node of its own, so that evaluation needs to know
 * types only to read, wrap and write numbers.
 */
#ifndef SYMBOLS_EXPR_NODE_H
#define SYMBOLS_EXPR_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/expr.h"
#include "tracer/base/number.h"

struct loc;

enum node_kind {
	NODE_CONSTANT,
	NODE_PARAM,
	NODE_OBJECT,       /* what the expression is bound to, if to no function */
	NODE_VARIABLE,     /* also $ret: what has a `loc` of its own */
	NODE_DEREF,        /* the object the pointer `a` points at */
	NODE_INDEX,        /* element `b` of the array object, or behind the pointer, `a` */
	NODE_MEMBER,       /* `offset` into the object `a` */
	NODE_ADDRESS,      /* of the object `a`; arrays and functions decay by it too */
	NODE_CONVERT,      /* a scalar to this type */
	NODE_NEGATE,
	NODE_COMPLEMENT,
	NODE_NOT,
	NODE_ARITHMETIC,   /* op; both operands are of this type, but for shifts */
	NODE_POINTER_ADD,  /* pointer `a`, integer `b`, `size` of an element; op + or - */
	NODE_POINTER_DIFF, /* in elements of `size` */
	NODE_COMPARE,      /* op; both operands are of the same type */
	NODE_COMPARE_TEXT, /* op; char pointer or array `a` with `text` */
	NODE_LOGICAL,      /* OP_AND, OP_OR */
};

struct node {
	enum node_kind kind;
	int op;
	const struct type *type; /* as C spells it */
	const struct type *bare; /* the same without typedefs and qualifiers */
	struct number_type number_type; /* of a scalar */
	const struct node *a, *b;
	struct number number;
	const struct loc *loc;
	unsigned param;
	uint64_t offset, size;
	unsigned bit_offset, bit_size;
	const char *text;
	size_t len;
};

struct expr {
	const struct node *root;
	enum expr_when when;
	uint64_t params;
	bool uses_return;
};

/** How C calculates with a scalar type's values; a bare one. */
struct number_type type_number(const struct type *bare);
/** Whether they are floating point numbers. */
bool type_is_real(const struct type *bare);

/** Parameters kept from entry: put appends one, get finds it. */
bool saved_put(struct saved *saved, unsigned param, enum status status, uint64_t addr, const void *bytes, size_t len);

struct saved_item {
	enum status status;
	uint64_t addr; /* UNREADABLE */
	const uint8_t *bytes;
	size_t len;
};
bool saved_get(const struct saved *saved, unsigned param, struct saved_item *ret);
/** Room a parameter of that size takes. */
size_t saved_size(size_t len);

#endif
