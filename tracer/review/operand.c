#include "tracer/review/operand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/print_c.h"
#include "tracer/review/text.h"

static void put_int(FILE *out, const struct operand *operand)
{
	uint8_t bytes[sizeof(operand->number.bits)];
	char text[TEXT_INT128];

	memcpy(bytes, &operand->number.bits, sizeof(bytes));
	fputs(text_int128(text, bytes, sizeof(bytes), operand->type.is_signed), out);
}

/* A fact about the call, as its function. */
static void put_name(FILE *out, const struct operand *operand, bool utf8)
{
	char *name = operand->text ? strndup(operand->text, operand->len) : NULL;

	text_print(out, name ? name : "?", utf8);
	free(name);
}

static void put(FILE *out, const struct operand *operand, const struct print_options *options)
{
	if (operand->value) {
		print_c(out, operand->value, options);
		return;
	}
	switch (operand->kind) {
	case OPERAND_INT:
		put_int(out, operand);
		break;
	case OPERAND_REAL:
		print_c_float(out, (double)operand->number.real, sizeof(double));
		break;
	case OPERAND_TEXT:
		put_name(out, operand, options->utf8);
		break;
	case OPERAND_MISSING:
	case OPERAND_OBJECT:
		fputs("<not recorded>", out);
		break;
	}
}

char *operand_text(const struct operand *operand, const struct print_options *options)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	put(out, operand, options);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
