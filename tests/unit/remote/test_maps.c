#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/remote/maps.h"

static struct maps parse(const char *text)
{
	struct maps maps;

	assert_int_equal(maps_parse(strdup(text), &maps), 0);
	return maps;
}

static void fields(void **state)
{
	struct maps maps = parse(
		"55d0c0a00000-55d0c0a01000 r--p 00000000 fe:01 1234567                    /usr/bin/a program\n"
		"55d0c0a01000-55d0c0a02000 r-xp 00001000 fe:01 1234567                    /usr/bin/a program\n"
		"7f0000000000-7f0000002000 rw-s 00000000 00:05 99                         /dev/shm/x (deleted)\n"
		"7f0000010000-7f0000020000 ---p 00000000 00:00 0 \n"
		"7ffc0a000000-7ffc0a021000 rw-p 00000000 00:00 0                          [stack]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");

	(void)state;
	assert_int_equal(maps.n, 6);
	const struct mapping *m = &maps.items[1];

	assert_true(m->lo == 0x55d0c0a01000 && m->hi == 0x55d0c0a02000 && m->offset == 0x1000);
	assert_true(m->readable && !m->writable && m->executable && !m->shared && !m->deleted);
	assert_true(m->inode == 1234567 && m->dev == (0xfeull << 32 | 1));
	assert_string_equal(m->path, "/usr/bin/a program");
	assert_string_equal(maps.items[2].path, "/dev/shm/x");
	assert_true(maps.items[2].deleted && maps.items[2].shared);
	assert_string_equal(maps.items[3].path, "");
	assert_string_equal(maps.items[4].path, "[stack]");
	assert_true(maps.items[5].hi == 0xffffffffff601000);
	maps_free(&maps);
}

static void odd_paths(void **state)
{
	struct maps maps = parse("1000-2000 r-xp 00000000 00:01 5                          /a\\012b\n"
				 "2000-3000 r-xp 00000000 00:01 6                          /x (deleted) (deleted)\n");

	(void)state;
	assert_string_equal(maps.items[0].path, "/a\nb");
	assert_string_equal(maps.items[1].path, "/x (deleted)");
	maps_free(&maps);
}

static void bad_text(void **state)
{
	struct maps maps;

	(void)state;
	assert_true(maps_parse(strdup("nonsense\n"), &maps) < 0);
	assert_true(maps_parse(strdup("1000-2000 r-xp\n"), &maps) < 0);
	assert_int_equal(maps_parse(strdup(""), &maps), 0);
	assert_int_equal(maps.n, 0);
	maps_free(&maps);
}

static void lookup(void **state)
{
	struct maps maps = parse("1000-2000 r-xp 00000000 00:01 5 /a\n2000-3000 r-xp 00000000 00:01 5 /b\n"
				 "5000-6000 r-xp 00000000 00:01 5 /c\n");

	(void)state;
	assert_null(maps_find(&maps, 0xfff));
	assert_string_equal(maps_find(&maps, 0x1000)->path, "/a");
	assert_string_equal(maps_find(&maps, 0x1fff)->path, "/a");
	assert_string_equal(maps_find(&maps, 0x2000)->path, "/b");
	assert_null(maps_find(&maps, 0x3000));
	assert_string_equal(maps_find(&maps, 0x5fff)->path, "/c");
	assert_null(maps_find(&maps, 0x6000));
	maps_free(&maps);
}

/* A file mapped by a loader begins at its beginning; a part of it that we map elsewhere, below it or above, does not. */
static void loaded(void **state)
{
	struct maps maps = parse("1000-2000 r-xp 00004000 00:01 5 /a\n"
				 "3000-4000 r--p 00000000 00:01 5 /a\n4000-5000 r-xp 00001000 00:01 5 /a\n"
				 "5000-6000 rw-p 00000000 00:00 0 \n6000-7000 rw-p 00002000 00:01 5 /a\n"
				 "8000-9000 r-xp 00001000 00:01 5 /a\n"
				 "9000-a000 r--p 00000000 00:01 5 /a\na000-b000 r-xp 00001000 00:02 5 /b\n");
	static const bool expected[] = { false, true, true, false, true, false, true, false };

	(void)state;
	for (size_t i = 0; i < maps.n; i++)
		assert_int_equal(maps.items[i].loaded, expected[i]);
	maps_free(&maps);
}

/* The kernel is the oracle: what we map ourselves is found as we mapped it. */
static void own_mappings(void **state)
{
	struct maps maps;
	void *page = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_int_equal(maps_read(getpid(), &maps), 0);
	const struct mapping *m = maps_find(&maps, (uint64_t)page + 5000);

	assert_non_null(m);
	assert_true(m->executable && !m->writable && m->readable && !m->inode);
	m = maps_find(&maps, (uint64_t)&maps);
	assert_string_equal(m->path, "[stack]");
	maps_free(&maps);
	munmap(page, 8192);
	assert_int_equal(maps_read(0x3fffffff, &maps), -3); /* ESRCH */
}

static void check_around(const struct maps *maps, size_t i, const struct surroundings *around)
{
	const struct mapping *m = &maps->items[i], *below = i ? m - 1 : NULL;
	bool is_guarded = below && below->hi == m->lo && !below->readable && !below->writable && !below->executable;

	assert_true(around->lo == m->lo && around->hi == m->hi);
	assert_int_equal(around->is_guarded, is_guarded);
	assert_int_equal(around->is_main_stack, !strcmp(m->path, "[stack]"));
}

static bool read_around(pid_t pid, uint64_t addr, struct surroundings *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	bool found = maps_read_around(fd, addr, ret);

	close(fd);
	return found;
}

/* All mappings of a process that stands still, one by one, as the kernel tells one and as it tells all. */
static void around(void **state)
{
	const size_t size = 16 * 4096;
	char *guarded = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct surroundings found;
	size_t n_guarded = 0, n_main = 0;
	struct maps maps;

	(void)state;
	assert_int_equal(mprotect(guarded + 4096, size - 2 * 4096, PROT_READ | PROT_WRITE), 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_int_equal(maps_read(pid, &maps), 0);
	for (size_t i = 0; i < maps.n; i++) {
		const uint64_t places[] = { maps.items[i].lo, maps.items[i].hi - 1 };

		if (!strcmp(maps.items[i].path, "[vsyscall]"))
			continue; /* the kernel's */
		for (int k = 0; k < 2; k++) {
			assert_true(maps_around(pid, places[k], &found));
			check_around(&maps, i, &found);
			assert_true(read_around(pid, places[k], &found));
			check_around(&maps, i, &found);
		}
		n_guarded += found.is_guarded;
		n_main += found.is_main_stack;
	}
	assert_true(n_guarded > 0);
	assert_int_equal(n_main, 1);
	assert_false(maps_around(pid, 0, &found));
	assert_false(read_around(pid, 0, &found));
	assert_false(maps_around(pid, maps.items[0].lo - 1, &found));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(maps_around(pid, maps.items[0].lo, &found));
	maps_free(&maps);
	munmap(guarded, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields), cmocka_unit_test(odd_paths), cmocka_unit_test(bad_text),
		cmocka_unit_test(lookup), cmocka_unit_test(loaded), cmocka_unit_test(own_mappings),
		cmocka_unit_test(around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
