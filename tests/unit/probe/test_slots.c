/*
 * Where areas go; and slots in a live process: written, found again after we are gone, reused,
 * never believed.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/err.h"
#include "tracer/probe/areas.h"
#include "tracer/probe/slots.h"
#include "tracer/remote/event.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/seize.h"
#include "tracer/remote/thread.h"

static const uint64_t gib = 1ull << 30, area = 256 << 10;

static uint64_t choose(const char *text, uint64_t lo, uint64_t hi)
{
	struct maps maps;

	assert_int_equal(maps_parse(strdup(text), &maps), 0);
	uint64_t addr = areas_choose_address(&maps, lo, hi, area);
	bool free_there = !addr || (!maps_find(&maps, addr) && !maps_find(&maps, addr + area - 1));

	maps_free(&maps);
	assert_true(free_there);
	assert_int_equal(addr % 4096, 0);
	return addr;
}

static bool reaches(uint64_t addr, uint64_t lo, uint64_t hi)
{
	uint64_t low = addr < lo ? addr : lo, high = addr + area > hi ? addr + area : hi;

	return high - low < 2 * gib;
}

static void addresses(void **state)
{
	uint64_t addr;

	(void)state;
	/* a fixed executable: below it */
	addr = choose("400000-500000 r-xp 00000000 fe:01 1 /bin/x\n500000-600000 rw-p 00000000 00:00 0 [heap]\n", 0x400000,
		      0x500000);
	assert_true(addr > 0x10000 && addr < 0x400000);
	/* the heap's way up is left alone */
	addr = choose("10000000-10100000 r-xp 00000000 fe:01 1 /bin/x\n10200000-10300000 rw-p 00000000 00:00 0 [heap]\n",
		      0x10000000, 0x10100000);
	assert_true(addr < 0x10200000);
	/* so is the stack's way down */
	addr = choose("7ffe00000000-7ffe00100000 r-xp 00000000 fe:01 1 /bin/x\n"
		      "7fff00000000-7fff00021000 rw-p 00000000 00:00 0 [stack]\n", 0x7ffe00000000, 0x7ffe00100000);
	assert_true(addr < 0x7ffe00000000 && reaches(addr, 0x7ffe00000000, 0x7ffe00100000));
	/* all is taken from below for 3 GiB; above there is room */
	addr = choose("10000-c0000000 rw-p 00000000 00:00 0\nc0000000-c0100000 r-xp 00000000 fe:01 1 /bin/x\n"
		      "d0000000-d0001000 rw-p 00000000 00:00 0\n", 0xc0000000, 0xc0100000);
	assert_true(addr >= 0xc0100000 && addr < 0xd0000000);
	/* no room within reach */
	assert_true(choose("10000-c0000000 rw-p 00000000 00:00 0\nc0000000-c0100000 r-xp 00000000 fe:01 1 /bin/x\n"
			   "c0100000-1c0000000 rw-p 00000000 00:00 0\n", 0xc0000000, 0xc0100000) == 0);
	/* a module of 3 GiB cannot be reached as a whole */
	assert_true(choose("100000000-1c0000000 r-xp 00000000 fe:01 1 /bin/x\n", 0x100000000, 0x1c0000000) == 0);
	/* just in reach: a gap 1.9 GiB away */
	addr = choose("10000-80000000 rw-p 00000000 00:00 0\n80100000-f0000000 rw-p 00000000 00:00 0\n"
		      "f0000000-f0100000 r-xp 00000000 fe:01 1 /bin/x\nf0100000-1f0000000 rw-p 00000000 00:00 0\n",
		      0xf0000000, 0xf0100000);
	assert_true(addr >= 0x80000000 && addr < 0x80100000 && reaches(addr, 0xf0000000, 0xf0100000));
}

/* ---- in a live process */
static struct proc *start(void)
{
	struct seize_result result;
	struct proc *proc;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_int_equal(proc_open(pid, &proc), 0);
	assert_int_equal(seize_pass(proc, &result), 0);
	return proc;
}

static void serve(void *ctx, struct thread *thread)
{
	(void)ctx;
	(void)thread;
}

static void finish(struct proc *proc)
{
	kill(proc->pid, SIGKILL);
	assert_int_equal(waitpid(proc->pid, NULL, 0), proc->pid);
	proc_close(proc);
}

static const uint8_t push[15] = { 0x55, 0xc3 }, ret[15] = { 0xc3 }, call[15] = { 0xe8, 0, 1, 0, 0 };

