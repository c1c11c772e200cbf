/*
 * Types: gdb is the oracle.  Each variable v_* of a sample that has every kind of type is described
 * by gdb and by us, in the same format, for all compilers and forms of debug information.
 */
#include "symbols/type.h"

#include <errno.h>
#include <inttypes.h>

#include "symbols/dwarf.h"
#include "symbols/module.h"
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

static const struct type *type_of_variable(struct module *module, const char *name)
{
	Dwarf_Die die;

	if (name_find_variable(module, 0, NULL, name, &die) < 0)
		fail_msg("no variable %s in %s", name, module_path(module));
	return type_of_die(module, &die);
}

/* The same walk and format as in oracle.py. */
static void dump_fields(const struct type *type, const char *indent, FILE *out)
{
	const struct member *members;
	const struct enumerator *enumerators;
	struct arena arena = { 0 };

	type = type_strip(type);
	size_t n = type_members(type, &members);

	for (size_t i = 0; i < n; i++) {
		const struct member *m = &members[i];
		const struct type *inner = type_strip(m->type);
		char deeper[16];

		fprintf(out, "%s.%s @%" PRIu64 ":%u %s %" PRIu64 "\n", indent,
			m->name ? m->name : "-", 8 * m->offset + m->bit_offset, m->bit_size,
			type_spell(m->type, NULL, &arena), m->type->size);
		snprintf(deeper, sizeof(deeper), "%s ", indent);
		if ((inner->kind == TYPE_STRUCT || inner->kind == TYPE_UNION) && strlen(indent) < 6)
			dump_fields(inner, deeper, out);
	}
	n = type_enumerators(type, &enumerators);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s = %" PRId64 "\n", indent, enumerators[i].name,
			enumerators[i].value);
	arena_free(&arena);
}

static void dump_variable(struct module *module, const char *name, FILE *out)
{
	struct arena arena = { 0 };
	const struct type *type = type_of_variable(module, name);

	fprintf(out, "%s: %s %" PRIu64 "\n", name, type_spell(type, NULL, &arena), type->size);
	dump_fields(type, " ", out);
	if (type->kind == TYPE_PTR)
		dump_fields(type_target(type), " *", out);
	arena_free(&arena);
}

/* Build the sample and compare what we and gdb say of all its variables. */
static void compare_with_gdb(const char *cc, const char *flags, const char *post)
{
	char what[200];

	run("cd %s && for f in types elsewhere; do %s %s -w -c $OLDPWD/" SAMPLES
	    "/$f.c || exit; done && "
	    "%s %s types.o elsewhere.o -o types && %s",
	    dir, cc, flags, cc, flags, post ? post : "true");
	/* Names as the compiler has them: some are in an #ifdef. */
	char *names = output_of(
		"nm %s/types | sed -n 's/.* [BCDGRV] v_/v_/p' | sort | tr '\\n' ' '", dir);
	char *theirs = output_of("gdb -nx -batch -iex 'set debuginfod enabled off' -x " SAMPLES
				 "/oracle.py "
				 "%s/types -ex 'oracle-types %s'",
				 dir, names);
	char *ours = NULL;
	size_t len;
	FILE *out = open_memstream(&ours, &len);
	struct module *module = open_sample("types");

	for (char *name = strtok(names, " \n"); name; name = strtok(NULL, " \n"))
		dump_variable(module, name, out);
	fclose(out);
	snprintf(what, sizeof(what), "%s %s %s", cc, flags, post ? post : "");
	assert_true(len > 5000);
	assert_same_text(ours, theirs, what);
	module_close(module);
	free(ours);
	free(theirs);
	free(names);
}

