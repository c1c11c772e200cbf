/**
 * QMP in recorded calls: what libvirt asked QEMU's monitor, and what it was told.
 *
 * A message is a captured text that is a JSON object with "execute", "return", "error" or "event", whatever function it
 * was captured of. A request belongs to the call that has it at its entry, and that waits for the reply, though another
 * thread receives that: both are joined by id. Ids count for each monitor, whose address is the capture named `mon`.
 */
#ifndef REVIEW_LIBVIRT_QMP_H
#define REVIEW_LIBVIRT_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct call;
struct qmp_joiner;
struct value_node;

struct qmp_message {
	const char *text; /**< a NUL follows; NULL: it is not in the trace */
	size_t len;
	bool is_cut;   /**< by the recording's limit of texts */
	uint64_t call; /**< that has it at its entry */
	uint64_t time_ns;
	pid_t tid;
};

/** A request and its reply, or an event. What it points at lives as long as it is held. */
struct qmp_exchange {
	const char *name; /**< command or event; "" if the request is not in the trace */
	const char *id;   /**< "" if it has none, or it was cut away */
	bool is_event, is_error;
	bool is_unclear;  /**< there are requests with this id, but not which of them it is the reply to */
	struct qmp_message request, reply; /**< an event is a `reply`; a request whose call had ended has no text here, only its call */

	/* For qmp.c. */
	unsigned holds;
	struct qmp_exchange *prev, *next; /* wait for their replies under the same key */
	struct waiting *waiting;
};

/** NULL without memory. */
struct qmp_joiner *qmp_joiner_new(void);
/** What is held stays. NULL is allowed. */
void qmp_joiner_free(struct qmp_joiner *joiner);

/**
 * A call was entered: calls come in the order of time. `*ret`: the exchange that it sent the request of or, of what it
 * received, the last one; NULL if it has none; for qmp_release(). 0 or -ENOMEM.
 */
int qmp_entered(struct qmp_joiner *joiner, const struct call *call, struct qmp_exchange **ret);
/** The call that sent the request has ended, so that nobody waits for a reply. */
void qmp_ended(struct qmp_joiner *joiner, struct qmp_exchange *exchange);
/** Drop one hold. NULL is allowed. */
void qmp_release(struct qmp_exchange *exchange);

/** Whether the call, which has this exchange, is the one that sent the request. */
bool qmp_is_sender(const struct qmp_exchange *exchange, const struct call *call);
/** The capture that has a message of the call; NULL if it has none. */
const struct value_node *qmp_text(const struct call *call);

#endif
