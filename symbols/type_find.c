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
#include "tracer/base/number.h"

static enum type_kind kind_of_basic(const char *name, struct number_type number)
{
	return number.is_bool ? TYPE_BOOL : number.is_real ? TYPE_FLOAT : strstr(name, "char") ? TYPE_CHAR : TYPE_INT;
}

const struct type *type_basic(struct module *module, const char *name)
{
	static const struct type no_memory = { .kind = TYPE_VOID, .name = "void" };
	struct types *types = types_get(module);
	struct number_type number = { 0 };
	bool is_void = !strcmp(name, "void");
	struct type_node *node = NULL;

	if (!is_void && !number_type_named(name, &number))
		assert(!"a basic type of C");
	if (!types)
		return &no_memory;
	HASH_FIND_STR(types->basic, name, node);
	if (!node) {
		node = type_node_new(module, is_void ? TYPE_VOID : kind_of_basic(name, number), name, number.size);
		if (!node)
			return &no_memory;
		node->type.is_signed = number.is_signed;
		HASH_ADD_KEYPTR(hh, types->basic, node->type.name, strlen(node->type.name), node);
	}
	return &node->type;
}

/* A type as it is written, word by word. */
struct spelling {
	const char *text, *at;
	char word[256]; /* the current one; "" at the end */
};

static bool is_letter(char c)
{
	return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; /* UTF-8 */
}

static void next_word(struct spelling *sp)
{
	size_t n = 0;

	while (isspace((unsigned char)*sp->at))
		sp->at++;
	if (is_letter(*sp->at)) {
		while ((is_letter(*sp->at) || isdigit((unsigned char)*sp->at)) &&
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
	return is_letter(sp->word[0]);
}

/* The words of a basic type, in any order: "long unsigned int"; qualifiers may be among them.  NULL: there are none. */
static const struct type *take_basic(struct spelling *sp, struct module *module)
{
	struct number_type number;
	char words[256] = "";
	size_t len = 0;

	while (number_is_word(sp->word) && len + strlen(sp->word) + 2 < sizeof(words)) {
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s ", sp->word);
		next_word(sp);
		while (take_qualifier(sp))
			;
	}
	const char *name = number_type_named(words, &number);

	return name ? type_basic(module, name) : NULL;
}

static int find_named(struct spelling *sp, struct module *module, uint64_t near, unsigned tag,
		      const char *kind, const struct type **ret)
{
	Dwarf_Die die;

	if (!is_identifier(sp))
		return err_set(-EINVAL, "'%s' is not a type", sp->text);
	int r = name_find_type(module, near, tag, sp->word, &die);
	struct number_type number;
	const char *basic = r == -ENOENT && tag == DW_TAG_typedef ? number_type_named(sp->word, &number) : NULL;

	if (basic) { /* of <stdint.h>, which this program does not use */
		next_word(sp);
		*ret = type_basic(module, basic);
		return 0;
	}
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
	while (take_qualifier(sp))
		;
	if (take(sp, "struct"))
		return find_named(sp, module, near, DW_TAG_structure_type, "struct ", ret);
	if (take(sp, "union"))
		return find_named(sp, module, near, DW_TAG_union_type, "union ", ret);
	if (take(sp, "enum"))
		return find_named(sp, module, near, DW_TAG_enumeration_type, "enum ", ret);
	if (take(sp, "void")) {
		*ret = type_basic(module, "void");
		return 0;
	}
	if (!number_is_word(sp->word))
		return find_named(sp, module, near, DW_TAG_typedef, "", ret);
	*ret = take_basic(sp, module);
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
