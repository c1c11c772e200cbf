#include "tracer/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/ring.h"
#include "tracer/base/utf8.h"

static bool is_quiet;
static void (*line_hook)(void);
static _Thread_local struct ring *kept; /* where the messages of this thread wait; NULL: printed at once */

/* Names in messages come from traced processes and their files: what could steer a terminal is printed as an escape. */
static void put_safe(const char *text, FILE *out)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t len = strlen(text);

	while (len) {
		uint32_t ch;
		size_t n = utf8_decode(bytes, len, &ch);

		if (n && (ch == '\n' || ch == '\t' || utf8_is_printable(ch)))
			fwrite(bytes, 1, n, out);
		else
			fprintf(out, "\\%03o", *bytes);
		n = n && utf8_is_printable(ch) ? n : 1;
		bytes += n;
		len -= n;
	}
}

/* Put together first: stderr is unbuffered, and lines of several programs shall not mix. */
static void print_line(FILE *out, const char *text)
{
	char *line = NULL;
	size_t len;

	if (line_hook)
		line_hook();
	FILE *memory = open_memstream(&line, &len);

	if (!memory)
		return;
	put_safe(text, memory);
	fputc('\n', memory);
	if (fclose(memory) == 0)
		fwrite(line, 1, len, out);
	free(line);
}

static void keep_line(const char *text)
{
	size_t len = strlen(text) + 1;
	char *record = ring_reserve(kept, len, 0);

	if (!record)
		return;
	memcpy(record, text, len);
	ring_commit(kept);
}

static void print_text(FILE *out, const char *head, const char *fmt, va_list ap)
{
	char text[16384];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", head);

	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	if (kept)
		keep_line(text);
	else
		print_line(out, text);
}

void log_keep(struct ring *ring)
{
	kept = ring;
}

void log_print_kept(struct ring *ring)
{
	const char *text;
	size_t len;

	while (ring && (text = ring_peek(ring, &len))) {
		print_line(stderr, text);
		ring_pop(ring);
	}
}

static bool domain_enabled(const char *domain)
{
	const char *list = getenv("VIRTRACE_DEBUG");
	size_t len = strlen(domain);

	while (list && *list) {
		size_t n = strcspn(list, ",");

		if ((n == len && !memcmp(list, domain, n)) || (n == 3 && !memcmp(list, "all", 3)))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

void log_debug(const char *domain, const char *fmt, ...)
{
	char head[48];
	va_list ap;

	if (!domain_enabled(domain))
		return;
	snprintf(head, sizeof(head), "virtrace: [%s] ", domain);
	va_start(ap, fmt);
	print_text(stderr, head, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (is_quiet)
		return;
	va_start(ap, fmt);
	print_text(stderr, "virtrace: ", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_text(stderr, "virtrace: warning: ", fmt, ap);
	va_end(ap);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_text(stderr, "virtrace: ", fmt, ap);
	va_end(ap);
}

void log_plain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_text(stderr, "", fmt, ap);
	va_end(ap);
}

void log_answer(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_text(stdout, "", fmt, ap);
	va_end(ap);
}

void log_set_quiet(bool quiet)
{
	is_quiet = quiet;
}

void log_set_hook(void (*hook)(void))
{
	line_hook = hook;
}
