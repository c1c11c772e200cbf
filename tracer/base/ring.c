/*
 * How two threads share a ring without a lock
 *
 *	head   bytes ever put in:   written by the producer only
 *	tail   bytes ever taken:    written by the consumer only
 *
 * Both only grow (64 bits do not overflow); head - tail bytes are in use.  A record is a head with its length, then its bytes.
 *
 *	producer                             consumer
 *	  free = size - (head - tail)          used = head - tail
 *	  write the record          (1)        read the record           (3)
 *	  head += n      release    (2)        tail += n      release    (4)
 *
 * The consumer reads head with acquire: who sees (2) sees (1).  The producer reads tail with acquire: who sees (4) writes after
 * (3) was done.  Each side keeps the other's counter as it last saw it, and looks again only when that says "full" or "empty",
 * so that the cache line of a counter moves between CPUs once for many records.
 *
 * The memory is mapped twice, one right behind the other: a record that runs over the end of the first is whole in the second.
 * It is populated and, if that is allowed, locked, as the producer must never wait for a page.
 *
 * Sleeping.  The consumer says in `sleeper` that it is going to sleep, then looks at head again, then sleeps.  The producer moves
 * head, then looks at `sleeper`.  Both have a full barrier between their store and their load, so that at least one of them sees
 * the other's store: either the consumer sees the record, or the producer sees the sleeper.  The consumer waits on `sleeper`
 * itself (futex(2)), which the waker sets to WOKEN: if that came first, the kernel does not let it sleep.
 *
 * A waking call costs the producer a system call, so a consumer that is busy naps (RING_NAP): it comes by itself after its
 * time, and is woken only when the ring fills sooner.
 */
#include "tracer/base/ring.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/err.h"

enum { HEAD_SIZE = sizeof(uint64_t), ALIGN = 8, CACHE_LINE = 64 };
enum { SMALLEST = 64 * 1024 }; /* whole pages, also where they are large */
enum sleeper { AWAKE, NAPS, SLEEPS, WOKEN };

struct ring {
	uint8_t *memory; /* twice `size` bytes */
	uint64_t size;   /* a power of two */
	uint64_t wake_at; /* bytes in use that end a nap */

	/* the producer's */
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	uint64_t seen_tail;
	uint64_t reserved; /* of the record that is being written */

	/* the consumer's */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	uint64_t seen_head;

	_Alignas(CACHE_LINE) _Atomic uint32_t sleeper;
};

size_t ring_room_of(size_t len)
{
	return HEAD_SIZE + (len + ALIGN - 1) / ALIGN * ALIGN;
}

/* The same memory at two places, side by side. */
static int map_twice(struct ring *ring)
{
	int fd = memfd_create("virtrace-ring", MFD_CLOEXEC);
	uint8_t *memory = MAP_FAILED;
	bool ok = fd >= 0 && ftruncate(fd, (off_t)ring->size) == 0;

	if (ok)
		memory = mmap(NULL, 2 * ring->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ok = memory != MAP_FAILED;
	for (int i = 0; ok && i < 2; i++)
		ok = mmap(memory + (size_t)i * ring->size, ring->size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) != MAP_FAILED;
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (!ok && memory != MAP_FAILED)
		munmap(memory, 2 * ring->size);
	if (!ok)
		return err_set(-error, "cannot make a buffer of %zu KiB: %s", (size_t)ring->size / 1024,
			       strerror(error));
	mlock(memory, 2 * ring->size); /* not allowed: it may be swapped out, if memory gets that short */
	madvise(memory, 2 * ring->size, MADV_DONTFORK);
	ring->memory = memory;
	return 0;
}

int ring_new(size_t size, struct ring **ret)
{
	struct ring *ring = aligned_alloc(CACHE_LINE, sizeof(*ring));

	if (!ring)
		return err_set(-ENOMEM, "out of memory");
	memset(ring, 0, sizeof(*ring));
	ring->size = SMALLEST;
	while (ring->size < size)
		ring->size *= 2;
	ring->wake_at = ring->size / 4;
	int r = map_twice(ring);

	if (r < 0) {
		free(ring);
		return r;
	}
	*ret = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	munmap(ring->memory, 2 * ring->size);
	free(ring);
}

static uint8_t *place(const struct ring *ring, uint64_t counter)
{
	return ring->memory + (counter & (ring->size - 1));
}

void *ring_reserve(struct ring *ring, size_t len, size_t keep)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t need = ring_room_of(len) + keep;

	if (len > ring->size || keep > ring->size)
		return NULL;
	if (ring->size - (head - ring->seen_tail) < need)
		ring->seen_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (ring->size - (head - ring->seen_tail) < need)
		return NULL;
	uint8_t *at = place(ring, head);

	*(uint64_t *)at = len;
	ring->reserved = ring_room_of(len);
	return at + HEAD_SIZE;
}

void ring_commit(struct ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed) + ring->reserved;

	assert(ring->reserved);
	ring->reserved = 0;
	atomic_store_explicit(&ring->head, head, memory_order_seq_cst); /* release, and the barrier of "Sleeping" */
	uint32_t sleeper = atomic_load_explicit(&ring->sleeper, memory_order_seq_cst);

	if (sleeper == AWAKE || sleeper == WOKEN)
		return;
	if (sleeper == NAPS && head - ring->seen_tail >= ring->wake_at)
		ring->seen_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (sleeper == SLEEPS || head - ring->seen_tail >= ring->wake_at)
		ring_wake(ring);
}

void *ring_peek(struct ring *ring, size_t *len)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail == ring->seen_head)
		ring->seen_head = atomic_load_explicit(&ring->head, memory_order_acquire);
	if (tail == ring->seen_head)
		return NULL;
	uint8_t *at = place(ring, tail);

	*len = *(uint64_t *)at;
	return at + HEAD_SIZE;
}

void ring_pop(struct ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	assert(tail != ring->seen_head);
	tail += ring_room_of(*(uint64_t *)place(ring, tail));
	atomic_store_explicit(&ring->tail, tail, memory_order_release);
}

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

void ring_wait(struct ring *ring, enum ring_wait how, uint64_t ns)
{
	struct timespec timeout = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	uint32_t asleep = how == RING_NAP ? NAPS : SLEEPS, awake = AWAKE;
	uint64_t enough = how == RING_NAP ? ring->wake_at : 1;

	/* It may be WOKEN already: that is taken here. */
	if (!atomic_compare_exchange_strong(&ring->sleeper, &awake, asleep)) {
		atomic_store(&ring->sleeper, AWAKE);
		return;
	}
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (atomic_load_explicit(&ring->head, memory_order_seq_cst) - tail < enough)
		futex(&ring->sleeper, FUTEX_WAIT, asleep, &timeout);
	atomic_store(&ring->sleeper, AWAKE);
}

void ring_wake(struct ring *ring)
{
	atomic_store(&ring->sleeper, WOKEN);
	futex(&ring->sleeper, FUTEX_WAKE, 1, NULL);
}
