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
 * The memory is a file: a page with what the threads share, then the bytes.  These are mapped twice, one right behind the other:
 * a record that runs over the end of the first is whole in the second.  All is populated and, if that is allowed, locked, as the
 * producer must never wait for a page.  Who else has the file open finds in it what was put in and not taken, whenever the two
 * threads are killed: what lies between tail and head is whole (1, 2).
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/err.h"

enum { HEAD_SIZE = sizeof(uint64_t), ALIGN = 8, CACHE_LINE = 64, SHARED_SIZE = 4096 };
enum { SMALLEST = 64 * 1024 }; /* whole pages, also where they are large */
static const uint64_t ring_magic = 0x31676e6972747276; /* "vrtring1" */
enum sleeper { AWAKE, NAPS, SLEEPS, WOKEN };

/* The first page of the file. */
struct shared {
	uint64_t magic;
	uint64_t size; /* a power of two */
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	_Alignas(CACHE_LINE) _Atomic uint32_t sleeper;
	_Alignas(CACHE_LINE) _Atomic uint64_t counters[RING_COUNTERS];
};

struct ring {
	struct shared *shared;
	uint8_t *memory; /* twice `size` bytes */
	uint64_t size;
	uint64_t wake_at; /* bytes in use that end a nap */

	/* the producer's */
	_Alignas(CACHE_LINE) uint64_t seen_tail;
	uint64_t reserved; /* of the record that is being written */

	/* the consumer's */
	_Alignas(CACHE_LINE) uint64_t seen_head;
};

size_t ring_room_of(size_t len)
{
	return HEAD_SIZE + (len + ALIGN - 1) / ALIGN * ALIGN;
}

int ring_file(void)
{
	int fd = memfd_create("virtrace-ring", MFD_CLOEXEC);

	return fd < 0 ? err_set(-errno, "cannot make a buffer: %s", strerror(errno)) : fd;
}

static size_t mapped_size(const struct ring *ring)
{
	return SHARED_SIZE + 2 * ring->size;
}

/* The page that is shared, then the bytes at two places, side by side. */
static int map(struct ring *ring, int fd)
{
	const int access = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
	uint8_t *at = mmap(NULL, mapped_size(ring), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	ring->shared = (struct shared *)at;
	ring->memory = at + SHARED_SIZE;
	bool ok = mmap(at, SHARED_SIZE, access, flags, fd, 0) != MAP_FAILED;

	for (int i = 0; ok && i < 2; i++)
		ok = mmap(ring->memory + (size_t)i * ring->size, ring->size, access, flags, fd, SHARED_SIZE) !=
		     MAP_FAILED;
	if (!ok) {
		int error = errno;

		munmap(at, mapped_size(ring));
		return -error;
	}
	mlock(at, mapped_size(ring)); /* not allowed: it may be swapped out, if memory gets that short */
	madvise(at, mapped_size(ring), MADV_DONTFORK);
	return 0;
}

static int new_mapped(int fd, uint64_t size, struct ring **ret)
{
	struct ring *ring = aligned_alloc(CACHE_LINE, sizeof(*ring));

	if (!ring)
		return err_set(-ENOMEM, "out of memory");
	memset(ring, 0, sizeof(*ring));
	ring->size = size;
	ring->wake_at = size / 4;
	int r = map(ring, fd);

	if (r < 0) {
		free(ring);
		return err_set(r, "cannot make a buffer of %zu KiB: %s", (size_t)size / 1024, strerror(-r));
	}
	*ret = ring;
	return 0;
}

int ring_new_in(int fd, size_t wanted, struct ring **ret)
{
	uint64_t size = SMALLEST;

	while (size < wanted)
		size *= 2;
	if (ftruncate(fd, (off_t)(SHARED_SIZE + size)) < 0)
		return err_set(-errno, "cannot make a buffer of %zu KiB: %s", (size_t)size / 1024, strerror(errno));
	int r = new_mapped(fd, size, ret);

	if (r < 0)
		return r;
	(*ret)->shared->size = size;
	__atomic_store_n(&(*ret)->shared->magic, ring_magic, __ATOMIC_RELEASE);
	return 0;
}

int ring_new(size_t size, struct ring **ret)
{
	int fd = ring_file(), r = fd < 0 ? fd : ring_new_in(fd, size, ret);

	if (fd >= 0)
		close(fd);
	return r;
}

int ring_inherit(int fd, struct ring **ret)
{
	struct shared shared = { 0 };
	struct stat st;

	if (pread(fd, &shared, sizeof(shared), 0) != sizeof(shared) || shared.magic != ring_magic)
		return err_set(-ENODATA, "no buffer was made");
	bool ok = shared.size >= SMALLEST && (shared.size & (shared.size - 1)) == 0 && fstat(fd, &st) == 0 &&
		  (uint64_t)st.st_size == SHARED_SIZE + shared.size && shared.head - shared.tail <= shared.size;

	int r = ok ? new_mapped(fd, shared.size, ret) : err_set(-EBADMSG, "the buffer is damaged");

	if (r == 0)
		(*ret)->seen_head = shared.head;
	return r;
}

_Atomic uint64_t *ring_counters(struct ring *ring)
{
	return ring->shared->counters;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	munmap(ring->shared, mapped_size(ring));
	free(ring);
}

static uint8_t *place(const struct ring *ring, uint64_t counter)
{
	return ring->memory + (counter & (ring->size - 1));
}

void *ring_reserve(struct ring *ring, size_t len, size_t keep)
{
	uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_relaxed);
	uint64_t need = ring_room_of(len) + keep;

	if (len > ring->size || keep > ring->size)
		return NULL;
	if (ring->size - (head - ring->seen_tail) < need)
		ring->seen_tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
	if (ring->size - (head - ring->seen_tail) < need)
		return NULL;
	uint8_t *at = place(ring, head);

	*(uint64_t *)at = len;
	ring->reserved = ring_room_of(len);
	return at + HEAD_SIZE;
}

