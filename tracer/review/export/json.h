/**
 * Writing JSON (RFC 8259) as a stream: commas and nesting are kept, nothing is built in memory.
 *
 *	struct json json = { .out = stdout };
 *	json_object(&json);
 *	json_key(&json, "id");
 *	json_uint(&json, 7);
 *	json_end(&json);
 */
#ifndef REVIEW_EXPORT_JSON_H
#define REVIEW_EXPORT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH_MAX = 1024 };

struct json {
	FILE *out;
	/** The reader keeps numbers as doubles: integers that these cannot hold become strings. */
	bool for_doubles;
	unsigned depth;
	bool after_key;
	struct {
		bool is_array, has_items;
	} levels[JSON_DEPTH_MAX];
};

void json_object(struct json *json);
void json_array(struct json *json);
void json_end(struct json *json); /**< of the innermost object or array */

/** A name; bytes in it that are not UTF-8 become U+FFFD. */
void json_key(struct json *json, const char *key);

void json_null(struct json *json);
void json_bool(struct json *json, bool value);
void json_int(struct json *json, int64_t value);
void json_uint(struct json *json, uint64_t value);
/**
 * With the digits that tell apart all numbers of that size, 4 or 8 bytes; "inf", "-inf", "nan" as
 * strings.
 */
void json_float(struct json *json, double value, unsigned size);
/** Text that is a JSON number already. */
void json_number(struct json *json, const char *text);
/** Text that is any JSON value already (json_check.h). */
void json_verbatim(struct json *json, const uint8_t *text, size_t len);
/** `text` may be NULL, which gives null; bytes that are not UTF-8 become U+FFFD. */
void json_string(struct json *json, const char *text);
void json_string_len(struct json *json, const uint8_t *text, size_t len);
/** "0x7f…" */
void json_addr(struct json *json, uint64_t addr);
/** A string of two hexadecimal digits for each byte. */
void json_hex(struct json *json, const uint8_t *bytes, size_t len);
void json_printf(struct json *json, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
