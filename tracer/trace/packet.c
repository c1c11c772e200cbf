#include "tracer/trace/packet.h"

#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/trace/directory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/**
 * Packets: why the stream is valid at any moment
 *
 * Readers index the whole stream before they read an event, and babeltrace2 refuses all of it if a
 * file ends in anything but a whole packet.  A file cannot be made longer by a packet in one step:
 * neither write(2) nor ftruncate(2) with a later store are one step for a kill or for a reader at
 * work.  rename(2) is.  So each packet is a file of its own, prepared under a dot name (which CTF
 * readers skip), full size and with a header that says "empty", and then renamed. The same at the
 * end, where a shorter copy takes the place of the last file.  Files whose header has the same
 * stream and stream instance id are one stream, in the order of their timestamp_begin; no two of
 * these may be the same, which is why the second event of a packet is at least 1 ns later than the
 * packet's beginning.
 *
 * A visible packet changes only by three steps, in this order:
 *
 *	1. the event's bytes, behind the content, where readers do not look
 *	2. timestamp_end     may be later than the last event, never earlier
 *	3. content_size      now the event is there
 *
 * Each of 2 and 3 is one aligned 8-byte store.  A reader at work decodes the header from front to
 * back, so content_size is placed before timestamp_end: it never sees an event and a timestamp_end
 * older than it.  The packet is mapped shared: what is stored is the kernel's, and outlives this
 * process at any instant.
 *
 * The first packet stays empty: babeltrace2 tells how many events were discarded only from one
 * packet's end to the next's.
 *
 * A full disk must be an error, not a SIGBUS, which would end the tracer with its breakpoints in
 * the target.  So the blocks are allocated when the packet is prepared.  Copy-on-write file systems
 * may still fail at a store, as may any if the disk does or somebody truncates the file: a SIGBUS
 * inside the mapping makes the store fail with -EIO.  SIGXFSZ (RLIMIT_FSIZE) is ignored for the
 * same reason; EFBIG says it.
 */

enum {
	ROUND_SIZE = 4096,
	LAST_WORDS = 2048, /* kept in each packet for packets_append_last() */
	SMALLEST_SIZE = 64 * 1024,     /* each packet is twice as large as the one before ... */
	LARGEST_SIZE = 4 * 1024 * 1024 /* ... until allocating more at once could be felt */
};

_Static_assert(sizeof(struct packet_header) == 80, "is written as it is");

struct packets {
	int dirfd;
	uint8_t uuid[16];
	uint64_t n;         /**< packets made; the newest has number n - 1 */
	uint8_t *map;       /**< the newest, NULL before the first */
	size_t size, used;  /**< of `map` */
	uint64_t begin_time, last_time; /**< of `map`, and of the last event */
	uint64_t discarded;
	uint64_t bytes;
	int error; /**< the first failure: nothing is appended any more */
};

/*
 * The store under way, for the signal handler: where in memory, and where to go on.  There is one
 * thread that writes.
 */
static const uint8_t *volatile store_begin, *volatile store_end;
static sigjmp_buf store_failed;

static unsigned n_users;
static struct sigaction old_bus, old_fsz;

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	const uint8_t *addr = info->si_addr;

	(void)context;
	if (addr >= store_begin && addr < store_end)
		siglongjmp(store_failed, 1);
	/* Not ours: let it come again, to whoever was there before. */
	sigaction(signo, &old_bus, NULL);
}

/* Ignored by a handler: that is not inherited by a program we start. */
static void on_sigxfsz(int signo)
{
	(void)signo;
}

static void hold_signals(void)
{
	struct sigaction bus = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction ignore = { .sa_handler = on_sigxfsz, .sa_flags = SA_RESTART };

	if (n_users++)
		return;
	sigaction(SIGBUS, &bus, &old_bus);
	sigaction(SIGXFSZ, &ignore, &old_fsz);
}

static void release_signals(void)
{
	if (--n_users)
		return;
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGXFSZ, &old_fsz, NULL);
}

int packets_new(int dirfd, const uint8_t uuid[16], struct packets **ret)
{
	struct packets *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(-ENOMEM, "no memory");
	p->dirfd = dirfd;
	memcpy(p->uuid, uuid, sizeof(p->uuid));
	hold_signals();
	*ret = p;
	return 0;
}

/* Map the packet in `fd`, whose header is this. */
static int packet_adopt(struct packets *p, int fd, const struct packet_header *header)
{
	struct stat st;
	bool ok = packet_header_valid(header, p->uuid) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		  (uint64_t)st.st_size == header->packet_size / 8 && st.st_size <= PACKET_BYTES_MAX;

	if (!ok)
		return err_set(-EBADMSG, "the last packet of the trace is damaged");
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return err_set(-errno, "cannot map the last packet: %s", strerror(errno));
	p->map = map;
	p->size = (size_t)st.st_size;
	p->used = header->content_size / 8;
	p->begin_time = header->timestamp_begin;
	p->last_time = header->timestamp_end;
	p->discarded = header->events_discarded;
	return 0;
}

