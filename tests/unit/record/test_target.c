/*
 * The files of a process, the test's own: libraries that come, go and come again.  The dynamic linker says where they are.
 */
#include <dlfcn.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/record/target.h"

static char folder[] = "/tmp/virtrace-test.XXXXXX";
static const struct module_options options = { .no_debuginfod = true };

static void shell(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s.so", folder, name);
	return path;
}

/* Two libraries of the same size, so that one finds room where the other was. */
static int make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	for (const char *const *name = (const char *const[]){ "one", "two", NULL }; *name; name++)
		shell("echo 'int f_%s(int a) { return a + 1; }' | gcc -g -O1 -shared -fPIC -xc - -o %s", *name, path_of(*name));
	return 0;
}

static int clean(void **state)
{
	(void)state;
	shell("rm -rf %s", folder);
	return 0;
}

static void *load(const char *name)
{
	void *library = dlopen(path_of(name), RTLD_NOW | RTLD_LOCAL);

	if (!library)
		fail_msg("%s", dlerror());
	return library;
}

static uint64_t address(void *library)
{
	struct link_map *map;

	assert_int_equal(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
	return map->l_addr;
}

/* The newest file of that name. */
static struct mapped_file *find(struct module_set *set, const char *name)
{
	struct mapped_file *const *files;

	for (size_t n = module_set_files(set, &files); n; n--)
		if (!strcmp(files[n - 1]->path, path_of(name)))
			return files[n - 1];
	return NULL;
}

static void settle_all(struct module_set *set)
{
	struct mapped_file *const *files;

	module_set_settle(set, 0, module_set_files(set, &files));
}

static void comes_and_goes(void **state)
{
	struct module_set *set;

	(void)state;
	assert_int_equal(module_set_new(getpid(), &options, &set), 0);
	assert_null(find(set, "one"));
	void *library = load("one");

	assert_int_equal(module_set_refresh(set), 1);
	struct mapped_file *file = find(set, "one");

	assert_int_equal(file->lo, address(library));
	struct module *module = module_set_open(set, file, false);

	assert_non_null(module);
	assert_true(module_set_is_mapped(set, module));
	assert_ptr_equal(module_set_at(set, file->lo, clock_ns(CLOCK_MONOTONIC)), module);
	dlclose(library);
	assert_true(module_set_is_mapped(set, module)); /* when it was last refreshed */
	assert_int_equal(module_set_refresh(set), 0);
	assert_false(module_set_is_mapped(set, module));
	assert_null(module_set_at(set, file->lo, clock_ns(CLOCK_MONOTONIC)));
	module_set_free(set);
}

/* Loads the library, has the set see it, unloads it; `act` is done while it is there. */
static struct mapped_file *load_once(struct module_set *set, const char *name, uint64_t expected, int n_new,
				     void (*act)(struct module_set *set))
{
	void *library = load(name);

	/* Where it was before, as the linker has room there: else the test tests nothing. */
	assert_int_equal(expected ? address(library) : 0, expected);
	assert_int_equal(module_set_refresh(set), n_new);
	if (act)
		act(set);
	struct mapped_file *file = find(set, name);

	dlclose(library);
	assert_int_equal(module_set_refresh(set), 0);
	assert_true(file->gone);
	return file;
}

/* What was looked at to its end and comes back as it was is the same file; all else is a new one. */
static void comes_again(void **state)
{
	struct module_set *set;

	(void)state;
	assert_int_equal(module_set_new(getpid(), &options, &set), 0);
	struct mapped_file *first = load_once(set, "one", 0, 1, NULL);

	/* not settled when it went */
	struct mapped_file *second = load_once(set, "one", first->lo, 1, settle_all);

	assert_ptr_not_equal(first, second);
	/* settled */
	assert_ptr_equal(load_once(set, "one", first->lo, 0, NULL), second);
	/* another function in it could not be added: module_set_unsettle() */
	void *library = load("one");

	assert_int_equal(module_set_refresh(set), 0);
	assert_false(second->gone);
	assert_non_null(module_set_open(set, second, false));
	module_set_unsettle(set, second->module);
	dlclose(library);
	assert_int_equal(module_set_refresh(set), 0);
	struct mapped_file *third = load_once(set, "one", first->lo, 1, settle_all);

	assert_ptr_not_equal(third, second);
	/* the same file, but changed */
	shell("touch %s", path_of("one"));
	assert_ptr_not_equal(load_once(set, "one", first->lo, 1, settle_all), third);
	module_set_free(set);
}

/* An address means what was there at that time. */
static void another_one_meanwhile(void **state)
{
	struct module_set *set;
	uint64_t times[3];

	(void)state;
	assert_int_equal(module_set_new(getpid(), &options, &set), 0);
	void *library = load("one");

	assert_int_equal(module_set_refresh(set), 1);
	settle_all(set);
	struct module *one = module_set_open(set, find(set, "one"), false);
	uint64_t at = address(library);

	times[0] = clock_ns(CLOCK_MONOTONIC);
	dlclose(library);
	assert_int_equal(module_set_refresh(set), 0);
	library = load("two");
	assert_int_equal(address(library), at);
	assert_int_equal(module_set_refresh(set), 1);
	settle_all(set);
	struct module *two = module_set_open(set, find(set, "two"), false);

	times[1] = clock_ns(CLOCK_MONOTONIC);
	dlclose(library);
	assert_int_equal(module_set_refresh(set), 0);
	library = load("one");
	assert_int_equal(address(library), at);
	assert_int_equal(module_set_refresh(set), 1); /* settled, unchanged and in its place, but not the same time */
	struct module *again = module_set_open(set, find(set, "one"), false);

	times[2] = clock_ns(CLOCK_MONOTONIC);
	assert_ptr_equal(module_set_at(set, at, times[0]), one);
	assert_ptr_equal(module_set_at(set, at, times[1]), two);
	assert_ptr_equal(module_set_at(set, at, times[2]), again);
	assert_ptr_not_equal(again, one);
	dlclose(library);
	module_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_and_goes),
		cmocka_unit_test(comes_again),
		cmocka_unit_test(another_one_meanwhile),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
