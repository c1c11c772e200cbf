/*
 * Tables for test_hash_table.c.  VERSION 2: real ones, made and read by the GLib that is installed; its struct is
 * declared here as GLib 2.60 to 2.84 have it.  VERSION 1: as before 2.60, 3: as nothing has it.
 */
#if VERSION == 2
#include <glib.h>
#include <stdio.h>

struct _GHashTable {
	gsize size;
	gint mod;
	guint mask;
	guint nnodes;
	guint noccupied;
	guint have_big_keys : 1;
	guint have_big_values : 1;
	gpointer keys;
	guint *hashes;
	gpointer values;
	GHashFunc hash_func;
	GEqualFunc key_equal_func;
};

static void add(GString *json, gpointer key, gpointer value, gboolean is_text)
{
	g_string_append(json, json->len > 1 ? "," : "");
	if (is_text)
		g_string_append_printf(json, "\"%s\":\"0x%lx\"", (char *)key, (unsigned long)value);
	else
		g_string_append_printf(json, "[\"0x%lx\",\"0x%lx\"]", (unsigned long)key, (unsigned long)value);
}

/* GLib's own walk. */
char *json_of(GHashTable *table, int is_text)
{
	GString *json = g_string_new(is_text ? "{" : "[");
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, table);
	while (g_hash_table_iter_next(&iter, &key, &value))
		add(json, key, value, is_text);
	g_string_append(json, is_text ? "}" : "]");
	return g_string_free(json, FALSE);
}

/* `n` texts, of which every `drop`th is removed again. */
GHashTable *texts(int n, int drop)
{
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (int i = 0; i < n; i++)
		g_hash_table_insert(table, g_strdup_printf("virtio-disk%d", i), i % 3 ? table : NULL);
	for (int i = 0; drop && i < n; i += drop) {
		char *key = g_strdup_printf("virtio-disk%d", i);

		g_hash_table_remove(table, key);
		g_free(key);
	}
	return table;
}

GHashTable *numbers(int n, unsigned long first, unsigned long value)
{
	GHashTable *table = g_hash_table_new(g_direct_hash, NULL);

	for (int i = 0; i < n; i++)
		g_hash_table_insert(table, (gpointer)(first + i), (gpointer)(value + i));
	return table;
}

GHashTable *set(void)
{
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	g_hash_table_add(table, g_strdup("vda"));
	g_hash_table_add(table, g_strdup("vdb"));
	return table;
}

void drop(GHashTable *table) { g_hash_table_destroy(table); }

#ifdef PROGRAM /* for an end to end test: waits for a line, then prints what is recorded of use() */
int use(GHashTable *table);
__attribute__((noinline)) int use(GHashTable *table) { return g_hash_table_size(table); }

int main(void)
{
	getchar();
	GHashTable *tables[] = { texts(5, 2), numbers(3, 1, 1ul << 40) };

	for (int i = 0; i < 2; i++) {
		use(tables[i]);
		puts(json_of(tables[i], i == 0));
	}
	return 0;
}
#endif
#else
#include <stddef.h>

typedef int (*equal)(const void *, const void *);
int g_str_equal(const void *a, const void *b) { return a == b; }
static int other_equal(const void *a, const void *b) { return a != b; }

typedef struct _GHashTable GHashTable;
struct _GHashTable {
	int size;
	int mod;
	unsigned mask;
	int nnodes;
	int noccupied;
#if VERSION == 1
	void **keys;
	unsigned *hashes;
	void **values;
#else
	struct { void *key, *value; unsigned hash; } *nodes;
#endif
	void *hash_func;
	equal key_equal_func;
};

#if VERSION == 1
static void *keys[8] = { NULL, "vda", "gone", NULL, "vdb" }, *values[8] = { NULL, (void *)1, (void *)2, NULL, (void *)-1 };
static unsigned hashes[8] = { 0, 2, 1, 0, 0xffffffff };
static void *numbers[8] = { (void *)7 };
static unsigned number_hashes[8] = { 7 };

struct table {
	const char *json; /* a blank: it is not to be had */
	GHashTable *table;
} tables[] = {
#define TABLE(...) &(GHashTable){ __VA_ARGS__ }
	{ "{\"vda\":\"0x1\",\"vdb\":\"0xffffffffffffffff\"}",
	  TABLE(8, .nnodes = 2, .keys = keys, .hashes = hashes, .values = values, .key_equal_func = g_str_equal) },
	{ "[[\"0x7\",\"0x7\"]]",
	  TABLE(8, .nnodes = 1, .keys = numbers, .hashes = number_hashes, .values = numbers, .key_equal_func = other_equal) },
	/* what is no table */
	{ " ", (GHashTable *)16 },
	{ " ", TABLE(0) },
	{ " ", TABLE(7, .hashes = hashes) },
	{ " ", TABLE(8, .nnodes = 9, .hashes = hashes) },
	{ " ", TABLE(8, .nnodes = -1, .hashes = hashes) },
	{ " ", TABLE(8, .nnodes = 1, .hashes = (unsigned *)16) },
	{ " ", TABLE(8, .nnodes = 1, .hashes = hashes, .keys = NULL, .values = values) },
	{ " ", TABLE(8, .nnodes = 1, .hashes = hashes, .keys = keys, .values = (void **)16) },
	{ " ", TABLE(8, .nnodes = 1, .hashes = number_hashes, .keys = numbers, .values = values, .key_equal_func = g_str_equal) },
	{ " ", TABLE(1 << 30, .nnodes = 1, .hashes = hashes, .keys = keys, .values = values, .key_equal_func = g_str_equal) },
	{ NULL },
};
static unsigned no_hashes[1 << 20];
GHashTable *huge = TABLE(1 << 20, .hashes = no_hashes);
#endif
GHashTable *use(GHashTable *table) { return table; }
#endif
