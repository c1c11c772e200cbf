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
#include "tracer/remote/rcall_request.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/remote/event.h"
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
	END_WAIT_MS = 200,      /* for a thread that was sent to its call to stand at the end of it */
};

static void sleep_us(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

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
	struct event event;

	if (thread_resume_to_syscall(proc, thread) < 0 || event_wait(thread->tid, END_WAIT_MS, &event) < 0 ||
	    event.kind != EVENT_SYSCALL)
		return false;
	proc->stopped = thread;
	return true;
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

int request_make(struct request *request)
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

int request_make_and_detach(struct request *request, struct thread *thread)
{
	const struct rcall *call = request->call;
	struct way_back way;
	struct event event = { .kind = EVENT_PAUSED };
	uint64_t rsp;
	int r = gadgets_find(call->proc, &request->gadgets);

	if (r == 0)
		r = event_of(thread->tid, &event);
	if (r == 0)
		r = find_way_back(call->proc, thread, &way);
	if (r == 0)
		r = start_call(request, thread, &way.image, &rsp);
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
