/**
 * What a stop has to tell the owner, kept until the thread runs again.
 */
#ifndef PROBE_OUTBOX_H
#define PROBE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/probe/engine.h"
#include "tracer/probe/unwind.h"

struct call;

enum {
	OUTBOX_EVENTS = 64,
	OUTBOX_CODE = 128,           /* code addresses a stop may tell; more get no name */
	STACK_COPY = 32 * 1024,      /* bytes from rsp up, for a backtrace */
};

enum outbox_kind {
	OUT_ENTER,
	OUT_LEAVE,
	OUT_KEEP_STACK, /**< not told: keep the stack copy in `call`, whose entry is held back */
	OUT_DEFERRED,   /**< the entry that was held back in `call` */
};

struct outbox_event {
	enum outbox_kind kind;
	struct call_event event;
	struct call *call;
};

struct outbox {
	struct outbox_event events[OUTBOX_EVENTS];
	size_t n;
	uint8_t *data; /**< payloads */
	size_t used, cap;
	uint64_t code[OUTBOX_CODE];
	size_t n_code;
	bool has_stack;
	uint8_t *stack_copy;
	struct unwind_sample stack; /**< the thread at this stop, at a function's entry */
};

int outbox_init(struct outbox *outbox);
void outbox_fini(struct outbox *outbox);
/** Make payloads of `len` bytes fit; only while it is empty. */
int outbox_grow(struct outbox *outbox, size_t len);
bool outbox_has_room(const struct outbox *outbox, size_t len);
/** The next event, zeroed. */
struct outbox_event *outbox_push(struct outbox *outbox);
void outbox_note_code(struct outbox *outbox, uint64_t addr);
void outbox_clear(struct outbox *outbox);

#endif
