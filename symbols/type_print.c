/**
 * Definitions of types with offsets and sizes, for people.
 *
 * Structs and unions without a name are shown where they are used, others by their name.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "symbols/type_node.h"
#include "tracer/base/arena.h"

enum { INDENT = 4, COLUMN = 56, NESTED_MAX = 32 };

/* A line of C with what is known about it behind it. */
static void print_line(FILE *out, int depth, const char *text, const char *note)
{
	int n = fprintf(out, "%*s%s", depth * INDENT, "", text);

	if (note[0])
		fprintf(out, "%*s%s", n < COLUMN ? COLUMN - n : 1, "", note);
	fputc('\n', out);
}

static void print_gap(FILE *out, int depth, uint64_t from, uint64_t to, const char *what)
{
	char note[80];

	if (to <= from)
		return;
	snprintf(note, sizeof(note), "/* %s of %" PRIu64 " bytes */", what, to - from);
	fprintf(out, "%*s%s\n", depth * INDENT, "", note);
}

static void print_members(const struct type *type, FILE *out, int depth, uint64_t base);

static bool is_expanded(const struct type *type, int depth)
{
	return (type->kind == TYPE_STRUCT || type->kind == TYPE_UNION) && !type->name &&
	       depth < NESTED_MAX;
}

static void print_expanded(const struct member *member, FILE *out, int depth, uint64_t at,
			   const char *note)
{
	char text[300];

	print_line(out, depth, member->type->kind == TYPE_UNION ? "union {" : "struct {", "");
	print_members(member->type, out, depth + 1, at);
	snprintf(text, sizeof(text), "}%s%s;", member->name ? " " : "",
		 member->name ? member->name : "");
	print_line(out, depth, text, note);
}

static void print_member(const struct member *member, FILE *out, int depth, uint64_t at)
{
	struct arena arena = { 0 };
	char note[100];

	if (member->bit_size)
		snprintf(note, sizeof(note), "/* %6" PRIu64 ":%u %u bits */", at,
			 member->bit_offset, member->bit_size);
	else
		snprintf(note, sizeof(note), "/* %6" PRIu64 " %6" PRIu64 " */", at,
			 member->type->size);
	if (is_expanded(member->type, depth)) {
		print_expanded(member, out, depth, at, note);
		return;
	}
	const char *text = type_spell(member->type, member->name, &arena);

	text = member->bit_size ? arena_printf(&arena, "%s : %u;", text, member->bit_size)
				: arena_printf(&arena, "%s;", text);
	print_line(out, depth, text ? text : "?", note);
	arena_free(&arena);
}

/* `base`: offset of `type` in the outermost struct, to which all offsets are relative. */
static void print_members(const struct type *type, FILE *out, int depth, uint64_t base)
{
	const struct member *members;
	size_t n = type_members(type, &members);
	uint64_t end_bit = 0;

	for (size_t i = 0; i < n; i++) {
		const struct member *member = &members[i];
		uint64_t bit = 8 * member->offset + member->bit_offset;

		if (type->kind == TYPE_STRUCT)
			print_gap(out, depth, (end_bit + 7) / 8, bit / 8, "hole");
		print_member(member, out, depth, base + member->offset);
		end_bit = bit + (member->bit_size ? member->bit_size : 8 * member->type->size);
	}
	if (type->kind == TYPE_STRUCT)
		print_gap(out, depth, (end_bit + 7) / 8, type->size, "padding");
}

static void print_enumerators(const struct type *type, FILE *out)
{
	const struct enumerator *items;
	size_t n = type_enumerators(type, &items);

	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%*s%s = ", INDENT, "", items[i].name);
		if (type->is_signed)
			fprintf(out, "%" PRId64 ",\n", items[i].value);
		else
			fprintf(out, "%" PRIu64 ",\n", (uint64_t)items[i].value);
	}
}

static const char *keyword(const struct type *type)
{
	switch (type->kind) {
	case TYPE_STRUCT:
		return "struct";
	case TYPE_UNION:
		return "union";
	case TYPE_ENUM:
		return "enum";
	default:
		return NULL;
	}
}

static void print_definition(const struct type *type, FILE *out)
{
	struct arena arena = { 0 };
	const char *word = keyword(type);
	char note[60];

	snprintf(note, sizeof(note), "/*   size %6" PRIu64 " */", type->size);
	if (!word) {
		print_line(out, 0, type_spell(type, NULL, &arena), note);
	} else if (type->is_declaration) {
		fprintf(out, "%s %s; /* not defined in %s */\n", word, type->name ? type->name : "",
			module_name(type->module));
	} else {
		fprintf(out, "%s%s%s {\n", word, type->name ? " " : "",
			type->name ? type->name : "");
		if (type->kind == TYPE_ENUM)
			print_enumerators(type, out);
		else
			print_members(type, out, 1, 0);
		print_line(out, 0, "};", note);
	}
	arena_free(&arena);
}

void type_print(const struct type *type, FILE *out)
{
	struct arena arena = { 0 };

	/* A typedef is shown with what it names. */
	for (; type->kind == TYPE_TYPEDEF || type->kind == TYPE_QUAL; type = type_target(type)) {
		if (type->kind == TYPE_TYPEDEF)
			fprintf(out, "typedef %s;\n",
				type_spell(type_target(type), type->name, &arena));
	}
	print_definition(type_strip(type), out);
	arena_free(&arena);
}
