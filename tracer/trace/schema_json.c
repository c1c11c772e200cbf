#include "tracer/trace/schema_json.h"

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/trace/checksum.h"
#include "tracer/trace/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/**
 * All values but the checksum are checked for their form only.  What they say is held against the
 * metadata, field by field, when the first event of a class comes: schemas form no cycles, as they
 * refer to earlier ones only, but a damaged file could make a small text describe an endless tree.
 */

enum { DEPTH_MAX = 64, FORMAT = 2 };

static const char *const kinds[] = {
	[SCHEMA_INT] = "int",		[SCHEMA_BOOL] = "bool",	    [SCHEMA_CHAR] = "char",
	[SCHEMA_FLOAT] = "float",	[SCHEMA_ENUM] = "enum",	    [SCHEMA_PTR] = "ptr",
	[SCHEMA_FUNC] = "func",		[SCHEMA_STRING] = "string", [SCHEMA_TEXT] = "text",
	[SCHEMA_STRUCT] = "struct",	[SCHEMA_UNION] = "union",   [SCHEMA_ARRAY] = "array",
	[SCHEMA_SEQUENCE] = "sequence", [SCHEMA_BYTES] = "bytes",   [SCHEMA_CAPTURE] = "capture",
};

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

/** Numbers and booleans of a schema, little endian; those that are 0 are left out. */
static const struct field {
	const char *key;
	size_t offset, size;
} fields[] = {
#define FIELD(name) { #name, offsetof(struct schema, name), sizeof(((struct schema *)NULL)->name) }
	FIELD(size),	   FIELD(is_signed),  FIELD(is_hex),   FIELD(is_float), FIELD(is_flags),
	FIELD(is_complex), FIELD(is_place),   FIELD(is_json),  FIELD(is_cut),   FIELD(count),
	FIELD(stored),	   FIELD(offset),     FIELD(bit_offset), FIELD(bit_size), FIELD(stride),
#undef FIELD
};

/** A schema that is in the text. */
struct node {
	UT_hash_handle hh;
	uint32_t index;
	char text[];
};

struct schema_json {
	uint8_t uuid[16];
	int64_t offset_ns;
	struct node *nodes;
	uint32_t n_nodes;
	char *schemas, *probes;
	size_t schemas_len, probes_len;
	FILE *schemas_out, *probes_out;
};

int schema_json_new(const uint8_t uuid[16], int64_t offset_ns, struct schema_json **ret)
{
	struct schema_json *json = calloc(1, sizeof(*json));

	if (!json)
		return err_set(-ENOMEM, "no memory");
	memcpy(json->uuid, uuid, sizeof(json->uuid));
	json->offset_ns = offset_ns;
	json->schemas_out = open_memstream(&json->schemas, &json->schemas_len);
	json->probes_out = open_memstream(&json->probes, &json->probes_len);
	if (!json->schemas_out || !json->probes_out) {
		schema_json_free(json);
		return err_set(-ENOMEM, "no memory");
	}
	*ret = json;
	return 0;
}

void schema_json_free(struct schema_json *json)
{
	struct node *node, *next;

	if (!json)
		return;
	HASH_ITER(hh, json->nodes, node, next) {
		HASH_DEL(json->nodes, node);
		free(node);
	}
	if (json->schemas_out)
		fclose(json->schemas_out);
	if (json->probes_out)
		fclose(json->probes_out);
	free(json->schemas);
	free(json->probes);
	free(json);
}

static void add_string(json_object *object, const char *key, const char *s)
{
	if (s)
		json_object_object_add(object, key, json_object_new_string(s));
}

static void add_enumerators(json_object *object, const struct schema *s)
{
	json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < s->n_enumerators; i++) {
		json_object *pair = json_object_new_array();

		json_object_array_add(pair, json_object_new_string(s->enumerators[i].name
									   ? s->enumerators[i].name
									   : ""));
		json_object_array_add(pair, json_object_new_int64(s->enumerators[i].value));
		json_object_array_add(list, pair);
	}
	json_object_object_add(object, "enumerators", list);
}

