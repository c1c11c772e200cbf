/**
 * The threads of a process, looked at without an allocation and without tracing them: for the guardian.
 */
#ifndef REMOTE_TASKS_H
#define REMOTE_TASKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Call `each` with every thread, until it says true: whether it did. */
bool tasks_each(pid_t pid, bool (*each)(pid_t pid, pid_t tid, void *ctx), void *ctx);

/** ns for which a thread has run: the first number of /proc/TID/schedstat; 0 where the kernel does not count that. */
uint64_t task_run_ns(pid_t tid);

/** Call `each` with every child that a thread has made: /proc/PID/task/TID/children. */
void task_each_child(pid_t pid, pid_t tid, void (*each)(pid_t maker, pid_t child));

#endif
