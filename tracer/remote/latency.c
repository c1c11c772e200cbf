/*
 * Why CPUs are kept from sleeping
 *
 * Tracer and target wait for each other at every stop, so where both have a CPU of their own, either CPU falls asleep for some
 * microseconds twice a stop, and waking it up takes longer than all the rest: on a virtual machine, where sleeping is left to the
 * hypervisor, some 20 us a time.  A process may ask the kernel that no CPU sleeps so deep that waking it up takes longer than it
 * says (Documentation/power/pm_qos_interface.rst, /dev/cpu_dma_latency).  The request is an open file: it ends with us, however we
 * end.  On an idle virtual machine of two CPUs, us a call of two stops, and of virDomainGetBlockInfo of libvirtd, ms:
 *
 *				1 hot thread	4 hot threads	1 client	4 clients	untraced: 1.8 and 6.6
 *	nothing asked for	56		25		2.1		6.8
 *	waking up in no time	25		19		1.85		6.5
 *
 * It costs power, as it holds for all CPUs.  So it is asked for only while stops come quickly, 1000 a second: some 5 per cent of the
 * target's time are at stake then.  And no more than is needed is asked for: where there are several states of sleep, the lightest
 * one is good enough, a microsecond or two away from waking; where there is one (a virtual machine's) CPUs have to stay awake.
 */
#include "tracer/remote/latency.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char device[] = "/dev/cpu_dma_latency";
enum { BEGIN_STOPS = 10, END_STOPS = 5 }; /* in a moment */
static const uint64_t moment_ns = 10 * 1000 * 1000;

/* In us: what waking up from the lightest state of several takes; 0: there is only one.  State 0 is not sleeping. */
static int32_t lightest_us(void)
{
	int us = 0;

	if (access("/sys/devices/system/cpu/cpu0/cpuidle/state2", F_OK) < 0)
		return 0;
	FILE *f = fopen("/sys/devices/system/cpu/cpu0/cpuidle/state1/latency", "re");

	if (f && fscanf(f, "%d", &us) != 1)
		us = 0;
	if (f)
		fclose(f);
	return us > 0 ? us : 0;
}

void latency_start(struct latency *latency)
{
	*latency = (struct latency){ .us = access(device, W_OK) == 0 ? lightest_us() : -1, .fd = -1 };
}

static void ask(struct latency *latency)
{
	latency->fd = open(device, O_WRONLY | O_CLOEXEC);
	if (latency->fd < 0 || write(latency->fd, &latency->us, sizeof(latency->us)) != sizeof(latency->us)) {
		latency_stop(latency);
		latency->us = -1;
	}
}

void latency_stop(struct latency *latency)
{
	if (latency->fd >= 0)
		close(latency->fd);
	latency->fd = -1;
}

void latency_served(struct latency *latency, unsigned stops, uint64_t now_ns)
{
	latency->stops += stops;
	uint64_t ns = now_ns - latency->since_ns;

	if (ns < moment_ns)
		return;
	if (latency->fd < 0 && latency->us >= 0 && latency->stops * moment_ns >= BEGIN_STOPS * ns)
		ask(latency);
	else if (latency->fd >= 0 && latency->stops * moment_ns < END_STOPS * ns)
		latency_stop(latency);
	latency->since_ns = now_ns;
	latency->stops = 0;
}
