#include "tracer/review/export/html_stream.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
	LINE_GROUPS = 1000,  /* of four characters: lines that an editor can still show */
	PIECE = 1 << 16,     /* bytes gathered before they are deflated */
};

struct html_stream {
	FILE *out;
	z_stream z;
	uint8_t group[3]; /* bytes that do not make four characters yet */
	unsigned n_group, n_line;
	off64_t n_bytes; /* taken so far */
};

static void put_group(struct html_stream *stream)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *g = stream->group;
	uint32_t bits = (uint32_t)g[0] << 16 | (uint32_t)g[1] << 8 | g[2];

	for (unsigned i = 0; i < 4; i++)
		putc(i <= stream->n_group ? digits[bits >> (18 - 6 * i) & 63] : '=', stream->out);
	memset(stream->group, 0, sizeof(stream->group));
	stream->n_group = 0;
	if (++stream->n_line == LINE_GROUPS) {
		putc('\n', stream->out);
		stream->n_line = 0;
	}
}

static void put_base64(struct html_stream *stream, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		stream->group[stream->n_group++] = bytes[i];
		if (stream->n_group == 3)
			put_group(stream);
	}
}

/* Deflate all that there is. */
static int push(struct html_stream *stream, int flush)
{
	uint8_t buf[4096];
	int r;

	do {
		stream->z.next_out = buf;
		stream->z.avail_out = sizeof(buf);
		r = deflate(&stream->z, flush);
		put_base64(stream, buf, sizeof(buf) - stream->z.avail_out);
	} while (r == Z_OK && stream->z.avail_out == 0);
	return ferror(stream->out) || r == Z_STREAM_ERROR ? -1 : 0;
}

static ssize_t stream_write(void *cookie, const char *text, size_t len)
{
	struct html_stream *stream = cookie;

	stream->z.next_in = (const Bytef *)text;
	stream->z.avail_in = (uInt)len;
	stream->n_bytes += (off64_t)len;
	return push(stream, Z_NO_FLUSH) < 0 ? 0 : (ssize_t)len;
}

/* For ftello() only. */
static int stream_seek(void *cookie, off64_t *offset, int whence)
{
	const struct html_stream *stream = cookie;

	if (whence != SEEK_CUR || *offset != 0) {
		errno = ESPIPE;
		return -1;
	}
	*offset = stream->n_bytes;
	return 0;
}

static int stream_close(void *cookie)
{
	struct html_stream *stream = cookie;

	stream->z.avail_in = 0;
	int r = push(stream, Z_FINISH);

	if (stream->n_group)
		put_group(stream);
	deflateEnd(&stream->z);
	free(stream);
	if (r < 0)
		errno = EIO;
	return r;
}

FILE *html_stream_open(FILE *out)
{
	static const cookie_io_functions_t functions = { .write = stream_write,
							 .seek = stream_seek,
							 .close = stream_close };
	struct html_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->out = out;
	if (deflateInit(&stream->z, Z_DEFAULT_COMPRESSION) != Z_OK) {
		free(stream);
		return NULL;
	}
	FILE *f = fopencookie(stream, "w", functions);

	if (!f) {
		deflateEnd(&stream->z);
		free(stream);
		return NULL;
	}
	setvbuf(f, NULL, _IOFBF, PIECE);
	return f;
}
