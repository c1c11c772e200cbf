/*
 * Memory that the process provides itself: what is there is read, the rest is not, and nobody waits for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"

enum { PAGE = 4096, PAGES = 200, THERE = 150, FILES = 100 };
static char *memory;
static int tell, told;

/* The first THERE pages are there; nobody answers for the others. */
static void provide(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register request = { .range = { (uintptr_t)memory, PAGES * PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &request) < 0)
		_exit(77);
}

static void __attribute__((noreturn)) be_child(int orders, int answers)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < FILES; i++)
		dup(orders);
	memset(memory, 'x', THERE * PAGE);
	while (read(orders, &byte, 1) == 1) {
		provide();
		if (write(answers, &byte, 1) < 0)
			break;
	}
	_exit(0);
}

static struct proc *start(void)
{
	int orders[2], answers[2];
	struct proc *proc;

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(pipe(orders), 0);
	assert_int_equal(pipe(answers), 0);
	pid_t pid = fork();

	if (pid == 0)
		be_child(orders[0], answers[1]);
	close(orders[0]);
	close(answers[1]);
	tell = orders[1];
	told = answers[0];
	assert_int_equal(proc_open(pid, &proc), 0);
	return proc;
}

static void finish(struct proc *proc)
{
	kill(proc->pid, SIGKILL);
	assert_int_equal(waitpid(proc->pid, NULL, 0), proc->pid);
	proc_close(proc);
	munmap(memory, PAGES * PAGE);
	close(tell);
	close(told);
}

static void found_later(void **state)
{
	static char buf[PAGES * PAGE];
	struct proc *proc = start();
	struct rmem_piece piece = { (uintptr_t)memory, 1 };
	char byte = 'b';

	(void)state;
	assert_false(lazy_look(&proc->lazy, SIZE_MAX));
	assert_int_equal(rmem_read_data(proc, piece.addr, buf, sizeof(buf)), sizeof(buf)); /* of any process, what is not there yet, too */
	assert_int_equal(rmem_read_pieces(proc, &piece, 1, buf), 1);
	assert_int_equal(write(tell, &byte, 1), 1);
	if (read(told, &byte, 1) != 1) {
		finish(proc);
		skip(); /* it may not have such memory here */
	}
	/* the file is found, ten at a time; once */
	int turns = 0;

	while (!lazy_look(&proc->lazy, 10))
		assert_true(turns++ < 2 * FILES);
	assert_true(turns > 1 && proc->lazy.is_there);
	assert_false(lazy_look(&proc->lazy, SIZE_MAX));
	finish(proc);
}

/* Every read ends: one that did not would wait for ever. */
static void not_read(void **state)
{
	static char buf[PAGES * PAGE];
	struct proc *proc = start();
	uint64_t at = (uintptr_t)memory, end = at + THERE * PAGE;
	struct rmem_piece piece = { at, 1 };
	char byte = 'b';

	(void)state;
	assert_int_equal(write(tell, &byte, 1), 1);
	if (read(told, &byte, 1) != 1) {
		finish(proc);
		skip();
	}
	assert_true(lazy_look(&proc->lazy, SIZE_MAX));
	assert_int_equal(rmem_read_data(proc, at, buf, sizeof(buf)), THERE * PAGE);
	assert_int_equal(buf[THERE * PAGE - 1], 'x');
	assert_int_equal(rmem_read_data(proc, at + 5, buf, 100), 100);
	assert_int_equal(rmem_read_data(proc, end - 5, buf, 5), 5);
	assert_int_equal(rmem_read_data(proc, end - 5, buf, 100), 5);
	assert_int_equal(rmem_read_data(proc, end, buf, 1), 0);
	assert_int_equal(rmem_read_data(proc, end + 100, buf, PAGE), 0);
	assert_int_equal(rmem_read_data(proc, at, buf, 0), 0);
	assert_int_equal(rmem_read_data(proc, UINT64_MAX - 10, buf, 100), 0);
	assert_int_equal(rmem_read_data(proc, 16, buf, 1), 0);
	assert_int_equal(rmem_read_pieces(proc, &piece, 1, buf), 0);
	finish(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_later),
		cmocka_unit_test(not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
