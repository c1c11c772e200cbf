/*
 * Presets of somebody else, and the syntax of -e: files to requests, patterns and expressions.
 *
 * Input: the file.
 */
#include "tests/fuzz/fuzz.h"

#include "symbols/function.h"
#include "tracer/base/cexpr.h"
#include "tracer/base/err.h"
#include "tracer/record/request.h"

static void parse_all(const char *const *exprs, struct arena *arena)
{
	const struct cexpr *expr;

	for (; exprs && *exprs; exprs++)
		cexpr_parse(*exprs, arena, &expr);
}

static void look_at(struct request_list *list)
{
	struct arena arena = { 0 };

	for (size_t i = 0; i < list->n; i++) {
		const struct request *request = &list->items[i];
		struct pattern pattern;
		const char *const filter[] = { request->filter, NULL };

		if (pattern_parse(request->pattern, &arena, &pattern) == 0)
			pattern_wants_file(&pattern, "libvirt.so.0");
		parse_all(request->in, &arena);
		parse_all(request->out, &arena);
		parse_all(filter, &arena);
	}
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_list list = { 0 };
	struct input input = { data, size };

	request_add_preset(&list, file_of(data, size));
	look_at(&list);
	request_list_free(&list);
	list = (struct request_list){ 0 };
	while (input.len) {
		char *line = input_text(&input, '\n');

		request_add(&list, line);
		free(line);
	}
	look_at(&list);
	request_list_free(&list);
	return 0;
}
