#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/remote/maps.h"

static void lines_are_understood(void **state)
{
	static const char text[] =
		"55d0c0000000-55d0c0001000 r-xp 00002000 fd:01 1234                       /usr/bin/a b (deleted)\n"
		"7f0000000000-7f0000001000 rw-s 00000000 00:05 42 /memfd:x\\012y\n"
		"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 \n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
	struct maps maps;

	(void)state;
	assert_int_equal(maps_parse(strdup(text), &maps), 0);
	assert_int_equal(maps.n, 4);
	const struct mapping *m = &maps.items[0];

	assert_true(m->lo == 0x55d0c0000000 && m->hi == 0x55d0c0001000 && m->offset == 0x2000);
	assert_true(m->readable && !m->writable && m->executable && !m->shared && m->deleted);
	assert_true(m->inode == 1234 && m->dev == (0xfdULL << 32 | 1));
	assert_string_equal(m->path, "/usr/bin/a b");
	assert_string_equal(maps.items[1].path, "/memfd:x\ny");
	assert_true(maps.items[1].shared && maps.items[1].writable);
	assert_string_equal(maps.items[2].path, "");
	assert_string_equal(maps.items[3].path, "[vsyscall]");
	assert_ptr_equal(maps_find(&maps, 0x55d0c0000fff), m);
	assert_null(maps_find(&maps, 0x55d0c0001000));
	assert_null(maps_find(&maps, 0));
	assert_ptr_equal(maps_find(&maps, 0xffffffffff600000), &maps.items[3]);
	maps_free(&maps);
}

static void nonsense_is_refused(void **state)
{
	static const char *const cases[] = { "x", "1-2", "55d0-55d1 r-xp 0 fd:01", "zz-yy r-xp 0 0:0 0 /a\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct maps maps;

		assert_int_equal(maps_parse(strdup(cases[i]), &maps), -EINVAL);
	}
}

/* The dynamic loader knows where our own modules are. */
static int compare_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	const struct maps *maps = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];

		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X))
			continue;
		const struct mapping *m = maps_find(maps, info->dlpi_addr + phdr->p_vaddr);

		assert_non_null(m);
		assert_true(m->executable);
		struct stat st;

		if (info->dlpi_name[0] == '/' && stat(info->dlpi_name, &st) == 0)
			assert_int_equal(m->inode, st.st_ino);
	}
	return 0;
}

static void our_own_maps_agree_with_the_loader(void **state)
{
	struct maps maps;

	(void)state;
	assert_int_equal(maps_read(getpid(), &maps), 0);
	dl_iterate_phdr(compare_module, &maps);
	for (size_t i = 1; i < maps.n; i++)
		assert_true(maps.items[i].lo >= maps.items[i - 1].hi);
	maps_free(&maps);
	assert_int_equal(maps_read(0x7fffffff, &maps), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_understood),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(our_own_maps_agree_with_the_loader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
