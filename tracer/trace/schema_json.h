/**
 * schema.json: what the reader needs to know that CTF 1.8 metadata cannot say.
 *
 *	{"format": 1, "uuid": "…", "clock_offset_ns": N,
 *	 "schemas": [{"kind": "int", "name": …, "ctype": …, "size": 4, …}, …],
 *	 "probes": [{"function": …, "module": …, "class": N, "entry": N, "return": N, …}, …],
 *	 "checksum": "…"}
 *
 * Schemas refer to others by number, and only to earlier ones; equal ones are there once.
 */
#ifndef TRACE_SCHEMA_JSON_H
#define TRACE_SCHEMA_JSON_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct schema;
struct schema_json;
struct trace_probe_desc;

int schema_json_new(const uint8_t uuid[16], int64_t offset_ns, struct schema_json **ret);
void schema_json_free(struct schema_json *json);

/** Add a probe whose entry class is `class`. */
int schema_json_add(struct schema_json *json, const struct trace_probe_desc *desc, unsigned class);

/** The whole text as it is now; free() it. */
int schema_json_text(struct schema_json *json, char **text_ret, size_t *len_ret);

/** A probe that was read. */
struct schema_json_probe {
	const struct trace_probe_desc *desc;
	unsigned class;
};

struct schema_json_doc {
	uint8_t uuid[16];
	int64_t offset_ns;
	struct schema_json_probe *probes;
	size_t n_probes;
};

/** Read the text back; all of `*ret` lives in `arena`.  -EBADMSG if it is damaged in any way. */
int schema_json_parse(const char *text, size_t len, struct arena *arena,
		      struct schema_json_doc *ret);

#endif
