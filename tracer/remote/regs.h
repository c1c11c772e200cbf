/**
 * Registers of x86-64 by their DWARF numbers (System V ABI AMD64 supplement, figure 3.36).
 */
#ifndef REMOTE_REGS_H
#define REMOTE_REGS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

enum { REGS_GENERAL = 17 }; /* 0-15 and rip */

/** The general register with a DWARF number below REGS_GENERAL. */
uint64_t regs_get(const struct user_regs_struct *regs, unsigned dwarf);

/** The low `len` bytes of xmm0-15 or st0-7, by DWARF number; 0 or -ENODATA. */
int regs_get_vector(const struct user_fpregs_struct *regs, unsigned dwarf, void *buf, size_t len);

#endif
