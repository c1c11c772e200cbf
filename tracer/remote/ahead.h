/**
 * Reading ahead: a thread at a site is asked for much the same memory as the last time it was there, so that is read by
 * one system call before it is asked for.
 */
#ifndef REMOTE_AHEAD_H
#define REMOTE_AHEAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ahead;
struct proc;

/** 0 or -ENOMEM.  The table of what was asked for is of a fixed size. */
int ahead_new(struct ahead **ret);
void ahead_free(struct ahead *ahead);

/** The thread `tid` has stopped at `site`. */
void ahead_begin(struct ahead *ahead, struct proc *proc, pid_t tid, uint64_t site);
/** As rmem_read(), between ahead_begin() and ahead_end(). */
size_t ahead_read(struct ahead *ahead, struct proc *proc, uint64_t addr, void *buf, size_t len);
/** The thread is about to run: what was read is not true any more. */
void ahead_end(struct ahead *ahead);

#endif
