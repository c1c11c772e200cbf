/*
 * Which thread makes the call, and how we learn that it did
 *
 * The thread is stopped, gets a stack image (sigframe.c), and by ONE PTRACE_SETREGS starts at
 * `syscall; ret` with mmap's arguments.  It needs us no more: dying before SETREGS means nothing
 * happened, dying after it means that the call is made.  SIGTRAP is not blocked meanwhile (a hit with
 * SIGTRAP blocked makes the kernel reset the process' handler).  Nothing comes back but what the call does: the page is
 * there, the signal is caught; or the thread has left the image without that.
 *
 * A thread inside a system call that was stopped comes back to it by the kernel's restart rules, which regs_settle() plays through.
 * One kind has no way back by an image: where the kernel keeps the state of the restart (timed futex, nanosleep, poll), and
 * rt_sigreturn clears it (EINTR).  Such a thread is stopped again at the end of its call (PTRACE_SYSCALL) and gets its registers
 * from us: rt_sigreturn is not made, and the wait goes on as if nothing had been.  The image is there for the case that we die
 * meanwhile; it begins the wait anew, which makes it longer than it was to be.  So threads are tried in the order of harm: an untimed
 * futex wait, then other waits that restart, then running threads; the rest only when waiting for a better moment has not helped.
 */
#include "tracer/remote/rcall.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/remote/event.h"
#include "tracer/remote/maps.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/seccomp.h"
#include "tracer/remote/sigframe.h"
#include "tracer/remote/thread.h"

enum {
	RESULT_WAIT_MS = 2000,  /* for the call to be made: the thread must get a CPU */
	CHECK_EVERY_MS = 20,    /* how often a thread that seems not to make it is stopped and looked at */
	PASSES = 20,            /* rounds over all threads that hope for a harmless one */
	PASS_PAUSE_MS = 5,
	END_WAIT_MS = 100,      /* for a thread that was sent to its call to stand at the end of it */
	PAGE = 4096,
};

static void sleep_us(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

/* What is asked for, and what was found to do it with before any thread is stopped. */
struct request {
	const struct rcall *call;
	struct gadgets gadgets;
	const char *path; /* what openat opens: args[1]; of what mmap maps; or NULL */
	uint64_t nr, args[6];
	bool (*is_made)(const struct request *request); /* its effect is there */
	int (*outcome)(const struct request *request);  /* it was made, or never will be: 0 or an error with its text */
};

static const char *name_of(uint64_t nr)
{
	return nr == SYS_mmap ? "map code" : nr == SYS_rt_sigaction ? "catch signals" : "open files";
}

/* A filter may kill the process for a call it does not like: ask it first. */
static int check_filters(const struct thread *thread, const struct user_regs_struct *regs)
{
	struct seccomp_data data = {
		.nr = (int)regs->rax, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = regs->rip + 2,
		.args = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 },
	};
	int r = seccomp_check(thread, &data);

	data.nr = SYS_rt_sigreturn;
	if (r == 0)
		r = seccomp_check(thread, &data);
	return r == -EACCES ? err_set(-ENOTSUP, "its seccomp filter does not let the process %s (SystemCallFilter= of its unit, or "
						   "a sandbox of its own)", name_of(regs->rax)) : r;
}

static int start_call(const struct request *request, struct thread *thread, const struct user_regs_struct *back,
		      uint64_t *ret_rsp)
{
	struct user_regs_struct regs = *back;
	uint64_t path_at;

	regs.rip = request->gadgets.syscall_ret;
	regs.orig_rax = (uint64_t)-1;
	regs.rax = request->nr;
	regs.rdi = request->args[0];
	regs.rsi = request->args[1];
	regs.rdx = request->args[2];
	regs.r10 = request->args[3];
	regs.r8 = request->args[4];
	regs.r9 = request->args[5];
	int r = check_filters(thread, &regs);

	if (r == 0)
		r = sigframe_write(request->call->proc, thread, back, &request->gadgets, request->path, ret_rsp, &path_at);
	KILL_POINT("rcall-frame");
	if (r < 0)
		return r;
	regs.rsp = *ret_rsp;
	if (request->nr == SYS_openat)
		regs.rsi = path_at;
	r = thread_set_regs(thread, &regs);
	KILL_POINT("rcall-set");
	return r;
}