/** Put the text among the schemas unless it is there; its index. */
static int node_put(struct schema_json *json, const char *text, uint32_t *ret)
{
	struct node *node;

	HASH_FIND_STR(json->nodes, text, node);
	if (!node) {
		node = malloc(sizeof(*node) + strlen(text) + 1);
		if (!node)
			return -ENOMEM;
		strcpy(node->text, text);
		node->index = json->n_nodes++;
		HASH_ADD_STR(json->nodes, text, node);
		fprintf(json->schemas_out, "%s%s", node->index ? ",\n" : "", text);
	}
	*ret = node->index;
	return 0;
}

static int schema_put(struct schema_json *json, const struct schema *s, unsigned depth,
		      uint32_t *ret);

static int add_children(struct schema_json *json, json_object *object, const struct schema *s,
			unsigned depth)
{
	uint32_t index;
	int r = 0;

	if (s->target) {
		r = schema_put(json, s->target, depth + 1, &index);
		if (r == 0)
			json_object_object_add(object, "target", json_object_new_int64(index));
	}
	if (s->kind != SCHEMA_STRUCT && s->kind != SCHEMA_UNION)
		return r;
	json_object *list = json_object_new_array();

	json_object_object_add(object, "members", list);
	for (uint32_t i = 0; i < s->n_members && r == 0; i++) {
		r = schema_put(json, s->members[i], depth + 1, &index);
		if (r == 0)
			json_object_array_add(list, json_object_new_int64(index));
	}
	return r;
}

static int schema_put(struct schema_json *json, const struct schema *s, unsigned depth,
		      uint32_t *ret)
{
	if (depth > DEPTH_MAX)
		return err_set(-E2BIG, "types are nested more than %u levels deep", DEPTH_MAX);
	json_object *object = json_object_new_object();

	add_string(object, "kind", kinds[s->kind]);
	add_string(object, "name", s->name);
	add_string(object, "ctype", s->ctype);
	add_string(object, "view", s->view);
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		uint64_t value = 0;

		memcpy(&value, (const char *)s + fields[i].offset, fields[i].size);
		if (value)
			json_object_object_add(object, fields[i].key,
					       json_object_new_uint64(value));
	}
	if (s->kind == SCHEMA_ENUM)
		add_enumerators(object, s);
	int r = add_children(json, object, s, depth);

	if (r == 0)
		r = node_put(json, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
			     ret);
	json_object_put(object);
	return r;
}

int schema_json_add(struct schema_json *json, const struct trace_probe_desc *desc, unsigned class)
{
	uint32_t entry, ret;
	int r = schema_put(json, desc->entry, 0, &entry);

	if (r == 0)
		r = schema_put(json, desc->ret, 0, &ret);
	if (r < 0)
		return r == -ENOMEM ? err_set(r, "no memory") : r;
	json_object *probe = json_object_new_object();
	json_object *sites = json_object_new_array();

	add_string(probe, "function", desc->function);
	add_string(probe, "module", desc->module);
	add_string(probe, "source", desc->source);
	add_string(probe, "prototype", desc->prototype);
	json_object_object_add(probe, "class", json_object_new_int64(class));
	json_object_object_add(probe, "entry", json_object_new_int64(entry));
	json_object_object_add(probe, "return", json_object_new_int64(ret));
	json_object_object_add(probe, "has_stack", json_object_new_boolean(desc->has_stack));
	json_object_object_add(probe, "deferred", json_object_new_boolean(desc->deferred));
	for (size_t i = 0; i < desc->n_return_sites; i++) {
		const char *site = desc->return_sites[i];

		json_object_array_add(sites, site ? json_object_new_string(site) : NULL);
	}
	json_object_object_add(probe, "return_sites", sites);
	fprintf(json->probes_out, "%s%s", json->probes_len ? ",\n" : "",
		json_object_to_json_string_ext(probe, JSON_C_TO_STRING_PLAIN));
	fflush(json->probes_out); /* sets probes_len */
	json_object_put(probe);
	return 0;
}

