/**
 * The data stream: files of one packet each, written so that what is in the directory is a valid
 * stream at any moment.
 */
#ifndef TRACE_PACKET_H
#define TRACE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iovec;
struct packets;

/**
 * Packet header and context as they are in the files, little endian; the TSDL is in metadata.c.
 * Sizes are in bits. `content_size` is before `timestamp_end` on purpose, see packet.c.
 */
struct packet_header {
	uint32_t magic;
	uint8_t uuid[16];
	uint32_t stream_id;
	uint64_t stream_instance_id;
	uint64_t timestamp_begin;
	uint64_t content_size;
	uint64_t packet_size;
	uint64_t timestamp_end;
	uint64_t packet_seq_num;
	uint64_t events_discarded;
};

/** No file is larger: 4 MiB, or what its only event needs, whose payload is at most that. */
enum { PACKET_BYTES_MAX = 16 * 1024 * 1024 };

/** What is in front of each event's payload; the TSDL is in metadata_head.c. */
struct __attribute__((packed)) event_header {
	uint16_t id;
	uint64_t timestamp;
	uint32_t tid;
	uint64_t call;
	uint64_t parent;
	uint16_t depth;
};

#define PACKET_MAGIC    0xc1fc1fc1u
#define PACKET_PREFIX   "stream_" /* then the packet's number in 6 or more digits */
#define PACKET_TEMP     ".stream.tmp"

/** The name of packet `n`'s file. */
enum { PACKET_NAME_MAX = 32 };
void packet_name(char name[static PACKET_NAME_MAX], uint64_t n);
/** Whether it is such a name, and of which packet. */
bool packet_number(const char *name, uint64_t *ret);
/** Whether a header can be one of this trace; its sizes are not compared with the file. */
bool packet_header_valid(const struct packet_header *header, const uint8_t uuid[16]);

/** Start a stream in directory `dirfd` (borrowed).  No file is made before the first event. */
int packets_new(int dirfd, const uint8_t uuid[16], struct packets **ret);

/** Go on with the stream in `dirfd`, whose writer is gone.  -EBADMSG if its last packet is none of this trace. */
int packets_resume(int dirfd, const uint8_t uuid[16], struct packets **ret);

/** The events of the newest packet, `*len` bytes; NULL if there is no packet. */
const uint8_t *packets_newest(const struct packets *packets, size_t *len);

/** The time an event gets that happened at `time_ns`: that of the event before, if it is later. */
uint64_t packets_time(const struct packets *packets, uint64_t time_ns);

/**
 * Append one event made of `n` parts.  `time_ns` comes from packets_time() and is what the event
 * says itself.  After the first failure all fail.
 */
int packets_append(struct packets *packets, uint64_t time_ns, const struct iovec *parts, size_t n);

/** The same for an event that tells of others that are lost: each packet keeps some room for it, so it mostly can be had on a full disk. */
int packets_append_last(struct packets *packets, uint64_t time_ns, const struct iovec *parts, size_t n);

/** Count `n` events that are not in the stream. */
void packets_discard(struct packets *packets, uint64_t n);

uint64_t packets_discarded(const struct packets *packets);
/** Bytes of events so far. */
uint64_t packets_bytes(const struct packets *packets);

/**
 * Cut the last packet to its content and write all to disk.  Frees also on error; NULL is allowed.
 */
int packets_close(struct packets *packets);

#endif