/* ---- threads in timed waits */

/* `mov $NR,%eax` before the `syscall` at rip; 0 if there is none of a timed wait. */
static uint64_t number_in_code(struct proc *proc, uint64_t rip)
{
	static const uint32_t waits[] = { SYS_poll, SYS_nanosleep, SYS_clock_nanosleep, SYS_futex };
	uint8_t code[5];
	uint32_t nr;

	if (rmem_read(proc, rip - sizeof(code), code, sizeof(code)) != sizeof(code) || code[0] != 0xb8)
		return 0;
	memcpy(&nr, code + 1, sizeof(nr));
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (nr == waits[i])
			return nr;
	return 0;
}

/* Where a stopped thread is to be after a call: set by us, or by its image.  Where these differ, the image is the worse. */
struct way_back {
	struct user_regs_struct exact, image;
	bool by_itself; /* they do not */
};

static int find_way_back(struct proc *proc, struct thread *thread, struct way_back *ret)
{
	thread_undo_eintr(thread);
	int r = thread_get_regs(thread, &ret->exact);
	uint64_t nr = ret->exact.orig_rax;

	if (r < 0)
		return r;
	ret->by_itself = regs_settle(&ret->exact);
	ret->image = ret->exact;
	if (ret->by_itself)
		return 0;
	if ((int64_t)nr < 0 || nr == SYS_restart_syscall)
		nr = number_in_code(proc, ret->exact.rip);
	if (nr)
		ret->image.rax = nr; /* the wait anew: restart_syscall would be an error */
	return 0;
}

static bool stops_at_syscall(struct proc *proc, struct thread *thread)
{
	struct event event = { .kind = EVENT_NONE };

	if (thread_resume_to_syscall(proc, thread) < 0)
		return false;
	for (int us = 0; us < END_WAIT_MS * 1000 && event.kind == EVENT_NONE; us += 20) {
		if (event_of(thread->tid, &event) < 0)
			return false;
		if (event.kind == EVENT_NONE)
			sleep_us(20);
	}
	if (event.kind == EVENT_SYSCALL)
		proc->stopped = thread;
	return event.kind == EVENT_SYSCALL;
}

/*
 * The thread is set to make its call: it does, and stands with registers `back` afterwards.  False if it does not get that far: it
 * goes on by its image, and may stand in a stop that is for others to see.
 */
static bool call_and_return(struct proc *proc, struct thread *thread, const struct user_regs_struct *back)
{
	if (!stops_at_syscall(proc, thread))
		return false;
	KILL_POINT("rcall-begun");
	if (!stops_at_syscall(proc, thread))
		return false;
	KILL_POINT("rcall-made");
	if (thread_set_regs(thread, back) < 0)
		return false;
	KILL_POINT("rcall-back");
	return true;
}

/*
 * Whether the thread is still on its way to the call: its stack pointer stands at the image, or a
 * signal handler's below.
 */
static bool is_under_way(const struct rcall *call, pid_t tid, uint64_t image_rsp)
{
	struct thread *thread = proc_thread(call->proc, tid);
	struct user_regs_struct regs;

	if (!thread)
		return false;
	if (!pause_thread(call->proc, thread))
		return true; /* it did not answer, or stopped for something else: unknown yet */
	bool under_way = thread_get_regs(thread, &regs) == 0 && regs.rsp <= image_rsp + sizeof(uint64_t);

	pause_end(call->proc, thread);
	return under_way;
}

static int wait_for_result(const struct request *request, pid_t tid, uint64_t image_rsp)
{
	const struct rcall *call = request->call;

	for (int us = 0; us < RESULT_WAIT_MS * 1000; us += 100) {
		struct thread *thread = proc_thread(call->proc, tid);

		if (request->is_made(request))
			return request->outcome(request);
		if (!thread)
			return -ESRCH;
		call->serve(call->ctx, thread);
		call->serve(call->ctx, NULL);
		if (us && us % (CHECK_EVERY_MS * 1000) == 0 && !is_under_way(call, tid, image_rsp))
			return request->outcome(request);
		sleep_us(100);
	}
	return err_set(-ETIMEDOUT, "thread %d did not make the system call", (int)tid);
}

