/*
 * The guardian
 *
 *	WATCHING --the tracer is about to end--> REPAIRING --all is clean--> WAITING --virtrace is gone--> the last will --> gone
 *	    |  |                                    ^                        ^   |
 *	    |  +--the tracer hangs: killed----------+                        |   +--dismissed--> gone
 *	    +--the tracer has put all right itself---------------------------+
 *
 * It is forked before anything is done to the target, has a session of its own, so that no terminal and no job control reaches
 * it, blocks every signal, and asks not to be chosen when memory runs out.  From the start on it allocates nothing: it has the
 * target's memory open, and the journal mapped.
 *
 * It traces the tracing thread, for its exit only (lifeline.c).  A tracer that is killed so is held before the kernel lets go what it
 * traces: threads that stand at a site still stand there, children that were just forked are still in their first stop.  The
 * text of all of them is restored, then the tracer may die.  Children are looked for until nothing new is found and no fork is under way
 * that began before (forks.h).  A child is written to only while it stands in a stop of the dying tracer, as a forked copy of the target that has executed
 * nothing (proc_is_copy()): one that runs, that another tracer has, or that is another program now has nothing of ours that is
 * ours to take away.  Where the guardian may not trace the tracer, it learns of its end from a pipe whose other end only the tracer
 * has: a little late, and the handler in the target comes first; children are left to it.
 *
 * A tracer hangs if its heartbeat stands still for HUNG_MS, it has not even woken up meanwhile, and a thread of the target is stopped by it.  What counts is not the time
 * that passes, but what the tracer could have made of it: between two wake-ups of the guardian, which on a machine that was suspended
 * have slept as long, a tracer that wants a CPU has had what it ran, one that sleeps, or is stopped, all.  So one that starves is let live.
 * A hung tracer is killed, which the target's handler makes harmless; where there is none (`fragile`), a tracer that was only stopped is
 * continued first.  Who sees virtrace end is told why.
 *
 * Both hold threads of others, the tracer those of the target, the guardian the tracer: so both run before them (urgency.h).
 *
 * The tracer watches the guardian in return: the pipe tells when nobody has its other end any more.  Then it starts another one.
 *
 * When the tracer is dead and nobody can need the handler any more, it is taken out of the target (remote/afterwards.c).
 *
 * What it cannot restore stays in the journal, for `virtrace repair`.
 *
 * Both lives are known by a pipe that only virtrace can write to.  A byte in it says that the guardian is not needed any more, first
 * for the target, then for anything.  Its end says that every thread of virtrace is gone, those that write to a disk too; then
 * the last will is done: from there on the guardian is an ordinary process, which has a fork's copy of virtrace's memory.
 */
#include "tracer/probe/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/probe/forks.h"
#include "tracer/probe/journal.h"
#include "tracer/probe/repair.h"
#include "tracer/remote/afterwards.h"
#include "tracer/remote/lifeline.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/tasks.h"
#include "tracer/remote/urgency.h"

enum {
	ROUND_MS = 100,
	HUNG_MS = 2000,
	REPAIR_PASSES = 50, PATIENT_PASSES = 2500, REPAIR_PAUSE_MS = 2,
	READY_WAIT_MS = 2000, GONE_WAIT_MS = 1000,
};
enum { LIFE_FD, MEM_FD, MAPS_FD, JOURNAL_FD, CHILD_FD, SAY_FD, WILL_FD, N_FDS = WILL_FD + 2 }; /* all that it keeps open */

/* What is written to the pipe. */
enum { TARGET_LEFT = 't', DISMISSED = 'd' };

static const struct journal *journal;
static struct last_will will;
static struct guarded *shared;

/* ---- watching */

static bool is_stopped_by_tracer(pid_t pid, pid_t tid, void *ctx)
{
	(void)ctx;
	return proc_state(pid, tid) == 't';
}

static bool has_killed;

static void end_hang(unsigned times)
{
	pid_t tracer = journal->file->tracer;

	if (process_start_time(tracer) != journal->file->tracer_start_time)
		return;
	has_killed = !(shared->fragile && times == 1);
	kill(tracer, has_killed ? SIGKILL : SIGCONT);
}