static void live(void **state)
{
	struct proc *proc = start();
	struct rcall remote = { .proc = proc, .serve = serve };
	struct slots *slots;
	const struct slot *a, *b, *c, *again;
	uint64_t site = (uint64_t)live; /* any code of the program */
	uint8_t code[SLOT_CODE_MAX];
	struct displaced displaced;

	(void)state;
	assert_int_equal(slots_open(proc, &slots), 0);
	assert_int_equal(slots_bytes(slots), 0);
	assert_int_equal(slots_get(slots, site, push, 15, 0, &a), -ENOSPC);
	if (slots_reserve(slots, &remote, site, site + 4096, 10) < 0)
		fail_msg("%s", err_text());
	assert_int_equal(slots_bytes(slots), area);
	assert_int_equal(slots_get(slots, site, push, 15, 0, &a), 0);
	assert_int_equal(slots_get(slots, site + 8, call, 15, 0, &b), 0);
	assert_int_equal(slots_get(slots, site, push, 15, 0, &again), 0);
	assert_ptr_equal(a, again);
	/* other code at the same place, as after dlclose and dlopen */
	assert_int_equal(slots_get(slots, site, ret, 15, 0, &c), 0);
	assert_ptr_not_equal(a, c);
	assert_int_equal(slots_get(slots, site, push, 15, 0, &again), 0);
	assert_ptr_equal(a, again);
	/* what is written is what was to be written */
	assert_int_equal(insn_displace(call, 15, site + 8, b->addr, &displaced), 0);
	assert_int_equal(rmem_read(proc, b->addr, code, displaced.len), displaced.len);
	assert_memory_equal(code, displaced.code, displaced.len);
	assert_int_equal(b->code_len, displaced.len);
	/* places */
	assert_ptr_equal(slots_find(slots, b->addr), b);
	assert_ptr_equal(slots_find(slots, b->addr + b->code_len - 1), b);
	assert_null(slots_find(slots, b->addr + b->code_len));
	assert_null(slots_find(slots, a->addr - 1));
	assert_true(slot_point_at(a, a->addr)->addr == site);
	assert_true(slot_point_at(a, a->addr + 1)->addr == site + 1);
	assert_null(slot_point_at(a, a->addr + 2));
	assert_ptr_equal(slots_recall(slots, site, push + 1, 14), c); /* the newest of those it may be */
	assert_ptr_equal(slots_recall(slots, site + 8, call + 1, 14), b);
	assert_null(slots_recall(slots, site + 8, push, 14));
	uint64_t addr_a = a->addr, addr_b = b->addr;

	slots_free(slots);

	/* found again: the same slots, no more memory */
	assert_int_equal(slots_open(proc, &slots), 0);
	assert_int_equal(slots_bytes(slots), area);
	assert_int_equal(slots_reserve(slots, &remote, site, site + 4096, 10), 0);
	assert_int_equal(slots_bytes(slots), area);
	assert_int_equal(slots_get(slots, site, push, 15, 0, &a), 0);
	assert_int_equal(slots_get(slots, site + 8, call, 15, 0, &b), 0);
	assert_true(a->addr == addr_a && b->addr == addr_b);
	slots_free(slots);

	/* one that was changed is not reused, nor is anything behind one that makes no sense */
	assert_int_equal(rmem_write(proc, addr_b, "\x90", 1), 0);
	assert_int_equal(slots_open(proc, &slots), 0);
	assert_int_equal(slots_get(slots, site, push, 15, 0, &a), 0);
	assert_int_equal(slots_get(slots, site + 8, call, 15, 0, &b), 0);
	assert_true(a->addr == addr_a && b->addr != addr_b);
	slots_free(slots);
	assert_int_equal(rmem_write(proc, addr_a - 6, "\xff\xff", 2), 0); /* its size */
	assert_int_equal(slots_open(proc, &slots), 0);
	assert_int_equal(slots_get(slots, site, push, 15, 0, &a), 0);
	assert_true(a->addr != addr_a);
	slots_free(slots);
	finish(proc);
}

/* Areas fill up; a new one is made, and the old ones stay in use. */
static void many(void **state)
{
	struct proc *proc = start();
	struct rcall remote = { .proc = proc, .serve = serve };
	struct slots *slots;
	const struct slot *slot;
	uint64_t site = (uint64_t)live;

	(void)state;
	assert_int_equal(slots_open(proc, &slots), 0);
	for (uint64_t i = 0; i < 8000; i++) {
		if (i % 100 == 0 && slots_reserve(slots, &remote, site, site + 4096, 100) < 0)
			fail_msg("%s", err_text());
		assert_int_equal(slots_get(slots, site + i, call, 15, 0, &slot), 0);
	}
	uint64_t bytes = slots_bytes(slots);

	assert_true(bytes > area && bytes <= 4 * area);
	slots_free(slots);
	assert_int_equal(slots_open(proc, &slots), 0);
	assert_true(slots_bytes(slots) == bytes);
	for (uint64_t i = 0; i < 8000; i++)
		assert_int_equal(slots_get(slots, site + i, call, 15, 0, &slot), 0);
	assert_true(slots_bytes(slots) == bytes);
	slots_free(slots);
	finish(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(live),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