static const struct {
	const char *cc, *flags;
	const char *post; /* what is done to the program then */
} builds[] = {
	{ "gcc", "-gdwarf-5 -O0", NULL },
	{ "gcc", "-gdwarf-4 -O0", NULL },
	{ "gcc", "-gdwarf-3 -gstrict-dwarf -O0", NULL },
	{ "gcc", "-gdwarf-2 -gstrict-dwarf -O0", NULL },
	{ "clang", "-gdwarf-5 -O0", NULL },
	{ "clang", "-gdwarf-4 -O0", NULL },
	{ "clang", "-gdwarf-3 -O0", NULL },
	{ "gcc", "-gdwarf-5 -O2", NULL },
	{ "clang", "-gdwarf-5 -O2", NULL },
	{ "gcc", "-gdwarf-4 -fdebug-types-section", NULL },
	{ "gcc", "-gdwarf-5 -fdebug-types-section", NULL },
	{ "clang", "-gdwarf-4 -fdebug-types-section", NULL },
	{ "clang", "-gdwarf-5 -fdebug-types-section", NULL },
	{ "gcc", "-gdwarf-5 -gsplit-dwarf", NULL },
	{ "gcc", "-gdwarf-4 -gsplit-dwarf", NULL },
	{ "clang", "-gdwarf-5 -gsplit-dwarf", NULL },
	{ "gcc", "-gdwarf-5 -gz", NULL },
	/* dwz moves what units share to partial units, with -m to another file. */
	{ "gcc", "-gdwarf-5", "dwz types" },
	{ "gcc", "-gdwarf-4", "dwz types" },
	{ "gcc", "-gdwarf-5", "cp types twin && dwz -m common types twin" },
	{ "gcc", "-gdwarf-4", "cp types twin && dwz -m common types twin" },
};

static void types_are_as_gdb_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
		compare_with_gdb(builds[i].cc, builds[i].flags, builds[i].post);
}

/* One build of the sample for what does not depend on the form of debug information. */
static struct module *open_types(void)
{
	run("cd %s && gcc -g -w -o types $OLDPWD/" SAMPLES "/types.c $OLDPWD/" SAMPLES
	    "/elsewhere.c",
	    dir);
	return open_sample("types");
}

static const struct type *find(struct module *module, uint64_t near, const char *spelling)
{
	const struct type *type;

	if (type_find(module, near, spelling, &type) < 0)
		fail_msg("%s: %s", spelling, err_text());
	return type;
}

static void types_are_found_as_written(void **state)
{
	static const struct {
		const char *written, *spelled; /* NULL: an error */
		int error;
	} cases[] = {
		{ "int", "int", 0 },
		{ "  unsigned", "unsigned int", 0 },
		{ "long unsigned int", "unsigned long", 0 },
		{ "unsigned long", "unsigned long", 0 },
		{ "long", "long", 0 },
		{ "long long int", "long long", 0 },
		{ "signed", "int", 0 },
		{ "signed char", "signed char", 0 },
		{ "char unsigned", "unsigned char", 0 },
		{ "short int", "short", 0 },
		{ "unsigned short", "unsigned short", 0 },
		{ "long double", "long double", 0 },
		{ "bool", "_Bool", 0 },
		{ "unsigned __int128", "unsigned __int128", 0 },
		{ "signed __int128", "__int128", 0 },
		{ "void *", "void *", 0 },
		{ "const char *const *", "char **", 0 },
		{ "struct point", "struct point", 0 },
		{ "const struct point*", "struct point *", 0 },
		{ "union either", "union either", 0 },
		{ "enum color", "enum color", 0 },
		{ "point_t **", "point_t **", 0 },
		{ "uint8_t", "uint8_t", 0 },
		{ "struct either", NULL, -ENOENT },
		{ "struct nowhere", NULL, -ENOENT },
		{ "nowhere_t", NULL, -ENOENT },
		{ "struct conflict", NULL, -EMLINK },
		{ "struct agreed", "struct agreed", 0 },
		{ "", NULL, -EINVAL },
		{ "struct", NULL, -EINVAL },
		{ "*", NULL, -EINVAL },
		{ "int x", NULL, -EINVAL },
		{ "int[3]", NULL, -EINVAL },
		{ "long short", NULL, -EINVAL },
		{ "long long long", NULL, -EINVAL },
		{ "unsigned signed", NULL, -EINVAL },
		{ "long float", NULL, -EINVAL },
		{ "short char", NULL, -EINVAL },
	};

	(void)state;
	struct module *module = open_types();
	struct arena arena = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct type *type = NULL;
		int r = type_find(module, 0, cases[i].written, &type);

		if (r != cases[i].error)
			fail_msg("'%s': %d", cases[i].written, r);
		if (!r)
			assert_string_equal(type_spell(type, NULL, &arena), cases[i].spelled);
	}
	arena_free(&arena);
	module_close(module);
}

