/**
 * A table (glib/ghash.c) is three arrays with `size` slots, a power of 2: hashes, keys, values.  The hash of an empty
 * slot is 0, of a deleted one 1.  Since GLib 2.60 keys and values are ints as long as all of them fit, which one bit
 * for each array tells; a set has one array for both.
 */
#include "symbols/hash_table.h"

#include "symbols/json_text.h"
#include "symbols/place.h"
#include "symbols/type.h"
#include "tracer/base/err.h"

#include <errno.h>
#include <stdio.h>

enum {
	TABLE_MAX = 128,   /* bytes of the struct: 96 in GLib 2.74 */
	SLOTS_MAX = 16384, /* that are looked at, some at a time */
	CHUNK = 128,
	FIRST_REAL_HASH = 2,
};

struct layout {
	uint64_t table_size, str_equal;
	struct place size, n_nodes, keys, hashes, values, key_equal;
	struct place big_keys, big_values; /* of size 0 where all are pointers */
};

/* One of the arrays. */
struct array {
	uint64_t addr;
	unsigned stride;
};

static int find_places(const struct type *table, struct layout *layout)
{
	const struct place_wanted places[] = {
		{ "size", PLACE_INTEGER, &layout->size },
		{ "nnodes", PLACE_INTEGER, &layout->n_nodes },
		{ "keys", PLACE_POINTER, &layout->keys },
		{ "hashes", PLACE_POINTER, &layout->hashes },
		{ "values", PLACE_POINTER, &layout->values },
		{ "key_equal_func", PLACE_POINTER, &layout->key_equal },
	};
	int r = place_find_all(table, places, sizeof(places) / sizeof(places[0]));

	if (r < 0)
		return r;
	if (place_find(table, "have_big_keys", PLACE_INTEGER, &layout->big_keys) == 0)
		return place_find(table, "have_big_values", PLACE_INTEGER, &layout->big_values);
	return 0;
}

static struct array array_of(const uint8_t *table, const struct place *place, const struct place *is_big)
{
	bool is_small = is_big->size && !place_load(is_big, table);

	return (struct array){ place_load(place, table), is_small ? 4 : 8 };
}

static bool load_item(struct json_text *text, const struct array *array, uint64_t i, uint64_t *ret)
{
	*ret = 0;
	return json_read(text, array->addr + i * array->stride, ret, array->stride);
}

static bool put_pointer(struct json_text *text, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "\"0x%llx\"", (unsigned long long)value);
	return json_put(text, digits);
}

struct table {
	struct json_text *text;
	struct array keys, values;
	bool is_text; /* the keys are */
	bool has_items;
};

static bool put_entry(struct table *table, uint64_t slot)
{
	struct json_text *text = table->text;
	uint64_t key, value;

	if (!load_item(text, &table->keys, slot, &key) || !load_item(text, &table->values, slot, &value) ||
	    !json_put(text, table->has_items ? "," : ""))
		return false;
	table->has_items = true;
	if (table->is_text)
		return json_put_string(text, key) && json_put(text, ":") && put_pointer(text, value);
	return json_put(text, "[") && put_pointer(text, key) && json_put(text, ",") &&
	       put_pointer(text, value) && json_put(text, "]");
}

static bool put_entries(struct table *table, uint64_t hashes, uint64_t n_slots)
{
	uint32_t chunk[CHUNK];

	for (uint64_t slot = 0; slot < n_slots; slot++) {
		uint64_t left = n_slots - slot;

		if (slot == SLOTS_MAX)
			return json_stop(table->text, STATUS_CUT, 0);
		if (slot % CHUNK == 0 &&
		    !json_read(table->text, hashes + slot * sizeof(chunk[0]), chunk,
			       (left < CHUNK ? left : CHUNK) * sizeof(chunk[0])))
			return false;
		if (chunk[slot % CHUNK] >= FIRST_REAL_HASH && !put_entry(table, slot))
			return false;
	}
	return true;
}

static void read_table(const void *ctx, uint64_t addr, struct json_text *text)
{
	const struct layout *layout = ctx;
	uint8_t bytes[TABLE_MAX];

	if (!json_read(text, addr, bytes, layout->table_size))
		return;
	uint64_t n_slots = place_load(&layout->size, bytes);
	struct table table = {
		.text = text,
		.keys = array_of(bytes, &layout->keys, &layout->big_keys),
		.values = array_of(bytes, &layout->values, &layout->big_values),
		.is_text = layout->str_equal && place_load(&layout->key_equal, bytes) == layout->str_equal,
	};

	/* freed, or never one */
	if (!n_slots || n_slots & (n_slots - 1) || place_load(&layout->n_nodes, bytes) > n_slots) {
		json_stop(text, STATUS_UNREADABLE, addr);
		return;
	}
	if (json_put(text, table.is_text ? "{" : "[") &&
	    put_entries(&table, place_load(&layout->hashes, bytes), n_slots))
		json_put(text, table.is_text ? "}" : "]");
}

int hash_table_new(const struct type *type, uint64_t str_equal, struct arena *arena, const struct json_source **ret)
{
	const struct type *table = type_strip(type);
	struct layout layout = { .table_size = table->size, .str_equal = str_equal };
	int r = find_places(table, &layout);

	if (r == 0 && table->size > TABLE_MAX)
		r = err_set(-ENOENT, "it is larger than any version of GLib has it");
	return r < 0 ? r : json_source_new(arena, read_table, &layout, sizeof(layout), ret);
}
