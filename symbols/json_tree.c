#include "symbols/json_tree.h"

#include "symbols/dwarf.h"
#include "symbols/json_text.h"
#include "symbols/place.h"
#include "symbols/type.h"
#include "tracer/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
	VALUES_MAX = 2000, /* of a tree: each costs some reads while the thread is held */
	DEPTH_MAX = 32,    /* a tree may lead into itself */
	OBJECT_MAX = 64,   /* bytes of a value, and of a pair */
	NUMBER_MAX = 64,   /* characters */
};

/* Kinds of values, by the names of their enumerators. */
enum kind { KIND_OBJECT, KIND_ARRAY, KIND_STRING, KIND_NUMBER, KIND_BOOLEAN, KIND_NULL, N_KINDS };
static const char *const kinds[] = {
	[KIND_OBJECT] = "VIR_JSON_TYPE_OBJECT",	  [KIND_ARRAY] = "VIR_JSON_TYPE_ARRAY",
	[KIND_STRING] = "VIR_JSON_TYPE_STRING",	  [KIND_NUMBER] = "VIR_JSON_TYPE_NUMBER",
	[KIND_BOOLEAN] = "VIR_JSON_TYPE_BOOLEAN", [KIND_NULL] = "VIR_JSON_TYPE_NULL",
};

struct layout {
	uint64_t value_size, pair_size;
	struct place type, n_pairs, pairs, n_items, items, string, number, boolean; /* of a value */
	struct place key, value;                                                   /* of a pair */
	uint64_t kinds[N_KINDS];
};

/* Layouts. */

static int find_pair(struct layout *layout)
{
	const struct type *pair = type_strip(type_target(type_strip(layout->pairs.type)));
	int r = place_find(pair, "key", PLACE_POINTER, &layout->key);

	layout->pair_size = pair->size;
	return r < 0 ? r : place_find(pair, "value", PLACE_POINTER, &layout->value);
}

static int find_places(const struct type *value, struct layout *layout)
{
	const struct place_wanted places[] = {
		{ "type", PLACE_INTEGER, &layout->type },
		{ "data.object.npairs", PLACE_INTEGER, &layout->n_pairs },
		{ "data.object.pairs", PLACE_POINTER, &layout->pairs },
		{ "data.array.nvalues", PLACE_INTEGER, &layout->n_items },
		{ "data.array.values", PLACE_POINTER, &layout->items },
		{ "data.string", PLACE_POINTER, &layout->string },
		{ "data.number", PLACE_POINTER, &layout->number },
		{ "data.boolean", PLACE_INTEGER, &layout->boolean },
	};
	int r = place_find_all(value, places, sizeof(places) / sizeof(places[0]));

	layout->value_size = value->size;
	return r < 0 ? r : find_pair(layout);
}

static int find_kinds(const struct type *value, struct layout *layout)
{
	const struct type *type;
	int64_t number;

	for (size_t i = 0; i < N_KINDS; i++) {
		if (name_find_enumerator(value->module, value->die, kinds[i], &number, &type) < 0)
			return err_set(-ENOENT, "%s is not known", kinds[i]);
		layout->kinds[i] = (uint64_t)number;
	}
	return 0;
}

/* Trees. */

struct tree {
	const struct layout *layout;
	struct json_text *text;
	unsigned n_values;
};

/* Behind the digits at `s`; NULL if there are none. */
static const char *skip_digits(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n ? s + n : NULL;
}

/* RFC 8259, section 6. */
static bool is_number(const char *s)
{
	s += *s == '-';
	if (*s == '0' && isdigit((unsigned char)s[1]))
		return false;
	s = skip_digits(s);
	if (s && *s == '.')
		s = skip_digits(s + 1);
	if (s && (*s == 'e' || *s == 'E')) {
		s++;
		s = skip_digits(s + (*s == '+' || *s == '-'));
	}
	return s && !*s;
}

/* libvirt keeps numbers as it has read them. */
static bool put_number(struct tree *tree, uint64_t addr)
{
	char digits[NUMBER_MAX] = "";
	size_t got = json_read_some(tree->text, addr, digits, sizeof(digits));
	size_t len = strnlen(digits, got);

	if (len == got || !is_number(digits))
		return json_stop(tree->text, STATUS_UNREADABLE, addr);
	return json_put_len(tree->text, digits, len);
}

static bool put_value(struct tree *tree, uint64_t addr, unsigned depth);

/* Each pair takes room in the text, each item counts as a value: both loops end. */
static bool put_object(struct tree *tree, const uint8_t *object, unsigned depth)
{
	const struct layout *layout = tree->layout;
	struct json_text *text = tree->text;
	uint64_t n = place_load(&layout->n_pairs, object), at = place_load(&layout->pairs, object);
	uint8_t pair[OBJECT_MAX];

	if (!json_put(text, "{"))
		return false;
	for (; n; n--, at += layout->pair_size) {
		if (!json_read(text, at, pair, layout->pair_size) ||
		    !json_put_string(text, place_load(&layout->key, pair)) || !json_put(text, ":") ||
		    !put_value(tree, place_load(&layout->value, pair), depth + 1) ||
		    !json_put(text, n > 1 ? "," : ""))
			return false;
	}
	return json_put(text, "}");
}

static bool put_array(struct tree *tree, const uint8_t *object, unsigned depth)
{
	const struct layout *layout = tree->layout;
	struct json_text *text = tree->text;
	uint64_t n = place_load(&layout->n_items, object), at = place_load(&layout->items, object), item;

	if (!json_put(text, "["))
		return false;
	for (; n; n--, at += sizeof(item)) {
		if (!json_read(text, at, &item, sizeof(item)) || !put_value(tree, item, depth + 1) ||
		    !json_put(text, n > 1 ? "," : ""))
			return false;
	}
	return json_put(text, "]");
}

static bool put_value(struct tree *tree, uint64_t addr, unsigned depth)
{
	const struct layout *layout = tree->layout;
	struct json_text *text = tree->text;
	uint8_t object[OBJECT_MAX];
	int kind = 0;

	if (depth > DEPTH_MAX || ++tree->n_values > VALUES_MAX)
		return json_stop(text, STATUS_CUT, 0);
	if (!json_read(text, addr, object, layout->value_size))
		return false;
	while (kind < N_KINDS && layout->kinds[kind] != place_load(&layout->type, object))
		kind++;
	switch (kind) {
	case KIND_OBJECT:
		return put_object(tree, object, depth);
	case KIND_ARRAY:
		return put_array(tree, object, depth);
	case KIND_STRING:
		return json_put_string(text, place_load(&layout->string, object));
	case KIND_NUMBER:
		return put_number(tree, place_load(&layout->number, object));
	case KIND_BOOLEAN:
		return json_put(text, place_load(&layout->boolean, object) ? "true" : "false");
	case KIND_NULL:
		return json_put(text, "null");
	default:
		return json_stop(text, STATUS_UNREADABLE, addr);
	}
}

static void read_tree(const void *layout, uint64_t addr, struct json_text *text)
{
	put_value(&(struct tree){ .layout = layout, .text = text }, addr, 1);
}

int json_tree_new(const struct type *value, struct arena *arena, const struct json_source **ret)
{
	struct layout layout = { 0 };
	int r = find_places(type_strip(value), &layout);

	if (r == 0)
		r = find_kinds(type_strip(value), &layout);
	if (r == 0 && (layout.value_size > OBJECT_MAX || layout.pair_size > OBJECT_MAX))
		r = err_set(-ENOENT, "it is larger than libvirt's");
	return r < 0 ? r : json_source_new(arena, read_tree, &layout, sizeof(layout), ret);
}