/* -EAGAIN: this thread will not do. */
static int try_thread(const struct request *request, pid_t tid, bool with_harm)
{
	const struct rcall *call = request->call;
	struct thread *thread = proc_thread(call->proc, tid);
	struct way_back way;
	uint64_t rsp = 0;

	if (!thread || !pause_thread(call->proc, thread))
		return -EAGAIN;
	KILL_POINT("rcall-paused");
	bool usable = find_way_back(call->proc, thread, &way) == 0 && (way.by_itself || with_harm);
	int r = usable ? start_call(request, thread, &way.image, &rsp) : -EAGAIN;

	if (r == 0 && !way.by_itself && !call_and_return(call->proc, thread, &way.exact))
		return wait_for_result(request, tid, rsp);
	thread_resume(call->proc, thread, 0);
	KILL_POINT("rcall-resumed");
	if (r == -ENOTSUP)
		return r;
	if (r < 0)
		return -EAGAIN; /* no room below its stack, or it is gone */
	log_debug("rcall", "thread %d makes system call %lu", (int)tid, (unsigned long)request->nr);
	return way.by_itself ? wait_for_result(request, tid, rsp) : request->outcome(request);
}

static int try_threads(const struct request *request, bool with_harm)
{
	struct candidate list[CANDIDATES_MAX];
	size_t n = pause_candidates(request->call->proc, list);

	for (size_t i = 0; i < n; i++) {
		if (list[i].harm >= HARM_EINTR && !with_harm)
			continue;
		int r = try_thread(request, list[i].tid, with_harm);

		if (r != -EAGAIN && r != -ESRCH)
			return r;
	}
	return -EAGAIN;
}

/* The held thread goes through the call and comes back to the int3 at back->rip. */
static int use_held(const struct request *request)
{
	const struct rcall *call = request->call;
	struct thread *thread = call->held;
	pid_t tid = thread->tid;
	struct user_regs_struct regs;
	struct event event;
	uint64_t rsp;

	call->proc->stopped = thread;
	int r = start_call(request, thread, call->back, &rsp);

	if (r < 0)
		return r;
	thread_resume(call->proc, thread, 0);
	for (int us = 0; us < RESULT_WAIT_MS * 1000; us += 20) {
		if (event_of(tid, &event) < 0)
			return err_set(-ESRCH, "thread %d has ended", (int)tid);
		if (event.kind == EVENT_TRAP && thread_get_regs(thread, &regs) == 0 &&
		    regs.rip == call->back->rip + 1 && regs.rsp == call->back->rsp) {
			call->proc->stopped = thread;
			return request->outcome(request);
		}
		if (event.kind != EVENT_NONE)
			call->serve(call->ctx, thread);
		else
			sleep_us(20);
		if (!proc_thread(call->proc, tid))
			return err_set(-ESRCH, "thread %d has ended", (int)tid);
	}
	return err_set(-ETIMEDOUT, "thread %d did not come back from a system call", (int)tid);
}

static int make_call(struct request *request)
{
	const struct rcall *call = request->call;
	int r = gadgets_find(call->proc, &request->gadgets);

	if (r < 0)
		return err_set(-ENOTSUP, "no code to make a system call with was found in process %d",
			       (int)call->proc->pid);
	if (call->held)
		return use_held(request);
	for (int pass = 0; pass < PASSES; pass++) {
		r = try_threads(request, pass == PASSES - 1);
		if (r != -EAGAIN)
			return r;
		call->serve(call->ctx, NULL);
		sleep_us(PASS_PAUSE_MS * 1000);
	}
	return err_set(-EAGAIN, "no thread of process %d can make a system call now (is it stopped?)",
		       (int)call->proc->pid);
}

