/*
 * A traced child, the kernel as the oracle: memory, registers, the frame of a stopped thread, the
 * remote system call.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/err.h"
#include "tracer/remote/event.h"
#include "tracer/remote/live.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/seize.h"
#include "tracer/remote/thread.h"

enum { PAGE = 4096, SIGSTACK = 16384 };
static const long magic = 0x1122334455667788;

/* What the child changes and the parent sees. */
struct page {
	volatile int ready, go, bad;
	volatile uint64_t loops;
};
static struct page *page;

__attribute__((target("avx"))) static void check_upper_halves(void)
{
	_Alignas(32) const uint64_t pattern[4] = { 1, 2, 3, 4 };
	_Alignas(32) uint64_t out[4];

	/* the loop is where the thread mostly is */
	__asm__ volatile("vmovapd %1, %%ymm9\n\t mov $2000, %%ecx\n\t 1: loop 1b\n\t vmovapd %%ymm9, %0"
			 : "=m"(out) : "m"(pattern) : "rcx", "xmm9", "memory");
	if (memcmp(out, pattern, sizeof(out)) != 0)
		page->bad = 3;
}

/*
 * Keeps a pattern in every kind of register and checks it, for ever: whatever is done to it must
 * not show.
 */
static void check_patterns(void)
{
	bool has_avx = __builtin_cpu_supports("avx");
	char stack[SIGSTACK];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) }, now;
	sigset_t mask, mask_now;

	sigaltstack(&alternate, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	page->ready = 1;
	for (long i = 0; !page->go; i++) {
		long gpr = i, flags = 0, red = i + 1, red_out;
		double sse = (double)i, x87 = 0.5, out;

		__asm__ volatile("movq %%rax, -128(%%rsp)\n\t"
				 "movq %%rax, %%r15\n\t movsd %4, %%xmm13\n\t fldl %5\n\t"
				 "stc\n\t mov $2000, %%ecx\n\t 1: loop 1b\n\t"
				 "sbb %%rdx, %%rdx\n\t"
				 "movq -128(%%rsp), %%rsi\n\t movsd %%xmm13, %3\n\t fstpl %5"
				 : "=d"(flags), "=S"(red_out), "+a"(red), "=m"(out)
				 : "m"(sse), "m"(x87)
				 : "rcx", "r15", "xmm13", "cc", "memory", "st");
		if (flags != -1 || red_out != i + 1 || out != (double)i || x87 != 0.5 || gpr != i)
			page->bad = 1;
		if (has_avx)
			check_upper_halves();
		if (i % 64 == 0) {
			sigaltstack(NULL, &now);
			sigprocmask(SIG_SETMASK, NULL, &mask_now);
			if (now.ss_sp != stack || now.ss_flags || now.ss_size != sizeof(stack) ||
			    !sigismember(&mask_now, SIGUSR2) || sigismember(&mask_now, SIGTRAP))
				page->bad = 2;
		}
		page->loops++;
	}
	_exit(page->bad);
}

static pid_t start_child(void (*run)(void))
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(0);
	}
	while (!page->ready)
		sched_yield();
	return pid;
}

static struct proc *seize(pid_t pid)
{
	struct proc *proc;
	struct seize_result result;

	assert_int_equal(proc_open(pid, &proc), 0);
	assert_int_equal(seize_pass(proc, &result), 0);
	assert_int_equal(result.n_new, 1);
	return proc;
}

static void wait_for(pid_t tid, enum event_kind kind)
{
	struct event event = { .kind = EVENT_NONE };

	while (event.kind == EVENT_NONE)
		assert_int_equal(event_of(tid, &event), 0);
	assert_int_equal(event.kind, kind);
}

static void finish_child(struct proc *proc, bool stopped)
{
	struct thread *thread = proc_thread(proc, proc->pid);
	int status;

	if (!stopped) {
		assert_int_equal(thread_interrupt(thread), 0);
		wait_for(proc->pid, EVENT_PAUSED);
	}
	assert_int_equal(thread_detach(proc, thread, 0), 0);
	page->go = 1;
	assert_int_equal(waitpid(proc->pid, &status, 0), proc->pid);
	assert_int_equal(status, 0);
	proc_close(proc);
	munmap(page, PAGE);
}

