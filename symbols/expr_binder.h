/**
 * Binding expressions, shared by its files: expr_bind.c (names and objects), expr_op.c (operators),
 * expr_type.c (C's types and conversions).  Private to symbols/expr*.c.
 */
#ifndef SYMBOLS_EXPR_BINDER_H
#define SYMBOLS_EXPR_BINDER_H

#include <errno.h>

#include "symbols/expr_node.h"
#include "tracer/base/arena.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/err.h"

struct function;
struct module;

/*
 * All functions that make nodes return NULL once something has failed, and take NULL for what
 * failed before.
 */
struct binder {
	const char *source;
	const struct function *function; /* what names belong to: either this, */
	const struct type *object;       /* or this, behind typedefs */
	uint64_t near;                   /* its DIE: types are looked up from there */
	struct module *module;
	struct arena *arena;
	struct arena scratch; /* the syntax tree, spellings for messages */
	struct expr *expr;
	int error; /* the first one; its message is set */
};

/** Fail with a caret below `e`; NULL. */
#define bind_fail(binder, e, ...)                                                                                      \
	bind_fail_with(binder, cexpr_error(-ENOENT, (binder)->source, (e)->column, __VA_ARGS__))
void *bind_fail_with(struct binder *binder, int error);
const char *bind_spell(struct binder *binder, const struct type *type);

/* expr_bind.c */
struct node *bind_expression(struct binder *binder, const struct cexpr *e);
struct node *bind_address(struct binder *binder, const struct cexpr *e);
struct node *node_deref(struct binder *binder, const struct cexpr *e, struct node *pointer);

/* expr_op.c: CEXPR_UNARY, _BINARY, _CAST and _SIZEOF */
struct node *bind_operator(struct binder *binder, const struct cexpr *e);

/* expr_type.c.  `bare` types are without typedefs and qualifiers. */
bool type_is_integer(const struct type *bare);
bool type_is_arithmetic(const struct type *bare);
bool type_is_number(const struct type *bare); /**< or a pointer */
/** Bytes from element to element of a pointer; void and functions have 1, incomplete types 0. */
uint64_t type_element_size(const struct type *type);
const struct type *bind_integer_type(struct binder *binder, uint64_t size, bool is_signed);
const struct type *bind_int_type(struct binder *binder);
/** The usual arithmetic conversions: the type both operands get. */
const struct type *bind_common_type(struct binder *binder, const struct type *a, const struct type *b);

struct node *node_new(struct binder *binder, enum node_kind kind, const struct type *type);
struct node *node_unary(struct binder *binder, enum node_kind kind, const struct type *type, const struct node *a);
struct node *node_binary(struct binder *binder, enum node_kind kind, int op, const struct type *type,
			 const struct node *a, const struct node *b);
struct node *node_integer(struct binder *binder, const struct type *type, __int128 value);
bool node_is_object(const struct node *node);
/** An array's value is the address of its first element, a function's its own. */
struct node *node_decay(struct binder *binder, struct node *node);
struct node *node_convert(struct binder *binder, struct node *node, const struct type *type);
/** Integer promotion. */
struct node *node_promote(struct binder *binder, struct node *node);

/** A value: arrays and functions decayed. */
struct node *bind_value(struct binder *binder, const struct cexpr *e);
/** A value for truth, or comparison with 0. */
struct node *bind_scalar(struct binder *binder, const struct cexpr *e);
/** A number, promoted. */
struct node *bind_arithmetic(struct binder *binder, const struct cexpr *e);

#endif
