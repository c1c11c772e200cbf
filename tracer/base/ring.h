/**
 * A ring of records between two threads: one puts records in, one takes them out, neither waits for the other.
 *
 * It is bounded, and all its memory is there from the start.  A record that does not fit is refused; what to do about that is
 * the producer's business.  Each function belongs to one of the two threads, as its group says.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/** Room for at least `size` bytes of records and their heads (8 bytes each; a record's size is rounded up to 8). */
int ring_new(size_t size, struct ring **ret);
/** The same, in memory that outlives us: the file `fd` of ring_file(), not used before.  It is not needed open afterwards. */
int ring_new_in(int fd, size_t size, struct ring **ret);
/** An empty file without a name for it, whose pages are memory; or a negative errno. */
int ring_file(void);
/**
 * The consumer's side of the ring in `fd`, whose both threads are gone: what they have left.  -ENODATA if there was no ring yet,
 * -EBADMSG if it cannot be one.
 */
int ring_inherit(int fd, struct ring **ret);
/** NULL is allowed.  Both threads must be done. */
void ring_free(struct ring *ring);

/* The producer */

/**
 * Where a record of `len` bytes may be written, 8-byte aligned and in one piece; NULL if then less than `keep` bytes were
 * left.  Nothing is in the ring before ring_commit(); another ring_reserve() forgets this one.
 */
void *ring_reserve(struct ring *ring, size_t len, size_t keep);
/** Give what was reserved to the consumer.  No system call, but where the consumer has to be woken. */
void ring_commit(struct ring *ring);
/** What a record of `len` bytes takes of `keep` above. */
size_t ring_room_of(size_t len);

/* The consumer */

/** The oldest record, and its length; NULL if there is none.  It stays until ring_pop(). */
void *ring_peek(struct ring *ring, size_t *len);
void ring_pop(struct ring *ring);

/** How eagerly a waiting consumer is woken. */
enum ring_wait {
	RING_NAP,   /**< when a quarter of the ring is full: costs the producer nothing until then */
	RING_SLEEP, /**< at the next record */
};
/** Wait for records, for ring_wake(), or for `ns`; it may also return early. */
void ring_wait(struct ring *ring, enum ring_wait how, uint64_t ns);

/* Any thread, and who inherits the ring */

enum { RING_COUNTERS = 16 };
/** Numbers beside the records, of what meaning its users like; 0 at first. */
_Atomic uint64_t *ring_counters(struct ring *ring);

/* Any thread */

/** End a ring_wait() that goes on, or the next one. */
void ring_wake(struct ring *ring);

#endif