/* ---- mmap of anonymous memory */

static bool is_mapped(const struct request *request)
{
	uint8_t byte;

	return rmem_read(request->call->proc, request->args[0], &byte, 1) == 1;
}

/*
 * Whether what is there now is what we asked for; the kernel may have joined it with a neighbour of
 * the same kind.
 */
static int check_mapping(const struct request *request)
{
	uint64_t addr = request->args[0], end = addr + request->args[1], prot = request->args[2];
	struct maps maps;
	int r = proc_maps(request->call->proc, &maps);

	if (r < 0)
		return r;
	const struct mapping *m = maps_find(&maps, addr);
	bool of_it = m && (request->path ? m->inode && !strcmp(m->path, request->path) : !m->inode);
	bool ours = of_it && m->executable == !!(prot & PROT_EXEC) && m->writable == !!(prot & PROT_WRITE) && m->hi >= end;

	if (!m)
		r = err_set(-EACCES, "the process may not map code (SELinux: 'ausearch -m avc -ts recent' tells; or a limit on its "
				     "address space)");
	else if (!ours)
		r = -EEXIST;
	maps_free(&maps);
	return r;
}

int rcall_map(const struct rcall *call, uint64_t addr, size_t len, int prot)
{
	struct request request = {
		.call = call, .nr = SYS_mmap, .is_made = is_mapped, .outcome = check_mapping,
		.args = { addr, len, (uint64_t)prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1 },
	};

	return is_mapped(&request) ? -EEXIST : make_call(&request);
}

/* ---- mmap of a file that it has mapped already */

/*
 * The descriptor is known by these flags, which nobody else combines to open a library: the thread that opens it comes back to what
 * it did, and nothing tells what it was answered.
 */
enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_APPEND, KERNELS_O_LARGEFILE = 0100000, FILES_MAX = 4 };

static bool is_ours(const struct proc *proc, int fd)
{
	char text[512];
	unsigned flags = 0;

	if (!proc_read(text, sizeof(text), "/proc/%d/fdinfo/%d", (int)proc->live, fd))
		return false;
	const char *line = strstr(text, "flags:");

	return line && sscanf(line, "flags: %o", &flags) == 1 && (flags & ~(unsigned)KERNELS_O_LARGEFILE) == OPEN_FLAGS;
}

/* -1 if there is none. */
static int find_descriptor(const struct proc *proc)
{
	char path[64];
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)proc->live);
	DIR *dir = opendir(path);

	for (struct dirent *entry; fd < 0 && dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.' && is_ours(proc, atoi(entry->d_name)))
			fd = atoi(entry->d_name);
	if (dir)
		closedir(dir);
	return fd;
}

static bool is_open(const struct request *request)
{
	return find_descriptor(request->call->proc) >= 0;
}

static int check_open(const struct request *request)
{
	return is_open(request) ? 0 : err_set(-EACCES, "the process may not open %s", request->path);
}

static bool is_closed(const struct request *request)
{
	return !is_ours(request->call->proc, (int)request->args[0]);
}

static int check_closed(const struct request *request)
{
	return is_closed(request) ? 0 : err_set(-EACCES, "the process may not close a file");
}

static int close_descriptor(const struct rcall *call, int fd)
{
	struct request request = {
		.call = call, .nr = SYS_close, .is_made = is_closed, .outcome = check_closed, .args = { (uint64_t)fd },
	};

	return make_call(&request);
}

static int open_file(const struct rcall *call, const char *path, int *ret)
{
	struct request request = {
		.call = call, .nr = SYS_openat, .is_made = is_open, .outcome = check_open, .path = path,
		.args = { (uint64_t)AT_FDCWD, 0, OPEN_FLAGS },
	};
	int left = find_descriptor(call->proc); /* by one of us that was killed */
	int r = left >= 0 ? close_descriptor(call, left) : 0;

	if (r == 0)
		r = make_call(&request);
	*ret = find_descriptor(call->proc);
	return r;
}

