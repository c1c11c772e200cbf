#include "tracer/trace/metadata.h"

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/trace/checksum.h"
#include "tracer/trace/metadata_head.h"
#include "tracer/trace/names.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/**
 * From schemas to TSDL
 *
 * Every compound type gets a name and is defined once: types of the same text are the same type,
 * whichever probe they came from.  So a field is nearly always `TYPE NAME[N]...;`, and the text
 * grows with the number of distinct types.  Definitions are put in front of the event class that
 * first needs them.
 *
 * Facts about babeltrace2 2.0 and TSDL behind this:
 *  - Fields that have a C name begin with `_`, which readers strip: a C member may be called
 *    `string` or `event`.  A name is refused as a duplicate if, with its `_`, it equals an earlier
 *    name without.
 *  - Each use of a named type is a copy of it, and each copy strips one more `_`.  So types with
 *    members that begin with `_` in C stay without a name, and tags of variants and lengths of
 *    sequences, which are looked up by name, have no `_`.
 *  - Two dimensions are declared as in C: `x[2][3]` is 2 arrays of 3.
 *  - An enum whose value has no label is shown as unknown, but a variant's tag must have one: hence
 *    `bad`.
 *  - Floats other than IEEE binary32 and binary64, and integers over 64 bits, do not exist: these
 *    are BYTES.
 *  - An enum needs a label; flags that are or-ed would have none: these are integers.
 *
 * option(x) of schema.h is a tag and a variant.  The options `ok` and `cut` both hold an x; for an
 * x that has such options itself, they are one, `ok_or_cut`, as the decoder makes an object for
 * each type of each option, and doubling at each level would not end well.
 */

enum { DEPTH_MAX = 64 }; /* of types in types, for our and the decoder's stack */

/** A compound type that is defined already. */
struct type_def {
	UT_hash_handle hh;
	const char *name; /**< "struct _foo" */
	char body[];
};

struct metadata {
	struct arena arena;
	char *text;
	size_t len;
	FILE *out; /**< writes `text` */
	struct name *type_names;
	struct type_def *types;
	unsigned n_types;
};

int metadata_new(const uint8_t uuid[16], int64_t offset_ns, struct metadata **ret)
{
	struct metadata *md = calloc(1, sizeof(*md));

	if (md)
		md->out = open_memstream(&md->text, &md->len);
	if (!md || !md->out) {
		free(md);
		return err_set(-ENOMEM, "no memory");
	}
	metadata_print_head(md->out, uuid, offset_ns);
	*ret = md;
	return 0;
}

void metadata_free(struct metadata *md)
{
	struct type_def *def, *next;

	if (!md)
		return;
	HASH_ITER(hh, md->types, def, next) {
		HASH_DEL(md->types, def);
		free(def);
	}
	name_set_free(&md->type_names);
	fclose(md->out);
	free(md->text);
	arena_free(&md->arena);
	free(md);
}

/* Names */

/** Make an identifier of any text: "dom->name" is dom_name, "*info" is info. */
static char *identifier(struct metadata *md, const char *text, const char *otherwise)
{
	char *id = arena_alloc(&md->arena, strlen(text) + 1);
	size_t n = 0;
	bool gap = false;

	if (!id)
		return NULL;
	for (; *text; text++) {
		if (!isascii(*text) || (!isalnum(*text) && *text != '_')) {
			gap = n > 0;
			continue;
		}
		if (gap)
			id[n++] = '_';
		gap = false;
		id[n++] = *text;
	}
	return n ? id : arena_strdup(&md->arena, otherwise);
}

/**
 * The name of a field without its leading `_`, different from those in `names` in the sense said
 * above; adds it.
 */
static const char *field_name(struct metadata *md, struct name **names, const char *text)
{
	char *base = identifier(md, text ? text : "", "anonymous");
	const char *id = base;

	for (unsigned n = 2; id; n++) {
		const char *raw = arena_printf(&md->arena, "_%s", id);

		if (!raw)
			return NULL;
		if (!name_set_has(*names, id) && !name_set_has(*names, raw))
			break;
		id = arena_printf(&md->arena, "%s_%u", base, n);
	}
	return id && name_set_add(names, id) ? id : NULL;
}

