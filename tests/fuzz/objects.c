/*
 * Objects of libvirt and GLib that are read as JSON, in the memory of a hostile process: trees and hash tables.
 *
 * Input: a byte that says which, one for the room there is, then the memory, in which the object is the first.
 */
#include "tests/fuzz/fuzz.h"

#include "symbols/hash_table.h"
#include "symbols/json_text.h"
#include "symbols/json_tree.h"
#include "symbols/module.h"
#include "symbols/type.h"

enum { STR_EQUAL = 0x4000 };

static const struct type *type_in(const char *file, const char *name)
{
	struct module *module;
	const struct type *type;

	assert(module_open(file, file, 0, 0, &(struct module_options){ .no_debuginfod = true }, &module) == 0);
	assert(type_find(module, 0, name, &type) == 0);
	return type;
}

static const struct json_source *sources[2];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct type *tree = type_in(SAMPLE_DIR "/trees.so", "virJSONValue");
	const struct type *table = type_in(SAMPLE_DIR "/tables.so", "struct _GHashTable");

	(void)argc, (void)argv;
	assert(json_tree_new(tree, module_arena(tree->module), &sources[0]) == 0);
	assert(hash_table_new(table, STR_EQUAL, module_arena(table->module), &sources[1]) == 0);
	return 0;
}

static void check_json(const uint8_t *bytes, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(2000);

	json_object_put(json_tokener_parse_ex(tokener, (const char *)bytes, (int)len));
	/* a number has no end of its own */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		json_object_put(json_tokener_parse_ex(tokener, "", 1));
	assert(json_tokener_get_error(tokener) == json_tokener_success);
	json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct json_text text;
	struct input input = { data, size };
	const struct json_source *source = sources[input_byte(&input) % 2];
	size_t cap = (size_t)input_byte(&input) * 16;
	struct frame frame = { .ops = &hostile_ops, .ctx = &input };
	uint8_t *bytes = malloc(cap + 1);

	assert(bytes);
	json_init(&text, &frame, bytes, cap);
	/* far from 0, in no hole, and where the memory begins */
	source->read(source->layout, input.len * (0x100000 / (input.len + 1) + 1), &text);
	assert(text.len <= cap && text.n_reads <= JSON_READS_MAX);
	if (text.status == STATUS_OK)
		check_json(bytes, text.len);
	free(bytes);
	return 0;
}
