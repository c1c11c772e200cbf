/*
 * Which thread makes the call, and how we learn that it did
 *
 * The thread is stopped, gets an image of what it is doing (sigframe.c, room.c), and by ONE PTRACE_SETREGS starts at
 * `syscall; ret` with mmap's arguments.  It needs us no more: dying before SETREGS means nothing
 * happened, dying after it means that the call is made.  Nothing comes back but what the call does: the page is
 * there, the signal is caught; or the thread has left the image without that.
 *
 * Meanwhile signals wait, so that no handler runs on a stack that is none, and unwinds through it; SIGTRAP, too, which a program may
 * send: on this way there is no int3.  But not the faults of instructions.  The mask is set behind the registers: the image sets it
 * back.
 *
 * A thread inside a system call that was stopped comes back to it by the kernel's restart rules, which regs_settle() plays through;
 * one in a restartable sequence leaves it as by the kernel (rseq.c).
 *
 * One kind has no way back by an image: where the kernel keeps the state of the restart (WAIT_KEPT), and
 * rt_sigreturn clears it (EINTR).  Such a thread is stopped again at the end of its call (PTRACE_SYSCALL) and gets its registers
 * from us: rt_sigreturn is not made, and the wait goes on as if nothing had been.  The image is there for the case that we die
 * meanwhile; it begins the wait anew, which makes it longer than it was to be.  So threads are tried in the order in which they mind it
 * (waits.h), such a one only when waiting for a better moment has not helped, and one that would see an EINTR never: it is waited for.
 */
#include "tracer/remote/rcall_request.h"

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "tracer/base/clock.h"
#include "tracer/base/err.h"
#include "tracer/base/killpoint.h"
#include "tracer/base/log.h"
#include "tracer/remote/event.h"
#include "tracer/remote/pause.h"
#include "tracer/remote/room.h"
#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/rseq.h"
#include "tracer/remote/seccomp.h"
#include "tracer/remote/sigframe.h"
#include "tracer/remote/thread.h"

enum {
	RESULT_WAIT_MS = 2000,  /* for the call to be made: the thread must get a CPU */
	CHECK_EVERY_MS = 20,    /* how often a thread that seems not to make it is stopped and looked at */
	PASS_PAUSE_US = 100,    /* between rounds over all threads: some are out of a system call for no longer */
	ANY_AFTER_MS = 100,     /* of waiting for one that minds it not at all */
	PATIENCE_MS = 10000,    /* with a process that has none */
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
	if (r == -EPERM)
		return err_set(-ENOTSUP, "its system calls are dispatched to the program itself (prctl(2), "
					 "PR_SET_SYSCALL_USER_DISPATCH: Wine does that)");
	return r == -EACCES ? err_set(-ENOTSUP, "its seccomp filter does not let the process %s (SystemCallFilter= of its unit, or "
						   "a sandbox of its own)", name_of(regs->rax)) : r;
}

/* What an instruction may bring; all others wait. */
uint64_t rcall_mask(uint64_t mask)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	uint64_t by_instructions = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		by_instructions |= 1ull << (faults[i] - 1);
	return mask | ~by_instructions;
}

/* The registers with which it begins; its image is written.  `mask`: that of the thread, which it has again afterwards. */
static int prepare_call(struct request *request, const struct thread *thread, const struct user_regs_struct *back, uint64_t *mask,
			struct user_regs_struct *ret)
{
	struct user_regs_struct regs = *back;

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

	request->tid = thread->tid;
	if (r == 0)
		r = thread_get_sigmask(thread, mask);
	if (r == 0)
		r = sigframe_write(request->call->proc, thread, back, *mask, &request->gadgets, request->path, &request->frame);
	KILL_POINT("rcall-frame");
	if (r < 0)
		return r;
	regs.rsp = request->frame.rsp;
	if (request->nr == SYS_openat)
		regs.rsi = request->frame.text;
	*ret = regs;
	return 0;
}

static int start_call(struct request *request, struct thread *thread, const struct user_regs_struct *back, uint64_t *mask)
{
	struct user_regs_struct regs;
	int r = prepare_call(request, thread, back, mask, &regs);

	if (r < 0)
		return r;
	r = thread_set_regs(thread, &regs);
	KILL_POINT("rcall-set");
	if (r == 0)
		thread_set_sigmask(thread, rcall_mask(*mask));
	KILL_POINT("rcall-masked");
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
	uint64_t mask;
	bool by_itself; /* they do not differ */
	bool is_sure;   /* they are right; not if it may be in a sequence that this kernel tells nothing of */
};