/* Rises as long as the tracer does something: it serves stops, or wakes up while it waits for a thread, which may itself wait for a CPU. */
static uint64_t signs_of_life(void)
{
	uint64_t n_waits = 0;

	proc_status(journal->file->tracer, "voluntary_ctxt_switches", 10, &n_waits);
	return shared->beat + n_waits;
}

/* What the tracer could have made of this round. */
static unsigned could_use_ms(void)
{
	static uint64_t last_ns;
	pid_t tracer = journal->file->tracer;
	uint64_t ns = task_run_ns(tracer), ran_ms = (ns - last_ns) / 1000000;

	last_ns = ns;
	return ns && proc_state(tracer, tracer) == 'R' && ran_ms < ROUND_MS ? (unsigned)ran_ms : ROUND_MS;
}

static void look_for_hang(void)
{
	static uint64_t last_beat;
	static unsigned still_ms, hangs;
	uint64_t beat = signs_of_life();
	unsigned ms = could_use_ms();

	still_ms = beat == last_beat ? still_ms + ms : 0;
	last_beat = beat;
	if (still_ms < HUNG_MS)
		return;
	if (tasks_each(journal->file->pid, is_stopped_by_tracer, NULL))
		end_hang(++hangs);
	still_ms = 0;
}

/* To whom virtrace speaks, if he listens: nobody is waited for. */
static void say_why(void)
{
	static const char text[] = "virtrace: it did nothing for 2 seconds while it held threads of the process: its guardian has killed it "
				   "and put the process right\n";
	struct pollfd file = { .fd = SAY_FD, .events = POLLOUT };

	if (has_killed && poll(&file, 1, 0) == 1 && file.revents & POLLOUT && write(SAY_FD, text, sizeof(text) - 1) < 0) {
		/* He is gone. */
	}
}

static uint64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* Until the tracer is about to end, or has ended, or says that it is done. */
static enum lifeline_event watch(pid_t tracer, bool traced)
{
	enum lifeline_event event = LIFELINE_NOTHING;
	struct pollfd files[] = { { .fd = LIFE_FD, .events = POLLIN }, { .fd = CHILD_FD, .events = POLLIN } };
	uint64_t next_ms = now_ms() + ROUND_MS;
	struct signalfd_siginfo info;

	for (;;) {
		uint64_t now = now_ms();

		poll(files, 2, now < next_ms ? (int)(next_ms - now) : 0);
		if (files[1].revents & POLLIN && read(CHILD_FD, &info, sizeof(info)) < 0)
			return event;
		if (traced)
			event = lifeline_next(tracer);
		if (event != LIFELINE_NOTHING || files[0].revents)
			return event;
		if (now_ms() < next_ms)
			continue;
		look_for_hang();
		next_ms = now_ms() + ROUND_MS;
	}
}

/* ---- repairing */

static pid_t held_tracer; /* 0: it is not held */
static size_t n_restored, n_on_the_way; /* in one pass */

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

/* Its files are opened first: they stay those of the memory that is looked at then. */
static void repair_child(pid_t maker, pid_t pid)
{
	struct repair_target target = { open_of(pid, "mem", O_RDWR), open_of(pid, "maps", O_RDONLY), 0 };
	struct repair_result result = { 0 };
	char state = 0;
	bool is_copy = target.mem_fd >= 0 && target.maps_fd >= 0 && proc_is_copy(maker, pid, held_tracer, &state);

	if (is_copy && state == 't')
		repair_sites(journal->file, &target, &result);
	n_restored += result.restored;
	n_on_the_way += is_copy && state != 't';
	if (target.mem_fd >= 0)
		close(target.mem_fd);
	if (target.maps_fd >= 0)
		close(target.maps_fd);
}

static bool repair_children(pid_t pid, pid_t tid, void *ctx)
{
	(void)ctx;
	task_each_child(pid, tid, repair_child);
	return false;
}

