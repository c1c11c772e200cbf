/* Trees of JSON: the text beside each tree in trees.c is what must come out, as JSON's grammar has it. */
#include "tests/unit/symbols/live.h"

#include "symbols/json_text.h"
#include "symbols/json_tree.h"
#include "symbols/type.h"

/* As in trees.c. */
struct tree {
	const char *json;
	const void *value;
};

static const char *const versions[] = {
	"gcc -O0 -g -DVERSION=1",
	"gcc -O2 -g -DVERSION=2",
	"clang -O2 -gdwarf-4 -DVERSION=2",
};

static uint8_t bytes[JSON_TEXT_MAX + 1];
static unsigned n_reads;

static size_t counted_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	n_reads++;
	return live_read_mem(ctx, addr, buf, len);
}

static const struct frame_ops counted_ops = { .read_mem = counted_read, .read_reg = live_read_reg };
static const struct frame frame = { .ops = &counted_ops };

static const struct json_source *source_of(struct live *live)
{
	const struct type *type;
	const struct json_source *source;

	assert_int_equal(type_find(live->module, 0, "virJSONValue", &type), 0);
	if (json_tree_new(type, module_arena(live->module), &source) < 0)
		fail_msg("%s", err_text());
	return source;
}

/* With a NUL behind. */
static struct json_text read_tree(const struct json_source *source, const void *value, size_t cap)
{
	static struct json_text text;

	memset(bytes, '#', sizeof(bytes));
	n_reads = 0;
	json_init(&text, &frame, bytes, cap);
	source->read(source->layout, (uint64_t)(uintptr_t)value, &text);
	assert_true(text.len <= cap);
	assert_int_equal(bytes[text.len], '#');
	bytes[text.len] = '\0';
	return text;
}

static const void *pointer_in(struct live *live, const char *name)
{
	void **pointer = dlsym(live->dl, name);

	assert_non_null(pointer);
	return *pointer;
}

static void trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct live live;

		live_open(versions[i], "trees.c", &live);
		const struct json_source *source = source_of(&live);

		for (const struct tree *tree = dlsym(live.dl, "trees"); tree->json; tree++) {
			struct json_text text = read_tree(source, tree->value, JSON_TEXT);
			enum status expected = *tree->json == ' ' ? STATUS_UNREADABLE : STATUS_OK;

			print_message("%s\n", tree->json);
			assert_int_equal(text.status, expected);
			if (text.status == STATUS_OK)
				assert_string_equal(bytes, tree->json);
		}
		live_close(&live);
	}
}

static void endless_trees_end(void **state)
{
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=2", "trees.c", &live);
	const struct json_source *source = source_of(&live);

	assert_int_equal(read_tree(source, pointer_in(&live, "cyclic"), JSON_TEXT_MAX).status, STATUS_CUT);
	assert_int_equal(bytes[0], '[');
	assert_true(n_reads < 10);
	assert_int_equal(read_tree(source, pointer_in(&live, "wide_cyclic"), JSON_TEXT_MAX).status, STATUS_CUT);
	assert_true(n_reads < 100);
	assert_int_equal(read_tree(source, pointer_in(&live, "many"), JSON_TEXT_MAX).status, STATUS_CUT);
	assert_memory_equal(bytes, "[null,null,", 11);
	assert_true(n_reads < 100);
	live_call(&live, "scatter");
	assert_int_equal(read_tree(source, pointer_in(&live, "scattered"), JSON_TEXT_MAX).status, STATUS_CUT);
	assert_memory_equal(bytes, "[null,null,", 11);
	assert_int_equal(n_reads, JSON_READS_MAX);
	live_close(&live);
}

static void text_is_cut_where_it_is_full(void **state)
{
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=2", "trees.c", &live);
	const struct json_source *source = source_of(&live);
	const void *value = pointer_in(&live, "text");

	for (size_t cap = 0; cap <= 13; cap++) {
		struct json_text text = read_tree(source, value, cap);

		assert_int_equal(text.status, cap < 12 ? STATUS_CUT : STATUS_OK);
		assert_int_equal(text.len, cap < 12 ? cap : 12);
		assert_memory_equal(bytes, "\"0123456789\"", text.len);
	}
	live_close(&live);
}

static void other_types_are_none(void **state)
{
	const struct json_source *source;
	const struct type *type;
	struct live live;

	(void)state;
	live_open("gcc -O0 -g -DVERSION=3", "trees.c", &live);
	assert_int_equal(type_find(live.module, 0, "virJSONValue", &type), 0);
	assert_int_equal(json_tree_new(type, module_arena(live.module), &source), -ENOENT);
	assert_string_equal(err_text(), "it has no member 'data.array.values'");
	assert_int_equal(type_find(live.module, 0, "virJSONObject", &type), 0);
	assert_int_equal(json_tree_new(type, module_arena(live.module), &source), -ENOENT);
	live_close(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees),
		cmocka_unit_test(endless_trees_end),
		cmocka_unit_test(text_is_cut_where_it_is_full),
		cmocka_unit_test(other_types_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
