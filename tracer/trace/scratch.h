/**
 * A private directory below $TMPDIR that is gone when we are, however we end.
 */
#ifndef TRACE_SCRATCH_H
#define TRACE_SCRATCH_H

struct scratch;

/** Make one, mode 0700.  0, or a negative errno with a message. */
int scratch_new(struct scratch **ret);
/** Remove it with all that is in it; NULL is allowed. */
void scratch_free(struct scratch *scratch);
const char *scratch_path(const struct scratch *scratch);

#endif
