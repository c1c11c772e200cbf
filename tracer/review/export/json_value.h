/**
 * Recorded values as JSON
 *
 *	int, char        number, all digits        pointer        "0x…"
 *	bool             true, false               char pointer   text
 *	enum             its name, "A|B"; a number without one
 *	float            number, or "inf", "-inf", "nan"
 *	struct, union    object; members of anonymous ones stand with those of the outer one
 *	array            array
 *	JSON             itself
 *
 *	{"unavailable":"null"}                      or "unreadable", "optimized out", "redacted"
 *	{"value":…,"truncated":true}                there was more than the limits let in
 *	{"bytes":"c3ff…"}                           text that is not UTF-8, values of unknown kinds
 *	{"pointer":"0x…","value":…}                 a pointer that was followed
 *
 * Integers of 128 bits that need more than 64 are strings.
 */
#ifndef REVIEW_EXPORT_JSON_VALUE_H
#define REVIEW_EXPORT_JSON_VALUE_H

struct json;
struct value_node;

void json_value(struct json *json, const struct value_node *value);

/** `key` and an object of what was captured at one side of a call; null if there is no such side. */
void json_captures(struct json *json, const char *key, const struct value_node *values);

#endif
