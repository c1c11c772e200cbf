/*
 * System calls that a traced process makes for us, and stops: what the process must not notice of them.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/base/err.h"
#include "tracer/remote/event.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rcall.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/room.h"
#include "tracer/remote/seize.h"
#include "tracer/remote/thread.h"
#include "tracer/remote/waits.h"

enum { PAGE = 4096, WAIT_SECONDS = 20 };

/* What the child changes and the parent sees. */
struct page {
	volatile int ready, go, bad;
	volatile uint64_t loops, handled, lowest_sp, highest_sp;
};
static struct page *page;

static pid_t start_child(void (*run)(void))
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(page->bad);
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

/* As the engine: signals are passed on. */
static void serve(void *ctx, struct thread *thread)
{
	struct proc *proc = ctx;
	struct event event;

	thread = thread ? thread : proc_thread(proc, proc->pid);
	if (event_of(thread->tid, &event) < 0 || event.kind == EVENT_NONE)
		return;
	if (event.kind == EVENT_SIGNAL)
		thread_undo_eintr_of(proc, thread, event.value);
	else if (event.kind == EVENT_PAUSED)
		thread_undo_eintr(proc, thread);
	thread_resume(proc, thread, event.kind == EVENT_SIGNAL ? event.value : 0);
}

static void end_child(struct proc *proc)
{
	int status = -1;
	struct event event;

	page->go = 1;
	for (long ms = 0; ms < WAIT_SECONDS * 1000; ms++) {
		if (event_of(proc->pid, &event) == 0 && event.kind == EVENT_EXITED)
			break;
		serve(proc, NULL);
		usleep(1000);
	}
	kill(proc->pid, SIGKILL); /* if it has not ended */
	assert_int_equal(waitpid(proc->pid, &status, 0), proc->pid);
	assert_int_equal(status, 0);
	proc_close(proc);
	munmap(page, PAGE);
}

/* ---- where the image is */

static void loop(void)
{
	page->ready = 1;
	while (!page->go)
		page->loops++;
}

/* A copy of all that is mapped of files and not writable. */
static uint8_t *copy_text(struct proc *proc, size_t *ret_len)
{
	struct maps maps;
	uint8_t *copy = NULL;
	size_t len = 0;

	assert_int_equal(proc_maps(proc, &maps), 0);
	for (size_t i = 0; i < maps.n; i++) {
		const struct mapping *m = &maps.items[i];

		if (!m->inode || m->writable || m->shared)
			continue;
		copy = realloc(copy, len + (m->hi - m->lo));
		len += rmem_read(proc, m->lo, copy + len, m->hi - m->lo);
	}
	maps_free(&maps);
	*ret_len = len;
	return copy;
}

static uint64_t free_address(struct proc *proc)
{
	struct maps maps;

	assert_int_equal(proc_maps(proc, &maps), 0);
	uint64_t addr = maps.items[0].lo - (1 << 20);

	maps_free(&maps);
	return addr;
}

static void map(struct proc *proc, int i)
{
	struct rcall call = { .proc = proc, .serve = serve, .ctx = proc };

	if (rcall_map(&call, free_address(proc) & ~0xfffffull, PAGE, PROT_READ | PROT_EXEC) < 0)
		fail_msg("call %d: %s", i, err_text());
}

static size_t count_rooms(struct proc *proc)
{
	struct maps maps;
	size_t n = 0;

	assert_int_equal(proc_maps(proc, &maps), 0);
	for (size_t i = 0; i < maps.n; i++)
		n += maps.items[i].lo == proc->room && maps.items[i].hi - maps.items[i].lo == ROOM_SIZE;
	maps_free(&maps);
	return n;
}

/* Its memory is mapped once, what was borrowed for that is as it was, and the next one finds it again. */
static void memory_of_ours(void **state)
{
	struct proc *proc = seize(start_child(loop));
	size_t len, len_after;
	uint8_t *text = copy_text(proc, &len);

	(void)state;
	assert_false(room_find(proc));
	for (int i = 0; i < 100; i++)
		map(proc, i);
	uint64_t room = proc->room;
	uint8_t *text_after = copy_text(proc, &len_after);

	assert_int_equal(len, len_after);
	assert_memory_equal(text, text_after, len);
	assert_int_equal(room % (2ull << 30), 0);
	assert_int_equal(count_rooms(proc), 1);
	proc->room = 0;
	assert_true(room_find(proc));
	assert_true(proc->room == room);
	free(text);
	free(text_after);
	end_child(proc);
}

static char object[2 * PAGE] __attribute__((aligned(64)));
static ucontext_t back, coroutine;

static void on_small_stack(void)
{
	page->ready = 1;
	while (!page->go)
		page->loops++;
	swapcontext(&coroutine, &back);
}

static void run_coroutine(void)
{
	memset(object, 0x5a, PAGE);
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = object + PAGE;
	coroutine.uc_stack.ss_size = PAGE;
	makecontext(&coroutine, on_small_stack, 0);
	swapcontext(&back, &coroutine);
	for (size_t i = 0; i < PAGE; i++)
		page->bad |= object[i] != 0x5a;
}

