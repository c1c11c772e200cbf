/**
 * Types by name: the basic types of C, and what users write in casts.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "symbols/type_node.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

static const struct {
	const char *name;
	enum type_kind kind;
	bool is_signed;
	uint8_t size; /* System V ABI AMD64 supplement, figure 3.1 */
} basics[] = {
	{ "void", TYPE_VOID, false, 0 },
	{ "_Bool", TYPE_BOOL, false, 1 },
	{ "char", TYPE_CHAR, true, 1 },
	{ "signed char", TYPE_CHAR, true, 1 },
	{ "unsigned char", TYPE_CHAR, false, 1 },
	{ "short", TYPE_INT, true, 2 },
	{ "unsigned short", TYPE_INT, false, 2 },
	{ "int", TYPE_INT, true, 4 },
	{ "unsigned int", TYPE_INT, false, 4 },
	{ "long", TYPE_INT, true, 8 },
	{ "unsigned long", TYPE_INT, false, 8 },
	{ "long long", TYPE_INT, true, 8 },
	{ "unsigned long long", TYPE_INT, false, 8 },
	{ "__int128", TYPE_INT, true, 16 },
	{ "unsigned __int128", TYPE_INT, false, 16 },
	{ "float", TYPE_FLOAT, true, 4 },
	{ "double", TYPE_FLOAT, true, 8 },
	{ "long double", TYPE_FLOAT, true, 16 },
};

enum { N_BASICS = sizeof(basics) / sizeof(basics[0]) };

static int find_basic(const char *name)
{
	for (int i = 0; i < N_BASICS; i++) {
		if (!strcmp(basics[i].name, name))
			return i;
	}
	return -1;
}

const struct type *type_basic(struct module *module, const char *name)
{
	static const struct type no_memory = { .kind = TYPE_VOID, .name = "void" };
	struct types *types = types_get(module);
	struct type_node *node = NULL;
	int i = find_basic(name);

	assert(i >= 0);
	if (!types)
		return &no_memory;
	HASH_FIND_STR(types->basic, name, node);
	if (!node) {
		node = type_node_new(module, basics[i].kind, basics[i].name, basics[i].size);
		if (!node)
			return &no_memory;
		node->type.is_signed = basics[i].is_signed;
		HASH_ADD_KEYPTR(hh, types->basic, node->type.name, strlen(node->type.name), node);
	}
	return &node->type;
}

/* A type as it is written, word by word. */
struct spelling {
	const char *text, *at;
	char word[256]; /* the current one; "" at the end */
};

static void next_word(struct spelling *sp)
{
	size_t n = 0;

	while (isspace((unsigned char)*sp->at))
		sp->at++;
	if (isalpha((unsigned char)*sp->at) || *sp->at == '_') {
		while ((isalnum((unsigned char)*sp->at) || *sp->at == '_') &&
		       n < sizeof(sp->word) - 1)
			sp->word[n++] = *sp->at++;
	} else if (*sp->at) {
		sp->word[n++] = *sp->at++;
	}
	sp->word[n] = '\0';
}

static bool take(struct spelling *sp, const char *word)
{
	if (strcmp(sp->word, word) != 0)
		return false;
	next_word(sp);
	return true;
}

static bool take_qualifier(struct spelling *sp)
{
	return take(sp, "const") || take(sp, "volatile") || take(sp, "restrict") ||
	       take(sp, "_Atomic");
}

static bool is_identifier(const struct spelling *sp)
{
	return isalpha((unsigned char)sp->word[0]) || sp->word[0] == '_';
}

/* The words of a base type, in any order: "long unsigned int". */
struct base_words {
	int n, longs, shorts, is_unsigned, is_signed, ints;
	const char *other; /* char, double, … */
};

static bool take_base_word(struct spelling *sp, struct base_words *words)
{
	static const char *const others[] = { "void",  "char", "float",	  "double",
					      "_Bool", "bool", "__int128" };
	int *counts[] = { &words->longs, &words->shorts, &words->is_unsigned, &words->is_signed,
			  &words->ints };
	static const char *const counted[] = { "long", "short", "unsigned", "signed", "int" };

	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		if (take(sp, counted[i])) {
			++*counts[i];
			words->n++;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!words->other && take(sp, others[i])) {
			words->other = !strcmp(others[i], "bool") ? "_Bool" : others[i];
			words->n++;
			return true;
		}
	}
	return false;
}

static const struct type *base_type(struct module *module, const struct base_words *words)
{
	static const char *const longs[] = { "", "long", "long long" };
	char name[64];
	const char *core = words->other	   ? words->other
			   : words->longs  ? ""
			   : words->shorts ? "short"
					   : "int";
	const char *sign = words->is_unsigned		      ? "unsigned"
			   : words->is_signed && words->other ? "signed"
							      : "";

	if (words->longs > 2 || words->shorts > 1 || words->ints > 1 ||
	    words->is_unsigned + words->is_signed > 1 || (words->longs && words->shorts) ||
	    (words->other && (words->ints || words->shorts)))
		return NULL;
	if (!strcmp(core, "__int128") && words->is_signed)
		sign = "";
	snprintf(name, sizeof(name), "%s%s%s%s%s", sign, sign[0] ? " " : "", longs[words->longs],
		 words->longs && core[0] ? " " : "", core);
	return find_basic(name) >= 0 ? type_basic(module, name) : NULL;
}

static int find_named(struct spelling *sp, struct module *module, uint64_t near, unsigned tag,
		      const char *kind, const struct type **ret)
{
	Dwarf_Die die;

	if (!is_identifier(sp))
		return err_set(-EINVAL, "'%s' is not a type", sp->text);
	int r = name_find_type(module, near, tag, sp->word, &die);

	if (r == -EMLINK)
		return err_set(r, "there are different types called '%s%s' in %s", kind, sp->word,
			       module_name(module));
	if (r < 0)
		return err_set(r, "no type is called '%s%s' in %s", kind, sp->word,
			       module_name(module));
	next_word(sp);
	*ret = type_from_die(module, &die);
	return 0;
}

static int find_specified(struct spelling *sp, struct module *module, uint64_t near,
			  const struct type **ret)
{
	struct base_words words = { 0 };

	while (take_qualifier(sp))
		;
	if (take(sp, "struct"))
		return find_named(sp, module, near, DW_TAG_structure_type, "struct ", ret);
	if (take(sp, "union"))
		return find_named(sp, module, near, DW_TAG_union_type, "union ", ret);
	if (take(sp, "enum"))
		return find_named(sp, module, near, DW_TAG_enumeration_type, "enum ", ret);
	while (take_base_word(sp, &words) || (words.n && take_qualifier(sp)))
		;
	if (!words.n)
		return find_named(sp, module, near, DW_TAG_typedef, "", ret);
	*ret = base_type(module, &words);
	return *ret ? 0 : err_set(-EINVAL, "'%s' is not a type", sp->text);
}

int type_find(struct module *module, uint64_t near, const char *spelling, const struct type **ret)
{
	struct spelling sp = { .text = spelling, .at = spelling };
	const struct type *type = NULL;

	next_word(&sp);
	int r = find_specified(&sp, module, near, &type);

	if (r < 0)
		return r;
	/* Qualifiers change nothing about a value that is only looked at. */
	while (sp.word[0]) {
		if (take(&sp, "*"))
			type = type_pointer_to(type);
		else if (!take_qualifier(&sp))
			return err_set(-EINVAL, "'%s' is not a type (at '%s')", spelling, sp.word);
	}
	*ret = type;
	return 0;
}
