#include "tracer/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longer messages (lists of candidates) are cut: they are for people. */
static _Thread_local char text[8192];

int err_set(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return code;
}

int err_context(int code, const char *fmt, ...)
{
	char head[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	size_t len = strlen(head), room = sizeof(text) - len - sizeof(": ");

	size_t keep = strnlen(text, room);

	memmove(text + len + 2, text, keep);
	text[len + 2 + keep] = '\0';
	memcpy(text, head, len);
	memcpy(text + len, ": ", 2);
	return code;
}

int err_hint(int code, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	if (len + 2 >= sizeof(text))
		return code;
	text[len++] = '\n';
	va_start(ap, fmt);
	vsnprintf(text + len, sizeof(text) - len, fmt, ap);
	va_end(ap);
	return code;
}

const char *err_text(void)
{
	return text[0] ? text : "unknown error";
}

void err_clear(void)
{
	text[0] = '\0';
}
