/*
 * The victim
 *
 * virtrace itself, started again: threads in a hot loop over a few functions, and one that forks children, every other one in the
 * way of libvirt's virFork: all signals blocked, all handlers reset.  The children call the same functions.  Every result is
 * checked; the functions count their calls, in the threads but not in the children, which are not traced.
 *
 * The functions are what code that is traced has trouble with: a loop over memory, recursion, a call in tail position.  They are
 * called through pointers that the compiler does not see through, so that each call there is in the source is one.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/selftest/selftest.h"

#define TRACED __attribute__((noinline, visibility("default")))

enum { SUM, TAIL, DEEP, TEXT };
enum { CHILD_ROUNDS = 10, CHILD_PAUSE_US = 5000, REST_US = 200, ROUNDS_AT_ONCE = 16, SIGNALS = 64 };

const char *const selftest_functions[SELFTEST_FUNCTIONS] = {
	[SUM] = SELFTEST_PREFIX "sum", [TAIL] = SELFTEST_PREFIX "tail",
	[DEEP] = SELFTEST_PREFIX "deep", [TEXT] = SELFTEST_PREFIX "text",
};

static struct selftest_shared *shared;
static __thread struct selftest_thread *self; /* NULL in the thread that forks, and so in children */

long virtrace_selftest_sum(long n);
long virtrace_selftest_tail(long n);
long virtrace_selftest_deep(long n);
long virtrace_selftest_text(long n);

static void count(int function)
{
	if (self)
		self->calls[function]++;
}

TRACED long virtrace_selftest_sum(long n)
{
	count(SUM);
	return n + 17;
}

TRACED long virtrace_selftest_tail(long n)
{
	count(TAIL);
	return virtrace_selftest_sum(n + 1);
}

/* n % 4 levels below the first. */
TRACED long virtrace_selftest_deep(long n)
{
	count(DEEP);
	long value = n % 4 ? virtrace_selftest_deep(n - 1) + 1 : n;

	__asm__ volatile("" : "+r"(value)); /* no loop is made of it */
	return value;
}

/* To decimal digits and back. */
TRACED long virtrace_selftest_text(long n)
{
	volatile char digits[24];
	long value = 0;
	int len = 0;

	count(TEXT);
	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	while (len > 0)
		value = value * 10 + digits[--len] - '0';
	return value;
}

static long (*volatile const functions[SELFTEST_FUNCTIONS])(long n) = {
	[SUM] = virtrace_selftest_sum, [TAIL] = virtrace_selftest_tail,
	[DEEP] = virtrace_selftest_deep, [TEXT] = virtrace_selftest_text,
};

/* Whether each gives what it has to. */
static bool call_all(long n)
{
	return functions[SUM](n) == n + 17 && functions[TAIL](n) == n + 18 && functions[DEEP](n) == n &&
	       functions[TEXT](n) == n;
}

static void *run_thread(void *arg)
{
	self = arg;
	self->tid = gettid();
	__atomic_fetch_add(&shared->ready, 1, __ATOMIC_RELEASE);
	while (!shared->quit) {
		if (self->rounds >= self->limit) {
			self->rests = 1;
			selftest_nap(REST_US);
			continue;
		}
		self->rests = 0;
		if (!call_all((long)self->rounds + 1))
			__atomic_fetch_add(&shared->wrong, 1, __ATOMIC_RELAXED);
		if (++self->rounds % ROUNDS_AT_ONCE == 0)
			selftest_nap(REST_US); /* others work on this host */
	}
	return NULL;
}

static void reset_handlers(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	for (int i = 1; i <= SIGNALS; i++)
		sigaction(i, &action, NULL);
}

static void __attribute__((noreturn)) run_child(bool resets, const sigset_t *mask)
{
	bool right = true;

	if (resets) {
		reset_handlers();
		sigprocmask(SIG_SETMASK, mask, NULL);
	}
	for (long n = 1; n <= CHILD_ROUNDS && right; n++)
		right = call_all(n);
	_exit(right ? 0 : 1);
}

/* `resets`: with all signals blocked, which the child ends when it has reset what they do. */
static void make_child(bool resets)
{
	sigset_t all, mask;
	int status = -1;

	sigfillset(&all);
	if (resets)
		pthread_sigmask(SIG_SETMASK, &all, &mask);
	pid_t pid = fork();

	if (pid == 0)
		run_child(resets, &mask);
	if (resets)
		pthread_sigmask(SIG_SETMASK, &mask, NULL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		shared->bad_children++;
	shared->children++;
}

static void *run_forks(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !shared->quit; i++) {
		make_child(i % 2);
		selftest_nap(CHILD_PAUSE_US);
	}
	return NULL;
}

int selftest_victim_main(int fd)
{
	pthread_t threads[SELFTEST_THREADS + 1];
	size_t n = 0;

	/* Where it has not outlived exec: a program with capabilities of its own. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "virtrace-victim");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return EXIT_FAILURE;
	close(fd);
	for (; n < SELFTEST_THREADS; n++)
		if (pthread_create(&threads[n], NULL, run_thread, &shared->threads[n]) != 0)
			return EXIT_FAILURE;
	if (pthread_create(&threads[n++], NULL, run_forks, NULL) != 0)
		return EXIT_FAILURE;
	while (n > 0)
		pthread_join(threads[--n], NULL);
	return shared->wrong || shared->bad_children ? EXIT_FAILURE : EXIT_SUCCESS;
}