int packets_resume(int dirfd, const uint8_t uuid[16], struct packets **ret)
{
	struct packet_header header = { 0 };
	int newest = -1, r = packets_new(dirfd, uuid, ret);
	struct packets *p = *ret;

	if (r < 0)
		return r;
	for (char name[PACKET_NAME_MAX];; p->n++) {
		packet_name(name, p->n);
		int fd = openat(dirfd, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			break;
		if (newest >= 0)
			close(newest);
		newest = fd;
	}
	if (newest >= 0) {
		r = pread(newest, &header, sizeof(header), 0) < 0 ? -errno : packet_adopt(p, newest, &header);
		close(newest);
	}
	if (r < 0) {
		release_signals();
		free(p);
	}
	return r;
}

const uint8_t *packets_newest(const struct packets *p, size_t *len)
{
	*len = p->map ? p->used - sizeof(struct packet_header) : 0;
	return p->map ? p->map + sizeof(struct packet_header) : NULL;
}

void packet_name(char name[static PACKET_NAME_MAX], uint64_t n)
{
	snprintf(name, PACKET_NAME_MAX, PACKET_PREFIX "%06" PRIu64, n);
}

bool packet_number(const char *name, uint64_t *ret)
{
	char again[PACKET_NAME_MAX];

	if (sscanf(name, PACKET_PREFIX "%" SCNu64, ret) != 1)
		return false;
	packet_name(again, *ret);
	return strcmp(name, again) == 0;
}

bool packet_header_valid(const struct packet_header *h, const uint8_t uuid[16])
{
	return h->magic == PACKET_MAGIC && memcmp(h->uuid, uuid, 16) == 0 && h->stream_id == 0 &&
	       h->stream_instance_id == 0 && h->content_size % 8 == 0 && h->packet_size % 8 == 0 &&
	       h->content_size >= sizeof(*h) * 8 && h->content_size <= h->packet_size &&
	       h->timestamp_begin <= h->timestamp_end;
}

/** Write steps 1 to 3 above; with `n` == 0 only the number of discarded events. */
static int packet_store(struct packets *p, uint64_t time, const struct iovec *parts, size_t n)
{
	struct packet_header *header = (struct packet_header *)p->map;
	uint8_t *at = p->map + p->used;

	store_begin = p->map;
	store_end = p->map + p->size;
	if (sigsetjmp(store_failed, 0)) {
		store_begin = store_end = NULL;
		return -EIO;
	}
	if (n) {
		for (size_t i = 0; i < n; at += parts[i++].iov_len)
			if (parts[i].iov_len)
				memcpy(at, parts[i].iov_base, parts[i].iov_len);
		__atomic_store_n(&header->timestamp_end, time, __ATOMIC_RELEASE);
		__atomic_store_n(&header->content_size, (uint64_t)(at - p->map) * 8,
				 __ATOMIC_RELEASE);
	} else {
		__atomic_store_n(&header->events_discarded, p->discarded, __ATOMIC_RELEASE);
	}
	store_begin = store_end = NULL;
	return 0;
}

static size_t packet_size_for(const struct packets *p, size_t event_len)
{
	size_t size = SMALLEST_SIZE, need = sizeof(struct packet_header) + event_len + LAST_WORDS;

	if (p->n == 0)
		return sizeof(struct packet_header);
	for (uint64_t i = 1; i < p->n && size < LARGEST_SIZE; i++)
		size *= 2;
	return size >= need ? size : (need + ROUND_SIZE - 1) / ROUND_SIZE * ROUND_SIZE;
}

static int write_whole(int fd, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, (const char *)data + done, len - done, (off_t)done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int allocate(int fd, size_t size)
{
	/* A signal may have come first, but they do not come for ever. */
	for (int tries = 0; tries < 1000; tries++) {
		int r = posix_fallocate(fd, 0, (off_t)size);

		if (r != EINTR)
			return -r;
	}
	return -EINTR;
}

/** Make the file PACKET_TEMP with `size` bytes, beginning with those of `data`. */
static int temp_create(const struct packets *p, size_t size, const void *data, size_t len, int *ret)
{
	unlinkat(p->dirfd, PACKET_TEMP, 0);
	int fd = openat(p->dirfd, PACKET_TEMP, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			0600);

	if (fd < 0)
		return -errno;
	int r = allocate(fd, size);

	if (r == 0)
		r = write_whole(fd, data, len);
	if (r < 0) {
		close(fd);
		unlinkat(p->dirfd, PACKET_TEMP, 0);
		return r;
	}
	*ret = fd;
	return 0;
}

/** Give PACKET_TEMP the name of packet `n`. */
static int temp_rename(const struct packets *p, uint64_t n)
{
	char name[32];

	packet_name(name, n);
	return renameat(p->dirfd, PACKET_TEMP, p->dirfd, name) < 0 ? -errno : 0;
}

/** Begin a packet at `time` with room for an event of `event_len` bytes. */
static int packet_begin(struct packets *p, uint64_t time, size_t event_len)
{
	size_t size = packet_size_for(p, event_len);
	struct packet_header header = {
		.magic = PACKET_MAGIC,
		.timestamp_begin = time,
		.timestamp_end = time,
		.content_size = sizeof(header) * 8,
		.packet_size = size * 8,
		.packet_seq_num = p->n,
		.events_discarded = p->n ? p->discarded : 0,
	};
	void *map = MAP_FAILED;
	int fd = -1;

	memcpy(header.uuid, p->uuid, sizeof(header.uuid));
	int r = temp_create(p, size, &header, sizeof(header), &fd);

	if (r < 0)
		return r;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	r = map == MAP_FAILED ? -errno : temp_rename(p, p->n);
	close(fd);
	if (r < 0) {
		unlinkat(p->dirfd, PACKET_TEMP, 0);
		if (map != MAP_FAILED)
			munmap(map, size);
		return r;
	}
	if (p->map)
		munmap(p->map, p->size);
	p->map = map;
	p->size = size;
	p->used = sizeof(header);
	p->begin_time = time;
	p->n++;
	return 0;
}

static int event_append(struct packets *p, uint64_t time, const struct iovec *parts, size_t n,
			size_t len)
{
	int r = p->n ? 0 : packet_begin(p, time - 1, 0);

	if (r == 0 && (p->n == 1 || p->size - p->used < len + LAST_WORDS))
		r = packet_begin(p, time, len);
	if (r == 0)
		r = packet_store(p, time, parts, n);
	if (r < 0)
		return r;
	p->used += len;
	p->bytes += len;
	p->last_time = time;
	return 0;
}

uint64_t packets_time(const struct packets *p, uint64_t time_ns)
{
	uint64_t first = p->last_time > p->begin_time ? p->last_time : p->begin_time + 1;

	return time_ns > first ? time_ns : first;
}

int packets_append(struct packets *p, uint64_t time_ns, const struct iovec *parts, size_t n)
{
	size_t len = 0;

	assert(n > 0 && time_ns == packets_time(p, time_ns));
	for (size_t i = 0; i < n; i++)
		len += parts[i].iov_len;
	if (p->error == 0)
		p->error = event_append(p, time_ns, parts, n, len);
	if (p->error < 0)
		return err_set(p->error, "cannot write the trace: %s", strerror(-p->error));
	return 0;
}

int packets_append_last(struct packets *p, uint64_t time_ns, const struct iovec *parts, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += parts[i].iov_len;
	if (p->error == 0 || p->n < 2 || p->size - p->used < len)
		return packets_append(p, time_ns, parts, n);
	int r = packet_store(p, time_ns, parts, n);

	if (r < 0)
		return r;
	p->used += len;
	p->bytes += len;
	p->last_time = time_ns;
	return 0;
}

void packets_discard(struct packets *p, uint64_t n)
{
	p->discarded += n;
	if (p->map)
		packet_store(p, 0, NULL, 0);
}

uint64_t packets_discarded(const struct packets *p)
{
	return p->discarded;
}

uint64_t packets_bytes(const struct packets *p)
{
	return p->bytes;
}

/** Put a copy of the last packet in its place that has no room for more events. */
static int packet_trim(struct packets *p)
{
	uint64_t packet_size = p->used * 8;
	int fd;
	int r = temp_create(p, p->used, p->map, p->used, &fd);

	if (r < 0)
		return r;
	if (pwrite(fd, &packet_size, 8, offsetof(struct packet_header, packet_size)) != 8)
		r = -errno;
	close(fd);
	if (r == 0)
		r = temp_rename(p, p->n - 1);
	if (r < 0)
		unlinkat(p->dirfd, PACKET_TEMP, 0);
	return r;
}

static int packets_sync(const struct packets *p)
{
	int r = 0;

	for (uint64_t i = 0; i < p->n && r == 0; i++) {
		char name[32];

		packet_name(name, i);
		r = directory_sync(p->dirfd, name);
	}
	return r;
}

int packets_close(struct packets *p)
{
	int r = 0;

	if (!p)
		return 0;
	if (p->map) {
		/* Without room for the copy the packet stays as it is: longer, but as good. */
		r = packet_trim(p);
		if (r < 0)
			log_debug("trace", "last packet not trimmed: %s", strerror(-r));
		munmap(p->map, p->size);
		r = packets_sync(p);
	}
	release_signals();
	free(p);
	return r;
}
