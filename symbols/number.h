/**
 * Numbers of C: what the bytes of an object mean, and back.  Private to symbols/expr*.c.
 *
 * `bare` types are without typedefs and qualifiers.
 */
#ifndef SYMBOLS_NUMBER_H
#define SYMBOLS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "symbols/expr_node.h"

struct type;

/** Keep the low `n_bits`, and extend them. */
unsigned __int128 number_extend(unsigned __int128 bits, unsigned n_bits, bool is_signed);
/** The same for as many as the type has. */
unsigned __int128 number_wrap(unsigned __int128 bits, const struct type *bare);

struct number number_decode(const uint8_t *bytes, const struct type *bare);
void number_encode(struct number number, const struct type *bare, uint8_t *bytes);
long double number_round(long double real, const struct type *bare);

#endif