static void serve(void *ctx, struct thread *thread)
{
	(void)ctx;
	(void)thread;
}

static uint64_t free_address(struct proc *proc)
{
	struct maps maps;

	assert_int_equal(proc_maps(proc, &maps), 0);
	uint64_t addr = maps.items[0].lo - (16 << 20);

	maps_free(&maps);
	return addr;
}

/* A running thread maps memory for us, again and again, and sees nothing of it. */
static void remote_mmap(void **state)
{
	struct proc *proc = seize(start_child(check_patterns));
	struct rcall call = { .proc = proc, .serve = serve };
	uint64_t addr = free_address(proc);
	struct maps maps;

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint64_t loops = page->loops;

		if (rcall_map(&call, addr - (uint64_t)i * 4 * PAGE, 2 * PAGE, PROT_READ | PROT_EXEC) < 0)
			fail_msg("%s", err_text());
		while (page->loops < loops + 10)
			sched_yield();
		assert_int_equal(page->bad, 0);
	}
	assert_int_equal(proc_maps(proc, &maps), 0);
	const struct mapping *m = maps_find(&maps, addr - 99 * 4 * PAGE);

	assert_non_null(m);
	assert_true(m->readable && m->executable && !m->writable && !m->shared && m->hi - m->lo == 2 * PAGE);
	maps_free(&maps);
	/* taken already */
	assert_int_equal(rcall_map(&call, addr, 2 * PAGE, PROT_READ | PROT_EXEC), -EEXIST);
	finish_child(proc, false);
}

static void sleep_long(void)
{
	struct timespec ts = { 3600, 0 };

	page->ready = 1;
	nanosleep(&ts, NULL);
	page->bad = 1;
}

/* Which system call it waits in: proc_pid_syscall(5). */
static long waits_in(pid_t pid)
{
	char text[256];
	long nr;

	do {
		sched_yield();
		proc_read(text, sizeof(text), "/proc/%d/syscall", (int)pid);
	} while (sscanf(text, "%ld", &nr) != 1);
	return nr;
}

/* A thread in a timed wait is used when nothing else helps.  The kernel tells that the wait goes on: it was restarted, not begun anew. */
static void remote_mmap_sleeping(void **state)
{
	struct proc *proc = seize(start_child(sleep_long));
	struct rcall call = { .proc = proc, .serve = serve };
	uint64_t addr = free_address(proc);

	(void)state;
	assert_int_equal(waits_in(proc->pid), SYS_clock_nanosleep);
	for (int i = 0; i < 3; i++) {
		if (rcall_map(&call, addr - (uint64_t)i * 4 * PAGE, PAGE, PROT_READ | PROT_EXEC) < 0)
			fail_msg("%s", err_text());
		assert_int_equal(waits_in(proc->pid), SYS_restart_syscall);
		assert_int_equal(page->bad, 0);
	}
	kill(proc->pid, SIGKILL);
	assert_int_equal(waitpid(proc->pid, NULL, 0), proc->pid);
	proc_close(proc);
	munmap(page, PAGE);
}

/* ---- memory */
static char *two_pages; /* the second one is not readable */
static const char text_bytes[] = "bytes that are read";

