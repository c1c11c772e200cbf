/*
 * Functions: nm says which there are, gdb what they are.
 */
#include "symbols/function.h"

#include <errno.h>
#include <inttypes.h>

#include "symbols/module.h"
#include "symbols/type.h"
#include "tests/unit/symbols/oracle.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"

static char *dir;

static const struct module_options no_options = { .no_debuginfod = true };

static struct module *open_sample(const char *name)
{
	struct module *module;
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (module_open(path, path, 0, 0, &no_options, &module) < 0)
		fail_msg("%s", err_text());
	return module;
}

/* Each build is made once, in a directory of its own, and copied: tests strip their copy. */
static void build(const char *cc, const char *flags)
{
	static char *made[32];
	size_t i = 0;
	char *key;

	assert_true(asprintf(&key, "%s %s", cc, flags) > 0);
	while (made[i] && strcmp(made[i], key) != 0)
		i++;
	if (!made[i]) {
		made[i] = key;
		run("mkdir %s/%zu && cd %s/%zu && for f in functions other; do %s -w -c "
		    "$OLDPWD/" SAMPLES
		    "/$f.c || exit; done && %s -rdynamic functions.o other.o -o fn",
		    dir, i, dir, i, key, key);
	} else {
		free(key);
	}
	run("cp %s/%zu/fn %s/fn", dir, i, dir);
}

static struct function_list find(struct module *module, const char *text)
{
	struct function_list list = { 0 };
	struct arena arena = { 0 };
	struct pattern pattern;

	assert_int_equal(pattern_parse(text, &arena, &pattern), 0);
	int n = function_find(module, &pattern, &list);

	assert_int_equal(n, list.n);
	arena_free(&arena);
	return list;
}

/* The one function a pattern means. */
static struct function *find_one(struct module *module, const char *text)
{
	struct function_list list = find(module, text);

	if (list.n != 1)
		fail_msg("%s: %zu functions", text, list.n);
	struct function *function = list.items[0];

	function_list_free(&list);
	return function;
}

/* Address of a symbol by nm; 0 if there is none. */
static uint64_t nm_address(const char *name, const char *symbol)
{
	char *text = output_of("nm %s/%s | sed -n 's/ [tTWi] %s$//p'; echo", dir, name, symbol);
	uint64_t addr = strtoull(text, NULL, 16);

	free(text);
	return addr;
}

static const struct {
	const char *cc, *flags;
} builds[] = {
	{ "gcc", "-gdwarf-5 -O0" },
	{ "gcc", "-gdwarf-5 -O2" },
	{ "gcc", "-gdwarf-4 -O2" },
	{ "gcc", "-gdwarf-5 -O3 -ffunction-sections -Wl,--gc-sections" },
	{ "gcc", "-gdwarf-5 -O2 -gsplit-dwarf" },
	{ "gcc", "-gdwarf-4 -O2 -gsplit-dwarf" },
	{ "gcc", "-gdwarf-5 -O2 -fdebug-types-section" },
	{ "gcc", "-gdwarf-5 -O2 -no-pie" },
	{ "gcc", "-gdwarf-5 -O2 -flto" },
	{ "clang", "-gdwarf-5 -O0" },
	{ "clang", "-gdwarf-5 -O2" },
	{ "clang", "-gdwarf-4 -O2" },
};

enum { N_BUILDS = sizeof(builds) / sizeof(builds[0]) };

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the format of oracle.py. */
static void describe(const struct function *function, FILE *out)
{
	struct arena arena = { 0 };
	char *params[16];
	size_t n = function->n_params;

	assert_in_range(n, 0, 15);
	for (size_t i = 0; i < n; i++)
		params[i] = arena_printf(&arena, "%s: %s", function->params[i].name,
					 type_spell(function->params[i].type, NULL, &arena));
	if (n)
		qsort(params, n, sizeof(*params), compare_texts);
	fprintf(out, "%" PRIx64 " %s %s:%d %s (", function->entry, function->name, function->file,
		function->line, type_spell(function->return_type, NULL, &arena));
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? "; " : "", params[i]);
	fprintf(out, ")\n");
	arena_free(&arena);
}

