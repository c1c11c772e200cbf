/**
 * The metadata of a trace: TSDL, the language of CTF 1.8 (https://diamon.org/ctf/v1.8.3/, sections
 * 4 to 7), made from schemas.
 */
#ifndef TRACE_METADATA_H
#define TRACE_METADATA_H

#include <stddef.h>
#include <stdint.h>

struct metadata;
struct schema;

/** `offset_ns`: nanoseconds from 1970 to the clock's zero. */
int metadata_new(const uint8_t uuid[16], int64_t offset_ns, struct metadata **ret);
void metadata_free(struct metadata *metadata);

/** Add event class `id` whose payload is the STRUCT `payload`; `module` may be NULL. */
int metadata_add_class(struct metadata *metadata, unsigned id, const char *name, const char *module,
		       const struct schema *payload);

/** The last line, a comment. */
enum { METADATA_CHECKSUM_LEN = sizeof("/* checksum 0123456789abcdef */\n") - 1 };

/** The whole text as it is now; free() it. */
int metadata_text(struct metadata *metadata, char **text_ret, size_t *len_ret);

/**
 * Check that a text is as metadata_text() made it: -EBADMSG if bytes of it were changed or are
 * missing.
 */
int metadata_check(const char *text, size_t len);

#endif
