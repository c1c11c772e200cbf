/*
 * A thread that was preempted in a sequence is sent to the abort handler on its way back to user space (kernel/rseq.c, rseq_ip_fixup),
 * also when it was stopped by ptrace.  But the kernel looks where rip is then: if we have moved it out of the sequence, it forgets the
 * sequence, and a thread that is moved back into it later has nobody to send it anywhere.  So whoever moves rip has to do that before.
 *
 * There is no system call in a sequence: a thread that was stopped in one is in none.
 */
#include "tracer/remote/rseq.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "tracer/remote/proc.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/thread.h"

/* include/uapi/linux/ptrace.h: older headers do not have it */
enum { GET_RSEQ_CONFIGURATION = 0x420f, RSEQ_CS_AT = 8 };
struct rseq_configuration {
	uint64_t rseq, size_and_signature, flags_and_padding;
};

int rseq_leave(struct proc *proc, const struct thread *thread, struct user_regs_struct *regs, bool *uses)
{
	struct rseq_configuration config = { 0 };
	struct sequence sequence;
	uint64_t at = 0;

	if (ptrace((enum __ptrace_request)GET_RSEQ_CONFIGURATION, thread->tid, (void *)sizeof(config), &config) < 0)
		return errno == ESRCH ? -ESRCH : -ENOTSUP;
	if (uses)
		*uses = config.rseq != 0;
	if (!config.rseq || rmem_read(proc, config.rseq + RSEQ_CS_AT, &at, sizeof(at)) != sizeof(at) || !at ||
	    rmem_read(proc, at, &sequence, sizeof(sequence)) != sizeof(sequence) || regs->rip - sequence.start >= sequence.len)
		return 0;
	regs->rip = sequence.abort;
	return 1;
}