static void compare_with_gdb(const char *what)
{
	struct module *module = open_sample("fn");
	struct function_list list = find(module, "*");
	char *addresses = NULL, *ours = NULL;
	size_t len, n = 0;
	FILE *addresses_out = open_memstream(&addresses, &len), *out = open_memstream(&ours, &len);

	for (size_t i = 0; i < list.n; i++) {
		if (!list.items[i]->has_types)
			continue;
		describe(list.items[i], out);
		fprintf(addresses_out, " %" PRIx64, list.items[i]->entry);
		n++;
	}
	fclose(addresses_out);
	fclose(out);
	assert_in_range(n, 9, 30);
	char *theirs = output_of("gdb -nx -batch -iex 'set debuginfod enabled off' -x " SAMPLES
				 "/oracle.py %s/fn "
				 "-ex 'oracle-functions %s'",
				 dir, addresses);

	assert_same_text(ours, theirs, what);
	free(addresses);
	free(theirs);
	free(ours);
	function_list_free(&list);
	module_close(module);
}

static void functions_are_as_gdb_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_BUILDS; i++) {
		char what[200];

		snprintf(what, sizeof(what), "%s %s", builds[i].cc, builds[i].flags);
		/* gdb 13 does not find the source files of what was optimised at link time. */
		if (strstr(what, "-flto"))
			continue;
		build(builds[i].cc, builds[i].flags);
		compare_with_gdb(what);
	}
}

/* Whatever nm calls a function is found by that name, at that address. */
static void check_symbols(struct module *module, const char *name)
{
	char *text = output_of("nm %s/%s | grep ' [tTWi] ' | grep -v '[.]cold'", dir, name);
	char *save, *line = strtok_r(text, "\n", &save);

	for (; line; line = strtok_r(NULL, "\n", &save)) {
		char symbol[200];
		uint64_t addr;

		assert_int_equal(sscanf(line, "%" SCNx64 " %*c %199s", &addr, symbol), 2);
		if (!strcmp(symbol, "data_start") || !strcmp(symbol, "resolve_chosen"))
			continue;
		struct function_list list = find(module, symbol);
		size_t i = 0;

		while (i < list.n && list.items[i]->entry != addr)
			i++;
		if (i == list.n)
			fail_msg("%s is not found at 0x%" PRIx64, symbol, addr);
		assert_ptr_equal(function_at(module, addr), list.items[i]);
		function_list_free(&list);
	}
	free(text);
}

static void every_symbol_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_BUILDS; i++) {
		build(builds[i].cc, builds[i].flags);
		struct module *module = open_sample("fn");

		check_symbols(module, "fn");
		module_close(module);
		run("strip --strip-debug %s/fn", dir);
		module = open_sample("fn");
		assert_int_equal(module_debug_level(module), DEBUG_SYMTAB);
		check_symbols(module, "fn");
		module_close(module);
	}
}

static void patterns_choose(void **state)
{
	static const struct {
		const char *pattern;
		const char *found; /* the names, sorted by address in source order of -O0 */
	} cases[] = {
		{ "exported", "exported" },
		{ "alias_of_exported", "exported" },
		{ "functions.c:same_name", "same_name" },
		{ "samples/other.c:same_name", "same_name" },
		{ "other.c:*", "same_name use_other" },
		{ "o*r.c::use_other", "use_other" },
		{ "same_name", "same_name same_name" },
		{ "has_*", "has_cold" },
		{ "*_function", "returns_function" },
		{ "ret[a-u]rns_functio?", "returns_function" },
		{ "nested", "nested" },
		{ "puts", "" },
		{ "xported", "" },
		{ "export", "" },
		{ "ther.c:same_name", "" },
		{ "nowhere.c:exported", "" },
	};

	(void)state;
	build("gcc", "-g -O0");
	struct module *module = open_sample("fn");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct function_list list = find(module, cases[i].pattern);
		char names[200] = "";

		for (size_t k = 0; k < list.n; k++) {
			strcat(names, k ? " " : "");
			strcat(names, list.items[k]->name);
		}
		if (strcmp(names, cases[i].found) != 0)
			fail_msg("%s: found '%s', not '%s'", cases[i].pattern, names,
				 cases[i].found);
		function_list_free(&list);
	}
	module_close(module);
}