void ring_commit(struct ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->shared->head, memory_order_relaxed) + ring->reserved;

	assert(ring->reserved);
	ring->reserved = 0;
	atomic_store_explicit(&ring->shared->head, head, memory_order_seq_cst); /* release, and the barrier of "Sleeping" */
	uint32_t sleeper = atomic_load_explicit(&ring->shared->sleeper, memory_order_seq_cst);

	if (sleeper == AWAKE || sleeper == WOKEN)
		return;
	if (sleeper == NAPS && head - ring->seen_tail >= ring->wake_at)
		ring->seen_tail = atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
	if (sleeper == SLEEPS || head - ring->seen_tail >= ring->wake_at)
		ring_wake(ring);
}

void *ring_peek(struct ring *ring, size_t *len)
{
	uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_relaxed);

	if (tail == ring->seen_head)
		ring->seen_head = atomic_load_explicit(&ring->shared->head, memory_order_acquire);
	if (tail == ring->seen_head)
		return NULL;
	uint8_t *at = place(ring, tail);

	*len = *(uint64_t *)at;
	return at + HEAD_SIZE;
}

void ring_pop(struct ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_relaxed);

	assert(tail != ring->seen_head);
	tail += ring_room_of(*(uint64_t *)place(ring, tail));
	atomic_store_explicit(&ring->shared->tail, tail, memory_order_release);
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
	if (!atomic_compare_exchange_strong(&ring->shared->sleeper, &awake, asleep)) {
		atomic_store(&ring->shared->sleeper, AWAKE);
		return;
	}
	uint64_t tail = atomic_load_explicit(&ring->shared->tail, memory_order_relaxed);

	if (atomic_load_explicit(&ring->shared->head, memory_order_seq_cst) - tail < enough)
		futex(&ring->shared->sleeper, FUTEX_WAIT, asleep, &timeout);
	atomic_store(&ring->shared->sleeper, AWAKE);
}

void ring_wake(struct ring *ring)
{
	atomic_store(&ring->shared->sleeper, WOKEN);
	futex(&ring->shared->sleeper, FUTEX_WAKE, 1, NULL);
}
