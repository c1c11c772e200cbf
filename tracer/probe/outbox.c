#include "tracer/probe/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/err.h"

int outbox_init(struct outbox *outbox)
{
	memset(outbox, 0, sizeof(*outbox));
	outbox->stack_copy = malloc(STACK_COPY);
	return outbox->stack_copy ? outbox_grow(outbox, 4096) : err_set(-ENOMEM, "out of memory");
}

void outbox_fini(struct outbox *outbox)
{
	free(outbox->stack_copy);
	free(outbox->data);
	memset(outbox, 0, sizeof(*outbox));
}

int outbox_grow(struct outbox *outbox, size_t len)
{
	assert(outbox->used == 0);
	if (len <= outbox->cap)
		return 0;
	uint8_t *data = malloc(len);

	if (!data)
		return err_set(-ENOMEM, "out of memory");
	free(outbox->data);
	outbox->data = data;
	outbox->cap = len;
	return 0;
}

bool outbox_has_room(const struct outbox *outbox, size_t len)
{
	return outbox->n < OUTBOX_EVENTS && outbox->cap - outbox->used >= len;
}

struct outbox_event *outbox_push(struct outbox *outbox)
{
	assert(outbox->n < OUTBOX_EVENTS);
	struct outbox_event *event = &outbox->events[outbox->n++];

	memset(event, 0, sizeof(*event));
	return event;
}

void outbox_note_code(struct outbox *outbox, uint64_t addr)
{
	for (size_t i = 0; i < outbox->n_code; i++)
		if (outbox->code[i] == addr)
			return;
	if (outbox->n_code < OUTBOX_CODE)
		outbox->code[outbox->n_code++] = addr;
}

void outbox_clear(struct outbox *outbox)
{
	outbox->n = 0;
	outbox->used = 0;
	outbox->n_code = 0;
	outbox->has_stack = false;
}