static void print_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, out);
	}
	fputc('"', out);
}

/* Types */

/** A text being made with stdio. */
struct body {
	char *text;
	size_t len;
	FILE *out;
};

static bool body_open(struct body *body)
{
	*body = (struct body){ 0 };
	body->out = open_memstream(&body->text, &body->len);
	return body->out;
}

/** Close; whether all of it went well. */
static bool body_close(struct body *body)
{
	bool good = !ferror(body->out);

	return fclose(body->out) == 0 && good;
}

/**
 * The name of the compound type `what` ("struct", "enum") with this body, defined now if it is new.
 */
static const char *type_define(struct metadata *md, const char *what, const char *hint,
			       const char *body)
{
	struct type_def *def;

	HASH_FIND_STR(md->types, body, def);
	if (def)
		return def->name;
	for (const char *tag = hint; (tag = strchr(tag, ' ')); hint = ++tag)
		;
	const char *base = identifier(md, hint, "anonymous");
	const char *name = base ? arena_printf(&md->arena, "_%s", base) : NULL;

	while (name && name_set_has(md->type_names, name))
		name = arena_printf(&md->arena, "_%s_%u", base, ++md->n_types);
	if (!name || !name_set_add(&md->type_names, name))
		return NULL;
	def = malloc(sizeof(*def) + strlen(body) + 1);
	if (!def)
		return NULL;
	def->name = arena_printf(&md->arena, "%s %s", what, name);
	strcpy(def->body, body);
	HASH_ADD_STR(md->types, body, def);
	if (def->name)
		fprintf(md->out, "%s%s\n", def->name, body);
	return def->name;
}

static int print_field(struct metadata *md, FILE *out, const struct schema *schema,
		       const char *name, unsigned depth);

static int integer_type(struct metadata *md, const struct schema *s, const char **ret)
{
	if (s->size < 1 || s->size > 8)
		return err_set(-EINVAL, "a trace cannot hold integers of %u bytes", s->size);
	bool hex = s->is_hex || (s->kind == SCHEMA_ENUM && s->is_flags);

	const char *name = s->is_signed ? "int" : hex ? "hex" : "uint";

	*ret = arena_printf(&md->arena, "%s%u", name, s->size * 8);
	return *ret ? 0 : -ENOMEM;
}

static int print_labels(const struct schema *s, const char *integer, FILE *out)
{
	struct name *names = NULL;
	bool enough = true;

	fprintf(out, " : %s {", integer);
	for (uint32_t i = 0; i < s->n_enumerators && enough; i++) {
		const char *name = s->enumerators[i].name ? s->enumerators[i].name : "?";
		unsigned unused = 64 - s->size * 8;
		uint64_t value = (uint64_t)s->enumerators[i].value << unused;
		char key[32];

		/* In the enum's own size and sign; each value once per label. */
		snprintf(key, sizeof(key), s->is_signed ? "%" PRId64 : "%" PRIu64,
			 s->is_signed ? (int64_t)value >> unused : (int64_t)(value >> unused));
		struct body line = { 0 };

		enough = body_open(&line);
		if (!enough)
			break;
		print_string(line.out, name);
		fprintf(line.out, " = %s", key);
		enough = body_close(&line);
		if (enough && !name_set_has(names, line.text)) {
			fprintf(out, "%s\n\t%s", names ? "," : "", line.text);
			enough = name_set_add(&names, line.text);
		}
		free(line.text);
	}
	fputs("\n};", out);
	name_set_free(&names);
	return enough ? 0 : -ENOMEM;
}

static int enum_type(struct metadata *md, const struct schema *s, const char **ret)
{
	const char *integer;
	struct body body;
	int r = integer_type(md, s, &integer);

	if (r < 0 || s->n_enumerators == 0 || s->is_flags) {
		if (r == 0)
			*ret = integer;
		return r;
	}
	if (!body_open(&body))
		return -ENOMEM;
	r = print_labels(s, integer, body.out);
	if (!body_close(&body))
		r = -ENOMEM;
	if (r == 0)
		*ret = type_define(md, "enum", s->ctype ? s->ctype : "", body.text);
	free(body.text);
	return r < 0 ? r : *ret ? 0 : -ENOMEM;
}

