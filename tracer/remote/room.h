/**
 * Memory in the traced process for what a thread needs to restore itself after a system call that it makes for us (sigframe.h).
 */
#ifndef REMOTE_ROOM_H
#define REMOTE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proc;
struct thread;
struct user_regs_struct;

enum { ROOM_SIZE = 96 << 10 };

/** Whether it has memory of ours (then proc->room is set), mapped by rcall_calls.c at some time. */
bool room_find(struct proc *proc);

/** Where memory of ours should be mapped: ROOM_SIZE bytes, to be read and written; 0 if there is no room. */
uint64_t room_choose(struct proc *proc);
/** It was: 0 or a negative errno. */
int room_prepare(struct proc *proc, uint64_t addr);

/**
 * Where `len` bytes for a thread with these registers may be written; a multiple of 64.  Without proc->room that is for the
 * call which maps it: `borrowed` is set, and if it comes back true, the bytes are to be cleared afterwards.
 * 0 or -ENOSPC.
 */
int room_take(struct proc *proc, const struct user_regs_struct *regs, size_t len, uint64_t *ret, bool *borrowed);
void room_give_back(struct proc *proc, uint64_t addr, size_t len);

#endif
