#include "symbols/json_text.h"

#include "symbols/frame.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 256 }; /* of a string */

int json_source_new(struct arena *arena, void (*read)(const void *layout, uint64_t addr, struct json_text *text),
		    const void *layout, size_t size, const struct json_source **ret)
{
	struct json_source source = { read, arena_memdup(arena, layout, size) };
	const struct json_source *copy = arena_memdup(arena, &source, sizeof(source));

	if (!source.layout || !copy)
		return err_set(-ENOMEM, "out of memory");
	*ret = copy;
	return 0;
}

bool json_stop(struct json_text *text, enum status status, uint64_t addr)
{
	if (text->status == STATUS_OK) {
		text->status = status;
		text->addr = addr;
	}
	return false;
}

bool json_put_len(struct json_text *text, const void *bytes, size_t len)
{
	size_t room = text->cap - text->len;

	memcpy(text->bytes + text->len, bytes, len < room ? len : room);
	text->len += len < room ? len : room;
	return len <= room ? true : json_stop(text, STATUS_CUT, 0);
}

bool json_put(struct json_text *text, const char *s)
{
	return json_put_len(text, s, strlen(s));
}

void json_init(struct json_text *text, const struct frame *frame, uint8_t *bytes, size_t cap)
{
	text->frame = frame;
	text->bytes = bytes;
	text->len = 0;
	text->cap = cap;
	text->status = STATUS_OK;
	text->n_reads = 0;
	for (size_t i = 0; i < JSON_PAGES; i++)
		text->pages[i].addr = 0;
}

/* The page at `addr`, from its start; NULL if it cannot be read. */
static const uint8_t *page_at(struct json_text *text, uint64_t addr)
{
	size_t slot = addr / JSON_PAGE % JSON_PAGES;
	uint8_t *bytes = text->pages[slot].bytes;

	if (!addr) /* NULL, and nearly */
		return NULL;
	if (text->pages[slot].addr == addr)
		return bytes;
	text->pages[slot].addr = 0;
	if (text->n_reads == JSON_READS_MAX) {
		json_stop(text, STATUS_CUT, 0);
		return NULL;
	}
	text->n_reads++;
	if (text->frame->ops->read_mem(text->frame->ctx, addr, bytes, JSON_PAGE) < JSON_PAGE)
		return NULL;
	text->pages[slot].addr = addr;
	return bytes;
}

size_t json_read_some(struct json_text *text, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t offset = (addr + done) % JSON_PAGE, n = JSON_PAGE - offset;
		const uint8_t *page = page_at(text, addr + done - offset);

		if (!page)
			break;
		n = n < len - done ? n : len - done;
		memcpy((uint8_t *)buf + done, page + offset, n);
		done += n;
	}
	return done;
}

bool json_read(struct json_text *text, uint64_t addr, void *buf, size_t len)
{
	size_t got = json_read_some(text, addr, buf, len);

	return got == len ? true : json_stop(text, STATUS_UNREADABLE, addr + got);
}

static bool put_character(struct json_text *text, uint8_t c)
{
	char escape[8] = { '\\', (char)c };

	if (c == '"' || c == '\\')
		return json_put_len(text, escape, 2);
	if (c >= 0x20)
		return json_put_len(text, &c, 1);
	snprintf(escape, sizeof(escape), "\\u%04x", c);
	return json_put_len(text, escape, 6);
}

bool json_put_string(struct json_text *text, uint64_t addr)
{
	uint8_t chunk[CHUNK];

	if (!json_put(text, "\""))
		return false;
	for (;;) {
		size_t got = json_read_some(text, addr, chunk, sizeof(chunk));

		if (!got)
			return json_stop(text, STATUS_UNREADABLE, addr);
		for (size_t i = 0; i < got; i++) {
			if (!chunk[i])
				return json_put(text, "\"");
			if (!put_character(text, chunk[i]))
				return false;
		}
		addr += got;
	}
}