static int bool_type(struct metadata *md, const struct schema *s, const char **ret)
{
	static const struct schema_enumerator labels[] = { { "false", 0 }, { "true", 1 } };
	const struct schema as_enum = { .kind = SCHEMA_ENUM, .ctype = "bool", .size = s->size,
					.enumerators = labels, .n_enumerators = 2 };

	return enum_type(md, &as_enum, ret);
}

static int print_members(struct metadata *md, FILE *out, const struct schema *s, unsigned depth)
{
	struct name *names = NULL;
	int r = 0;

	for (uint32_t i = 0; i < s->n_members && r == 0; i++) {
		const char *id = field_name(md, &names, s->members[i]->name);
		const char *name = id ? arena_printf(&md->arena, "_%s", id) : NULL;

		r = name ? print_field(md, out, s->members[i], name, depth) : -ENOMEM;
	}
	name_set_free(&names);
	return r;
}

/** Whether there is an option(target) in an encoding of this schema, other than texts. */
static bool has_options(const struct schema *s)
{
	switch (s->kind) {
	case SCHEMA_PTR:
		return s->target;
	case SCHEMA_CAPTURE:
		return true;
	case SCHEMA_ARRAY:
	case SCHEMA_SEQUENCE:
		return has_options(s->target);
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		for (uint32_t i = 0; i < s->n_members; i++)
			if (has_options(s->members[i]))
				return true;
		return false;
	default:
		return false;
	}
}

static int print_option(struct metadata *md, FILE *out, const struct schema *target, unsigned depth)
{
	bool nested = has_options(target);

	fprintf(out, "\tenum %s status;\n\tvariant <status> {\n",
		nested ? "nested_status" : "status");
	int r = print_field(md, out, target, nested ? "ok_or_cut" : "ok", depth);

	if (r == 0 && !nested)
		r = print_field(md, out, target, "cut", depth);
	fputs("\tstruct nothing null; struct unreadable unreadable;\n"
	      "\tstruct nothing optimized_out; struct nothing bad;\n\t} value;\n", out);
	return r;
}

/** Whether a copy of the type would lose a leading `_` of a C name. */
static bool copies_badly(const struct schema *s)
{
	if (s->target && s->kind != SCHEMA_FUNC)
		return copies_badly(s->target);
	if (s->kind != SCHEMA_STRUCT && s->kind != SCHEMA_UNION)
		return false;
	for (uint32_t i = 0; i < s->n_members; i++)
		if ((s->members[i]->name && s->members[i]->name[0] == '_') ||
		    copies_badly(s->members[i]))
			return true;
	return false;
}

static int struct_type(struct metadata *md, const struct schema *s, unsigned depth,
		       const char **ret)
{
	const char *hint = s->ctype ? s->ctype : "";
	struct body body;
	int r;

	if (!body_open(&body))
		return -ENOMEM;
	fputs(" {\n", body.out);
	switch (s->kind) {
	case SCHEMA_PTR:
		fputs("\thex64 address;\n", body.out);
		r = print_option(md, body.out, s->target, depth);
		hint = "pointer";
		break;
	case SCHEMA_CAPTURE:
		r = print_option(md, body.out, s->target, depth);
		hint = "capture";
		break;
	case SCHEMA_SEQUENCE:
		fputs("\tuint16 n;\n", body.out);
		r = print_field(md, body.out, s->target, "items[n]", depth);
		hint = "sequence";
		break;
	default:
		r = print_members(md, body.out, s, depth);
	}
	fputs("};", body.out);
	if (!body_close(&body))
		r = -ENOMEM;
	if (r == 0)
		*ret = copies_badly(s) ? arena_printf(&md->arena, "struct%.*s", (int)body.len - 1,
						      body.text)
				       : type_define(md, "struct", hint, body.text);
	free(body.text);
	return r < 0 ? r : *ret ? 0 : -ENOMEM;
}

