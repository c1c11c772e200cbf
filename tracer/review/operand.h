/**
 * What an expression is worth for one call: a number, a text, an object, or nothing.
 */
#ifndef REVIEW_OPERAND_H
#define REVIEW_OPERAND_H

#include <stdbool.h>
#include <stddef.h>

#include "tracer/base/number.h"

struct print_options;
struct value_node;

enum operand_kind {
	OPERAND_MISSING,
	OPERAND_INT,
	OPERAND_REAL,
	OPERAND_TEXT,
	OPERAND_OBJECT, /**< struct, union, array: only `value` tells what it is */
};

struct operand {
	enum operand_kind kind;
	struct number_type type; /**< INT, REAL: as C has it, before promotion */
	struct number number;    /**< INT, REAL; TEXT: the pointer, if it is one */
	unsigned bit_size;       /**< INT: of a bit-field */
	bool is_pointer;         /**< INT, TEXT */
	uint64_t element_size;   /**< of what a pointer points at; 0: not known */
	const char *text;        /**< TEXT, not terminated; NULL if it could not be read, or there is none */
	size_t len;
	bool is_cut;
	/**
	 * The recorded value, if it is one as it stands.  MISSING: the one that is not there, or
	 * stands in the way; NULL if nothing was recorded.
	 */
	const struct value_node *value;
};

/**
 * Its text, harmless: recorded values as print_c() shows them, computed ones as numbers.  For free();
 * NULL without memory.
 */
char *operand_text(const struct operand *operand, const struct print_options *options);

#endif
