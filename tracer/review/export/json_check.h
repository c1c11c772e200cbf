/**
 * Whether text out of a trace is JSON, and who can read it.
 */
#ifndef REVIEW_EXPORT_JSON_CHECK_H
#define REVIEW_EXPORT_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Whether all of the text is one value (RFC 8259) without a blank outside of its strings, as recorded trees are
 * written, and nested so little that any reader copes.  A NUL follows the text, whose bytes are taken to be UTF-8.
 */
bool json_check(const uint8_t *text, size_t len);

/** Whether doubles hold all numbers of a text that is JSON, as far as their digits tell. */
bool json_fits_doubles(const uint8_t *text, size_t len);

#endif