/* Of its code, but not from the file's beginning: see `loaded` in maps.h. */
static uint64_t offset_in(const struct mapping *m)
{
	return m->offset ? m->offset : PAGE;
}

static int map_part(const struct rcall *call, const struct mapping *m, uint64_t addr, size_t len)
{
	struct request request = {
		.call = call, .nr = SYS_mmap, .is_made = is_mapped, .outcome = check_mapping, .path = m->path,
		.args = { addr, len, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED_NOREPLACE, 0, offset_in(m) },
	};
	int fd, r = open_file(call, m->path, &fd);

	if (r < 0)
		return r;
	request.args[4] = (uint64_t)fd;
	r = make_call(&request);
	/* Who did not answer may still be about to use it. */
	int closed = r == -ETIMEDOUT ? 0 : close_descriptor(call, fd);

	return r < 0 ? r : closed;
}

int rcall_map_file(const struct rcall *call, uint64_t addr, size_t len)
{
	struct maps maps;
	unsigned tries = 0;
	int r = proc_maps(call->proc, &maps);

	if (r < 0)
		return r;
	r = err_set(-EACCES, "no file that the process runs code of is large enough");
	for (size_t i = 0; i < maps.n && tries < FILES_MAX && r == -EACCES; i++) {
		const struct mapping *m = &maps.items[i];

		if (!m->loaded || !m->executable || m->deleted || m->hi - m->lo < len + offset_in(m) - m->offset)
			continue;
		tries++;
		r = map_part(call, m, addr, len);
	}
	maps_free(&maps);
	return r;
}

/* ---- rt_sigaction */

enum { SIGSET_SIZE = 8 }; /* the kernel's */

static struct request action_request(const struct rcall *call, int sig, uint64_t action, uint64_t old)
{
	return (struct request){ .call = call, .nr = SYS_rt_sigaction, .args = { (uint64_t)sig, action, old, SIGSET_SIZE } };
}

static bool is_caught(const struct request *request)
{
	uint64_t caught = 0;

	proc_status(request->call->proc->live, "SigCgt", 16, &caught);
	return caught >> (request->args[0] - 1) & 1;
}

static int check_caught(const struct request *request)
{
	return is_caught(request) ? 0 : err_set(-EACCES, "the process may not catch signal %d", (int)request->args[0]);
}

int rcall_catch_signal(const struct rcall *call, int sig, uint64_t action)
{
	struct request request = action_request(call, sig, action, 0);

	request.is_made = is_caught;
	request.outcome = check_caught;
	return make_call(&request);
}

static bool is_written(const struct request *request)
{
	uint64_t handler = 0;

	rmem_read(request->call->proc, request->args[2], &handler, sizeof(handler));
	return handler != 0;
}

static int check_written(const struct request *request)
{
	return is_written(request) ? 0 : err_set(-EACCES, "the process may not ask for its signal handlers");
}

int rcall_get_action(const struct rcall *call, int sig, uint64_t to)
{
	struct request request = action_request(call, sig, 0, to);

	request.is_made = is_written;
	request.outcome = check_written;
	return make_call(&request);
}

int rcall_set_action_and_detach(const struct rcall *call, struct thread *thread, int sig, uint64_t action)
{
	struct request request = action_request(call, sig, action, 0);
	struct way_back way;
	struct event event = { .kind = EVENT_PAUSED };
	uint64_t rsp;
	int r = gadgets_find(call->proc, &request.gadgets);

	if (r == 0)
		r = event_of(thread->tid, &event);
	if (r == 0)
		r = find_way_back(call->proc, thread, &way);
	if (r == 0)
		r = start_call(&request, thread, &way.image, &rsp);
	if (r < 0) {
		if (event.kind == EVENT_PAUSED)
			thread_resume(call->proc, thread, 0);
		else
			thread_listen(call->proc, thread);
		return -EAGAIN;
	}
	/* Whom job control has stopped makes it when it is continued. */
	if (!way.by_itself && event.kind == EVENT_PAUSED && !call_and_return(call->proc, thread, &way.exact))
		return -EAGAIN;
	return thread_detach(call->proc, thread, 0);
}
