/*
 * What we ask for while stops come quickly, and that we ask for nothing afterwards, is asked of the kernel: it lists our open files, and
 * tells what holds for all requests; others may have made stricter ones meanwhile.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/remote/latency.h"

static const char device[] = "/dev/cpu_dma_latency";
static const uint64_t us = 1000, ms = 1000 * 1000;

static unsigned requests(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	char target[64];
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		n += len == sizeof(device) - 1 && !memcmp(target, device, sizeof(device) - 1);
	}
	closedir(dir);
	return n;
}

/* In us. */
static int32_t strictest(void)
{
	int32_t value = -1;
	int fd = open(device, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, &value, sizeof(value)), sizeof(value));
	close(fd);
	return value;
}

static uint64_t serve(struct latency *latency, uint64_t now_ns, unsigned stops, uint64_t every_ns)
{
	for (unsigned i = 0; i < stops; i++)
		latency_served(latency, 1, now_ns += every_ns);
	return now_ns;
}

static void only_while_stops_come_quickly(void **state)
{
	struct latency latency;
	uint64_t now_ns = 1000 * ms;

	(void)state;
	if (access(device, W_OK) < 0)
		skip();
	latency_start(&latency);
	for (int i = 0; i < 2; i++) {
		now_ns = serve(&latency, now_ns, 100, 5 * ms);
		assert_int_equal(requests(), 0);
		now_ns = serve(&latency, now_ns, 100, 200 * us);
		assert_int_equal(requests(), 1);
		assert_in_range(strictest(), 0, latency.us);
		latency_served(&latency, 0, now_ns += 100 * ms);
		assert_int_equal(requests(), 0);
	}
	serve(&latency, now_ns, 100, 200 * us);
	assert_int_equal(requests(), 1);
	latency_stop(&latency);
	assert_int_equal(requests(), 0);
}

static void not_where_it_may_not_be_asked_for(void **state)
{
	struct latency latency;

	(void)state;
	latency_start(&latency);
	latency.us = -1;
	serve(&latency, 1000 * ms, 1000, 200 * us);
	assert_int_equal(requests(), 0);
	latency_stop(&latency);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_while_stops_come_quickly),
		cmocka_unit_test(not_where_it_may_not_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
