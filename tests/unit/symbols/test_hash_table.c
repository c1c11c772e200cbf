/* GHashTables: real ones, against what GLib itself finds in them; made ones of an older version; and what is none. */
#include "tests/unit/symbols/live.h"

#include "symbols/hash_table.h"
#include "symbols/json_text.h"
#include "symbols/type.h"

#define REAL "$(pkg-config --cflags glib-2.0) -DVERSION=2 -Wl,--no-as-needed -lglib-2.0"

static const char *const real[] = { "gcc -O0 -g " REAL, "clang -O2 -gdwarf-4 " REAL };
static uint8_t bytes[JSON_TEXT_MAX + 1];
static unsigned n_reads;

static size_t counted_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	n_reads++;
	return live_read_mem(ctx, addr, buf, len);
}

static const struct frame_ops counted_ops = { .read_mem = counted_read, .read_reg = live_read_reg };
static const struct frame frame = { .ops = &counted_ops };

static void *symbol(struct live *live, const char *name)
{
	void *addr = dlsym(live->dl, name);

	assert_non_null(addr);
	return addr;
}

static const struct json_source *source_of(struct live *live)
{
	const struct type *type;
	const struct json_source *source;

	assert_int_equal(type_find(live->module, 0, "struct _GHashTable", &type), 0);
	if (hash_table_new(type, (uint64_t)(uintptr_t)symbol(live, "g_str_equal"), module_arena(live->module), &source) < 0)
		fail_msg("%s", err_text());
	return source;
}

/* With a NUL behind. */
static enum status read_table(const struct json_source *source, const void *table, size_t cap)
{
	static struct json_text text;

	n_reads = 0;
	json_init(&text, &frame, bytes, cap);
	source->read(source->layout, (uint64_t)(uintptr_t)table, &text);
	assert_true(text.len <= cap);
	bytes[text.len] = '\0';
	return text.status;
}

static void drop(struct live *live, void *table)
{
	void (*destroy)(void *);

	*(void **)&destroy = symbol(live, "drop");
	destroy(table);
}

static void assert_as_glib_says(struct live *live, void *table, int is_text)
{
	char *(*json_of)(const void *, int);

	*(void **)&json_of = symbol(live, "json_of");
	char *expected = json_of(table, is_text);

	print_message("%.100s\n", expected);
	assert_int_equal(read_table(source_of(live), table, JSON_TEXT_MAX), STATUS_OK);
	assert_string_equal(bytes, expected);
	free(expected);
	drop(live, table);
}

/* As ints as long as they fit, then as pointers: keys and values each for themselves. */
static void tables_of_glib(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++) {
		void *(*texts)(int, int), *(*numbers)(int, unsigned long, unsigned long), *(*set)(void);
		struct live live;

		live_open(real[i], "tables.c", &live);
		*(void **)&texts = symbol(&live, "texts");
		*(void **)&numbers = symbol(&live, "numbers");
		*(void **)&set = symbol(&live, "set");
		assert_as_glib_says(&live, texts(0, 0), 1);
		assert_as_glib_says(&live, texts(1, 0), 1);
		assert_as_glib_says(&live, texts(100, 0), 1);
		assert_as_glib_says(&live, texts(300, 2), 1);
		assert_as_glib_says(&live, numbers(0, 0, 0), 0);
		assert_as_glib_says(&live, numbers(20, 1, 100), 0);
		assert_as_glib_says(&live, numbers(20, 1, 1ul << 40), 0);
		assert_as_glib_says(&live, numbers(20, 0xffffffff, 7), 0);
		assert_as_glib_says(&live, numbers(20, 1ul << 40, 1ul << 50), 0);
		assert_as_glib_says(&live, set(), 1);
		void *large = texts(1000, 0);

		assert_int_equal(read_table(source_of(&live), large, 1000), STATUS_CUT);
		assert_int_equal(strlen((char *)bytes), 1000);
		drop(&live, large);
		live_close(&live);
	}
}

static void tables_of_older_versions(void **state)
{
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=1", "tables.c", &live);
	const struct table {
		const char *json;
		const void *table;
	} *table = symbol(&live, "tables");

	for (; table->json; table++) {
		print_message("%s\n", table->json);
		assert_int_equal(read_table(source_of(&live), table->table, JSON_TEXT),
				 *table->json == ' ' ? STATUS_UNREADABLE : STATUS_OK);
		if (*table->json != ' ')
			assert_string_equal(bytes, table->json);
	}
	assert_int_equal(read_table(source_of(&live), *(void **)symbol(&live, "huge"), JSON_TEXT), STATUS_CUT);
	assert_true(n_reads < 50);
	live_close(&live);
}

static void other_structs_are_none(void **state)
{
	const struct json_source *source;
	const struct type *type;
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=3", "tables.c", &live);
	assert_int_equal(type_find(live.module, 0, "GHashTable", &type), 0);
	assert_int_equal(hash_table_new(type, 1, module_arena(live.module), &source), -ENOENT);
	assert_string_equal(err_text(), "it has no member 'keys'");
	live_close(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_glib),
		cmocka_unit_test(tables_of_older_versions),
		cmocka_unit_test(other_structs_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