static void stack_in_an_object(void **state)
{
	struct proc *proc = seize(start_child(run_coroutine));

	(void)state;
	for (int i = 0; i < 20; i++)
		map(proc, i);
	end_child(proc);
}

/* Longer than any rest of a page: only a stack that is one will do. */
static void below_a_stack(void **state)
{
	struct proc *proc = seize(start_child(loop));
	struct maps maps;
	struct user_regs_struct regs = { 0 };
	uint64_t addr = 0;
	bool borrowed = true;

	(void)state;
	assert_int_equal(proc_maps(proc, &maps), 0);
	for (size_t i = 0; i < maps.n; i++)
		if (!strcmp(maps.items[i].path, "[stack]"))
			regs.rsp = maps.items[i].hi - 1000;
	maps_free(&maps);
	assert_int_equal(room_take(proc, &regs, PAGE + 1, &addr, &borrowed), 0);
	assert_false(borrowed);
	assert_true(addr + PAGE + 1 <= regs.rsp - 128 && addr > regs.rsp - 3 * PAGE);
	regs.rsp = (uint64_t)object + PAGE;
	assert_int_equal(room_take(proc, &regs, PAGE + 1, &addr, &borrowed), -ENOSPC);
	end_child(proc);
}

static void handler(int sig)
{
	uint64_t here = (uint64_t)&sig;

	page->handled++;
	if (here < page->lowest_sp)
		page->lowest_sp = here;
	if (here > page->highest_sp)
		page->highest_sp = here;
}

static void loop_with_handler(void)
{
	struct sigaction action = { .sa_handler = handler };

	page->lowest_sp = UINT64_MAX;
	sigaction(SIGRTMIN, &action, NULL);
	loop();
}

/* Handlers run on the thread's own stack, and as many as there were signals: they wait while it makes a call. */
static void signals_wait(void **state)
{
	struct proc *proc = seize(start_child(loop_with_handler));
	uint64_t sent = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		sigqueue(proc->pid, SIGRTMIN, (union sigval){ 0 });
		sent++;
		map(proc, i);
		while (page->handled < sent) {
			serve(proc, NULL);
			sched_yield();
		}
	}
	assert_int_equal(page->handled, sent);
	assert_in_range(page->highest_sp - page->lowest_sp, 0, PAGE);
	assert_false(page->lowest_sp - proc->room < ROOM_SIZE);
	end_child(proc);
}

/* ---- what a stop does to system calls */

static const struct wait_case {
	const char *name;
	enum wait expected;
	long nr, args[6];
} wait_cases[] = {
	{ "epoll_wait", WAIT_FOR_EVER, SYS_epoll_wait, { -1, -1, 1, -1 } },
	{ "epoll_wait with a limit", WAIT_FINITE, SYS_epoll_wait, { -1, -1, 1, 60000 } },
	{ "poll", WAIT_BEGUN_AGAIN, SYS_poll, { 0, 0, -1 } },
	{ "poll with a limit", WAIT_KEPT, SYS_poll, { 0, 0, 60000 } },
	{ "pause", WAIT_BEGUN_AGAIN, SYS_pause, { 0 } },
	{ "nanosleep", WAIT_KEPT, SYS_nanosleep, { -2, 0 } },
	{ "sigtimedwait", WAIT_FOR_EVER, SYS_rt_sigtimedwait, { -3, 0, 0, 8 } },
	{ "sigtimedwait with a limit", WAIT_FINITE, SYS_rt_sigtimedwait, { -3, 0, -2, 8 } },
	{ "read of a pipe", WAIT_BEGUN_AGAIN, SYS_read, { -4, -1, 1 } },
	{ "read of a socket", WAIT_BEGUN_AGAIN, SYS_read, { -5, -1, 1 } },
	{ "read of a socket with a limit", WAIT_FINITE, SYS_read, { -6, -1, 1 } },
	{ "recv", WAIT_BEGUN_AGAIN, SYS_recvfrom, { -5, -1, 1, 0, 0, 0 } },
	{ "recv with a limit", WAIT_FINITE, SYS_recvfrom, { -6, -1, 1, 0, 0, 0 } },
	{ "futex", WAIT_IDLE, SYS_futex, { -1, 0, 0, 0 } },
	{ "futex with a limit", WAIT_KEPT, SYS_futex, { -1, 0, 0, -2 } },
};
enum { N_WAIT_CASES = sizeof(wait_cases) / sizeof(wait_cases[0]) };
static size_t wait_case;

