#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/err.h"
#include "tracer/remote/gate.h"
#include "tracer/remote/proc.h"

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_process_of_ours_can_be_traced(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (!pid)
		for (;;)
			pause();
	assert_int_equal(gate_check(pid), 0);
	end_child(pid);
	assert_int_equal(gate_check(pid), -ESRCH);
}

static void a_zombie_has_ended(void **state)
{
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(gate_check(pid), -ESRCH);
	assert_non_null(strstr(err_text(), "zombie"));
	waitpid(pid, NULL, 0);
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* A zombie, too, but its threads live. */
static void a_leader_has_ended(void **state)
{
	siginfo_t info;
	pthread_t thread;
	char text[256];
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		pthread_create(&thread, NULL, wait_for_ever, NULL);
		pthread_exit(NULL);
	}
	while (proc_state(pid, pid) != 'Z')
		usleep(1000);
	assert_int_equal(gate_check(pid), -ENOTSUP);
	snprintf(text, sizeof(text), "%s", err_text());
	assert_non_null(strstr(text, "main thread"));
	assert_null(strstr(text, "ended already"));
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(gate_check(pid), -ESRCH);
	waitpid(pid, NULL, 0);
}

static void the_other_tracer_is_named(void **state)
{
	char expected[64];
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(gate_check(pid), -EBUSY);
	snprintf(expected, sizeof(expected), "already traced by test_gate[%d]", (int)getpid());
	assert_non_null(strstr(err_text(), expected));
	end_child(pid);
}

static void virtrace_itself_is_refused(void **state)
{
	(void)state;
	assert_int_equal(gate_check(getpid()), -EINVAL);
}

/* What a translator brings in: a file with its name stands for it; not mapped as code it is none. */
static void a_translator_is_named(void **state)
{
	char directory[] = "/tmp/virtrace-gate.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/libdynamorio.so.11.3", directory);
	int fd = open(path, O_RDWR | O_CREAT, 0700);

	assert_int_equal(ftruncate(fd, 4096), 0);
	for (int code = 0; code < 2; code++) {
		void *m = mmap(NULL, 4096, PROT_READ | (code ? PROT_EXEC : 0), MAP_PRIVATE, fd, 0);
		pid_t pid = fork();

		if (!pid)
			for (;;)
				pause();
		assert_int_equal(gate_check(pid), code ? -ENOTSUP : 0);
		assert_true(!code || strstr(err_text(), "run by DynamoRIO"));
		end_child(pid);
		munmap(m, 4096);
	}
	close(fd);
	unlink(path);
	rmdir(directory);
}

static void strict_seccomp_is_refused(void **state)
{
	int fds[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_SECCOMP, 1);
		if (write(fds[1], "x", 1) == 1)
			for (;;)
				if (read(fds[0], &byte, 0)) /* one of the four calls that are allowed */
					break;
		_exit(0);
	}
	/* The byte is ours to see only after the mode is set: the child wrote it then. */
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(gate_check(pid), -EPERM);
	assert_non_null(strstr(err_text(), "strict"));
	end_child(pid);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_of_ours_can_be_traced),
		cmocka_unit_test(a_zombie_has_ended),
		cmocka_unit_test(a_leader_has_ended),
		cmocka_unit_test(the_other_tracer_is_named),
		cmocka_unit_test(virtrace_itself_is_refused),
		cmocka_unit_test(a_translator_is_named),
		cmocka_unit_test(strict_seccomp_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