static int find_way_back(struct proc *proc, struct thread *thread, struct way_back *ret)
{
	thread_undo_eintr(proc, thread);
	int r = thread_get_regs(thread, &ret->exact);
	uint64_t nr = ret->exact.orig_rax;

	if (r < 0)
		return r;
	ret->is_sure = (int64_t)nr >= 0 || rseq_leave(proc, thread, &ret->exact, NULL) >= 0;
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
 * The thread is set to make its call: it does, and stands with its exact registers afterwards.  False if it does not get that far: it
 * goes on by its image, and may stand in a stop that is for others to see.
 */
static bool call_and_return(struct proc *proc, struct thread *thread, const struct way_back *way)
{
	if (!stops_at_syscall(proc, thread))
		return false;
	KILL_POINT("rcall-begun");
	if (!stops_at_syscall(proc, thread))
		return false;
	KILL_POINT("rcall-made");
	/* the mask first: without us it goes on by its image, which sets it, too */
	if (thread_set_sigmask(thread, way->mask) < 0 || thread_set_regs(thread, &way->exact) < 0)
		return false;
	KILL_POINT("rcall-back");
	return true;
}

/* ---- */

/* Whether the thread is still on its way to the call.  One that sleeps need not be stopped to know. */
static bool is_under_way(const struct request *request)
{
	const struct rcall *call = request->call;
	struct thread *thread = proc_thread(call->proc, request->tid);
	struct user_regs_struct regs;
	struct waiting waiting;

	if (!thread)
		return false;
	waits_look(call->proc, request->tid, &waiting);
	if (waiting.sp)
		return sigframe_is_at(&request->frame, waiting.sp);
	if (!pause_thread(call->proc, thread))
		return true; /* it did not answer, or stopped for something else: unknown yet */
	bool under_way = thread_get_regs(thread, &regs) == 0 && sigframe_is_at(&request->frame, regs.rsp);

	pause_end(call->proc, thread);
	return under_way;
}

static int wait_for_result(const struct request *request)
{
	const struct rcall *call = request->call;

	for (int us = 0; us < RESULT_WAIT_MS * 1000; us += 100) {
		struct thread *thread = proc_thread(call->proc, request->tid);

		if (request->is_made(request))
			return request->outcome(request);
		if (!thread)
			return -ESRCH;
		call->serve(call->ctx, thread);
		call->serve(call->ctx, NULL);
		if (us && us % (CHECK_EVERY_MS * 1000) == 0 && !is_under_way(request))
			return request->outcome(request);
		sleep_us(100);
	}
	return err_set(-ETIMEDOUT, "thread %d did not make the system call", (int)request->tid);
}

/* -EAGAIN: this thread will not do now.  -ENOTSUP: it never will. */
static int try_thread(struct request *request, pid_t tid, bool any)
{
	const struct rcall *call = request->call;
	struct thread *thread = proc_thread(call->proc, tid);
	struct way_back way;

	if (!thread || !pause_thread(call->proc, thread))
		return -EAGAIN;
	KILL_POINT("rcall-paused");
	bool usable = find_way_back(call->proc, thread, &way) == 0 && ((way.by_itself && way.is_sure) || any);
	int r = usable ? start_call(request, thread, &way.image, &way.mask) : -EAGAIN;

	if (r == 0 && !way.by_itself && !call_and_return(call->proc, thread, &way))
		return wait_for_result(request);
	thread_resume(call->proc, thread, 0);
	KILL_POINT("rcall-resumed");
	if (r == -ENOTSUP)
		return r;
	if (r < 0)
		return -EAGAIN; /* there is no place for its image, or it is gone */
	log_debug("rcall", "thread %d makes system call %lu", (int)tid, (unsigned long)request->nr);
	return way.by_itself ? wait_for_result(request) : request->outcome(request);
}

/* One that its filters do not let make the call is no reason not to ask the others. */
static int try_threads(struct request *request, bool any)
{
	struct candidate list[CANDIDATES_MAX];
	size_t n = pause_candidates(request->call->proc, list), refused = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].wait >= (any ? WAIT_FINITE : WAIT_KEPT))
			continue;
		int r = try_thread(request, list[i].tid, any);

		refused += r == -ENOTSUP;
		if (r != -EAGAIN && r != -ESRCH && r != -ENOTSUP)
			return r;
	}
	return n && refused == n ? -ENOTSUP : -EAGAIN;
}

