/*
 * Between single quotes a shell takes everything for itself but the single quote (POSIX, "Shell Command Language", 2.2.2), which
 * goes between two such pieces.  What a terminal would not show as it is needs $'…' with octal escapes (POSIX.1-2024, 2.2.4; bash,
 * ksh, zsh for thirty years).
 */
#include "tracer/base/shell.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/utf8.h"

static bool is_shown(const char *text)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t len = strlen(text);

	while (len) {
		uint32_t ch;
		size_t n = utf8_decode(bytes, len, &ch);

		if (!n || !utf8_is_printable(ch))
			return false;
		bytes += n;
		len -= n;
	}
	return true;
}

static bool is_word(const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";

	return text[0] && text[strspn(text, safe)] == '\0';
}

char *shell_quote(const char *text)
{
	bool is_plain = is_shown(text);
	char *word = NULL;
	size_t len;

	if (is_word(text))
		return strdup(text);
	FILE *out = open_memstream(&word, &len);

	if (!out)
		return NULL;
	fputs(is_plain ? "'" : "$'", out);
	for (const char *c = text; *c; c++) {
		if (is_plain && *c == '\'')
			fputs("'\\''", out);
		else if (is_plain || (*c >= ' ' && *c <= '~' && *c != '\'' && *c != '\\'))
			fputc(*c, out);
		else
			fprintf(out, "\\%03o", (unsigned char)*c);
	}
	fputc('\'', out);
	if (fclose(out) == 0)
		return word;
	free(word);
	return NULL;
}