/* The last line is checksum_line with the digits of the sum of all text before it. */
static const char checksum_line[] = " \"checksum\": \"%016" PRIx64 "\"}\n";
enum { CHECKSUM_LINE_LEN = sizeof(" \"checksum\": \"0123456789abcdef\"}\n") - 1 };

int schema_json_text(struct schema_json *json, char **text_ret, size_t *len_ret)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out || fflush(json->schemas_out) != 0 || fflush(json->probes_out) != 0)
		goto no_memory;
	fprintf(out, "{\"format\": %d, \"uuid\": \"", FORMAT);
	for (size_t i = 0; i < sizeof(json->uuid); i++)
		fprintf(out, "%02x", json->uuid[i]);
	fprintf(out, "\", \"clock_offset_ns\": %" PRId64 ",\n \"schemas\": [\n", json->offset_ns);
	fwrite(json->schemas, 1, json->schemas_len, out);
	fputs("],\n \"probes\": [\n", out);
	fwrite(json->probes, 1, json->probes_len, out);
	fputs("],\n", out);
	if (fflush(out) != 0)
		goto no_memory;
	fprintf(out, checksum_line, checksum(text, len));
	int bad = ferror(out);

	if (fclose(out) != 0 || bad) {
		free(text);
		return err_set(-ENOMEM, "no memory");
	}
	*text_ret = text;
	*len_ret = len;
	return 0;
no_memory:
	if (out)
		fclose(out);
	free(text);
	return err_set(-ENOMEM, "no memory");
}

/* Reading */

/**
 * What is being read.  Any of the functions below sets `bad` once something is not as it should be.
 */
struct parse {
	struct arena *arena;
	const struct schema **schemas;
	size_t n_schemas;
	bool bad;
};

static void *parse_alloc(struct parse *p, size_t size)
{
	void *memory = arena_alloc(p->arena, size);

	p->bad |= !memory;
	return memory;
}

/**
 * Member `key` if it is there and of this type; NULL otherwise, and bad if it is required or of
 * another type.
 */
static json_object *member(struct parse *p, json_object *object, const char *key, json_type type,
			   bool required)
{
	json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value)) {
		p->bad |= required;
		return NULL;
	}
	if (json_object_is_type(value, type))
		return value;
	p->bad = true;
	return NULL;
}

static const char *parse_string(struct parse *p, json_object *object, const char *key)
{
	json_object *value = member(p, object, key, json_type_string, false);
	char *s = value ? arena_strdup(p->arena, json_object_get_string(value)) : NULL;

	p->bad |= value && !s;
	return s;
}

static uint64_t parse_number(struct parse *p, json_object *object, const char *key, uint64_t max)
{
	json_object *value = member(p, object, key, json_type_int, true);
	uint64_t n = value ? json_object_get_uint64(value) : 0;

	if (n > max || (value && json_object_get_int64(value) < 0))
		p->bad = true;
	return n <= max ? n : 0;
}

static bool parse_bool(struct parse *p, json_object *object, const char *key)
{
	return json_object_get_boolean(member(p, object, key, json_type_boolean, true));
}

/** The schema that integer `value` is the number of. */
static const struct schema *parse_reference(struct parse *p, json_object *value)
{
	int64_t index = json_object_get_int64(value);

	if (json_object_is_type(value, json_type_int) && index >= 0 &&
	    (uint64_t)index < p->n_schemas)
		return p->schemas[index];
	p->bad = true;
	return NULL;
}

static void parse_fields(struct parse *p, json_object *object, struct schema *s)
{
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		json_object *value = member(p, object, fields[i].key, json_type_int, false);

		if (!value)
			continue;
		uint64_t n = json_object_get_uint64(value);
		uint64_t max = fields[i].size == sizeof(bool)
				       ? 1
				       : UINT64_MAX >> (64 - 8 * fields[i].size);

		if (n > max)
			p->bad = true;
		else
			memcpy((char *)s + fields[i].offset, &n, fields[i].size);
	}
}