/* By job control: it may stay so for long. */
static bool is_stopped(struct proc *proc)
{
	char state = proc_state(proc->live, proc->live);

	return state == 'T' || state == 't';
}

static int use_any(struct request *request)
{
	const struct rcall *call = request->call;
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), ms = 0;
	int r = -EAGAIN;

	while (r == -EAGAIN && ms < (is_stopped(call->proc) ? ANY_AFTER_MS + 1 : PATIENCE_MS)) {
		r = try_threads(request, ms > ANY_AFTER_MS);
		if (r != -EAGAIN)
			break;
		call->serve(call->ctx, NULL);
		sleep_us(PASS_PAUSE_US);
		ms = (clock_ns(CLOCK_MONOTONIC) - start_ns) / 1000000;
	}
	return r != -EAGAIN ? r : err_set(-EAGAIN, "no thread of process %d can make a system call now (is it stopped, or does it wait "
					   "with a time limit?)", (int)call->proc->pid);
}

/* The held thread goes through the call and comes back to the int3 at back->rip. */
static int use_held(struct request *request)
{
	const struct rcall *call = request->call;
	struct thread *thread = call->held;
	pid_t tid = thread->tid;
	struct user_regs_struct regs;
	struct event event;
	uint64_t mask;

	call->proc->stopped = thread;
	int r = start_call(request, thread, call->back, &mask);

	if (r == -ENOSPC)
		return err_set(-ENOTSUP, "there is no place in process %d for the stack of a system call", (int)call->proc->pid);
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

/* When the thread does not need them any more; one that does not answer may do so for ever. */
static void give_back(const struct request *request)
{
	const struct rcall *call = request->call;

	for (int us = 0; !call->held && is_under_way(request); us += 100) {
		if (us >= RESULT_WAIT_MS * 1000)
			return;
		call->serve(call->ctx, NULL);
		sleep_us(100);
	}
	room_give_back(call->proc, request->frame.rsp, request->frame.len);
	KILL_POINT("rcall-cleared");
}

int request_make(struct request *request)
{
	const struct rcall *call = request->call;
	int r = gadgets_find(call->proc, &request->gadgets);

	if (r < 0)
		return err_set(-ENOTSUP, "no code to make a system call with was found in process %d",
			       (int)call->proc->pid);
	if (!request->makes_room && !room_find(call->proc))
		r = request_make_room(call);
	if (r < 0)
		return r;
	r = call->held ? use_held(request) : use_any(request);
	if (request->frame.borrowed && r != -ETIMEDOUT)
		give_back(request);
	return r;
}

int request_prepare(struct request *request, struct thread *thread, const struct user_regs_struct *back, struct rcall_way *ret)
{
	struct way_back way = { .by_itself = true };
	int r = gadgets_find(request->call->proc, &request->gadgets);

	if (!room_find(request->call->proc)) /* only the one that makes it may borrow some */
		return -EAGAIN;
	if (r == 0 && !back)
		r = find_way_back(request->call->proc, thread, &way);
	if (r < 0 || !way.by_itself)
		return -EAGAIN;
	ret->back = back ? *back : way.exact;
	return prepare_call(request, thread, &ret->back, &ret->mask, &ret->call);
}

int request_make_and_detach(struct request *request, struct thread *thread)
{
	const struct rcall *call = request->call;
	struct way_back way;
	struct event event = { .kind = EVENT_PAUSED };
	int r = gadgets_find(call->proc, &request->gadgets);

	room_find(call->proc);
	if (r == 0)
		r = event_of(thread->tid, &event);
	if (r == 0)
		r = find_way_back(call->proc, thread, &way);
	if (r == 0)
		r = start_call(request, thread, &way.image, &way.mask);
	if (r < 0) {
		if (event.kind == EVENT_PAUSED)
			thread_resume(call->proc, thread, 0);
		else
			thread_listen(call->proc, thread);
		return -EAGAIN;
	}
	/* Whom job control has stopped makes it when it is continued. */
	if (!way.by_itself && event.kind == EVENT_PAUSED && !call_and_return(call->proc, thread, &way))
		return -EAGAIN;
	return thread_detach(call->proc, thread, 0);
}
