/*
 * Which sequences there are, programs put down in a section __rseq_cs (librseq, tcmalloc and the kernel's own tests do): a struct
 * rseq_cs for each, with addresses that are right in memory only.  A site in one of these is refused.
 *
 * Of others the first hit tells, by a thread that uses sequences at all.  It goes to the abort handler, as it does at any other
 * interruption, and the site is let go; who hits it before it is gone does the same.  Is a tracer killed just then, nothing in the
 * process knows that hit: the kernel has moved rip by the time that the handler of SIGTRAP sees it.
 */
#include "tracer/probe/sequences.h"

#include <errno.h>

#include "tracer/base/err.h"
#include "tracer/probe/engine_state.h"
#include "tracer/probe/site.h"
#include "tracer/remote/rmem.h"
#include "tracer/remote/rseq.h"

enum { SEQUENCES_MAX = 4096 };

static bool is_in(const struct sequence *sequence, uint64_t addr)
{
	return addr - sequence->start < sequence->len;
}

static bool holds_site(const struct sequence *sequence, const struct probe_code *code)
{
	bool found = is_in(sequence, code->scan.entry);

	for (size_t i = 0; i < code->scan.n_exits && !found; i++)
		found = is_in(sequence, code->scan.exits[i].addr);
	return found;
}

int sequences_check(struct proc *proc, const struct probe_code *code)
{
	struct sequence sequence;
	uint64_t n = code->sequences_len / sizeof(sequence);

	for (uint64_t i = 0; i < n && i < SEQUENCES_MAX; i++)
		if (rmem_read(proc, code->sequences + i * sizeof(sequence), &sequence, sizeof(sequence)) == sizeof(sequence) &&
		    holds_site(&sequence, code))
			return err_set(-ENOTSUP, "a restartable sequence (rseq) is there: a breakpoint in it would never let it end");
	return 0;
}

static void let_go(struct engine *engine, const struct site *site, const char *why)
{
	for (size_t i = 0; i < site->roles.n; i++)
		if (site->roles.items[i].probe->held)
			probe_let_go(engine, site->roles.items[i].probe, why);
}

bool sequences_interrupted(struct engine *engine, const struct thread *thread, struct site *site, struct user_regs_struct *regs)
{
	bool uses = false;

	if (!site->sequence_checks)
		return false;
	int r = rseq_leave(engine->proc, thread, regs, &uses);

	if (r == 1) {
		site->sequence_checks = SITE_SEQUENCE_CHECKS; /* for those who have hit it meanwhile */
		let_go(engine, site, "a breakpoint in a restartable sequence (rseq) would never let it end");
		return true;
	}
	site->sequence_checks = uses || r < 0 ? 0 : site->sequence_checks - 1;
	return false;
}
