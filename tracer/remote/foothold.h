/**
 * One thread of a process that is not traced, stopped for a moment: what it takes to write where /proc/PID/mem is closed.
 */
#ifndef REMOTE_FOOTHOLD_H
#define REMOTE_FOOTHOLD_H

struct proc;
struct thread;

/**
 * Stop the thread that minds it least.  Until it is let go rmem_write() goes by PTRACE_POKETEXT; other threads run on.
 * 0 or a negative errno with its text; nothing is to be let go then.
 */
int foothold_take(struct proc *proc, struct thread **ret);
/** Let it go as it would have gone on without us. */
void foothold_leave(struct proc *proc, struct thread *thread);

#endif
