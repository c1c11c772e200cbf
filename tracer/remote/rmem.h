/**
 * Memory of the traced process.
 */
#ifndef REMOTE_RMEM_H
#define REMOTE_RMEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc;

/**
 * Read as much as there is from `addr` on: returns how many bytes, 0 if none.  Needs no stopped
 * thread.
 */
size_t rmem_read(struct proc *proc, uint64_t addr, void *buf, size_t len);

/** The same for what pointers of the program lead to: not of memory that it would have to provide for us (lazy.h). */
size_t rmem_read_data(struct proc *proc, uint64_t addr, void *buf, size_t len);

/** `len` bytes at `addr`, all in one page. */
struct rmem_piece {
	uint64_t addr;
	uint32_t len;
};

enum { RMEM_PIECES = 8 };

/**
 * Read up to RMEM_PIECES pieces of data into `buf`, one behind the other, by one system call; how many bytes: it ends before the
 * first piece that cannot be read.
 */
size_t rmem_read_pieces(struct proc *proc, const struct rmem_piece *pieces, size_t n, void *buf);

/**
 * Read text, through /proc/PID/mem: of the memory the process had when it was opened, also if it
 * has executed another program since, and of a leader that has exited.
 */
size_t rmem_read_text(struct proc *proc, uint64_t addr, void *buf, size_t len);

/**
 * Write, also where the process itself may not (text): 0 or a negative errno, then nothing certain
 * is known.
 */
int rmem_write(struct proc *proc, uint64_t addr, const void *buf, size_t len);

/** Find out whether text can be written, by writing back what is there; sets proc->poke. */
int rmem_probe_write(struct proc *proc, uint64_t text_addr);

/**
 * Memory of a forked child that stands in its first stop.  `fd` is from rmem_open_child(), -1 if
 * that failed: PTRACE_POKETEXT is used then.
 */
int rmem_open_child(pid_t pid);
int rmem_write_child(int fd, pid_t pid, uint64_t addr, const void *buf, size_t len);

#endif
