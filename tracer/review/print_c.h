/**
 * Values as C text, in the form gdb's `print` gives them: {rd_req = 712, name = "vda", '\000'
 * <repeats 12 times>}.
 */
#ifndef REVIEW_PRINT_C_H
#define REVIEW_PRINT_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct code_map;
struct value_node;

struct print_options {
	/** Elements of an array, characters of a string (gdb: print elements, 200); 0: all. */
	unsigned elements;
	/** More equal ones than this become <repeats N times> (gdb: 10); 0: never. */
	unsigned repeats;
	bool is_brief; /**< for people: texts without addresses, short words for what is missing */
	bool utf8; /**< show printable non-ASCII characters; else they are octal escapes */
	const struct code_map *code; /**< names of functions that pointers point at; may be NULL */
};

void print_c(FILE *out, const struct value_node *value, const struct print_options *options);

/**
 * If `value` is a struct or union that is there, its number of members: print_c() shows it in
 * braces, and a caller may show it a member a line instead.  Else 0.
 */
size_t print_c_members(const struct value_node *value);

/** Name of member `i`; NULL if it is anonymous. */
const char *print_c_member_name(const struct value_node *value, size_t i);

/**
 * The contents of a string in quotes.  `total` > `len`: NULs follow up to there.  `cut`: there was
 * more.
 */
void print_c_string(FILE *out, const uint8_t *bytes, size_t len, size_t total, bool cut,
		    const struct print_options *options);

/** A floating point number of `size` bytes (4 or 8). */
void print_c_float(FILE *out, double value, unsigned size);
/** An x87 extended number: 10 bytes. */
void print_c_long_double(FILE *out, const uint8_t *bytes);

#endif
