#include "tracer/trace/description.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/trace/class.h"
#include "tracer/trace/metadata.h"
#include "tracer/trace/metadata_head.h"
#include "tracer/trace/names.h"
#include "tracer/trace/schema_check.h"

/**
 * Why the reader makes the metadata again
 *
 * The parser of babeltrace2 2.0 has asserts for what it takes for granted, and copies a type
 * wherever its name stands: a metadata of a few bytes, made for it, makes it abort or take all
 * memory.  But all that is in a metadata comes from schema.json, which is checked when it is read.
 * So the text is made again, and one that is another goes no further.  What may differ is the
 * version of the program, in the head.
 */

struct description {
	struct arena arena;
	struct metadata *metadata;
	struct name *names; /* of the classes */
	struct schema_budget budget;
	bool is_broken; /* a probe is in it by half: for want of memory */
};

static int add_builtins(struct description *d)
{
	for (enum trace_class i = 0; i < CLASS_BUILTIN_COUNT; i++) {
		const char *name = class_builtin_name(i);
		int r = metadata_add_class(d->metadata, i, name, NULL, class_builtin_schema(i));

		if (r < 0)
			return r;
		if (!name_set_add(&d->names, name))
			return err_set(-ENOMEM, "no memory");
	}
	return 0;
}

int description_new(const uint8_t uuid[16], int64_t offset_ns, struct description **ret)
{
	struct description *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(-ENOMEM, "no memory");
	d->budget = SCHEMA_BUDGET;
	int r = metadata_new(uuid, offset_ns, &d->metadata);

	if (r == 0)
		r = add_builtins(d);
	if (r < 0) {
		description_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void description_free(struct description *d)
{
	if (!d)
		return;
	metadata_free(d->metadata);
	name_set_free(&d->names);
	arena_free(&d->arena);
	free(d);
}

/**
 * FUNCTION; or MODULE!FUNCTION if another probe's is called so; or that with a number, for two
 * static ones in a module.
 */
static const char *class_name(struct description *d, const struct trace_probe_desc *desc)
{
	const char *slash = strrchr(desc->module, '/');
	const char *name = arena_strdup(&d->arena, desc->function);

	if (!name || !name_set_has(d->names, name))
		return name;
	const char *base =
		arena_printf(&d->arena, "%s!%s", slash ? slash + 1 : desc->module, desc->function);

	name = base;
	for (unsigned i = 2; name && name_set_has(d->names, name); i++)
		name = arena_printf(&d->arena, "%s#%u", base, i);
	return name;
}

static int add_class(struct description *d, unsigned id, const char *name,
		     const struct trace_probe_desc *desc, const struct schema *payload)
{
	if (!name || !payload || !name_set_add(&d->names, name))
		return -ENOMEM;
	return metadata_add_class(d->metadata, id, name, desc->module, payload);
}

int description_add(struct description *d, const struct trace_probe_desc *desc, unsigned id)
{
	int r = schema_check_probe(desc, &d->budget);

	if (r < 0)
		return err_context(r, "%s", desc->function);
	const char *name = class_name(d, desc);
	const char *return_name = name ? arena_printf(&d->arena, "%s:return", name) : NULL;

	r = add_class(d, id, name, desc,
		      class_entry_schema(&d->arena, desc->entry, desc->has_stack, desc->deferred));
	if (r == 0)
		r = add_class(d, id + 1, return_name, desc,
			      class_return_schema(&d->arena, desc->ret, desc->return_sites,
						  desc->n_return_sites));
	d->is_broken |= r < 0;
	return r < 0 ? err_set(r, "%s: no memory", desc->function) : 0;
}

int description_text(struct description *d, char **text_ret, size_t *len_ret)
{
	if (d->is_broken)
		return err_set(-ENOMEM, "no memory");
	return metadata_text(d->metadata, text_ret, len_ret);
}

/** `text` is the start of `whole`, up to the end of a class; both without their checksums. */
static bool is_start(const char *text, size_t len, const char *whole, size_t whole_len)
{
	static const char end[] = "};\n\n"; /* of a class, and of nothing in one */
	size_t end_len = sizeof(end) - 1;

	return len >= end_len && len <= whole_len && memcmp(text, whole, len) == 0 &&
	       memcmp(text + len - end_len, end, end_len) == 0;
}

int description_match(struct description *d, const char *text, size_t len)
{
	char *whole;
	size_t whole_len;
	int r = description_text(d, &whole, &whole_len);

	if (r < 0)
		return r;
	size_t head = metadata_head_env(text, len), whole_head = metadata_head_env(whole, whole_len);

	if (!head || len < head + METADATA_CHECKSUM_LEN ||
	    !is_start(text + head, len - head - METADATA_CHECKSUM_LEN, whole + whole_head,
		      whole_len - whole_head - METADATA_CHECKSUM_LEN))
		r = err_set(-EBADMSG,
			    "the trace is damaged: schema.json and metadata do not agree");
	free(whole);
	return r;
}
