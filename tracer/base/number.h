/**
 * Numbers of C: their types, conversions and operators, as the two evaluators of expressions need them (symbols/expr_eval.c over a
 * stopped thread, review/filter_eval.c over a recorded call).
 *
 * Sources: C17 6.3.1 (conversions), 6.5 (operators); the System V ABI for x86-64 (LP64, x87 long double in 16 bytes); GNU C for
 * 128-bit integers and arithmetic right shifts.  What C leaves undefined (division by 0, a shift by the width or more, a floating
 * point number that does not fit an integer) has no value: the functions say false.  Signed overflow wraps.
 *
 * Operators are those of tracer/base/cexpr.h.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The type of a number; pointers are unsigned integers of 8 bytes. */
struct number_type {
	uint8_t size; /**< in bytes: 1, 2, 4, 8, 16; the x87 long double has 16 (10 of them used) */
	bool is_signed;
	bool is_real; /**< floating point */
	bool is_bool;
};

/** An integer extended to 128 bits as its type says, or a floating point number: one of both, by the type. */
struct number {
	unsigned __int128 bits;
	long double real;
};

static const struct number_type number_int = { .size = 4, .is_signed = true }, number_ulong = { .size = 8 };

/** Whether a word is one of those that C's basic types are made of: "unsigned", "long", "_Bool". */
bool number_is_word(const char *word);

/**
 * A type by such words in any order ("long unsigned int"), or by its name in <stdint.h>, <stddef.h>; qualifiers may be among them.
 * Returns its one name as C has it ("unsigned long"); NULL: it is none.
 */
const char *number_type_named(const char *words, struct number_type *ret);

/** What the integer promotions make of a type; `bit_size` of a bit-field, else 0 (6.3.1.1). */
struct number_type number_promoted(struct number_type type, unsigned bit_size);
/** The usual arithmetic conversions, of two promoted types (6.3.1.8). */
struct number_type number_common(struct number_type a, struct number_type b);
/** The type of a constant of an enumeration of type `whole`: int if it fits one (6.7.2.2), else that type, as GNU C has it. */
struct number_type number_of_enumerator(int64_t value, struct number_type whole);

/** Keep the low `n_bits`, and extend them. */
unsigned __int128 number_extend(unsigned __int128 bits, unsigned n_bits, bool is_signed);
/** An integer as its type holds it. */
unsigned __int128 number_wrap(unsigned __int128 bits, struct number_type type);

/** From the bytes of an object and back; 10 bytes of a long double are read, 16 written. */
struct number number_decode(const uint8_t *bytes, struct number_type type);
void number_encode(struct number number, struct number_type type, uint8_t *bytes);

/** False: it does not fit, which C leaves undefined. */
bool number_convert(struct number *number, struct number_type from, struct number_type to);
/** `op` is - ~ +, the type is promoted; ~ of a floating point number: false. */
bool number_unary(int op, struct number *number, struct number_type type);
/** Both have this type, but for shifts, whose right side is an integer of any. */
bool number_calculate(int op, struct number a, struct number b, struct number_type type, struct number *ret);
/** Whether the comparison holds; both have this type. */
bool number_compare(int op, struct number a, struct number b, struct number_type type);
bool number_is_true(struct number number, struct number_type type);
/** Whether a comparison holds of what is less (-1), equal (0) or greater (1). */
bool number_order_holds(int op, int order);

/**
 * Truths: 1, 0, and -1 for what is not known, as a value it needs is not there.  One side may decide alone, whichever it is:
 * OP_AND is 0 if one is 0, OP_OR is 1 if one is 1.
 */
int truth_both(int op, int a, int b);
int truth_not(int a);

/**
 * A comparison with a text, as strcmp() orders it: 1, 0, -1 if it cannot be told.
 *
 * Of each text `len` bytes are known; then it ends, or goes on unknown.  A NUL ends it as well.
 */
int text_compare(int op, const char *a, size_t a_len, bool a_ends, const char *b, size_t b_len, bool b_ends);

#endif