static void patterns_are_parsed(void **state)
{
	static const struct {
		const char *text, *module, *file, *name;
		const char *fits, *not; /* files */
	} cases[] = {
		{ "f", NULL, NULL, "f", "any", NULL },
		{ "m.so!f", "m.so", NULL, "f", "m.so.0", "m.sox" },
		{ "libvirt.so.0!f*", "libvirt.so.0", NULL, "f*", "libvirt.so.0.9000.0", "libvirt.so.1" },
		{ "lib*.so!a.c:f", "lib*.so", "a.c", "f", "libx.so", "x.so" },
		{ "libvirt.so*!f", "libvirt.so*", NULL, "f", "libvirt.so.0", "libvirt-qemu.so.0" },
		{ "dir/a.c::f", NULL, "dir/a.c", "f", "any", NULL },
		{ "!f", .name = NULL },
		{ ":f", .name = NULL },
		{ "m!", .name = NULL },
		{ "", .name = NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena = { 0 };
		struct pattern pattern;
		int r = pattern_parse(cases[i].text, &arena, &pattern);

		assert_int_equal(r, cases[i].name ? 0 : -EINVAL);
		if (!r) {
			assert_string_equal(pattern.name, cases[i].name);
			assert_string_equal(pattern.module ? pattern.module : "",
					    cases[i].module ? cases[i].module : "");
			assert_string_equal(pattern.file ? pattern.file : "",
					    cases[i].file ? cases[i].file : "");
			assert_true(pattern_wants_file(&pattern, cases[i].fits));
			assert_true(!cases[i].not || !pattern_wants_file(&pattern, cases[i].not));
		}
		arena_free(&arena);
	}
}

static void prototypes_are_c(void **state)
{
	static const struct {
		const char *name, *prototype;
	} cases[] = {
		{ "exported", "int exported(int a, const char *text)" },
		{ "functions.c:same_name", "struct pair same_name(struct pair p, int (*cb)(void *), double d)" },
		{ "variadic", "int variadic(const char *fmt, ...)" },
		{ "no_parameters", "void no_parameters(void)" },
		{ "old_style", "int old_style(int a, char *b)" },
		{ "returns_function", "int (*returns_function(int which))(const char *)" },
		{ "main", "int main(int argc, char **argv)" },
		{ "propagated", "int propagated(int *values, int always3)" },
		{ "replaced", "int replaced(const struct pair *p, int unused)" },
		{ "hand_written", "hand_written" },
	};

	(void)state;
	for (size_t b = 0; b < N_BUILDS; b++) {
		build(builds[b].cc, builds[b].flags);
		struct module *module = open_sample("fn");
		struct arena arena = { 0 };

		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			/* clang at -O2 inlines what gcc clones. */
			struct function_list list = find(module, cases[i].name);

			if (list.n)
				assert_string_equal(function_prototype(list.items[0], &arena),
						    cases[i].prototype);
			else
				assert_string_equal(builds[b].cc, "clang");
			function_list_free(&list);
		}
		arena_free(&arena);
		module_close(module);
	}
}

static void clones_are_known(void **state)
{
	(void)state;
	build("gcc", "-g -O2");
	struct module *module = open_sample("fn");
	const struct function *function = find_one(module, "replaced");

	assert_string_equal(function->name, "replaced");
	assert_string_equal(function->symbol, "replaced.constprop.0.isra.0");
	assert_true(function->is_clone);
	assert_ptr_equal(find_one(module, "replaced.constprop.0.isra.0"), function);
	assert_int_equal(function->n_params, 2);
	assert_true(function->has_types && function->is_static && !function->is_variadic);
	function = find_one(module, "nested");
	assert_string_equal(function->symbol, "nested.0");
	assert_false(function->is_clone);
	function = find_one(module, "exported");
	assert_false(function->is_clone || function->is_static || function->is_ifunc);
	assert_true(find_one(module, "variadic")->is_variadic);
	function = find_one(module, "chosen");
	assert_true(function->is_ifunc);
	assert_string_equal(function->name, "chosen");
	assert_int_equal(function->entry, nm_address("fn", "resolve_chosen"));
	assert_false(find_one(module, "hand_written")->has_types);
	module_close(module);
}