static uint64_t die_of_variable(struct module *module, const char *name)
{
	Dwarf_Die die;

	assert_int_equal(name_find_variable(module, 0, NULL, name, &die), 0);
	return die_id(module, &die);
}

static void nearest_definition_wins(void **state)
{
	(void)state;
	struct module *module = open_types();
	uint64_t here = die_of_variable(module, "v_int"),
		 there = die_of_variable(module, "v_defined");
	Dwarf_Die a, b;

	assert_int_equal(find(module, here, "struct conflict")->size, 1);
	assert_int_equal(find(module, there, "struct conflict")->size, 16);
	/* A static variable in each file. */
	assert_int_equal(name_find_variable(module, 0, NULL, "v_static", &a), -EMLINK);
	assert_int_equal(name_find_variable(module, 0, "types.c", "v_static", &a), 0);
	assert_int_equal(name_find_variable(module, 0, "samples/elsewhere.c", "v_static", &b), 0);
	assert_true(die_id(module, &a) != die_id(module, &b));
	assert_int_equal(name_find_variable(module, there, NULL, "v_static", &a), 0);
	assert_true(die_id(module, &a) == die_id(module, &b));
	assert_int_equal(name_find_variable(module, 0, "nowhere.c", "v_static", &a), -ENOENT);
	assert_int_equal(name_find_variable(module, 0, NULL, "v_nowhere", &a), -ENOENT);
	/* Declared in one file, defined in the other. */
	assert_int_equal(type_strip(type_target(type_of_variable(module, "v_elsewhere")))->size,
			 16);
	assert_true(type_strip(type_target(type_of_variable(module, "v_opaque")))->is_declaration);
	module_close(module);
}

static void enumerators_are_found(void **state)
{
	int64_t value;
	const struct type *type;

	(void)state;
	struct module *module = open_types();
	uint64_t there = die_of_variable(module, "v_defined");

	assert_int_equal(name_find_enumerator(module, 0, "GREEN", &value, &type), 0);
	assert_int_equal(value, 5);
	assert_string_equal(type->name, "color");
	assert_int_equal(name_find_enumerator(module, there, "W3G", &value, &type), 0);
	assert_int_equal(value, 0xc0000000);
	assert_false(type->is_signed);
	assert_int_equal(name_find_enumerator(module, 0, "MINUS", &value, &type), 0);
	assert_int_equal(value, -1);
	assert_true(type->is_signed);
	assert_int_equal(name_find_enumerator(module, 0, "NOWHERE", &value, &type), -ENOENT);
	module_close(module);
}

/* Offsets are the compiler's own, by offsetof in a program that has the same definitions. */
static void members_are_found_in_anonymous_ones(void **state)
{
	static const struct {
		const char *name;
		uint64_t offset;
	} cases[] = {
		{ "a", 0 }, { "inner", 8 }, { "bytes", 24 }, { "s1", 40 }, { "deep", 48 }, { "deepest", 56 },
		{ "self", 64 }, { "color", 104 }, { "wide", 144 },
	};

	(void)state;
	struct module *module = open_types();
	const struct type *type = find(module, 0, "struct nested");
	struct member member;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(type_find_member(type, cases[i].name, &member), 0);
		assert_string_equal(member.name, cases[i].name);
		assert_int_equal(member.offset, cases[i].offset);
	}
	assert_int_equal(type_find_member(type, "c", &member), -ENOENT);
	assert_int_equal(type_find_member(type, "y", &member), -ENOENT);
	assert_int_equal(type_find_member(find(module, 0, "int"), "x", &member), -ENOENT);
	assert_int_equal(type_find_member(find(module, 0, "point_t"), "y", &member), 0);
	module_close(module);
}

