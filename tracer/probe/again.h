/**
 * Hits that come again: of a thread that was put back to its site, because a signal came before the displaced instruction ran.
 */
#ifndef PROBE_AGAIN_H
#define PROBE_AGAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

enum { AGAIN_MAX = 4 };

/** What is expected of one thread: places it will come back to when its signal handlers return, innermost last. */
struct again {
	struct again_hit {
		struct user_regs_struct regs; /**< rip: the site */
		bool has_come;                /**< it stands in the slot again */
		unsigned times;
	} hits[AGAIN_MAX];
	unsigned n;
};

/** The thread is to be put back to where `regs` are.  False: not any more, it would never get on. */
bool again_expect(struct again *again, const struct user_regs_struct *regs);

/** Whether a hit, with rip at the site, is one that was expected: it has been recorded.  `same_stack` as in callstack.h. */
bool again_has_come(struct again *again, const struct user_regs_struct *regs,
		    bool (*same_stack)(void *ctx, uint64_t a, uint64_t b), void *ctx);

#endif
