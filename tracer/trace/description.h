/**
 * What a trace says of itself in its metadata: the classes that every trace has, then two for each
 * probe.
 *
 * The writer makes it, and the reader makes it again from schema.json: babeltrace2 is given no
 * metadata that is not what this program would have written.
 */
#ifndef TRACE_DESCRIPTION_H
#define TRACE_DESCRIPTION_H

#include <stddef.h>
#include <stdint.h>

struct description;
struct trace_probe_desc;

int description_new(const uint8_t uuid[16], int64_t offset_ns, struct description **ret);
void description_free(struct description *description);

/**
 * Add the classes of a probe, `id` for entries and `id` + 1 for returns.  -EINVAL or -E2BIG, and
 * nothing was added, if they are not what a trace can hold (schema_check.h).
 */
int description_add(struct description *description, const struct trace_probe_desc *desc, unsigned id);

/** The metadata as it is now; free() it. */
int description_text(struct description *description, char **text_ret, size_t *len_ret);

/**
 * Whether a trace's metadata is this one, or lacks only its last probes: a writer may have been
 * killed before it could add them.  -EBADMSG if not.
 */
int description_match(struct description *description, const char *text, size_t len);

#endif