static int type_name(struct metadata *md, const struct schema *s, unsigned depth, const char **ret)
{
	switch (s->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
		return integer_type(md, s, ret);
	case SCHEMA_ENUM:
		return enum_type(md, s, ret);
	case SCHEMA_BOOL:
		return bool_type(md, s, ret);
	case SCHEMA_FLOAT:
		if (s->size != 4 && s->size != 8)
			return err_set(-EINVAL, "a trace cannot hold floats of %u bytes", s->size);
		*ret = s->size == 4 ? "float32" : "float64";
		return 0;
	case SCHEMA_BYTES:
		*ret = "hex8";
		return 0;
	case SCHEMA_FUNC:
		*ret = "hex64";
		return 0;
	case SCHEMA_STRING:
		*ret = "struct c_string";
		return 0;
	case SCHEMA_TEXT:
		*ret = "struct inline_text";
		return 0;
	case SCHEMA_PTR:
		if (s->target)
			return struct_type(md, s, depth + 1, ret);
		*ret = "hex64";
		return 0;
	default:
		return struct_type(md, s, depth + 1, ret);
	}
}

static int print_field(struct metadata *md, FILE *out, const struct schema *schema,
		       const char *name, unsigned depth)
{
	const char *declarator = name, *type;

	if (depth > DEPTH_MAX)
		return err_set(-E2BIG, "types are nested more than %u levels deep", DEPTH_MAX);
	for (; declarator && schema->kind == SCHEMA_ARRAY; schema = schema->target, depth++)
		declarator = arena_printf(&md->arena, "%s[%u]", declarator, schema->stored);
	if (declarator && schema->kind == SCHEMA_BYTES)
		declarator = arena_printf(&md->arena, "%s[%u]", declarator, schema->size);
	int r = declarator ? type_name(md, schema, depth, &type) : -ENOMEM;

	if (r == 0)
		fprintf(out, "\t%s %s;\n", type, declarator);
	return r;
}

int metadata_add_class(struct metadata *md, unsigned id, const char *name, const char *module,
		       const struct schema *payload)
{
	struct body fields;

	if (!body_open(&fields))
		return err_set(-ENOMEM, "no memory");
	int r = print_members(md, fields.out, payload, 0);

	if (!body_close(&fields))
		r = -ENOMEM;
	if (r == 0) {
		fputs("event {\n\tname = ", md->out);
		print_string(md->out, name);
		fprintf(md->out, ";\n\tid = %u;\n\tstream_id = 0;\n", id);
		if (module) {
			const char *uri = arena_printf(&md->arena, "elf:%s", module);

			fputs("\tmodel.emf.uri = ", md->out);
			print_string(md->out, uri ? uri : "");
			fputs(";\n", md->out);
		}
		fprintf(md->out, "\tfields := struct {\n%s};\n};\n\n", fields.text);
	}
	free(fields.text);
	return r == -ENOMEM ? err_set(r, "no memory") : r;
}

int metadata_text(struct metadata *md, char **text_ret, size_t *len_ret)
{
	struct body body;

	if (fflush(md->out) != 0 || !body_open(&body))
		return err_set(-ENOMEM, "no memory");
	fwrite(md->text, 1, md->len, body.out);
	fprintf(body.out, "/* checksum %016" PRIx64 " */\n", checksum(md->text, md->len));
	if (!body_close(&body)) {
		free(body.text);
		return err_set(-ENOMEM, "no memory");
	}
	*text_ret = body.text;
	*len_ret = body.len;
	return 0;
}

int metadata_check(const char *text, size_t len)
{
	char expected[METADATA_CHECKSUM_LEN + 1];

	if (len < METADATA_CHECKSUM_LEN)
		return err_set(-EBADMSG, "the metadata is cut");
	len -= METADATA_CHECKSUM_LEN;
	snprintf(expected, sizeof(expected), "/* checksum %016" PRIx64 " */\n",
		 checksum(text, len));
	if (memcmp(text + len, expected, METADATA_CHECKSUM_LEN) != 0)
		return err_set(-EBADMSG, "the metadata is damaged, or not written by virtrace");
	return 0;
}