/* Whether nothing is left. */
static bool repair(void)
{
	static const struct timespec pause = { 0, REPAIR_PAUSE_MS * 1000000L };
	static const struct repair_target target = { MEM_FD, MAPS_FD, 0 };
	static struct forks forks;
	pid_t pid = journal->file->pid;
	struct repair_result result;
	bool forking = held_tracer != 0; /* or a child is on its way: who waits for a CPU is waited for */

	for (int i = 0; i < (forking || n_on_the_way ? PATIENT_PASSES : REPAIR_PASSES); i++) {
		repair_sites(journal->file, &target, &result);
		n_restored = result.restored;
		n_on_the_way = 0;
		if (held_tracer && i == 0)
			forks_note(&forks, pid);
		else if (held_tracer)
			forking = forks_go_on(&forks, pid); /* before the look for children: then it is the last one */
		if (held_tracer)
			tasks_each(pid, repair_children, NULL);
		if (i && !forking && !n_restored && !n_on_the_way && !result.failed)
			break;
		nanosleep(&pause, NULL);
	}
	return repair_is_complete(&result);
}

static bool is_closed(void)
{
	struct pollfd life = { .fd = LIFE_FD, .events = POLLIN };

	return poll(&life, 1, 0) > 0 && life.revents;
}

/* When all threads of virtrace are gone, unless the guardian is dismissed. */
static void execute_will(void)
{
	static const int files[] = { WILL_FD, WILL_FD + 1 };
	char byte;

	if (!will.execute)
		return;
	while (read(LIFE_FD, &byte, 1) > 0)
		if (byte == DISMISSED)
			return;
	/* What is said to a terminal goes nowhere; the target's memory is closed. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < WILL_FD; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return;
	will.execute(files);
}

/* By a process of its own: its end lets go whoever it has stopped. */
static void take_out_handler(void)
{
	pid_t pid = shared->before_at ? fork() : -1;

	if (pid == 0) {
		afterwards_set_action(journal->file->pid, SIGTRAP, shared->before_at);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void __attribute__((noreturn)) run(pid_t tracer)
{
	static const struct timespec pause = { 0, 100 * 1000 };

	/* It may be killed right here, or stopped. */
	for (int i = 0; i < READY_WAIT_MS * 10 && !shared->may_watch && !is_closed(); i++)
		nanosleep(&pause, NULL);
	bool traced = lifeline_attach(tracer) == 0;

	shared->watches = 1;
	enum lifeline_event event = watch(tracer, traced);

	held_tracer = event == LIFELINE_ENDING ? tracer : 0;
	bool clean = shared->dismissed || repair();

	if (event == LIFELINE_ENDING)
		lifeline_let_end(tracer);
	else if (traced && event == LIFELINE_NOTHING)
		lifeline_let_go(tracer);
	if (!shared->dismissed && clean)
		take_out_handler();
	if (!shared->dismissed && clean)
		unlink(journal->path);
	say_why();
	urgency_lower();
	execute_will();
	_exit(0);
}

/* ---- starting */

static void leave_alone(void)
{
	urgency_raise();
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	sigset_t all;

	if (fd >= 0 && write(fd, "-1000", 5) < 0) {
		/* Not allowed to us: then it may be chosen. */
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "virtrace-guard");
	if (chdir("/") < 0)
		_exit(1);
}

/* Keep these, from 0 on. */
static void keep_files(int life, const struct repair_target *target)
{
	int n = will.execute ? N_FDS : WILL_FD;
	int files[N_FDS] = { [LIFE_FD] = life, [MEM_FD] = target->mem_fd, [MAPS_FD] = target->maps_fd,
			     [JOURNAL_FD] = journal->fd, [WILL_FD] = will.files[0], [WILL_FD + 1] = will.files[1] };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	files[CHILD_FD] = signalfd(-1, &child, SFD_CLOEXEC);
	files[SAY_FD] = fcntl(STDERR_FILENO, F_GETFD) < 0 ? open("/dev/null", O_WRONLY) : STDERR_FILENO;
	for (int i = 0; i < n; i++)
		files[i] = fcntl(files[i], F_DUPFD, N_FDS);
	for (int i = 0; i < n; i++)
		if (files[i] < 0 || dup2(files[i], i) < 0)
			_exit(1);
	if (syscall(SYS_close_range, n, ~0u, 0) == 0)
		return;
	for (int fd = n; fd < 1024; fd++) /* before Linux 5.9 */
		close(fd);
}

/* In a child: its child becomes the guardian, which so is no child of the tracer's, whose waits see none but the target. */
static void __attribute__((noreturn)) become(pid_t tracer, int life, const struct repair_target *target)
{
	setsid();
	pid_t pid = fork();

	if (pid != 0) {
		shared->guardian = pid;
		_exit(0);
	}
	keep_files(life, target);
	leave_alone();
	run(tracer);
}

static void wait_for(bool (*is_so)(void), int ms)
{
	static const struct timespec pause = { 0, 100 * 1000 };

	for (int i = 0; i < ms * 10 && !is_so(); i++)
		nanosleep(&pause, NULL);
}

static int life_of_new;

static bool is_ready(void)
{
	struct pollfd life = { .fd = life_of_new }; /* POLLERR: it is gone already */

	return shared->watches || poll(&life, 1, 0) != 0;
}

static bool is_untraced(void)
{
	uint64_t tracer = 0;

	proc_status(gettid(), "TracerPid", 10, &tracer);
	return (pid_t)tracer != shared->guardian;
}

/* It may trace us, where that takes a permission (prctl(2), PR_SET_PTRACER), and does from the moment that this returns, unless it has died. */
static void let_it_watch(void)
{
	prctl(PR_SET_PTRACER, (unsigned long)shared->guardian, 0, 0, 0);
	shared->may_watch = 1;
	wait_for(is_ready, READY_WAIT_MS);
	prctl(PR_SET_PTRACER, 0, 0, 0, 0);
}

int guardian_start(const struct journal *its_journal, const struct repair_target *target, const struct last_will *its_will,
		   struct guardian *ret)
{
	int ends[2];

	journal = its_journal;
	will = its_will ? *its_will : (struct last_will){ 0 };
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0)
		return err_set(-errno, "cannot start the guardian: %s", strerror(errno));
	pid_t tracer = gettid(), child = fork();

	if (child == 0)
		become(tracer, ends[0], target);
	int error = errno;

	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	if (child < 0 || shared->guardian <= 0) {
		close(ends[1]);
		munmap(shared, sizeof(*shared));
		return err_set(-error, "cannot start the guardian: %s", strerror(error));
	}
	its_journal->file->guardian = shared->guardian;
	life_of_new = ends[1];
	let_it_watch();
	*ret = (struct guardian){ .shared = shared, .life = ends[1] };
	return 0;
}

bool guardian_is_there(const struct guardian *guardian)
{
	struct pollfd life = { .fd = guardian->life }; /* POLLERR: nobody has the other end */

	return !guardian->shared || poll(&life, 1, 0) == 0;
}

void guardian_forget(struct guardian *guardian)
{
	munmap(guardian->shared, sizeof(*guardian->shared));
	close(guardian->life);
	*guardian = (struct guardian){ .life = -1 };
}

/* It may be gone, and nobody else has the other end: then the kernel says EPIPE, which is as good. */
static void tell(const struct guardian *guardian, char byte)
{
	sigset_t pipe, old;
	static const struct timespec now;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	if (write(guardian->life, &byte, 1) < 0)
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void guardian_stop(struct guardian *guardian, bool clean)
{
	if (!guardian->shared)
		return;
	guardian->shared->dismissed = clean;
	tell(guardian, TARGET_LEFT);
	wait_for(is_untraced, GONE_WAIT_MS);
	munmap(guardian->shared, sizeof(*guardian->shared));
	guardian->shared = NULL;
}

void guardian_dismiss(struct guardian *guardian)
{
	if (guardian->life <= 0)
		return;
	tell(guardian, DISMISSED);
	close(guardian->life);
	guardian->life = -1;
}