static void parse_enumerators(struct parse *p, json_object *object, struct schema *s)
{
	json_object *list = member(p, object, "enumerators", json_type_array, true);
	size_t n = list ? json_object_array_length(list) : 0;
	struct schema_enumerator *enumerators = parse_alloc(p, n * sizeof(*enumerators));

	for (size_t i = 0; i < n && !p->bad; i++) {
		json_object *pair = json_object_array_get_idx(list, i);

		if (!json_object_is_type(pair, json_type_array) ||
		    json_object_array_length(pair) != 2) {
			p->bad = true;
			break;
		}
		json_object *name = json_object_array_get_idx(pair, 0),
			    *value = json_object_array_get_idx(pair, 1);

		p->bad |= !json_object_is_type(name, json_type_string) ||
			  !json_object_is_type(value, json_type_int);
		enumerators[i].name = p->bad ? NULL
					     : arena_strdup(p->arena, json_object_get_string(name));
		enumerators[i].value = json_object_get_int64(value);
		p->bad |= !enumerators[i].name;
	}
	s->enumerators = enumerators;
	s->n_enumerators = (uint32_t)n;
}

static void parse_members(struct parse *p, json_object *object, struct schema *s)
{
	json_object *list = member(p, object, "members", json_type_array, true);
	size_t n = list ? json_object_array_length(list) : 0;

	s->members = parse_alloc(p, n * sizeof(*s->members));
	for (size_t i = 0; i < n && !p->bad; i++)
		s->members[i] = parse_reference(p, json_object_array_get_idx(list, i));
	s->n_members = (uint32_t)n;
}

static bool parse_kind(struct parse *p, json_object *object, enum schema_kind *ret)
{
	json_object *value = member(p, object, "kind", json_type_string, true);

	for (size_t i = 0; value && i < COUNT_OF(kinds); i++)
		if (strcmp(kinds[i], json_object_get_string(value)) == 0) {
			*ret = (enum schema_kind)i;
			return true;
		}
	p->bad = true;
	return false;
}

static const struct schema *parse_schema(struct parse *p, json_object *object)
{
	struct schema *s = parse_alloc(p, sizeof(*s));

	if (!s || !parse_kind(p, object, &s->kind))
		return NULL;
	s->name = parse_string(p, object, "name");
	s->ctype = parse_string(p, object, "ctype");
	s->view = parse_string(p, object, "view");
	parse_fields(p, object, s);
	bool needs_target = s->kind == SCHEMA_ARRAY || s->kind == SCHEMA_SEQUENCE ||
			    s->kind == SCHEMA_CAPTURE;
	json_object *target = member(p, object, "target", json_type_int, needs_target);

	if (target)
		s->target = parse_reference(p, target);
	if (s->kind == SCHEMA_ENUM)
		parse_enumerators(p, object, s);
	if (s->kind == SCHEMA_STRUCT || s->kind == SCHEMA_UNION)
		parse_members(p, object, s);
	return s;
}

static void parse_schemas(struct parse *p, json_object *root)
{
	json_object *list = member(p, root, "schemas", json_type_array, true);
	size_t n = list ? json_object_array_length(list) : 0;

	p->schemas = parse_alloc(p, n * sizeof(*p->schemas));
	for (; p->n_schemas < n && !p->bad; p->n_schemas++)
		p->schemas[p->n_schemas] =
			parse_schema(p, json_object_array_get_idx(list, p->n_schemas));
}

static void parse_sites(struct parse *p, json_object *object, struct trace_probe_desc *desc)
{
	json_object *list = member(p, object, "return_sites", json_type_array, true);
	size_t n = list ? json_object_array_length(list) : 0;
	const char **sites = parse_alloc(p, n * sizeof(*sites));

	for (size_t i = 0; i < n && !p->bad; i++) {
		json_object *site = json_object_array_get_idx(list, i);

		p->bad |= site && !json_object_is_type(site, json_type_string);
		if (site && !p->bad)
			sites[i] = arena_strdup(p->arena, json_object_get_string(site));
	}
	desc->return_sites = sites;
	desc->n_return_sites = n;
}

