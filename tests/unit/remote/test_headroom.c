#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/remote/headroom.h"

enum { MIB = 1 << 20 };
static char root[] = "/tmp/virtrace-headroom-XXXXXX";

/* A file below the root, with the directories it needs. */
static void put(const char *path, const char *text)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	FILE *f = fopen(full, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct headroom read_it(void)
{
	struct headroom headroom;

	headroom_read_below(root, 7, &headroom);
	return headroom;
}

static int begin(void **state)
{
	(void)state;
	strcpy(root + strlen(root) - 6, "XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void version_2(void **state)
{
	(void)state;
	put("/proc/7/cgroup", "0::/a.slice/b.service\n");
	put("/proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
	put("/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n");
	put("/sys/fs/cgroup/a.slice/b.service/memory.current", "9000000\n");
	put("/proc/meminfo", "MemTotal: 16000 kB\nMemFree: 1 kB\nMemAvailable: 12000 kB\n");
	struct headroom headroom = read_it();

	assert_true(headroom.left == 12000 << 10 && headroom.limit == 16000 << 10 && !headroom.cgroup[0]);
	/* the one above has less left */
	put("/sys/fs/cgroup/a.slice/memory.max", "10485760\n");
	put("/sys/fs/cgroup/a.slice/memory.current", "9437184\n");
	headroom = read_it();
	assert_true(headroom.left == MIB && headroom.limit == 10 * MIB);
	assert_string_equal(headroom.cgroup, "/a.slice");
	/* pages of files are given back, but not dirty ones */
	put("/sys/fs/cgroup/a.slice/memory.stat", "anon 1\nactive_file 2097152\ninactive_file 1048576\nfile_dirty 524288\n");
	headroom = read_it();
	assert_true(headroom.left == 3 * MIB + MIB / 2);
	/* its own has least of all */
	put("/sys/fs/cgroup/a.slice/b.service/memory.max", "9000000\n");
	headroom = read_it();
	assert_true(headroom.left == 0);
	assert_string_equal(headroom.cgroup, "/a.slice/b.service");
}

/* Its cgroup is seen from a container whose root it is in. */
static void version_1(void **state)
{
	(void)state;
	put("/proc/7/cgroup", "9:cpu,cpuacct:/x\n4:memory,hugetlb:/docker/1\n0::/other\n");
	put("/proc/self/mountinfo", "31 23 0:28 /x /cpu rw - cgroup cgroup rw,cpu\n"
				    "32 23 0:29 /docker /mem rw - cgroup cgroup rw,hugetlb,memory\n");
	put("/mem/1/memory.limit_in_bytes", "5242880\n");
	put("/mem/1/memory.usage_in_bytes", "4194304\n");
	put("/mem/1/memory.stat", "inactive_file 9999\ntotal_inactive_file 1000\ntotal_dirty 2000\n");
	put("/mem/memory.limit_in_bytes", "9223372036854771712\n");
	put("/mem/memory.usage_in_bytes", "1\n");
	struct headroom headroom = read_it();

	assert_true(headroom.left == MIB && headroom.limit == 5 * MIB);
	assert_string_equal(headroom.cgroup, "/1");
}

static void nothing_known(void **state)
{
	(void)state;
	put("/proc/self/mountinfo", "nonsense\n\n - cgroup2\n");
	put("/proc/7/cgroup", "nonsense\n0:\n0::\n");
	assert_true(read_it().left == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(version_2, begin, end),
		cmocka_unit_test_setup_teardown(version_1, begin, end),
		cmocka_unit_test_setup_teardown(nothing_known, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
