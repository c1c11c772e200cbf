/**
 * Foreign text: bytes that a traced process or a trace chose, on the way to a terminal or a file.
 *
 * Nothing of it reaches a terminal raw: control characters (C0, C1, escape sequences), characters
 * that turn or hide their neighbours (bidirectional overrides, zero width) and bytes that are not
 * UTF-8 are shown as octal escapes.
 */
#ifndef REVIEW_TEXT_H
#define REVIEW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * Print one character or byte as it is, or escaped; `quote` is escaped by a backslash (0: nothing
 * is quoted).
 */
void text_put(FILE *out, const uint8_t *bytes, size_t len, bool as_is, char quote);

/**
 * Print a name: of a function, a thread, a member.  `utf8`: the output may have other characters
 * than ASCII.
 */
void text_print(FILE *out, const char *s, bool utf8);

/**
 * The same in a buffer, cut if it is too small, without other characters than ASCII: for messages.
 */
const char *text_harmless(char *buf, size_t size, const char *s);

/** How many columns text_print() takes. */
size_t text_width(const char *s, bool utf8);

/** Whether the user's locale is UTF-8. */
bool text_locale_is_utf8(void);

enum { TEXT_INT128 = 41 };
/** Decimal text of a little-endian integer of at most 16 bytes. */
const char *text_int128(char buf[static TEXT_INT128], const uint8_t *bytes, size_t len,
			bool is_signed);

#endif