/* With debug info by DW_AT_ranges, without it by the symbol. */
static void cold_parts_belong_to_their_function(void **state)
{
	(void)state;
	build("gcc", "-g -O2");
	uint64_t entry = nm_address("fn", "has_cold"), cold = nm_address("fn", "has_cold.cold");

	assert_true(entry && cold);
	for (int stripped = 0; stripped < 2; stripped++) {
		struct module *module = open_sample("fn");
		struct function *function = find_one(module, "has_cold");

		assert_int_equal(function->has_types, !stripped);
		assert_int_equal(function->entry, entry);
		assert_int_equal(function->n_ranges, 2);
		assert_int_equal(function->ranges[0].lo, entry);
		assert_int_equal(function->ranges[1].lo, cold);
		assert_true(function->ranges[1].hi > cold && function->ranges[0].hi > entry);
		assert_ptr_equal(function_at(module, cold + 1), function);
		assert_ptr_equal(function_at(module, function->ranges[0].hi - 1), function);
		assert_null(function_at(module, 4));
		struct function_list list = find(module, "has_cold.cold");

		assert_int_equal(list.n, 0);
		function_list_free(&list);
		module_close(module);
		run("strip --strip-debug %s/fn", dir);
	}
}

static void exported_names_survive_strip(void **state)
{
	(void)state;
	build("gcc", "-g -O2");
	uint64_t entry = nm_address("fn", "exported");

	run("strip %s/fn", dir);
	struct module *module = open_sample("fn");
	struct function *function = find_one(module, "exported");

	assert_int_equal(module_debug_level(module), DEBUG_NONE);
	assert_int_equal(function->entry, entry);
	assert_false(function->has_types);
	assert_int_equal(function->n_params, 0);
	struct function_list list = find(module, "replaced");

	assert_int_equal(list.n, 0);
	function_list_free(&list);
	module_close(module);
}

static void inlined_copies_are_listed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_BUILDS; i++) {
		build(builds[i].cc, builds[i].flags);
		struct module *module = open_sample("fn");
		struct function_list list = find(module, "inlined");
		int n[2] = { 0 }; /* from line 86 and 87 */

		assert_int_equal(list.n, 0);
		for (size_t k = 0; k < list.n_inlined; k++) {
			const struct inlined_instance *copy = &list.inlined[k];
			struct source_frame frames[8];

			assert_string_equal(copy->function, "inlined");
			assert_true(!strcmp(copy->into, "calls_inlined") ||
				    !strcmp(copy->into, "main"));
			assert_string_equal(copy->file, "functions.c");
			assert_true(module_addr_frames(module, copy->addr, frames, 8) >= 2);
			assert_in_range(copy->line, 86, 87);
			n[copy->line - 86]++;
		}
		assert_true(n[0] >= 1 && n[0] == n[1]);
		function_list_free(&list);
		module_close(module);
	}
}

/* A function that is both there and inlined says how often, however often it is asked for. */
static void inlined_copies_are_counted(void **state)
{
	(void)state;
	build("gcc", "-g -O2");
	struct module *module = open_sample("fn");

	for (int i = 0; i < 2; i++) {
		assert_int_equal(find_one(module, "exported")->n_inlined, 2);
		assert_int_equal(find_one(module, "exporte[d]")->n_inlined, 2);
	}
	/* gcc split it and inlined the part again: that is no call. */
	assert_int_equal(find_one(module, "has_cold")->n_inlined, 0);
	module_close(module);
}

static void similar_names_are_offered(void **state)
{
	static const struct {
		const char *wrong, *right;
	} cases[] = {
		{ "exportet", "exported" },
		{ "Exported", "exported" },
		{ "alias_exported", "alias_of_exported" },
		{ "no_paramters", "no_parameters" },
		{ "returns_fn", "returns_function" },
		{ "written", "hand_written" },
	};
	const char *names[3];

	(void)state;
	build("gcc", "-g -O0");
	struct module *module = open_sample("fn");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_in_range(function_similar(module, cases[i].wrong, names, 3), 1, 3);
		assert_string_equal(names[0], cases[i].right);
	}
	assert_int_equal(function_similar(module, "zzqqyy", names, 3), 0);
	module_close(module);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_as_gdb_says),
		cmocka_unit_test(every_symbol_is_found),
		cmocka_unit_test(patterns_choose),
		cmocka_unit_test(patterns_are_parsed),
		cmocka_unit_test(prototypes_are_c),
		cmocka_unit_test(clones_are_known),
		cmocka_unit_test(cold_parts_belong_to_their_function),
		cmocka_unit_test(exported_names_survive_strip),
		cmocka_unit_test(inlined_copies_are_listed),
		cmocka_unit_test(inlined_copies_are_counted),
		cmocka_unit_test(similar_names_are_offered),
	};

	dir = sample_dir();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	sample_dir_free(dir);
	return failed;
}
