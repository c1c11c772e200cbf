/**
 * Whether a thread's seccomp filters let a system call pass, found out without making it: the
 * answer to one that does not may be the end of the process.
 */
#ifndef REMOTE_SECCOMP_H
#define REMOTE_SECCOMP_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

struct thread;

/**
 * Ask the filters of a stopped thread: 0 if they allow the call; -EACCES if not; -ENOTSUP if they
 * cannot be read (that needs CAP_SYS_ADMIN); -EPERM if the program gets a signal for its system calls instead (syscall user dispatch).
 */
int seccomp_check(const struct thread *thread, const struct seccomp_data *data);

/** The same for a system call whose arguments are not known yet: all 0. */
int seccomp_check_number(const struct thread *thread, int nr);

/**
 * Run one filter (seccomp(2), classic BPF): its action, or SECCOMP_RET_KILL_PROCESS for a program
 * that makes no sense.
 */
uint32_t seccomp_run(const struct sock_filter *program, size_t n, const struct seccomp_data *data);

#endif
