/*
 * Why what is read ahead is what would have been read
 *
 * Values are found by chasing pointers, one read after the other, and a read of remote memory costs 1.5 us, nearly all
 * of it on the way to the first byte; each further piece of memory in the same system call costs 0.3 us.  At the next
 * stop of the same thread at the same site the pointers mostly lead to the same places: the pieces that were asked for
 * the last time are read at once, in the order in which they were asked for.  Nothing is believed of where they are:
 * a piece is used only when its very address is asked for, be it after a pointer that was read in the same call, and
 * before it.  All the rest is read as ever.  The thread stands still between begin and end, so for its own memory this
 * is no other moment; memory that other threads write meanwhile may be read some microseconds earlier than without.
 *
 * A call stops at the first piece that cannot be read.  The pieces before it are good; of the others nothing is known,
 * and the read that is made for them finds out what is the matter.
 *
 * Where pointers lead to new places each time, nothing is won and up to 2 us are lost.  A guess of which nothing was of
 * use is repeated only after 2, 4 ... 64 further stops.
 *
 * Of a function that takes a string and gives a structure back through two pointers, three reads at its entry and two at
 * its return become one each.
 */
#include "tracer/remote/ahead.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/remote/rmem.h"

enum {
	PLACES = 512,      /* a power of two */
	PIECES = 6, /* at most RMEM_PIECES */
	BUFFER = 4096,     /* of all pieces of a stop */
	USELESS_MAX = 6,
	PAGE = 4096,
};

/* What was asked for at a site by a thread. */
struct place {
	uint64_t site;
	pid_t tid;
	uint8_t n, useless, skip;
	struct rmem_piece pieces[PIECES];
};

struct ahead {
	struct place places[PLACES];
	struct place *place;      /* of the stop at hand; NULL between stops */
	struct place asked;       /* what is asked for at it */
	size_t have;              /* bytes of the place's pieces that were read */
	bool guessed, useful;
	uint8_t bytes[BUFFER];
};

int ahead_new(struct ahead **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void ahead_free(struct ahead *ahead)
{
	free(ahead);
}

static struct place *place_of(struct ahead *ahead, pid_t tid, uint64_t site)
{
	uint64_t hash = (site ^ (uint64_t)tid << 32) * 0x9e3779b97f4a7c15;

	return &ahead->places[hash >> 55 & (PLACES - 1)];
}

void ahead_begin(struct ahead *ahead, struct proc *proc, pid_t tid, uint64_t site)
{
	struct place *place = place_of(ahead, tid, site);

	if (place->site != site || place->tid != tid)
		*place = (struct place){ .site = site, .tid = tid };
	ahead->place = place;
	ahead->asked.n = 0;
	ahead->have = 0;
	ahead->useful = false;
	ahead->guessed = place->n && !place->skip;
	if (ahead->guessed)
		ahead->have = rmem_read_pieces(proc, place->pieces, place->n, ahead->bytes);
	else if (place->skip)
		place->skip--;
}

/* The bytes of [addr, addr + len), if they were read ahead. */
static const uint8_t *find(const struct ahead *ahead, uint64_t addr, size_t len)
{
	size_t at = 0;

	for (unsigned i = 0; i < ahead->place->n; i++) {
		const struct rmem_piece *piece = &ahead->place->pieces[i];
		uint64_t skip = addr - piece->addr;

		if (at + piece->len > ahead->have)
			break;
		if (addr >= piece->addr && skip + len <= piece->len)
			return ahead->bytes + at + skip;
		at += piece->len;
	}
	return NULL;
}

static void remember(struct ahead *ahead, uint64_t addr, size_t len)
{
	struct place *asked = &ahead->asked;
	size_t total = 0;

	if (asked->n == PIECES || addr / PAGE != (addr + len - 1) / PAGE)
		return;
	for (unsigned i = 0; i < asked->n; i++) {
		if (asked->pieces[i].addr == addr && asked->pieces[i].len >= len)
			return;
		total += asked->pieces[i].len;
	}
	if (total + len <= BUFFER)
		asked->pieces[asked->n++] = (struct rmem_piece){ addr, len };
}

size_t ahead_read(struct ahead *ahead, struct proc *proc, uint64_t addr, void *buf, size_t len)
{
	const uint8_t *bytes = find(ahead, addr, len);
	size_t got = len;

	if (bytes) {
		ahead->useful = true;
		memcpy(buf, bytes, len);
	} else {
		got = rmem_read_data(proc, addr, buf, len);
	}
	/* What cannot be read would keep those behind it from being read ahead. */
	if (got == len && len)
		remember(ahead, addr, len);
	return got;
}

void ahead_end(struct ahead *ahead)
{
	struct place *place = ahead->place;

	if (ahead->guessed && !ahead->useful) {
		place->useless += place->useless < USELESS_MAX;
		place->skip = (uint8_t)(1u << place->useless);
	} else if (ahead->guessed) {
		place->useless = 0;
	}
	place->n = ahead->asked.n;
	memcpy(place->pieces, ahead->asked.pieces, ahead->asked.n * sizeof(place->pieces[0]));
	ahead->have = 0;
	ahead->place = NULL;
}
