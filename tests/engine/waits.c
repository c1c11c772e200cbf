/*
 * Threads that wait in system calls.  None may see an EINTR that it would not see untraced, or wake
 * too early. usage: waits SHARED
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/select.h>

#include "tests/engine/victim.h"

enum { SLEEP_MS = 1500 };

static int pipes[16][2];
static uint32_t futex_word;
static int semaphore;

static long elapsed_ms(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

static long wait_read(int fd)
{
	char c;

	return read(fd, &c, 1) == 1 ? 0 : errno;
}
static long wait_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, -1) == 1 ? 0 : errno;
}
static long wait_poll_timed(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 60000) == 1 ? 0 : errno;
}
static long wait_ppoll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return ppoll(&p, 1, NULL, NULL) == 1 ? 0 : errno;
}
static long wait_select(int fd)
{
	fd_set set;
	struct timeval timeout = { 60, 0 };

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &timeout) == 1 ? 0 : errno;
}
static long wait_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	return epoll_wait(epoll, &event, 1, -1) == 1 ? 0 : errno;
}
static long wait_futex(int fd)
{
	while (!futex_word)
		if (syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) < 0 && errno != EAGAIN)
			return errno;
	return 0;
}
static long wait_futex_timed(int fd)
{
	struct timespec timeout = { 60, 0 };

	while (!futex_word)
		if (syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, &timeout, NULL, 0) < 0 &&
		    errno != EAGAIN)
			return errno;
	return 0;
}
static long wait_semaphore(int fd)
{
	struct sembuf op = { .sem_op = -1 };

	return semop(semaphore, &op, 1) == 0 ? 0 : errno;
}
static long wait_signal(int fd)
{
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return sigwaitinfo(&set, &info) == SIGRTMIN + 3 ? 0 : errno;
}
static long sleep_relative(int fd)
{
	struct timespec ts = { SLEEP_MS / 1000, SLEEP_MS % 1000 * 1000000 }, start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (nanosleep(&ts, NULL) < 0)
		return errno;
	return elapsed_ms(&start) >= SLEEP_MS ? 0 : -1;
}
static long sleep_absolute(int fd)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	end = start;
	end.tv_sec += 2;
	long r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);

	return r ? r : elapsed_ms(&start) >= 2000 ? 0 : -1;
}

static const struct {
	const char *name;
	long (*wait)(int fd);
} waits[] = {
	{ "read", wait_read }, { "poll", wait_poll }, { "timed poll", wait_poll_timed }, { "ppoll", wait_ppoll },
	{ "select", wait_select }, { "epoll_wait", wait_epoll }, { "futex", wait_futex },
	{ "timed futex", wait_futex_timed }, { "semop", wait_semaphore }, { "sigwaitinfo", wait_signal },
	{ "nanosleep", sleep_relative }, { "clock_nanosleep", sleep_absolute },
};
enum { N_WAITS = sizeof(waits) / sizeof(waits[0]) };
static pthread_t threads[N_WAITS];

/* something to arm */
__attribute__((noinline, noclone)) long f_waits(long n)
{
	asm volatile("" : "+r"(n));
	return n + 1;
}

static void *run(void *arg)
{
	long i = (long)arg;

	__sync_fetch_and_add(&shared->ready, 1);
	long r = waits[i].wait(pipes[i][0]);

	if (r)
		bad(waits[i].name, r);
	__sync_fetch_and_add(&shared->done, 1);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sembuf up = { .sem_op = 1 };

	open_shared(argv[1]);
	semaphore = semget(IPC_PRIVATE, 1, 0600);
	for (long i = 0; i < N_WAITS; i++) {
		if (pipe(pipes[i]))
			return 97;
		pthread_create(&threads[i], NULL, run, (void *)i);
	}
	for (long n = 1; !shared->stop; n++) {
		CHECK(f_waits(n) == n + 1, n);
		nap(1000);
	}
	for (long i = 0; i < N_WAITS; i++)
		CHECK(write(pipes[i][1], "", 1) == 1, i);
	futex_word = 1;
	syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0);
	CHECK(semop(semaphore, &up, 1) == 0, errno);
	pthread_kill(threads[9], SIGRTMIN + 3);
	for (int i = 0; i < N_WAITS; i++)
		pthread_join(threads[i], NULL);
	semctl(semaphore, 0, IPC_RMID);
	return finish();
}
