/**
 * UTF-8 (RFC 3629), and which of its characters may be shown.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Length of the character at the start of `bytes`, and the character; 0 if there is none. */
size_t utf8_decode(const uint8_t *bytes, size_t len, uint32_t *ret);

/** Whether all of it is characters, none of them NUL. */
bool utf8_valid(const void *text, size_t len);

/** Whether a character may be printed as it is: it shows itself and does nothing to a terminal or its neighbours. */
bool utf8_is_printable(uint32_t ch);

#endif
