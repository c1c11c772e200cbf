/**
 * The syntax of the expressions users write: a subset of C, as a tree.
 *
 *	dom->name    *info    (*retstats)->rd_req    disks[2].path    $ret < 0 && path == "vda"
 *	qemu_driver.c::qemu_driver    (unsigned char)flags & 0x10    &vm->def
 *
 * Only the syntax is here.  What a name means is decided by who binds the tree: symbols/expr.c to
 * parameters and memory of a traced process, review/filter.c to values recorded in a trace.
 *
 * Grammar, precedence and associativity are C's, without assignment, ++/--, calls, comma and ?:.
 * Type names (casts, sizeof) are kept as text: `struct x`, `unsigned long`, `name_t`, with `*`s.
 * Since the parser knows no typedefs, `(name)` in front of an operand is a cast if what follows can
 * only start an operand, as `(T)x` or `(T *)x`; `(a)-b` is a subtraction.
 */
#ifndef BASE_CEXPR_H
#define BASE_CEXPR_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum cexpr_kind {
	CEXPR_NAME,   /**< `text`; $ret, $tid … keep their dollar */
	CEXPR_SCOPED, /**< FILE::NAME; `scope` and `text` */
	CEXPR_INT,    /**< `value`; `is_unsigned`, `is_long`: its type by C's rules (int, unsigned, long, ulong) */
	CEXPR_FLOAT,  /**< `real`; op 'f': a float, 'l': a long double, 0: a double */
	CEXPR_STRING, /**< `text`, unescaped */
	CEXPR_CHAR,   /**< `value` */
	CEXPR_MEMBER, /**< a . text */
	CEXPR_ARROW,  /**< a -> text */
	CEXPR_INDEX,  /**< a [ b ] */
	CEXPR_CAST,   /**< ( text ) a */
	CEXPR_SIZEOF, /**< sizeof ( text ), or sizeof a; both are set if (name) may be either */
	CEXPR_UNARY,  /**< op a; op is one of * & - + ! ~ */
	CEXPR_BINARY, /**< a op b; two-character operators as below */
};

/** Operators are their own characters; those of two characters get a name. */
enum cexpr_op {
	OP_EQ = 256,
	OP_NE,
	OP_LE,
	OP_GE,
	OP_SHL,
	OP_SHR,
	OP_AND,
	OP_OR,
};

struct cexpr {
	enum cexpr_kind kind;
	int op;
	const char *text, *scope;
	uint64_t value;
	bool is_unsigned, is_long;
	long double real;
	const struct cexpr *a, *b;
	unsigned column; /**< where it starts in the source, from 0: for the caret */
};

/**
 * Parse the whole of `source`.
 *
 * The tree and its strings live in `arena`.  A bad expression gives -EINVAL and an err_text() of
 * three lines: what is wrong, the source, and a caret below the column.  Depth and length are
 * bounded.
 */
int cexpr_parse(const char *source, struct arena *arena, const struct cexpr **ret);

/**
 * Set that same three-line message for a column of `source`; returns `code`.  For those who bind.
 */
int cexpr_error(int code, const char *source, unsigned column, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** The name an operator is written with, for messages. */
const char *cexpr_op_text(int op);

#endif