static void be_read(void)
{
	two_pages = mmap((void *)0x10000000, 2 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	memset(two_pages, 'x', 2 * PAGE);
	mprotect(two_pages + PAGE, PAGE, PROT_NONE);
	page->ready = 1;
	while (!page->go)
		sched_yield();
	_exit(0);
}

static void memory(void **state)
{
	struct proc *proc = seize(start_child(be_read));
	char *buf = malloc(1 << 20), back[sizeof(text_bytes)];
	const uint64_t addr = 0x10000000;
	static const struct {
		uint64_t at;
		size_t len, expected;
	} cases[] = {
		{ 0, 1, 1 }, { 0, PAGE, PAGE }, { 100, PAGE, PAGE - 100 }, { PAGE - 1, 1, 1 }, { PAGE - 1, 2, 1 },
		{ PAGE, 1, 0 }, { PAGE + 5, 100, 0 }, { 0, 1 << 20, PAGE }, { (uint64_t)-8, 16, 0 }, { 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(rmem_read(proc, addr + cases[i].at, buf, cases[i].len), cases[i].expected);
	/* a long range: our own program and libraries are the child's too */
	assert_int_equal(rmem_read(proc, (uint64_t)text_bytes, back, sizeof(back)), sizeof(back));
	assert_string_equal(back, text_bytes);
	assert_int_equal(rmem_read(proc, UINT64_MAX - 4, buf, 100), 0);
	assert_int_equal(rmem_read(proc, 0, buf, 8), 0);
	free(buf);
	finish_child(proc, false);
}

static void write_text(void **state)
{
	struct proc *proc = seize(start_child(be_read));
	struct thread *thread = proc_thread(proc, proc->pid);
	uint64_t addr = (uint64_t)write_text;
	uint8_t before[32], after[32];

	(void)state;
	assert_int_equal(rmem_read(proc, addr, before, 32), 32);
	assert_int_equal(rmem_probe_write(proc, addr), 0);
	/* both ways; the second needs a stopped thread */
	for (int poke = 0; poke < 2; poke++) {
		proc->poke = poke;
		if (poke) {
			assert_int_equal(rmem_write(proc, addr, "\xcc", 1), -EBUSY);
			assert_int_equal(thread_interrupt(thread), 0);
			wait_for(proc->pid, EVENT_PAUSED);
			proc->stopped = thread;
		}
		for (size_t at = 0; at < 9; at++) {
			memcpy(after, before, 32);
			memcpy(after + at, "0123456789abc", 13);
			assert_int_equal(rmem_write(proc, addr + at, "0123456789abc", 13), 0);
			uint8_t now[32];

			assert_int_equal(rmem_read(proc, addr, now, 32), 32);
			assert_memory_equal(now, after, 32);
			assert_int_equal(rmem_write(proc, addr + at, before + at, 13), 0);
		}
	}
	assert_int_equal(rmem_read(proc, addr, after, 32), 32);
	assert_memory_equal(before, after, 32);
	finish_child(proc, true);
}

/* ---- registers by DWARF number: the child sets them all and stops */
static void set_registers(void)
{
	static const double xmm[2] = { 1.25, -2.5 };
	static const long double st = 3.75L;

	page->ready = 1;
	while (!page->go)
		;
	__asm__ volatile("fldt %0\n\t movups %1, %%xmm7\n\t"
			 "mov $0x100, %%rax\n\t mov $0x101, %%rdx\n\t mov $0x102, %%rcx\n\t mov $0x103, %%rbx\n\t"
			 "mov $0x104, %%rsi\n\t mov $0x105, %%rdi\n\t mov $0x108, %%r8\n\t mov $0x109, %%r9\n\t"
			 "mov $0x10a, %%r10\n\t mov $0x10b, %%r11\n\t mov $0x10c, %%r12\n\t mov $0x10d, %%r13\n\t"
			 "mov $0x10e, %%r14\n\t mov $0x10f, %%r15\n\t"
			 "ud2"
			 : : "m"(st), "m"(xmm) : "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "r12", "r13", "r14", "r15", "memory");
}

static void registers(void **state)
{
	struct proc *proc = seize(start_child(set_registers));
	struct thread *thread = proc_thread(proc, proc->pid);
	struct user_regs_struct regs;
	static struct live_frame live;
	uint64_t value;
	double xmm[2];
	char raw[16] = "";
	long double st;
	int status;

	(void)state;
	page->go = 1;
	wait_for(proc->pid, EVENT_SIGNAL);
	assert_int_equal(thread_get_regs(thread, &regs), 0);
	live_frame_init(&live, proc, thread, &regs);
	const struct frame *frame = &live.frame;

	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(frame->ops->read_reg(frame->ctx, i, &value, 8), 0);
		if (i != DWARF_RBP && i != DWARF_RSP)
			assert_int_equal(value, 0x100 + i);
	}
	assert_int_equal(frame->ops->read_reg(frame->ctx, DWARF_RIP, &value, 8), 0);
	assert_true(value == regs.rip && frame->pc == regs.rip);
	assert_int_equal(frame->ops->read_reg(frame->ctx, DWARF_R15, raw, 1), 0);
	assert_int_equal(raw[0], 0x0f);
	assert_int_equal(frame->ops->read_reg(frame->ctx, DWARF_XMM0 + 7, xmm, 16), 0);
	assert_true(xmm[0] == 1.25 && xmm[1] == -2.5);
	assert_int_equal(frame->ops->read_reg(frame->ctx, DWARF_ST0, &st, 10), 0);
	assert_true(st == 3.75L);
	assert_int_equal(frame->ops->read_reg(frame->ctx, 60, &value, 8), -ENODATA);
	assert_int_equal(frame->ops->read_reg(frame->ctx, DWARF_RAX, raw, 16), -ENODATA);
	assert_int_equal(frame->ops->read_mem(frame->ctx, (uint64_t)&magic, &value, 8), 8);
	assert_true(value == (uint64_t)magic);
	assert_int_equal(thread_detach(proc, thread, SIGKILL), 0);
	assert_int_equal(waitpid(proc->pid, &status, 0), proc->pid);
	proc_close(proc);
	munmap(page, PAGE);
}

/* ---- what /proc tells, of a thread with a name made to mislead; ps(1) knows it as well */
static long ask_ps(pid_t pid, const char *what)
{
	char command[96];
	long n = -1;

	snprintf(command, sizeof(command), "ps -o %s= -p %d", what, (int)pid);
	FILE *f = popen(command, "r");

	assert_true(f && fscanf(f, "%ld", &n) == 1);
	pclose(f);
	return n;
}

static void stat_fields(void **state)
{
	char text[PROC_STAT_MAX];
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		prctl(PR_SET_NAME, ") Z 1 (x) 2 3");
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	assert_int_equal(proc_state(pid, pid), 'T');
	assert_int_equal(atol(proc_stat(pid, pid, 4, text)), getpid());
	assert_int_equal(atol(proc_stat(pid, pid, 5, text)), ask_ps(pid, "pgid"));
	assert_int_equal(atol(proc_stat(pid, pid, 20, text)), ask_ps(pid, "nlwp"));
	assert_int_equal(atol(proc_stat(pid, pid, 39, text)), ask_ps(pid, "psr"));
	assert_null(proc_stat(pid, pid, 1000, text));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_null(proc_stat(pid, pid, 3, text));
	assert_int_equal(proc_state(pid, pid), 0);
	assert_false(proc_read(text, sizeof(text), "/proc/%d/stat", (int)pid));
	assert_string_equal(text, "");
}

/* ---- what a stop inside a system call comes back to: arch/x86/kernel/signal.c */
static void restart(void **state)
{
	static const struct {
		int64_t orig_rax, rax;
		bool exact;
		uint64_t rip, rax_after;
	} cases[] = {
		{ -1, 5, true, 1000, 5 },           /* not in a call */
		{ -1, 219, false, 1000, 219 },      /* about to restart one */
		{ 0, 17, true, 1000, 17 },          /* done */
		{ 0, -4, true, 1000, (uint64_t)-4 }, /* EINTR has been decided */
		{ 202, -512, true, 998, 202 },
		{ 202, -513, true, 998, 202 },
		{ 271, -514, true, 998, 271 },
		{ 35, -516, false, 998, 219 },
		{ 7, -516, false, 998, 219 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct user_regs_struct regs = { .rip = 1000, .orig_rax = (uint64_t)cases[i].orig_rax,
						 .rax = (uint64_t)cases[i].rax, .rdx = 100 };

		assert_int_equal(regs_settle(&regs), cases[i].exact);
		assert_true(regs.rip == cases[i].rip && regs.rax == cases[i].rax_after);
		assert_true((int64_t)regs.orig_rax == -1);
	}
	/* poll without a timeout can be done again from its arguments */
	struct user_regs_struct poll = { .rip = 1000, .orig_rax = 7, .rax = (uint64_t)-516, .rdx = (uint32_t)-1 };

	assert_true(regs_settle(&poll));
	assert_true(poll.rax == 7 && poll.rip == 998);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remote_mmap), cmocka_unit_test(remote_mmap_sleeping), cmocka_unit_test(memory),
		cmocka_unit_test(write_text), cmocka_unit_test(registers),
		cmocka_unit_test(stat_fields), cmocka_unit_test(restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