static void parse_probe(struct parse *p, json_object *object, struct schema_json_probe *ret)
{
	struct trace_probe_desc *desc = parse_alloc(p, sizeof(*desc));

	if (!desc)
		return;
	desc->function = parse_string(p, object, "function");
	desc->module = parse_string(p, object, "module");
	desc->source = parse_string(p, object, "source");
	desc->prototype = parse_string(p, object, "prototype");
	desc->entry = parse_reference(p, member(p, object, "entry", json_type_int, true));
	desc->ret = parse_reference(p, member(p, object, "return", json_type_int, true));
	desc->has_stack = parse_bool(p, object, "has_stack");
	desc->deferred = parse_bool(p, object, "deferred");
	parse_sites(p, object, desc);
	p->bad |= !desc->function || !desc->module || !desc->entry ||
		  desc->entry->kind != SCHEMA_STRUCT || !desc->ret ||
		  desc->ret->kind != SCHEMA_STRUCT;
	ret->desc = desc;
	ret->class = (unsigned)parse_number(p, object, "class", UINT16_MAX - 1);
}

static void parse_uuid(struct parse *p, json_object *root, uint8_t uuid[16])
{
	json_object *value = member(p, root, "uuid", json_type_string, true);
	const char *s = value ? json_object_get_string(value) : "";

	p->bad |= strlen(s) != 32;
	for (size_t i = 0; i < 16 && !p->bad; i++)
		p->bad |= sscanf(s + 2 * i, "%2hhx", &uuid[i]) != 1;
}

static void parse_root(struct parse *p, json_object *root, struct schema_json_doc *doc)
{
	json_object *offset = member(p, root, "clock_offset_ns", json_type_int, true);

	parse_uuid(p, root, doc->uuid);
	doc->offset_ns = json_object_get_int64(offset);
	parse_schemas(p, root);
	json_object *list = member(p, root, "probes", json_type_array, true);

	doc->n_probes = list ? json_object_array_length(list) : 0;
	doc->probes = parse_alloc(p, doc->n_probes * sizeof(*doc->probes));
	for (size_t i = 0; i < doc->n_probes && !p->bad; i++)
		parse_probe(p, json_object_array_get_idx(list, i), &doc->probes[i]);
}

static bool checksum_good(const char *text, size_t len)
{
	char line[CHECKSUM_LINE_LEN + 1];

	if (len < CHECKSUM_LINE_LEN)
		return false;
	len -= CHECKSUM_LINE_LEN;
	snprintf(line, sizeof(line), checksum_line, checksum(text, len));
	return memcmp(text + len, line, CHECKSUM_LINE_LEN) == 0;
}

int schema_json_parse(const char *text, size_t len, struct arena *arena,
		      struct schema_json_doc *ret)
{
	struct parse p = { .arena = arena };
	struct schema_json_doc doc = { 0 };

	if (len > INT32_MAX || !checksum_good(text, len))
		return err_set(-EBADMSG, "schema.json is damaged");
	json_tokener *tokener = json_tokener_new();
	json_object *root = tokener ? json_tokener_parse_ex(tokener, text, (int)len) : NULL;

	if (tokener)
		json_tokener_free(tokener);
	int format = (int)parse_number(&p, root, "format", INT32_MAX);

	if (!p.bad && format != FORMAT) {
		json_object_put(root);
		return err_set(-EBADMSG, "the trace is of format %d, this program reads format %d",
			       format, FORMAT);
	}
	parse_root(&p, root, &doc);
	json_object_put(root);
	if (p.bad)
		return err_set(-EBADMSG, "schema.json is damaged");
	*ret = doc;
	return 0;
}
