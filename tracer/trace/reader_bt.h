/**
 * The events of one CTF trace, decoded by libbabeltrace2.
 */
#ifndef TRACE_READER_BT_H
#define TRACE_READER_BT_H

#include <babeltrace2/babeltrace.h>
#include <stdint.h>

struct ctf;

enum ctf_kind {
	CTF_END,
	CTF_EVENT,
	CTF_DISCARDED,  /**< so many events are not in the packet that follows */
	CTF_PACKET_END,
};

struct ctf_item {
	enum ctf_kind kind;
	const bt_event *event; /**< valid until the next ctf_next() */
	uint64_t time;         /**< value of the event's clock */
	uint64_t count;
};

/** Open the trace in directory `dir`, which has at most one stream. */
int ctf_open(const char *dir, struct ctf **ret);
/** 0, also at the end; -EBADMSG where the stream cannot be decoded. */
int ctf_next(struct ctf *ctf, struct ctf_item *ret);
void ctf_close(struct ctf *ctf);

#endif