static void same_types_are_same_across_compilers(void **state)
{
	static const char *const names[] = { "v_int",	"v_ulong",	 "v_nested", "v_tree",
					     "v_bits",	"v_nested_bits", "v_argv",   "v_fn_cb",
					     "v_color", "v_cube",	 "v_either", "v_hidden" };
	enum { N = sizeof(names) / sizeof(names[0]) };

	(void)state;
	struct module *gcc = open_types();

	run("cd %s && clang -gdwarf-4 -w -o types $OLDPWD/" SAMPLES "/types.c", dir);
	struct module *clang = open_sample("types");

	for (size_t i = 0; i < N; i++) {
		for (size_t k = 0; k < N; k++)
			if (type_same(type_of_variable(gcc, names[i]),
				      type_of_variable(clang, names[k])) != (i == k))
				fail_msg("%s, %s", names[i], names[k]);
	}
	assert_false(type_same(find(gcc, 0, "int"), find(gcc, 0, "unsigned")));
	assert_true(type_same(find(gcc, 0, "point_t"), find(clang, 0, "struct point")));
	module_close(clang);
	module_close(gcc);
}

static void predicates_look_behind_names(void **state)
{
	static const struct {
		const char *name;
		bool is_char_ptr, is_scalar;
	} cases[] = {
		{ "v_cchar_cptr", true, true }, { "v_char_ptr", true, true },	{ "v_argv", false, true },
		{ "v_void_ptr", false, true },	{ "v_u8", false, true },	{ "v_point_t", false, false },
		{ "v_text", false, false },	{ "v_const_color", false, true }, { "v_stdbool", false, true },
		{ "v_cdouble", false, false },	{ "v_ldouble", false, true },	{ "v_compare", false, true },
	};

	(void)state;
	struct module *module = open_types();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct type *type = type_of_variable(module, cases[i].name);

		assert_int_equal(type_is_char_ptr(type), cases[i].is_char_ptr);
		assert_int_equal(type_is_scalar(type), cases[i].is_scalar);
	}
	const struct type *type = type_pointer_to(find(module, 0, "struct point"));

	assert_ptr_equal(type_pointer_to(find(module, 0, "struct point")), type);
	assert_true(type_same(type, type_of_variable(module, "v_point_ptr")));
	assert_int_equal(type_basic(module, "unsigned long")->size, 8);
	assert_ptr_equal(type_basic(module, "int"), type_basic(module, "int"));
	module_close(module);
}

static void definitions_are_printed(void **state)
{
	static const char *const expected =
		"typedef struct point point_t;\n"
		"struct point {\n"
		"    int x;                                              /*      0      4 */\n"
		"    int y;                                              /*      4      4 */\n"
		"};                                                      /*   size      8 */\n"
		"struct nested_bits {\n"
		"    int first;                                          /*      0      4 */\n"
		"    struct {\n"
		"        unsigned int u : 12;                            /*      4:0 12 bits */\n"
		"        unsigned int v : 12;                            /*      5:4 12 bits */\n"
		"        /* hole of 1 bytes */\n"
		"        unsigned int w : 12;                            /*      8:0 12 bits */\n"
		"        /* padding of 2 bytes */\n"
		"    };                                                  /*      4      8 */\n"
		"    union {\n"
		"        unsigned int q : 6;                             /*     12:0 6 bits */\n"
		"        int r : 9;                                      /*     12:0 9 bits */\n"
		"    } un;                                               /*     12      4 */\n"
		"};                                                      /*   size     16 */\n"
		"enum sign {\n"
		"    MINUS = -1,\n"
		"    ZERO = 0,\n"
		"    PLUS = 1,\n"
		"};                                                      /*   size      4 */\n"
		"char *                                                  /*   size      8 */\n";
	char *text = NULL;
	size_t len;

	(void)state;
	struct module *module = open_types();
	FILE *out = open_memstream(&text, &len);

	type_print(find(module, 0, "point_t"), out);
	type_print(find(module, 0, "struct nested_bits"), out);
	type_print(find(module, 0, "enum sign"), out);
	type_print(find(module, 0, "char *"), out);
	fclose(out);
	assert_same_text(text, expected, "type_print");
	free(text);
	module_close(module);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_as_gdb_says),
		cmocka_unit_test(types_are_found_as_written),
		cmocka_unit_test(nearest_definition_wins),
		cmocka_unit_test(enumerators_are_found),
		cmocka_unit_test(members_are_found_in_anonymous_ones),
		cmocka_unit_test(same_types_are_same_across_compilers),
		cmocka_unit_test(predicates_look_behind_names),
		cmocka_unit_test(definitions_are_printed),
	};

	dir = sample_dir();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	sample_dir_free(dir);
	return failed;
}