/* Negative numbers stand for what only the child has. */
static long make_call(const struct wait_case *c)
{
	static const struct timespec minute = { 60, 0 };
	static const uint64_t no_signals = 0;
	static long zeros[16];
	struct timeval limit = { 60, 0 };
	int pipes[2], sockets[2], limited[2], epoll = epoll_create1(0);
	long args[6];

	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || socketpair(AF_UNIX, SOCK_STREAM, 0, limited) ||
	    setsockopt(limited[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		_exit(97);
	bool on_epoll = c->nr == SYS_epoll_wait;
	const long special[] = { 0, (long)zeros, (long)&minute, (long)&no_signals, pipes[0], sockets[0], limited[0] };

	for (int i = 0; i < 6; i++)
		args[i] = c->args[i] < 0 && !(c->args[i] == -1 && i >= 2) ? special[-c->args[i]] : c->args[i];
	if (on_epoll)
		args[0] = epoll;
	page->ready = 1;
	return syscall(c->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void wait_in_call(void)
{
	make_call(&wait_cases[wait_case]);
	page->bad = errno;
}

static void classes_of_waits(void **state)
{
	struct waiting waiting;
	struct user_regs_struct regs;

	(void)state;
	for (wait_case = 0; wait_case < N_WAIT_CASES; wait_case++) {
		const struct wait_case *c = &wait_cases[wait_case];
		struct proc *proc = seize(start_child(wait_in_call));

		do
			waits_look(proc, proc->pid, &waiting);
		while (!waiting.pc || proc_state(proc->pid, proc->pid) != 'S');
		if (waiting.wait != c->expected)
			fail_msg("%s: %d instead of %d", c->name, waiting.wait, c->expected);
		/* the kernel is the oracle */
		struct thread *thread = proc_thread(proc, proc->pid);
		struct event event;

		assert_int_equal(thread_interrupt(thread), 0);
		assert_int_equal(event_wait(proc->pid, WAIT_SECONDS * 1000, &event), 0);
		assert_int_equal(event.kind, EVENT_PAUSED);
		assert_int_equal(thread_get_regs(thread, &regs), 0);
		bool eintr = (int64_t)regs.rax == -EINTR;

		if (eintr != (c->expected == WAIT_FOR_EVER || c->expected == WAIT_FINITE))
			fail_msg("%s: ended with %ld", c->name, (long)regs.rax);
		thread_undo_eintr(proc, thread);
		assert_int_equal(proc->interrupted, c->expected == WAIT_FINITE);
		assert_int_equal(regs_settle(&regs), c->expected != WAIT_KEPT);
		kill(proc->pid, SIGKILL);
		assert_int_equal(waitpid(proc->pid, NULL, 0), proc->pid);
		proc_close(proc);
		munmap(page, PAGE);
	}
}

static int limit_ms;

static void wait_for_epoll(void)
{
	struct epoll_event event;

	page->ready = 1;
	page->bad = epoll_wait(epoll_create1(0), &event, 1, limit_ms) < 0 ? errno : 0;
	page->loops = 1;
}

/* A signal that is ignored wakes up a thread only because it is traced. */
static void ignored_signals(void **state)
{
	struct waiting waiting;

	(void)state;
	for (int limited = 0; limited < 2; limited++) {
		limit_ms = limited ? 60000 : -1;
		struct proc *proc = seize(start_child(wait_for_epoll));

		for (int i = 0; i < (limited ? 1 : 20); i++) {
			uint64_t loops = 0;

			do
				waits_look(proc, proc->pid, &waiting);
			while (waiting.wait != (limited ? WAIT_FINITE : WAIT_FOR_EVER));
			kill(proc->pid, i & 1 ? SIGURG : SIGCHLD);
			for (struct event event = { 0 }; event.kind != EVENT_SIGNAL && loops < 10000000; loops++)
				assert_int_equal(event_of(proc->pid, &event), 0);
			serve(proc, NULL);
		}
		if (!limited)
			usleep(10000); /* it would have ended by now */
		assert_int_equal(proc->interrupted, limited);
		/* the one that could not be undone is counted */
		while (limited && !page->loops)
			sched_yield();
		assert_int_equal(page->loops, limited);
		assert_int_equal(page->bad, limited ? EINTR : 0);
		kill(proc->pid, SIGKILL);
		assert_int_equal(waitpid(proc->pid, NULL, 0), proc->pid);
		proc_close(proc);
		munmap(page, PAGE);
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Long in a wait with a limit, now and then out of it for a while. */
static void wait_and_work(void)
{
	struct epoll_event event;
	int epoll = epoll_create1(0);

	page->ready = 1;
	while (!page->go) {
		if (epoll_wait(epoll, &event, 1, 400) < 0)
			page->bad = errno;
		for (double end = now() + 0.1; now() < end;)
			page->loops++;
	}
}

/* A thread that would see EINTR is waited for. */
static void waits_for_a_moment(void **state)
{
	struct proc *proc = seize(start_child(wait_and_work));
	struct waiting waiting;

	(void)state;
	for (int i = 0; i < 3; i++) {
		do
			waits_look(proc, proc->pid, &waiting);
		while (waiting.wait != WAIT_FINITE);
		map(proc, i);
	}
	assert_int_equal(proc->interrupted, 0);
	end_child(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_ours),   cmocka_unit_test(stack_in_an_object),
		cmocka_unit_test(below_a_stack),    cmocka_unit_test(signals_wait),
		cmocka_unit_test(classes_of_waits), cmocka_unit_test(ignored_signals),
		cmocka_unit_test(waits_for_a_moment),
	};

	cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
